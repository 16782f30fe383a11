//! The load loop of one pipeline: one thread polls, forms batches and hands them to the partitions' tasks.
//!
//! A partition whose task is behind is paused; polling never stops, so that the group keeps its member.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{Instrument, Span, debug};
use uuid::Uuid;

use super::Context;
use super::apply::Applier;
use super::batch::{Batch, Touched};
use super::before::Images;
use super::budget;
use super::outbox::Publisher;
use super::partition::{self, Applied};
use super::repeats::Repeats;
use super::rows::Rows;
use super::schedule::Buckets;
use super::shape::{is_fresh, target_of};
use super::statement::Statements;
use crate::checkpoint::{Stage, StageCheckpoint, load_start};
use crate::error::{Cause, Error, Result};
use crate::kafka::{GroupConsumer, Polled, Received};
use crate::metrics::{BatchOutcome, CommitSystem, StageMetrics};
use crate::neo4j::load_checkpoints::{self, CheckpointId, Claimed};
use crate::stop::Stop;

/// How long a poll waits: also how late a finished batch is noticed while no messages come.
const POLL: Duration = Duration::from_millis(10);

/// Works until `stop`.
pub(super) fn run(context: Arc<Context>, stop: &Stop) -> Result<()> {
    let runtime = Handle::current();
    let consumer = GroupConsumer::join(&context.kafka, Stage::Load, context.pipeline.name())?;
    let (sender, mut applied) = mpsc::unbounded_channel();
    let mut worker = Worker::new(context, runtime, sender)?;
    while !stop.is_requested() {
        match consumer.poll(POLL)? {
            Polled::Message(message) => worker.take(&message)?,
            Polled::Assigned(partitions) => worker.assigned(&consumer, &partitions)?,
            Polled::Revoked => worker.revoked(&consumer, &mut applied)?,
            Polled::Nothing => worker.flush_idle(&consumer)?,
        }
        worker.settle(&consumer, &mut applied)?;
        worker.hand_over(&consumer)?;
    }
    worker.leave(&consumer, &mut applied)
}

struct Worker {
    context: Arc<Context>,
    runtime: Handle,
    sender: mpsc::UnboundedSender<Applied>,
    publisher: Publisher,
    statements: Arc<Statements>,
    touched: Touched,
    buckets: Buckets,
    rows: Arc<Rows>,
    images: Arc<Images>,
    fresh: Arc<AtomicBool>,
    batch_rows: usize,
    partitions: BTreeMap<i32, Assigned>,
}

/// An assigned partition, as the polling thread sees it.
struct Assigned {
    building: Batch,
    metrics: StageMetrics,
    batches: mpsc::Sender<Batch>,
    /// Batches handed over and not yet applied: 0 or 1.
    in_flight: usize,
    paused: bool,
    /// As the target has it.
    checkpoint: StageCheckpoint,
    /// Where records were read up to.
    read_to: i64,
    stop: Stop,
    task: JoinHandle<()>,
}

impl Worker {
    fn new(context: Arc<Context>, runtime: Handle, sender: mpsc::UnboundedSender<Applied>) -> Result<Self> {
        let (target, touched) = target_of(&context)?;
        let names: Vec<&str> =
            context.pipeline.contract().fields().iter().map(|field| field.name.as_ref()).collect();
        let statements = Arc::new(Statements::new(target, &names)?);
        let images = Arc::new(Images::new(&context.lineage.source, &names)?);
        let fresh = Arc::new(AtomicBool::new(runtime.block_on(is_fresh(&context))?));
        let rows = Arc::new(Rows::new(context.pipeline.clone(), context.checkpoints.clone()));
        // Relationships are cut into cells by both ends: more of them make cells that are worth a transaction.
        let batch_rows = match touched {
            Touched::Node(_) => context.batch_rows,
            Touched::Ends(..) => context.batch_rows * context.connections,
        };
        Ok(Self {
            publisher: Publisher::new(context.clone()),
            buckets: Buckets::new(context.lineage.partitions),
            context,
            runtime,
            sender,
            statements,
            touched,
            rows,
            images,
            fresh,
            batch_rows,
            partitions: BTreeMap::new(),
        })
    }

