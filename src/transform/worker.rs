//! The transform loop of one pipeline: one thread, one consumer, one transaction at a time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tracing::debug;

use super::Context;
use super::outcome::{Decision, Position, Scratch, decide};
use super::partition::Partition;
use super::repeat::{Ending, mark};
use super::sending::{Raw, Sender};
use super::taking::{Taking, moved_back_entry, take_over};
use crate::checkpoint::{Entry, EntryKey, Stage, charged_dead_letters, check_limit};
use crate::error::{Cause, Error, Result};
use crate::kafka::{GroupConsumer, Polled, Received, TransactionalProducer};
use crate::metrics::{BatchOutcome, CommitSystem, StageMetrics};
use crate::record::Reason;
use crate::stop::Stop;

/// How long a poll waits for a message; an open transaction is committed when none came.
const POLL: Duration = Duration::from_millis(50);
/// A transaction is committed at this age, far below its time-out of ten seconds.
const OLDEST_TRANSACTION: Duration = Duration::from_millis(500);

/// Works until `stop`. The consumer stands beside the state, since messages borrow from it.
pub(super) fn run(context: Context, stop: &Stop) -> Result<()> {
    let consumer = GroupConsumer::join(&context.kafka, Stage::Transform, context.pipeline.name())?;
    let mut worker = Worker::start(context)?;
    while !stop.is_requested() {
        match consumer.poll(POLL)? {
            Polled::Message(message) => worker.take(&message)?,
            Polled::Assigned(partitions) => worker.assigned(&consumer, &partitions)?,
            Polled::Revoked => worker.revoked(&consumer)?,
            Polled::Nothing => worker.commit(&consumer)?,
        }
        if worker.batch.is_due(&worker.context) {
            worker.commit(&consumer)?;
        }
    }
    worker.commit(&consumer)
}

struct Worker {
    context: Context,
    producer: TransactionalProducer,
    sender: Sender,
    partitions: BTreeMap<i32, Partition>,
    batch: Batch,
    scratch: Scratch,
}

/// What the open transaction holds.
struct Batch {
    records: usize,
    bytes: usize,
    since: Instant,
    passed: u64,
    merged: u64,
    dead_letters: Vec<Reason>,
}

impl Batch {
    fn empty() -> Self {
        Self { records: 0, bytes: 0, since: Instant::now(), passed: 0, merged: 0, dead_letters: Vec::new() }
    }

    /// Counts what the commit has made visible.
    fn report(&self, metrics: &StageMetrics, offsets: &BTreeMap<i32, i64>, took: Duration) {
        let records = self.records as u64;
        metrics.took_in(records);
        metrics.passed_on(self.passed);
        metrics.merged(self.merged);
        self.dead_letters.iter().for_each(|reason| metrics.dead_lettered(*reason, 1));
        metrics.batch(BatchOutcome::Committed, records);
        metrics.commit_took(CommitSystem::Kafka, took);
        offsets.iter().for_each(|(partition, offset)| metrics.committed(*partition, *offset));
    }

    fn is_due(&self, context: &Context) -> bool {
        let old = self.records > 0 && self.since.elapsed() >= OLDEST_TRANSACTION;
        self.records >= context.batch_records || self.bytes >= context.batch_bytes || old
    }
}

impl Worker {
    fn start(context: Context) -> Result<Self> {
        let names = context.kafka.names.clone();
        let id = names.transform_transactional_id(context.pipeline.name(), context.process);
        let producer = TransactionalProducer::start(&context.kafka, id)?;
        Ok(Self {
            sender: Sender::new(&context),
            context,
            producer,
            partitions: BTreeMap::new(),
            batch: Batch::empty(),
            scratch: Scratch::default(),
        })
    }

    fn assigned(&mut self, consumer: &GroupConsumer, partitions: &[i32]) -> Result<()> {
        let pipeline = self.context.pipeline.clone();
        debug!(pipeline = pipeline.name(), ?partitions, "transform takes partitions");
        let Taking { partitions, starts } = take_over(&self.context, consumer.committed(partitions)?)?;
        self.partitions.extend(partitions);
        consumer.start(&starts)
    }

    /// Everything since the last commit is dropped: the next owner reads it again.
    fn revoked(&mut self, consumer: &GroupConsumer) -> Result<()> {
        self.producer.abort()?;
        let partitions: Vec<i32> = self.partitions.keys().copied().collect();
        partitions.iter().for_each(|partition| self.context.metrics.revoked(*partition));
        self.partitions.clear();
        self.batch = Batch::empty();
        self.sender.aborted();
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
        if self.batch.records == 0 {
            self.batch.since = Instant::now();
        }
        self.batch.records += 1;
        self.batch.bytes += message.payload().len();
        partition.turn_to(position.identity(self.context.lineage.id, partition.epoch()));
        let decision = decide(&self.context, partition, position, message.payload(), &mut self.scratch)?;
        let payload = message.payload();
        match &decision {
            Decision::Model(record) => {
                partition.replace(record.pass, Ending::Passed, payload);
                self.batch.passed += 1;
            }
            Decision::Merged(pass) => {
                partition.replace(*pass, Ending::Merged, payload);
                self.batch.merged += 1;
            }
            Decision::DeadLetter(letter) => {
                partition.replace(letter.pass, Ending::Rejected, payload);
                self.batch.dead_letters.push(letter.reason);
            }
        }
        let mark = partition.before().map(mark);
        let Position { partition, offset } = position;
        let raw = Raw { partition, offset, key: message.key(), payload };
        self.sender.send(&self.context, &mut self.producer, raw, &decision, mark.as_ref())
    }

    /// Outputs, offsets, counts and checkpoints, together or not at all. A position that moved without records
    /// (over transaction markers) is committed too, so that *drained* can be told from the offsets.
    fn commit(&mut self, consumer: &GroupConsumer) -> Result<()> {
        let mut offsets = BTreeMap::new();
        for (number, position) in consumer.positions()? {
            let Some(partition) = self.partitions.get_mut(&number) else { continue };
            if let Some(checkpoint) = partition.checkpoint_at(position) {
                let key = EntryKey::Transform(self.context.pipeline.name().to_owned(), number);
                self.producer.write(&key, &Entry::Transform(checkpoint.clone()))?;
                if let Some(moved) = partition.moved_back() {
                    let (key, replay) = moved_back_entry(self.context.pipeline.name(), number, moved);
                    self.producer.write(&key, &Entry::Replay(replay))?;
                }
                offsets.insert(number, position);
            }
        }
        if offsets.is_empty() {
            return Ok(());
        }
        let started = Instant::now();
        self.producer.commit_with(consumer, &offsets)?;
        self.partitions.values_mut().for_each(Partition::committed);
        self.batch.report(&self.context.metrics, &offsets, started.elapsed());
        self.batch = Batch::empty();
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

pub(super) fn now_micros() -> i64 {
    chrono::Utc::now().timestamp_micros()
}
