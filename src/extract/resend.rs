//! Rows that are sent again within the pass that has read them: what a repair found to differ in the target.

use std::time::Duration;

use uuid::Uuid;

use super::Limits;
use super::chunk::{self, Chunk};
use super::writer::taken_over;
use crate::checkpoint::{Entry, EntryKey, ExtractCheckpoint};
use crate::error::{Cause, Error, Result};
use crate::kafka::{Checkpoints, Kafka, Message, TransactionalProducer};

/// A raw record with its place on the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resent {
    /// Key of the message.
    pub key: Option<Vec<u8>>,
    /// Partition of the raw topic.
    pub partition: i32,
    /// The encoded record.
    pub payload: Vec<u8>,
}

/// Appends raw records to a pass that is through. Its calls block.
///
/// It takes the pipeline over as an extractor does: one that runs is fenced. A crash leaves whole chunks, counted in
/// the checkpoint.
pub struct Resend {
    producer: TransactionalProducer,
    pipeline: String,
    topic: String,
    limits: Limits,
    checkpoint: ExtractCheckpoint,
    chunk: Chunk,
}

impl Resend {
    /// How often whoever sends asks whether to commit, while nothing is to be sent.
    pub const LOOK: Duration = chunk::LOOK;

    /// Takes the pipeline over.
    ///
    /// Errors: [`Cause::Busy`] where its newest pass is not through.
    pub fn start(
        kafka: &Kafka,
        checkpoints: &Checkpoints,
        pipeline: &str,
        owner: Uuid,
        limits: Limits,
    ) -> Result<Self> {
        let id = kafka.names.extract_transactional_id(pipeline);
        let producer = TransactionalProducer::start(kafka, id)?;
        // Read after fencing: an older extractor commits no more.
        checkpoints.refresh_blocking()?;
        let known = checkpoints.read(|state| state.extract.get(pipeline).cloned());
        let known = known.filter(|checkpoint| checkpoint.finished.is_some());
        let Some(checkpoint) = known else {
            let attempt = format!("send records of `{pipeline}` again: its newest pass is not through");
            return Err(Error::new(Cause::Busy, attempt).what_to_do("run `regraft migrate-data` first"));
        };
        Ok(Self {
            producer,
            topic: kafka.names.raw(pipeline),
            pipeline: pipeline.to_owned(),
            limits,
            checkpoint: ExtractCheckpoint { owner, ..checkpoint },
            chunk: Chunk::default(),
        })
    }

    /// Sends a record; every so many are committed.
    pub fn send(&mut self, record: &Resent) -> Result<()> {
        let sent = self.producer.send(&Message {
            topic: &self.topic,
            partition: record.partition,
            key: record.key.as_deref(),
            payload: &record.payload,
            headers: &[],
        });
        sent.map_err(|error| self.judge(error))?;
        self.checkpoint.repaired += 1;
        self.chunk.add(record.payload.len());
        self.commit_if_due()
    }

    /// Commits what is much, or old: Kafka ends a transaction after ten seconds.
    pub fn commit_if_due(&mut self) -> Result<()> {
        if self.chunk.is_due(self.limits) { self.commit() } else { Ok(()) }
    }

    /// Commits what was sent, with its count.
    pub fn commit(&mut self) -> Result<()> {
        if self.chunk.rows == 0 {
            return Ok(());
        }
        let key = EntryKey::Extract(self.pipeline.clone());
        let committed = self
            .producer
            .write(&key, &Entry::Extract(self.checkpoint.clone()))
            .and_then(|()| self.producer.commit());
        committed.map_err(|error| self.judge(error))?;
        self.chunk = Chunk::default();
        Ok(())
    }

    fn judge(&self, error: Error) -> Error {
        match error.cause() {
            Cause::Fenced => taken_over(&self.pipeline).source(error),
            _ => error,
        }
    }
}