    fn assigned(&mut self, consumer: &GroupConsumer, partitions: &[i32]) -> Result<()> {
        let context = self.context.clone();
        debug!(pipeline = context.pipeline.name(), ?partitions, "load takes partitions");
        // Whoever has the target for itself by now has taken the checkpoints over: they are not taken back from it.
        self.runtime.block_on(context.claim.confirm())?;
        let committed = consumer.committed(partitions)?;
        let mut starts = BTreeMap::new();
        for (partition, committed) in committed {
            let id = self.checkpoint_id(partition);
            let owner = Uuid::new_v4();
            let claim = load_checkpoints::claim(&context.target, &id, context.lineage.id, owner);
            let claimed = self.runtime.block_on(claim)?;
            let start = load_start(context.lineage.id, committed, Some(&claimed.checkpoint));
            if let Some(from) = start.offset() {
                self.runtime.block_on(self.publisher.publish_left(&id))?;
                context.metrics.committed(partition, from);
                self.start_task(id, owner, claimed, from);
            }
            starts.insert(partition, start);
        }
        consumer.start(&starts)
    }

    fn start_task(&mut self, id: CheckpointId, owner: Uuid, claimed: Claimed, from: i64) {
        let Claimed { checkpoint, number } = claimed;
        let stop = Stop::new();
        let (batches, receiver) = mpsc::channel(1);
        let partition = id.partition;
        let applier = Applier {
            context: self.context.clone(),
            statements: self.statements.clone(),
            rows: self.rows.clone(),
            touched: self.touched.clone(),
            buckets: self.buckets,
            images: self.images.clone(),
            fresh: self.fresh.clone(),
            id,
            owner,
            claim: number,
            checkpoint: checkpoint.clone(),
            repeats: Repeats::default(),
            stop: stop.clone(),
        };
        let task = partition::run(applier, self.publisher.clone(), receiver, self.sender.clone());
        let assigned = Assigned {
            building: Batch::new(partition, from),
            metrics: self.context.metrics.clone(),
            batches,
            in_flight: 0,
            paused: false,
            checkpoint,
            read_to: from,
            stop,
            task: self.runtime.spawn(task.instrument(Span::current())),
        };
        self.partitions.insert(partition, assigned);
    }

    fn take(&mut self, message: &Received<'_>) -> Result<()> {
        let buckets = self.buckets;
        let Some(assigned) = self.partitions.get_mut(&message.partition()) else {
            return Err(Error::new(
                Cause::Unexpected,
                format!("read partition {} unasked", message.partition()),
            ));
        };
        if assigned.building.oldest_ms.is_none() {
            assigned.building.oldest_ms = message.timestamp_ms();
            assigned.tell_oldest();
        }
        assigned.building.push(message.offset(), message.payload(), buckets, || message.replay_mark());
        assigned.read_to = message.offset() + 1;
        Ok(())
    }

    fn is_full(&self, batch: &Batch) -> bool {
        batch.records() >= self.batch_rows || batch.bytes() >= self.context.batch_bytes
    }

    /// Gives full batches to tasks that have none; pauses a partition whose task is still busy.
    fn hand_over(&mut self, consumer: &GroupConsumer) -> Result<()> {
        let full: Vec<i32> = self
            .partitions
            .iter()
            .filter(|(_, each)| self.is_full(&each.building))
            .map(|(at, _)| *at)
            .collect();
        for partition in full {
            let Some(assigned) = self.partitions.get_mut(&partition) else { continue };
            if assigned.in_flight == 0 {
                assigned.send();
                if assigned.paused {
                    assigned.paused = false;
                    consumer.resume(&[partition])?;
                }
            } else if !assigned.paused {
                assigned.paused = true;
                consumer.pause(&[partition])?;
            }
        }
        Ok(())
    }

    /// No message came: what there is goes to the tasks, and so does a position that moved over transaction
    /// markers alone.
    fn flush_idle(&mut self, consumer: &GroupConsumer) -> Result<()> {
        if self.partitions.values().all(|each| each.in_flight > 0) {
            return Ok(());
        }
        let positions = consumer.positions()?;
        for (partition, assigned) in &mut self.partitions {
            if assigned.in_flight > 0 {
                continue;
            }
            let position = positions.get(partition).copied().unwrap_or(assigned.read_to);
            if position > assigned.building.to {
                assigned.building.to = position;
            }
            if !assigned.building.is_empty() || assigned.building.to > assigned.checkpoint.next_offset {
                assigned.send();
            }
        }
        Ok(())
    }

