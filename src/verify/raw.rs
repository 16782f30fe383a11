//! The records of a pipeline's newest pass on its raw topic, each that counts once.

use std::collections::{BTreeMap, HashMap};

use tokio::sync::mpsc;
use uuid::Uuid;

use super::feed::RawFeed;
use crate::error::{Cause, Error, Result};
use crate::kafka::{Kafka, Scanned, scan};
use crate::record::{Canonical, Finding, RawEntity, RawRecord};

/// What to read.
#[derive(Debug, Clone)]
pub(super) struct RawPass {
    pub(super) pipeline: String,
    pub(super) lineage: Uuid,
    /// The newest pass, which is through.
    pub(super) pass: u32,
    /// Rows that the pass has read.
    pub(super) read: u64,
    /// Rows of it that a repair has sent again: the last one of a key counts.
    pub(super) repaired: u64,
    /// The topic's ends.
    pub(super) ends: BTreeMap<i32, i64>,
}

/// Records handed over at a time, and their bytes.
const PORTION: usize = 500;
const PORTION_BYTES: usize = 1 << 20;

/// Keys that are held at a time to find the last record of each: 32 bytes each. Of more, a part comes in each turn.
const KEYS_AT_ONCE: i64 = 400_000;

/// Begins to read.
///
/// Errors, while it is read: [`Cause::Lineage`] where retention has removed a part of the pass.
pub(super) fn feed(kafka: &Kafka, pass: RawPass) -> RawFeed {
    let (sender, received) = mpsc::channel(4);
    let kafka = kafka.clone();
    let read = move || {
        let mut portion = Portion { sender, records: Vec::new(), bytes: 0 };
        let read = if pass.repaired == 0 {
            each_of(&kafka, &pass, &mut portion)
        } else {
            last_of_each(&kafka, &pass, &mut portion)
        };
        read.and_then(|()| portion.send())
    };
    RawFeed { received, reading: Some(tokio::task::spawn_blocking(read)) }
}

/// Where records are collected.
struct Portion {
    sender: mpsc::Sender<Vec<Vec<u8>>>,
    records: Vec<Vec<u8>>,
    bytes: usize,
}

impl Portion {
    fn add(&mut self, record: Vec<u8>) -> Result<()> {
        self.bytes += record.len();
        self.records.push(record);
        if self.records.len() >= PORTION || self.bytes >= PORTION_BYTES { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<()> {
        self.bytes = 0;
        let records = std::mem::take(&mut self.records);
        let sent = if records.is_empty() { Ok(()) } else { self.sender.blocking_send(records) };
        sent.map_err(|_| Error::new(Cause::Unexpected, "read a raw topic: nobody takes the records"))
    }
}

impl RawPass {
    /// The record, if it is one of the pass. What can't be read came from nobody's extraction.
    fn take<'r>(&self, record: &'r Scanned) -> Option<RawRecord<'r>> {
        let decoded = RawRecord::decode(&record.payload).ok()?;
        (decoded.lineage == self.lineage && decoded.pass == self.pass).then_some(decoded)
    }

    fn check(&self, found: u64, topic: &str) -> Result<()> {
        let expected = self.read + self.repaired;
        if found == expected {
            return Ok(());
        }
        let message = format!(
            "read pass {} of `{}` on {topic}: {found} records are there of {expected} that were written",
            self.pass, self.pipeline
        );
        Err(Error::new(Cause::Lineage, message).what_to_do(
            "retention has removed records: compare with the source instead, without --against raw",
        ))
    }
}

/// Every row came once: each record counts.
fn each_of(kafka: &Kafka, pass: &RawPass, portion: &mut Portion) -> Result<()> {
    let topic = kafka.names.raw(&pass.pipeline);
    let mut found = 0;
    scan(kafka, &topic, &BTreeMap::new(), &pass.ends, |record| {
        if pass.take(&record).is_none() {
            return Ok(());
        }
        found += 1;
        portion.add(record.payload)
    })?;
    pass.check(found, &topic)
}

/// Some rows came again: of the records of a key the last one counts. Records of a key share a partition, so that
/// one partition at a time is read, twice: for the last offset of each key, then for the records.
fn last_of_each(kafka: &Kafka, pass: &RawPass, portion: &mut Portion) -> Result<()> {
    let topic = kafka.names.raw(&pass.pipeline);
    let mut found = 0;
    for (partition, end) in &pass.ends {
        let ends = BTreeMap::from([(*partition, *end)]);
        let turns = u128::try_from(end / KEYS_AT_ONCE + 1).unwrap_or(1);
        for turn in 0..turns {
            let mut last: HashMap<u128, i64> = HashMap::new();
            let mut canonical = Canonical::default();
            scan(kafka, &topic, &BTreeMap::new(), &ends, |record| {
                let Some(taken) = pass.take(&record) else { return Ok(()) };
                found += u64::from(turn == 0);
                if let Some(key) = contested(&taken, &mut canonical).filter(|key| key % turns == turn) {
                    last.insert(key, record.offset);
                }
                Ok(())
            })?;
            scan(kafka, &topic, &BTreeMap::new(), &ends, |record| {
                let Some(taken) = pass.take(&record) else { return Ok(()) };
                let counts = match contested(&taken, &mut canonical) {
                    Some(key) => last.get(&key) == Some(&record.offset),
                    None => turn == 0,
                };
                if counts { portion.add(record.payload) } else { Ok(()) }
            })?;
        }
    }
    pass.check(found, &topic)
}

/// What only one record of may count. A merged row stands beside the one that it is merged with, and a row without a
/// usable key beside everything.
fn contested(record: &RawRecord<'_>, canonical: &mut Canonical) -> Option<u128> {
    if record.finding == Finding::Merged {
        return None;
    }
    canonical.clear();
    match &record.entity {
        RawEntity::Node { key, .. } => canonical.text(key.as_key()?),
        RawEntity::Relationship { start, end, .. } => {
            canonical.text(start.as_key()?);
            canonical.text(end.as_key()?);
        }
    }
    Some(canonical.digest())
}
