//! Dead letters read from their topic, once from the start to the end that it has now.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use serde_json::Value as Json;
use tracing::warn;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

use super::original::readable;
use super::{Filter, LetterState, View};
use crate::checkpoint::Stage;
use crate::error::Result;
use crate::kafka::{
    Checkpoints, Fetcher, Kafka, Scanned, Watermarks, read_dead_letter, scan_while, stage_of_dead_letter,
};
use crate::record::{DeadLetter, Reason};

/// A dead letter as it was found on its topic.
#[derive(Debug, Clone)]
pub struct Found {
    /// What is known of it.
    pub letter: DeadLetter,
    /// What has become of it.
    pub state: LetterState,
    /// The bytes of the message that it was: a raw record, a model record, or neither.
    payload: Vec<u8>,
    /// Whether the bytes are those that the raw topic had.
    payload_is_original: bool,
}

/// How long a transaction may be open after a kill: its time-out of 10 s and the 10 s after which brokers look for
/// such ones (`transaction.abort.timed.out.transaction.cleanup.interval.ms`), and a little.
const OPEN_AT_MOST: Duration = Duration::from_secs(25);

/// Reads the dead letters of a topic prefix. Its calls block: they belong on a thread of their own.
pub struct Reader {
    kafka: Kafka,
    ends: BTreeMap<i32, i64>,
    /// Lineage and newest pass by the topics that a dead letter may name.
    newest: HashMap<String, (Uuid, u32)>,
}

impl Reader {
    /// Takes the topic's end, and which passes are the newest, as they are now.
    pub async fn new(kafka: &Kafka, watermarks: &Watermarks, checkpoints: &Checkpoints) -> Result<Self> {
        let ends = watermarks.ends_of(&kafka.names.dead_letters(), kafka.settings().partitions).await?;
        let newest = checkpoints.read(|state| {
            let passes = state.extract.iter().map(|(pipeline, extract)| {
                let topics = [kafka.names.raw(pipeline), kafka.names.model(pipeline)];
                topics.map(|topic| (topic, (extract.lineage, extract.pass)))
            });
            passes.flatten().collect()
        });
        Ok(Self { kafka: kafka.clone(), ends, newest })
    }

    /// The same once nothing is hidden behind an open transaction: a killed worker leaves one, which Kafka aborts
    /// after a while. What is hidden even then is said.
    pub async fn settled(kafka: &Kafka, watermarks: &Watermarks, checkpoints: &Checkpoints) -> Result<Self> {
        let reader = Self::new(kafka, watermarks, checkpoints).await?;
        let topic = kafka.names.dead_letters();
        for (partition, offsets) in
            watermarks.await_committed(kafka, &topic, &reader.ends, OPEN_AT_MOST).await?
        {
            warn!(
                "{topic}/{partition}: up to {offsets} dead letters are hidden by a transaction that is open still; \
                 look again when it has ended"
            );
        }
        Ok(reader)
    }

    /// Hands every dead letter that the filter takes to `each`, as long as that returns true.
    pub fn read(&self, filter: &Filter, each: impl FnMut(Found) -> Result<bool>) -> Result<()> {
        self.read_from(&BTreeMap::new(), filter, each)
    }

    /// The same for the last `number` records of each partition.
    pub fn read_last(
        &self,
        number: i64,
        filter: &Filter,
        each: impl FnMut(Found) -> Result<bool>,
    ) -> Result<()> {
        let starts = self.ends.iter().map(|(partition, end)| (*partition, (end - number).max(0)));
        self.read_from(&starts.collect(), filter, each)
    }