    /// Takes the tasks' reports: durable in the target first, committed to Kafka after.
    fn settle(
        &mut self,
        consumer: &GroupConsumer,
        applied: &mut mpsc::UnboundedReceiver<Applied>,
    ) -> Result<()> {
        for took in consumer.commits_took() {
            self.context.metrics.commit_took(CommitSystem::Offsets, took);
        }
        let mut offsets = BTreeMap::new();
        while let Ok(report) = applied.try_recv() {
            if let Some((partition, offset)) = self.settled(report)? {
                offsets.insert(partition, offset);
            }
        }
        if offsets.is_empty() {
            return Ok(());
        }
        consumer.commit(&offsets)?;
        offsets.iter().for_each(|(partition, offset)| self.context.metrics.committed(*partition, *offset));
        let own = self.partitions.iter().map(|(partition, each)| (*partition, &each.checkpoint));
        self.runtime.block_on(budget::check(&self.context, &own.collect()))
    }

    fn settled(&mut self, report: Applied) -> Result<Option<(i32, i64)>> {
        let (checkpoint, records) = report.outcome.map_err(moved)?;
        let Some(assigned) = self.partitions.get_mut(&report.partition) else { return Ok(None) };
        assigned.in_flight = 0;
        assigned.checkpoint = checkpoint;
        assigned.tell_oldest();
        let offset = assigned.checkpoint.next_offset;
        self.counted(records);
        Ok(Some((report.partition, offset)))
    }

    /// A batch is in the target.
    fn counted(&self, records: usize) {
        self.context.metrics.unqueued(records as u64);
        self.context.metrics.batch(BatchOutcome::Committed, records as u64);
    }

    /// Stops the tasks at once: what they have not closed is read again by the next owner.
    fn revoked(
        &mut self,
        consumer: &GroupConsumer,
        applied: &mut mpsc::UnboundedReceiver<Applied>,
    ) -> Result<()> {
        let mut offsets = BTreeMap::new();
        self.end_tasks();
        while let Ok(report) = applied.try_recv() {
            // An error of a task that was stopped is not this worker's end; what was applied is worth committing.
            if let Ok((checkpoint, records)) = report.outcome {
                self.counted(records);
                offsets.insert(report.partition, checkpoint.next_offset);
            }
        }
        if !offsets.is_empty()
            && let Err(error) = consumer.commit(&offsets)
        {
            debug!(?error, "offsets of a revoked partition were not committed");
        }
        self.partitions.clear();
        self.context.metrics.released();
        consumer.released()
    }

    /// Waits for the tasks: a transaction that is running ends, a wait for a fence does not go on.
    fn end_tasks(&mut self) {
        let tasks: Vec<_> = std::mem::take(&mut self.partitions)
            .into_values()
            .map(|assigned| {
                assigned.stop.request();
                drop(assigned.batches);
                assigned.task
            })
            .collect();
        for task in tasks {
            if let Err(error) = self.runtime.block_on(task) {
                debug!("a partition's task ended badly: {error}");
            }
        }
    }

    /// Leaves the group in good order: batches that run are finished and committed.
    fn leave(
        mut self,
        consumer: &GroupConsumer,
        applied: &mut mpsc::UnboundedReceiver<Applied>,
    ) -> Result<()> {
        let mut known: BTreeMap<i32, i64> = BTreeMap::new();
        self.end_tasks();
        while let Ok(report) = applied.try_recv() {
            let (checkpoint, records) = report.outcome.map_err(moved)?;
            self.counted(records);
            known.insert(report.partition, checkpoint.next_offset);
        }
        if known.is_empty() { Ok(()) } else { consumer.commit_and_wait(&known) }
    }

    fn checkpoint_id(&self, partition: i32) -> CheckpointId {
        let (names, pipeline) = (&self.context.kafka.names, self.context.pipeline.name());
        CheckpointId {
            id: names.load_checkpoint(pipeline, partition),
            prefix: names.prefix().to_owned(),
            pipeline: pipeline.to_owned(),
            partition,
        }
    }
}

impl Assigned {
    /// Hands the batch over; the task has room, since it has none in flight.
    fn send(&mut self) {
        let next = Batch::new(self.building.partition, self.building.to);
        let batch = std::mem::replace(&mut self.building, next);
        let records = batch.records() as u64;
        if self.batches.try_send(batch).is_ok() {
            self.in_flight = 1;
            self.metrics.queued(records);
        }
        // Otherwise the task has ended: its report says why and ends the worker.
    }

    /// The first record of the batch in flight is older than that of the one being built.
    fn tell_oldest(&self) {
        if self.in_flight == 0 {
            self.metrics.oldest_uncommitted(self.building.partition, self.building.oldest_ms);
        }
    }
}

/// Another worker's partition is not a fault: joining the group again says who has what.
fn moved(error: Error) -> Error {
    match error.cause() {
        Cause::Fenced => {
            Error::new(Cause::Busy, "go on with a partition that has moved to another worker").source(error)
        }
        _ => error,
    }
}
