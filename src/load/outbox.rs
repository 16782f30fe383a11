//! Dead letters of loading on their way from the target to Kafka: written with the rows' counts, published
//! after, removed then. A kill in between publishes one again; its identity tells.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::Context;
use crate::checkpoint::Stage;
use crate::error::{Cause, Error, Result};
use crate::kafka::{TransactionalProducer, send_dead_letter};
use crate::metrics::CommitSystem;
use crate::neo4j::load_checkpoints::{CheckpointId, OutboxEntry, clear_outbox, read_outbox};
use crate::record::{DeadLetter, Reason};

/// Publishes for the partitions of one worker. The producer is made for the first dead letter.
#[derive(Clone)]
pub(super) struct Publisher {
    context: Arc<Context>,
    producer: Arc<Mutex<Option<TransactionalProducer>>>,
}

/// Dead letters taken from the outbox at a time.
const AT_A_TIME: i64 = 500;

impl Publisher {
    pub(super) fn new(context: Arc<Context>) -> Self {
        Self { context, producer: Arc::default() }
    }

    /// Publishes what an earlier owner of the partition left in the outbox.
    pub(super) async fn publish_left(&self, id: &CheckpointId) -> Result<()> {
        loop {
            let left = read_outbox(&self.context.target, id, AT_A_TIME).await?;
            if left.is_empty() {
                return Ok(());
            }
            self.publish(left).await?;
        }
    }

    /// Publishes entries that are durable in the target, then removes them there.
    pub(super) async fn publish(&self, entries: Vec<OutboxEntry>) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let entries = Arc::new(entries);
        let (publisher, sent) = (self.clone(), entries.clone());
        let done = tokio::task::spawn_blocking(move || publisher.send(&sent)).await;
        done.map_err(|error| Error::new(Cause::Unexpected, "publish dead letters").source(error))??;
        clear_outbox(&self.context.target, &entries).await
    }

    fn send(&self, entries: &[OutboxEntry]) -> Result<()> {
        let context = &self.context;
        let mut producer = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut working = match producer.take() {
            Some(working) => working,
            None => {
                let id = context.kafka.names.load_transactional_id(context.pipeline.name(), context.process);
                TransactionalProducer::start(&context.kafka, id)?
            }
        };
        let begun = Instant::now();
        let written = self.write(&mut working, entries);
        context.metrics.dead_letters_written(written.is_err() && working.refused_by().is_some());
        let reasons = written?;
        context.metrics.commit_took(CommitSystem::Kafka, begun.elapsed());
        reasons.into_iter().for_each(|reason| context.metrics.dead_lettered(reason, 1));
        // Put back only where all went well: after an error the next one starts anew with the same id.
        *producer = Some(working);
        Ok(())
    }

    /// One transaction. Returns the reasons of what it wrote.
    fn write(&self, producer: &mut TransactionalProducer, entries: &[OutboxEntry]) -> Result<Vec<Reason>> {
        let mut reasons = Vec::with_capacity(entries.len());
        for entry in entries {
            let letter: DeadLetter = serde_json::from_str(&entry.letter).map_err(|error| {
                Error::new(Cause::Unexpected, format!("read {} in the outbox", entry.id)).source(error)
            })?;
            let (kafka, key) = (&self.context.kafka, entry.key.as_deref());
            send_dead_letter(producer, kafka, Stage::Load, &letter, key, &entry.payload)?;
            reasons.push(letter.reason);
        }
        producer.commit()?;
        Ok(reasons)
    }
}