    fn read_from(
        &self,
        starts: &BTreeMap<i32, i64>,
        filter: &Filter,
        mut each: impl FnMut(Found) -> Result<bool>,
    ) -> Result<()> {
        let mut seen = Seen::default();
        let topic = self.kafka.names.dead_letters();
        scan_while(&self.kafka, &topic, starts, &self.ends, |record| {
            let letter = match read_dead_letter(&record) {
                Ok(letter) => letter,
                Err(error) => {
                    warn!("left out: {}", error.chain().join(": "));
                    return Ok(true);
                }
            };
            let stage = stage_of_dead_letter(&record);
            // Transformation's come exactly once; the loader tells Kafka again what it can't know to have told.
            if stage != Some(Stage::Transform) && !seen.is_new(&letter) {
                return Ok(true);
            }
            let found = self.found(letter, stage, record);
            if filter.takes(&found.letter, found.state) { each(found) } else { Ok(true) }
        })?;
        Ok(())
    }

    fn found(&self, letter: DeadLetter, stage: Option<Stage>, record: Scanned) -> Found {
        let payload_is_original = stage == Some(Stage::Transform) || letter.reason == Reason::Undecodable;
        Found { state: self.state(&letter), letter, payload: record.payload, payload_is_original }
    }

    /// A later pass reads its record again, and other topics under the same name know nothing of it.
    fn state(&self, letter: &DeadLetter) -> LetterState {
        match self.newest.get(&letter.topic) {
            Some((lineage, pass)) if letter.lineage != *lineage || (1..*pass).contains(&letter.pass) => {
                LetterState::Superseded
            }
            _ => LetterState::Open,
        }
    }

    /// What reads the original records of what was found.
    pub fn originals(&self) -> Originals {
        Originals { kafka: self.kafka.clone(), fetcher: None }
    }
}

/// Reads the original records of dead letters. Its calls block.
pub struct Originals {
    kafka: Kafka,
    fetcher: Option<Fetcher>,
}

const GONE: &str = "the original record is no longer on its topic: retention has removed it";

impl Originals {
    /// A dead letter with its original record, which for one of the load stage is read from the raw topic.
    pub fn view(&mut self, found: Found) -> Result<View> {
        let Found { letter, state, payload, payload_is_original } = found;
        let original = if payload_is_original { Some(payload) } else { self.fetch(&letter)? };
        let note = original.is_none().then(|| GONE.to_owned());
        let record = original.map_or(Json::Null, |bytes| readable(&bytes, &letter.entity_type));
        Ok(View { note, ..View::new(letter, state, Some(record)) })
    }

    fn fetch(&mut self, letter: &DeadLetter) -> Result<Option<Vec<u8>>> {
        let fetcher = match self.fetcher.take() {
            Some(fetcher) => fetcher,
            None => Fetcher::new(&self.kafka)?,
        };
        let record = self.fetcher.insert(fetcher).fetch(&letter.topic, letter.partition, letter.offset)?;
        Ok(record.map(|record| record.payload))
    }
}

/// Outcomes that were seen, by a digest of their identity: 16 bytes each.
#[derive(Default)]
struct Seen(HashSet<u128>);

impl Seen {
    fn is_new(&mut self, letter: &DeadLetter) -> bool {
        let at = letter.identity();
        let mut bytes = Vec::with_capacity(36 + letter.topic.len());
        bytes.extend(at.lineage.as_bytes());
        bytes.extend(at.partition.to_be_bytes());
        bytes.extend(at.offset.to_be_bytes());
        bytes.extend(at.output.to_be_bytes());
        bytes.extend(at.epoch.to_be_bytes());
        bytes.extend(letter.topic.as_bytes());
        self.0.insert(xxh3_128(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::letter;
    use super::*;

    #[test]
    fn an_outcome_is_seen_once_and_another_is_another() {
        let mut seen = Seen::default();
        assert!(seen.is_new(&letter(Some("e1"), 17)));
        assert!(!seen.is_new(&letter(Some("e1"), 17)));
        assert!(seen.is_new(&letter(Some("e1"), 18)));
        assert!(seen.is_new(&DeadLetter { output: 1, ..letter(Some("e1"), 17) }));
        assert!(seen.is_new(&DeadLetter { topic: "regraft.model.episode".into(), ..letter(None, 17) }));
    }
}
