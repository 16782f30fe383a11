//! The transform loop of one pipeline: one thread, one consumer, one transaction at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, info};

use super::outcome::{Position, Scratch, decide};
use super::partition::Partition;
use super::transaction::Transaction;
use super::{Context, now_micros};
use crate::checkpoint::{Stage, StageCheckpoint, Start, charged_dead_letters, check_limit, transform_start};
use crate::error::{Cause, Error, Result};
use crate::kafka::{GroupConsumer, Polled, Received};
use crate::stop::Stop;

/// How long a poll waits for a message; an open transaction is committed when none came.
const POLL: Duration = Duration::from_millis(50);

/// Works until `stop`. The consumer stands beside the state, since messages borrow from it.
pub(super) fn run(context: Context, stop: &Stop) -> Result<()> {
    let consumer = GroupConsumer::join(&context.kafka, Stage::Transform, context.pipeline.name())?;
    let mut worker = Worker::start(Arc::new(context))?;
    while !stop.is_requested() {
        match consumer.poll(POLL)? {
            Polled::Message(message) => worker.take(&message)?,
            Polled::Assigned(partitions) => worker.assigned(&consumer, &partitions)?,
            Polled::Revoked => worker.revoked(&consumer)?,
            Polled::Nothing => worker.commit(&consumer)?,
        }
        if worker.transaction.is_due() {
            worker.commit(&consumer)?;
        }
    }
    worker.commit(&consumer)
}

struct Worker {
    context: Arc<Context>,
    transaction: Transaction,
    partitions: BTreeMap<i32, Partition>,
    scratch: Scratch,
}

impl Worker {
    fn start(context: Arc<Context>) -> Result<Self> {
        let transaction = Transaction::start(context.clone())?;
        Ok(Self { context, transaction, partitions: BTreeMap::new(), scratch: Scratch::default() })
    }

    fn assigned(&mut self, consumer: &GroupConsumer, partitions: &[i32]) -> Result<()> {
        let pipeline = self.context.pipeline.clone();
        debug!(pipeline = pipeline.name(), ?partitions, "transform takes partitions");
        let committed = consumer.committed(partitions)?;
        self.context.checkpoints.refresh_blocking()?;
        let known = self.context.checkpoints.read(|state| state.transform.get(pipeline.name()).cloned());
        let known = known.unwrap_or_default();
        let lineage = self.context.lineage.id;
        let mut starts = BTreeMap::new();
        for (partition, committed) in committed {
            let checkpoint = known.get(&partition);
            let start = transform_start(lineage, committed, checkpoint);
            let offset = if let Start::At(offset) = start { offset } else { 0 };
            let checkpoint = checkpoint.cloned().unwrap_or_else(|| StageCheckpoint::new(lineage));
            let (at_work, changed) = Partition::new(checkpoint, offset, &self.context.digest, now_micros());
            if changed {
                info!(
                    pipeline = pipeline.name(),
                    partition, offset, "the pipeline was changed; its new definition holds from this offset"
                );
            }
            self.partitions.insert(partition, at_work);
            starts.insert(partition, start);
        }
        consumer.start(&starts)
    }

    /// Everything since the last commit is dropped: the next owner reads it again.
    fn revoked(&mut self, consumer: &GroupConsumer) -> Result<()> {
        self.transaction.abort()?;
        let partitions: Vec<i32> = self.partitions.keys().copied().collect();
        partitions.iter().for_each(|partition| self.context.metrics.revoked(*partition));
        self.partitions.clear();
        consumer.released()
    }

    /// One raw record: what becomes of it goes into the open transaction.
    fn take(&mut self, message: &Received<'_>) -> Result<()> {
        let position = Position { partition: message.partition(), offset: message.offset() };
        let Some(partition) = self.partitions.get_mut(&position.partition) else {
            return Err(Error::new(
                Cause::Unexpected,
                format!("read partition {} unasked", position.partition),
            ));
        };
        let decision = decide(&self.context, partition, position, message.payload(), &mut self.scratch)?;
        self.transaction.add(message, decision)
    }

    /// Outputs, offsets, counts and checkpoints, together or not at all. A position that moved without records
    /// (over transaction markers) is committed too, so that *drained* can be told from the offsets.
    fn commit(&mut self, consumer: &GroupConsumer) -> Result<()> {
        let mut offsets = BTreeMap::new();
        for (number, position) in consumer.positions()? {
            let Some(partition) = self.partitions.get_mut(&number) else { continue };
            if let Some(checkpoint) = partition.checkpoint_at(position) {
                self.transaction.write_checkpoint(number, checkpoint)?;
                offsets.insert(number, position);
            }
        }
        if offsets.is_empty() {
            return Ok(());
        }
        self.transaction.commit(consumer, &offsets)?;
        self.partitions.values_mut().for_each(Partition::committed);
        self.check_budget()
    }

    /// Own partitions as they are now, those of other workers as they have committed.
    fn check_budget(&self) -> Result<()> {
        let name = self.context.pipeline.name();
        let Some(pass) = self.partitions.values().map(Partition::newest_pass).max() else { return Ok(()) };
        let (expected, others) = self.context.checkpoints.read(|state| {
            let expected = state.extract.get(name).map_or(0, |extract| extract.counted);
            let others = state.transform.get(name).into_iter().flatten();
            let others = others.filter(|(number, _)| !self.partitions.contains_key(number));
            (expected, charged_dead_letters(pass, others.map(|(_, checkpoint)| checkpoint)))
        });
        let own = charged_dead_letters(pass, self.partitions.values().map(Partition::current));
        check_limit(self.context.limit, name, pass, own + others, expected)
    }
}
