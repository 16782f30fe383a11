//! The transform loop of one pipeline: one thread, one consumer, one transaction at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use super::Context;
use super::outcome::{Position, Scratch, decide};
use super::partition::Partition;
use super::repeat::mark;
use super::taking::{Taking, take_over};
use super::transaction::Transaction;
use crate::checkpoint::{Stage, charged_dead_letters, check_limit};
use crate::error::{Cause, Error, Result};
use crate::kafka::{GroupConsumer, Polled, Received};
use crate::stop::Stop;

/// How long a poll waits for a message; an open transaction is committed when none came.
const POLL: Duration = Duration::from_millis(50);

/// Works until `stop`. The consumer stands beside the state, since messages borrow from it.
pub(super) fn run(context: Context, stop: &Stop) -> Result<()> {
    let consumer = GroupConsumer::join(&context.kafka, Stage::Transform, context.pipeline.name())?;
    let mut worker = Worker::start(Arc::new(context))?;
    let worked = work(&consumer, &mut worker, stop);
    if worked.is_err() {
        worker.transaction.failed();
    }
    worked
}

fn work(consumer: &GroupConsumer, worker: &mut Worker, stop: &Stop) -> Result<()> {
    while !stop.is_requested() {
        match consumer.poll(POLL)? {
            Polled::Message(message) => worker.take(&message)?,
            Polled::Assigned(partitions) => worker.assigned(consumer, &partitions)?,
            Polled::Revoked => worker.revoked(consumer)?,
            Polled::Nothing => worker.commit(consumer)?,
        }
        if worker.transaction.is_due() {
            worker.commit(consumer)?;
        }
    }
    worker.commit(consumer)
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
        let Taking { partitions, starts } = take_over(&self.context, consumer.committed(partitions)?)?;
        for (partition, start) in &starts {
            start.offset().into_iter().for_each(|offset| self.context.metrics.committed(*partition, offset));
        }
        self.partitions.extend(partitions);
        consumer.start(&starts)
    }

    /// Everything since the last commit is dropped: the next owner reads it again.
    fn revoked(&mut self, consumer: &GroupConsumer) -> Result<()> {
        self.transaction.abort()?;
        self.partitions.clear();
        self.context.metrics.released();
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
        partition.turn_to(position.identity(self.context.lineage.id, partition.epoch()));
        let mut decision = decide(&self.context, partition, position, message.payload(), &mut self.scratch)?;
        partition.replace(&mut decision, &self.context.receivers, message.payload());
        let mark = partition.before().map(mark);
        self.transaction.add(message, &decision, mark.as_ref())
    }

    /// Outputs, offsets, counts and checkpoints, together or not at all. A position that moved without records
    /// (over transaction markers) is committed too, so that *drained* can be told from the offsets.
    fn commit(&mut self, consumer: &GroupConsumer) -> Result<()> {
        let mut offsets = BTreeMap::new();
        for (number, position) in consumer.positions()? {
            let Some(partition) = self.partitions.get_mut(&number) else { continue };
            if let Some(checkpoint) = partition.checkpoint_at(position) {
                self.transaction.write_checkpoint(number, checkpoint)?;
                if let Some(moved) = partition.moved_back() {
                    self.transaction.write_move(number, moved)?;
                }
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
            let put_back = state.put_back(name);
            let others = others.map(|(_, checkpoint)| checkpoint).chain(put_back.as_ref());
            (expected, charged_dead_letters(pass, others))
        });
        let own = charged_dead_letters(pass, self.partitions.values().map(Partition::current));
        let charged = u64::try_from(own + others).unwrap_or(0);
        check_limit(self.context.limit, name, pass, charged, expected)
    }
}
