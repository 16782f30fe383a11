//! Putting dead letters back: the original record through the pipeline as it is now, and what comes of it to the model
//! topic or, as a new dead letter that names the earlier, to the dead letters. One transaction holds that, the counts,
//! and the note that these dead letters are dealt with.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use uuid::Uuid;

use crate::checkpoint::{Counts, Entry, EntryKey, LetterSet, Replay, Stage, Taken, TakenLetters};
use crate::dead_letters::{Before, Filter, Found, Originals, Reader, Stood};
use crate::error::{Cause, Error, Result};
use crate::kafka::{Names, TransactionalProducer};
use crate::record::{EarlierLetter, Finding, RawRecord, Reason};
use crate::stop::Stop;
use crate::transform::{self, Again, Ending, Raw, Returning};

/// Which dead letters, and how they are put back.
pub struct PuttingBack<'a> {
    /// What topics are called.
    pub names: &'a Names,
    /// The dead letters, read since other replays were fenced.
    pub reader: &'a Reader,
    /// Which ones; only open ones are taken, whatever it says of states.
    pub filter: &'a Filter,
    /// At most so many.
    pub limit: Option<u64>,
    /// What the filter can't say.
    pub takes: &'a dyn Fn(&Found) -> bool,
    /// How a pipeline's records are transformed; nothing where there is no such pipeline any more.
    pub context: &'a dyn Fn(&str) -> Result<Option<transform::Context>>,
    /// Reads a record again that was too large for its topic.
    pub read_again: &'a dyn Fn(&str, &RawRecord<'_>) -> Result<ReadAgain>,
    /// The replay's epoch.
    pub epoch: u32,
    /// The run that it is.
    pub run: Uuid,
    /// When, microseconds since 1970.
    pub now_micros: i64,
    /// When to stop.
    pub stop: &'a Stop,
}

/// What came of reading a record again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadAgain {
    /// Its raw record, as extraction would write it now.
    Record(Vec<u8>),
    /// The source no longer has it.
    Gone,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PutBack {
    /// Dead letters that were put back.
    pub put_back: u64,
    /// Records that go on to be loaded.
    pub passed: u64,
    /// Records that another parallel relationship stands for.
    pub merged: u64,
    /// New dead letters, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rejected: BTreeMap<Reason, u64>,
    /// Dead letters that stay as they are, by why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub left: BTreeMap<&'static str, u64>,
}

/// Dead letters of one transaction: far below its time-out.
const LETTERS: u64 = 500;
const BYTES: usize = 8 << 20;

/// Why a dead letter can't be put back.
const NO_RECORD: &str = "no record of ours: nothing can be made of the bytes";
const NO_PIPELINE: &str = "its pipeline is no longer among the pipeline files";
const NO_ORIGINAL: &str = "retention has removed its original record";
const NOT_IN_SOURCE: &str = "too large for its topic, and no longer in the source";
const NOT_DERIVED: &str = "no record derives it any more";

/// The open transaction.
#[derive(Default)]
struct Batch {
    letters: LetterSet,
    number: u64,
    bytes: usize,
}

struct Work<'a> {
    of: &'a PuttingBack<'a>,
    producer: &'a mut TransactionalProducer,
    originals: Originals,
    pipelines: HashMap<String, Option<Again>>,
    batch: Batch,
    done: PutBack,
}

/// Puts dead letters back. Blocks.
///
/// A crash leaves whole transactions: what was put back is so, the others are open.
pub fn put_back(of: &PuttingBack<'_>, producer: &mut TransactionalProducer) -> Result<PutBack> {
    let mut work = Work {
        of,
        producer,
        originals: of.reader.originals(),
        pipelines: HashMap::new(),
        batch: Batch::default(),
        done: PutBack::default(),
    };
    of.reader.read(of.filter, |found| {
        if !found.state.is_open() || !(of.takes)(&found) {
            return Ok(true);
        }
        work.take(&found)?;
        let full = work.batch.number >= LETTERS || work.batch.bytes >= BYTES;
        if full {
            work.commit()?;
        }
        let more = of.limit.is_none_or(|limit| work.done.put_back < limit);
        Ok(more && !of.stop.is_requested())
    })?;
    work.commit()?;
    Ok(work.done)
}

