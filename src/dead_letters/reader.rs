//! Dead letters read from their topic, once from the start to the end that it has now.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use serde_json::Value as Json;
use tracing::warn;
use xxhash_rust::xxh3::xxh3_128;

use super::history::{History, Place};
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
    /// Why it was set aside, and by whom.
    pub comment: Option<String>,
    /// The stage that made it; none where the message does not say.
    pub stage: Option<Stage>,
    /// Where it stands.
    pub place: Place,
    /// When it was written, milliseconds since 1970.
    pub written_ms: Option<i64>,
    /// Key of the message that it was.
    pub key: Option<Vec<u8>>,
    /// The bytes of the message that it was: a raw record, a model record, or neither.
    pub payload: Vec<u8>,
    /// Whether the bytes are those that the raw topic had.
    pub payload_is_original: bool,
}

impl Found {
    /// As it is shown, without its record.
    pub fn into_view(self) -> View {
        let written_at = self.written_ms.and_then(DateTime::from_timestamp_millis);
        let written_at = written_at.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true));
        View { comment: self.comment, written_at, ..View::new(self.letter, self.state, None) }
    }
}

/// How long a transaction may be open after a kill: its time-out of 10 s and the 10 s after which brokers look for
/// such ones (`transaction.abort.timed.out.transaction.cleanup.interval.ms`), and a little.
const OPEN_AT_MOST: Duration = Duration::from_secs(25);

/// Reads the dead letters of a topic prefix. Its calls block: they belong on a thread of their own.
pub struct Reader {
    kafka: Kafka,
    ends: BTreeMap<i32, i64>,
    history: History,
}

impl Reader {
    /// Takes the topic's end, and what was started and replayed, as they are now.
    pub async fn new(kafka: &Kafka, watermarks: &Watermarks, checkpoints: &Checkpoints) -> Result<Self> {
        let ends = watermarks.ends_of(&kafka.names.dead_letters(), kafka.settings().partitions).await?;
        let history = checkpoints.read(|state| History::new(&kafka.names, state));
        Ok(Self { kafka: kafka.clone(), ends, history })
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
            // Loading tells Kafka again what it can't know to have told, and who goes back without a replay repeats.
            if !seen.is_new(&letter) {
                return Ok(true);
            }
            let state = self.history.state(&letter, (record.partition, record.offset));
            match filter.takes(&letter, state, record.timestamp_ms) {
                true => each(self.found(letter, state, record)),
                false => Ok(true),
            }
        })?;
        Ok(())
    }

    fn found(&self, letter: DeadLetter, state: LetterState, record: Scanned) -> Found {
        let (stage, place) = (stage_of_dead_letter(&record), (record.partition, record.offset));
        let payload_is_original = stage == Some(Stage::Transform) || letter.reason == Reason::Undecodable;
        let taken = self.history.taken(place).map(|(_, taken)| taken);
        let comment = taken.and_then(|taken| {
            let comment = taken.comment.clone()?;
            Some(taken.who.as_ref().map_or(comment.clone(), |who| format!("{comment} ({who})")))
        });
        Found {
            letter,
            state,
            comment,
            stage,
            place,
            written_ms: record.timestamp_ms,
            key: record.key,
            payload: record.payload,
            payload_is_original,
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
        let original = match found.payload_is_original {
            true => Some(found.payload.clone()),
            false => self.fetch(&found.letter)?.map(|record| record.payload),
        };
        let note = original.is_none().then(|| GONE.to_owned());
        let record = original.map_or(Json::Null, |bytes| readable(&bytes, &found.letter.entity_type));
        Ok(View { note, record: Some(record), ..found.into_view() })
    }

    /// The raw record of a dead letter; none where retention has removed it.
    pub fn fetch(&mut self, letter: &DeadLetter) -> Result<Option<Scanned>> {
        let fetcher = match self.fetcher.take() {
            Some(fetcher) => fetcher,
            None => Fetcher::new(&self.kafka)?,
        };
        self.fetcher.insert(fetcher).fetch(&letter.topic, letter.partition, letter.offset)
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
