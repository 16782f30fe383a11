//! The writing half of extraction: rows into raw records, chunks and cursors into one Kafka transaction each.
//! Runs on a thread of its own, since transaction calls block.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tracing::{debug, debug_span};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

use super::Limits;
use super::neighbours::{Neighbours, Settled, SourceRow};
use crate::checkpoint::{Cursor, Entry, EntryKey, ExtractCheckpoint, Finished, LastKey};
use crate::error::{Cause, Error, Result};
use crate::kafka::{Message, TransactionalProducer};
use crate::record::{Finding, Key, RawEntity, RawRecord, Value, partition_of};

/// What the reader sends.
#[derive(Debug)]
pub(super) enum Read {
    /// Rows of the keyed reading, in the order of their keys.
    Keyed(Vec<(LastKey, SourceRow)>),
    /// The keyed reading has ended.
    KeyedEnd,
    /// Rows without a usable key, in the order of their element ids.
    Unkeyed(Vec<SourceRow>),
    /// All is read; a plain count found so many rows.
    End { counted: u64 },
}

/// Where records go.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    pub pipeline: String,
    pub topic: String,
    pub partitions: i32,
}

/// A chunk is also committed once it is this old, so that a slow source shows progress.
const CHUNK_AGE: Duration = Duration::from_secs(2);

pub(super) struct Writer<'a> {
    producer: &'a mut TransactionalProducer,
    destination: Destination,
    limits: Limits,
    lineage: Uuid,
    checkpoint: ExtractCheckpoint,
    neighbours: Neighbours,
    buffer: Vec<u8>,
    chunk: Chunk,
    on_commit: &'a OnCommit<'a>,
}

/// Told of every chunk that is durable: its rows, and how long the commit took.
pub(super) type OnCommit<'a> = dyn Fn(u64, Duration) + 'a;

struct Chunk {
    rows: u64,
    bytes: usize,
    since: Instant,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        producer: &'a mut TransactionalProducer,
        destination: Destination,
        limits: Limits,
        checkpoint: ExtractCheckpoint,
        on_commit: &'a OnCommit<'a>,
    ) -> Self {
        let chunk = Chunk { rows: 0, bytes: 0, since: Instant::now() };
        let lineage = checkpoint.lineage;
        let (neighbours, buffer) = (Neighbours::default(), Vec::new());
        Self { producer, destination, limits, lineage, checkpoint, neighbours, buffer, chunk, on_commit }
    }

    /// Writes until the reader has ended or `stop` says so. What is not committed then is read again.
    pub(super) fn run(mut self, mut rows: mpsc::Receiver<Read>, stop: &dyn Fn() -> bool) -> Result<()> {
        while let Some(read) = rows.blocking_recv() {
            match read {
                Read::Keyed(batch) => self.keyed(batch)?,
                Read::KeyedEnd => {
                    let settled = self.neighbours.finish();
                    self.settle(settled)?;
                    self.checkpoint.cursor = Cursor::Unkeyed { after: None };
                }
                Read::Unkeyed(batch) => self.unkeyed(batch)?,
                Read::End { counted } => return self.end(counted),
            }
            if stop() {
                break;
            }
        }
        self.producer.abort()
    }

    fn keyed(&mut self, batch: Vec<(LastKey, SourceRow)>) -> Result<()> {
        for (key, row) in batch {
            let settled = self.neighbours.push(key, row);
            self.settle(settled)?;
        }
        Ok(())
    }

    fn settle(&mut self, settled: Settled) -> Result<()> {
        for (row, finding) in settled.rows {
            self.write(row, finding)?;
        }
        if let Some(key) = settled.through {
            self.checkpoint.cursor = Cursor::Keyed { after: Some(key) };
            self.commit_if_due()?;
        }
        Ok(())
    }

    fn unkeyed(&mut self, batch: Vec<SourceRow>) -> Result<()> {
        for row in batch {
            let after = Some(row.element_id.clone());
            self.write(row, Finding::None)?;
            self.checkpoint.cursor = Cursor::Unkeyed { after };
            self.commit_if_due()?;
        }
        Ok(())
    }

    fn end(&mut self, counted: u64) -> Result<()> {
        let at_micros = chrono::Utc::now().timestamp_micros();
        self.checkpoint.finished = Some(Finished { at_micros, counted });
        self.commit()
    }

    fn write(&mut self, row: SourceRow, finding: Finding) -> Result<()> {
        let mut record = RawRecord {
            lineage: self.lineage,
            pass: self.checkpoint.pass,
            read_at_micros: row.read_at_micros,
            element_id: row.element_id.into(),
            finding,
            entity: row.entity,
        };
        encode_within(&mut record, self.limits.max_record_bytes, &mut self.buffer);
        let key = key_of(&record.entity).message_key();
        let partition =
            partition_of(key.as_deref().unwrap_or(record.element_id.as_bytes()), self.destination.partitions);
        self.producer.send(&Message {
            topic: &self.destination.topic,
            partition,
            key: key.as_deref(),
            payload: &self.buffer,
            headers: &[],
        })?;
        self.checkpoint.read += 1;
        self.chunk.rows += 1;
        self.chunk.bytes += self.buffer.len();
        Ok(())
    }

    fn commit_if_due(&mut self) -> Result<()> {
        let limits = self.limits;
        let due = self.chunk.rows >= limits.chunk_rows
            || self.chunk.bytes >= limits.chunk_bytes
            || (self.chunk.rows > 0 && self.chunk.since.elapsed() > CHUNK_AGE);
        if due { self.commit() } else { Ok(()) }
    }

    /// The chunk and the cursor behind it, together or not at all.
    fn commit(&mut self) -> Result<()> {
        let key = EntryKey::Extract(self.destination.pipeline.clone());
        self.producer.write(&key, &Entry::Extract(self.checkpoint.clone()))?;
        let _batch = debug_span!("batch", rows = self.chunk.rows, bytes = self.chunk.bytes).entered();
        let begun = Instant::now();
        self.producer.commit()?;
        debug!("the chunk is on its topic");
        (self.on_commit)(self.chunk.rows, begun.elapsed());
        self.chunk = Chunk { rows: 0, bytes: 0, since: Instant::now() };
        Ok(())
    }
}