impl Work<'_> {
    fn take(&mut self, found: &Found) -> Result<()> {
        match self.put(found)? {
            Ok((ending, reason)) => {
                self.done.put_back += 1;
                match ending {
                    Ending::Passed => self.done.passed += 1,
                    Ending::Merged => self.done.merged += 1,
                    Ending::Rejected => {
                        if let Some(reason) = reason {
                            *self.done.rejected.entry(reason).or_default() += 1;
                        }
                    }
                }
                self.batch.letters.insert(found.place.0, found.place.1);
                self.batch.number += 1;
            }
            Err(why) => *self.done.left.entry(why).or_default() += 1,
        }
        Ok(())
    }

    /// Sends what becomes of one now; or why it stays as it is.
    fn put(&mut self, found: &Found) -> Result<std::result::Result<(Ending, Option<Reason>), &'static str>> {
        let letter = &found.letter;
        if found.stage != Some(Stage::Transform) && letter.reason == Reason::Undecodable {
            return Ok(Err(NO_RECORD));
        }
        let Some(origin) = self.of.names.pipeline_of_raw(&letter.topic) else { return Ok(Err(NO_PIPELINE)) };
        if !self.knows(origin)? {
            return Ok(Err(NO_PIPELINE));
        }
        let (key, payload) = match found.payload_is_original {
            true => (found.key.clone(), found.payload.clone()),
            false => match self.originals.fetch(letter)? {
                Some(record) => (record.key, record.payload),
                None => return Ok(Err(NO_ORIGINAL)),
            },
        };
        let Some(payload) = self.whole(origin, payload)? else { return Ok(Err(NOT_IN_SOURCE)) };
        self.batch.bytes += payload.len();
        let Some(Some(again)) = self.pipelines.get_mut(origin) else { return Ok(Err(NO_PIPELINE)) };
        let raw = Raw {
            partition: letter.partition,
            offset: letter.offset,
            key: key.as_deref(),
            payload: &payload,
        };
        let returning = Returning { letter, earlier: earlier(found), before: before(found) };
        if letter.derived {
            return Ok(again.put_derived(self.producer, raw, &returning)?.ok_or(NOT_DERIVED));
        }
        again.put(self.producer, raw, &returning).map(Ok)
    }

    fn knows(&mut self, pipeline: &str) -> Result<bool> {
        if !self.pipelines.contains_key(pipeline) {
            let context = (self.of.context)(pipeline)?;
            let again = context.map(|context| Again::new(context, self.of.epoch));
            self.pipelines.insert(pipeline.to_owned(), again);
        }
        Ok(self.pipelines.get(pipeline).is_some_and(Option::is_some))
    }

    /// The record itself; that of one whose properties were left out is read from the source.
    fn whole(&self, pipeline: &str, payload: Vec<u8>) -> Result<Option<Vec<u8>>> {
        let read_again = match RawRecord::decode(&payload) {
            Ok(raw) if matches!(raw.finding, Finding::TooLarge { .. }) => {
                (self.of.read_again)(pipeline, &raw)?
            }
            _ => return Ok(Some(payload)),
        };
        Ok(match read_again {
            ReadAgain::Record(record) => Some(record),
            ReadAgain::Gone => None,
        })
    }

    fn commit(&mut self) -> Result<()> {
        let Batch { letters, number, .. } = std::mem::take(&mut self.batch);
        if number == 0 {
            return Ok(());
        }
        let counts = self.pipelines.iter_mut().filter_map(|(pipeline, again)| {
            let counts = again.as_mut()?.take_counts();
            (!counts.is_empty()).then(|| (pipeline.clone(), counts))
        });
        let counts = counts.collect();
        let (taken, comment, who) = (Taken::Replayed, None, None);
        let letters = TakenLetters { taken, letters, comment, who, counts };
        write(self.producer, self.of.epoch, self.of.run, self.of.now_micros, letters)
    }
}

/// Sets dead letters aside with a comment; returns how many. They are no longer charged to the limit. Blocks.
pub fn resolve(
    of: &PuttingBack<'_>,
    producer: &mut TransactionalProducer,
    comment: &str,
    who: &str,
) -> Result<u64> {
    let (mut letters, mut number, mut done) = (LetterSet::default(), 0, 0);
    let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
    let mut flush = |letters: &mut LetterSet, counts: &mut BTreeMap<String, Counts>, number: &mut u64| {
        if *number == 0 {
            return Ok(());
        }
        let letters = TakenLetters {
            taken: Taken::Resolved,
            letters: std::mem::take(letters),
            comment: Some(comment.to_owned()),
            who: Some(who.to_owned()),
            counts: std::mem::take(counts),
        };
        *number = 0;
        write(producer, of.epoch, of.run, of.now_micros, letters)
    };
    of.reader.read(of.filter, |found| {
        if !found.state.is_open() || !(of.takes)(&found) {
            return Ok(true);
        }
        letters.insert(found.place.0, found.place.1);
        if found.letter.charged {
            let counts = counts.entry(found.letter.pipeline.clone()).or_default();
            counts.of(found.letter.pass, of.epoch).uncharged += 1;
        }
        (number, done) = (number + 1, done + 1);
        if number >= LETTERS * 10 {
            flush(&mut letters, &mut counts, &mut number)?;
        }
        Ok(of.limit.is_none_or(|limit| done < limit) && !of.stop.is_requested())
    })?;
    flush(&mut letters, &mut counts, &mut number)?;
    Ok(done)
}

/// One transaction's note of what was dealt with, committed with all that was sent.
fn write(
    producer: &mut TransactionalProducer,
    epoch: u32,
    run: Uuid,
    at_micros: i64,
    letters: TakenLetters,
) -> Result<()> {
    let replay = Replay {
        epoch,
        at_micros,
        run: Some(run),
        moves: Vec::new(),
        transformed: BTreeMap::new(),
        letters: Some(letters),
    };
    producer.write(&EntryKey::Replay(epoch, Uuid::new_v4()), &Entry::Replay(replay))?;
    producer.commit().map_err(|error| match error.cause() {
        Cause::Fenced => {
            Error::new(Cause::Fenced, "deal with dead letters: another replay has begun").source(error)
        }
        _ => error,
    })
}

/// How the record stood: rejected by transformation, or not loaded.
fn before(found: &Found) -> Before {
    let letter = &found.letter;
    let stood = Some(Stood::of(letter, found.stage.unwrap_or(Stage::Transform)));
    match found.stage {
        Some(Stage::Load) => {
            let attempt = letter.model.map_or(letter.epoch, |model| model.epoch);
            Before { attempt, rejected: None, not_loaded: stood }
        }
        _ => Before { attempt: letter.epoch, rejected: stood, not_loaded: None },
    }
}

fn earlier(found: &Found) -> EarlierLetter {
    let (partition, offset) = found.place;
    let letter = &found.letter;
    EarlierLetter { partition, offset, epoch: letter.epoch, reason: letter.reason, charged: letter.charged }
}
