//! The writing half of extraction: rows into raw records, chunks and cursors into one Kafka transaction each.
//! Runs on a thread of its own, since transaction calls block.

use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{debug, debug_span};

use super::Limits;
use super::chunk::{Chunk, LOOK};
use super::envelope::{Envelope, place_of};
use super::neighbours::SourceRow;
use super::reader::Read;
use super::settling::{Settling, Step};
use crate::checkpoint::{Entry, EntryKey, ExtractCheckpoint, Finished};
use crate::error::{Cause, Error, Result};
use crate::kafka::{Message, TransactionalProducer};
use crate::record::Finding;

/// Where records go.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    pub pipeline: String,
    pub topic: String,
    pub partitions: i32,
}

pub(super) struct Writer<'a> {
    producer: &'a mut TransactionalProducer,
    destination: Destination,
    limits: Limits,
    envelope: Envelope,
    checkpoint: ExtractCheckpoint,
    settling: Settling,
    buffer: Vec<u8>,
    chunk: Chunk,
    /// Rows stand behind the cursor: another one of the last key may come.
    unsettled: bool,
    on_commit: &'a OnCommit<'a>,
}

/// Told of every chunk that is durable: its rows, and how long the commit took.
pub(super) type OnCommit<'a> = dyn Fn(u64, Duration) + 'a;

impl<'a> Writer<'a> {
    pub(super) fn new(
        producer: &'a mut TransactionalProducer,
        destination: Destination,
        limits: Limits,
        checkpoint: ExtractCheckpoint,
        on_commit: &'a OnCommit<'a>,
    ) -> Self {
        let chunk = Chunk::default();
        let (lineage, pass) = (checkpoint.lineage, checkpoint.pass);
        let envelope = Envelope { lineage, pass, max_record_bytes: limits.max_record_bytes };
        let (settling, buffer) = (Settling::default(), Vec::new());
        let unsettled = false;
        Self {
            producer,
            destination,
            limits,
            envelope,
            checkpoint,
            settling,
            buffer,
            chunk,
            unsettled,
            on_commit,
        }
    }

    /// Writes until the reader has ended or `stop` says so. What is not committed then is read again.
    pub(super) fn run(
        mut self,
        mut rows: mpsc::Receiver<Read>,
        runtime: &Handle,
        stop: &dyn Fn() -> bool,
    ) -> Result<()> {
        while !stop() {
            match runtime.block_on(async { timeout(LOOK, rows.recv()).await }) {
                Ok(Some(read)) => {
                    if self.take(read)? {
                        return Ok(());
                    }
                }
                Ok(None) => break,
                // No row, and perhaps none for long: the rate is limited, or the source counts.
                Err(_) => self.commit_if_due()?,
            }
        }
        if self.chunk.rows > 0 && !self.unsettled { self.commit() } else { self.producer.abort() }
    }

    /// Whether that was the end.
    fn take(&mut self, read: Read) -> Result<bool> {
        for step in self.settling.take(read) {
            match step {
                Step::Row(row, finding) => self.write(row, finding)?,
                Step::Through(cursor) => {
                    self.checkpoint.cursor = cursor;
                    self.unsettled = false;
                    self.commit_if_due()?;
                }
                Step::End { counted } => return self.end(counted).map(|()| true),
            }
        }
        Ok(false)
    }

    fn end(&mut self, counted: u64) -> Result<()> {
        let at_micros = chrono::Utc::now().timestamp_micros();
        self.checkpoint.finished = Some(Finished { at_micros, counted });
        self.commit()
    }

    fn write(&mut self, row: SourceRow, finding: Finding) -> Result<()> {
        let mut record = self.envelope.wrap(row, finding);
        self.envelope.encode(&mut record, &mut self.buffer);
        let (key, partition) = place_of(&record, self.destination.partitions);
        self.producer.send(&Message {
            topic: &self.destination.topic,
            partition,
            key: key.as_deref(),
            payload: &self.buffer,
            headers: &[],
        })?;
        self.checkpoint.read += 1;
        self.unsettled = true;
        self.chunk.add(self.buffer.len());
        Ok(())
    }

    fn commit_if_due(&mut self) -> Result<()> {
        if self.chunk.is_due(self.limits) && !self.unsettled { self.commit() } else { Ok(()) }
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
        (self.chunk, self.unsettled) = (Chunk::default(), false);
        Ok(())
    }
}

/// Refuses a pass that another extractor has taken over.
pub(super) fn taken_over(pipeline: &str) -> Error {
    Error::new(Cause::Fenced, format!("extract `{pipeline}`: another extractor has taken over"))
}