/// Encodes the record; one over the limit without its properties, with its size and digest instead.
pub(super) fn encode_within(record: &mut RawRecord<'_>, limit: usize, buffer: &mut Vec<u8>) {
    buffer.clear();
    record.encode(buffer);
    if buffer.len() <= limit {
        return;
    }
    let bytes = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
    record.finding = Finding::TooLarge { bytes, digest: xxh3_128(buffer) };
    match &mut record.entity {
        RawEntity::Node { properties, lookups, key, labels } => {
            properties.clear();
            lookups.clear();
            shorten(key, limit);
            if labels.iter().map(|label| label.len()).sum::<usize>() > limit / 2 {
                labels.clear();
            }
        }
        RawEntity::Relationship { properties, start, end } => {
            properties.clear();
            shorten(start, limit);
            shorten(end, limit);
        }
    }
    buffer.clear();
    record.encode(buffer);
}

/// A key that is itself too large to be carried.
fn shorten(key: &mut Value<'_>, limit: usize) {
    let keep = key.as_str().is_some_and(|text| text.len() <= limit / 4);
    if !keep {
        *key = Value::Null;
    }
}

fn key_of<'r>(entity: &'r RawEntity<'_>) -> Key<'r> {
    match entity {
        RawEntity::Node { key, .. } => key.as_str().map_or(Key::None, |key| Key::Node(key.into())),
        RawEntity::Relationship { start, end, .. } => match (start.as_str(), end.as_str()) {
            (Some(start), Some(end)) => Key::Relationship(start.into(), end.into()),
            _ => Key::None,
        },
    }
}

/// Refuses a pass that another extractor has taken over.
pub(super) fn taken_over(pipeline: &str) -> Error {
    Error::new(Cause::Fenced, format!("extract `{pipeline}`: another extractor has taken over"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: String) -> RawRecord<'static> {
        RawRecord {
            lineage: Uuid::nil(),
            pass: 1,
            read_at_micros: 0,
            element_id: "4:x:1".into(),
            finding: Finding::Duplicate,
            entity: RawEntity::Node {
                key: Value::text("k"),
                labels: vec!["L".into()],
                properties: vec![("text".into(), Value::text(text))],
                lookups: vec![],
            },
        }
    }

    #[test]
    fn a_record_over_the_limit_keeps_key_size_and_digest() {
        let mut buffer = Vec::new();
        let mut small = record("x".repeat(900_000));
        encode_within(&mut small, 1_000_000, &mut buffer);
        assert_eq!(RawRecord::decode(&buffer).unwrap(), small);
        let mut large = record("x".repeat(1_500_000));
        encode_within(&mut large, 1_000_000, &mut buffer);
        assert!(buffer.len() < 1000);
        let decoded = RawRecord::decode(&buffer).unwrap();
        assert!(matches!(decoded.finding, Finding::TooLarge { bytes: 1_500_000.., .. }));
        assert!(matches!(decoded.entity, RawEntity::Node { key, .. } if key == Value::text("k")));
    }
}
