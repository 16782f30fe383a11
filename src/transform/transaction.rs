//! The open Kafka transaction of a transform worker: what is sent goes with the offsets, the counts and the
//! checkpoint, together or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, debug_span};

use super::Context;
use super::derived::Outcome;
use super::outcome::Decision;
use super::sending::{Raw, Sender};
use super::taking::moved_back_entry;
use crate::checkpoint::{Entry, EntryKey, Move, StageCheckpoint};
use crate::error::Result;
use crate::kafka::{GroupConsumer, Received, TransactionalProducer};
use crate::metrics::{BatchOutcome, CommitSystem, StageMetrics};
use crate::record::{Reason, ReplayMark};

/// A transaction is committed at this age, far below its time-out of ten seconds.
const OLDEST: Duration = Duration::from_millis(500);

pub(super) struct Transaction {
    context: Arc<Context>,
    producer: TransactionalProducer,
    sender: Sender,
    batch: Batch,
}

/// What it holds.
struct Batch {
    records: usize,
    bytes: usize,
    since: Instant,
    passed: u64,
    merged: u64,
    dead_letters: Vec<Reason>,
    /// By receiver: derived records sent on, and those that became dead letters.
    derived: Vec<(u64, Vec<Reason>)>,
    /// Partitions that have records in it.
    partitions: BTreeSet<i32>,
    /// Of its records, how many the gauge of what is held in memory has been told of.
    queued: usize,
}

/// So many records come between two times that it is told.
const TOLD_EVERY: usize = 1_000;

impl Transaction {
    /// Nothing is open before the first record.
    pub(super) fn start(context: Arc<Context>) -> Result<Self> {
        let names = context.kafka.names.clone();
        let id = names.transform_transactional_id(context.pipeline.name(), context.process);
        Ok(Self {
            producer: TransactionalProducer::start(&context.kafka, id)?,
            sender: Sender::new(&context),
            batch: Batch::empty(&context),
            context,
        })
    }

    /// What becomes of a raw record; `mark` goes with what a replay makes.
    pub(super) fn add(
        &mut self,
        message: &Received<'_>,
        decision: &Decision<'_>,
        mark: Option<&ReplayMark>,
    ) -> Result<()> {
        if self.batch.records == 0 {
            self.batch.since = Instant::now();
        }
        self.batch.begins_with(&self.context.metrics, message);
        self.batch.records += 1;
        self.batch.bytes += message.payload().len();
        self.batch.note(decision);
        let raw = Raw {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key(),
            payload: message.payload(),
        };
        let context = self.context.clone();
        self.batch.bytes += self.sender.send(&context, &mut self.producer, raw, decision, mark)?;
        Ok(())
    }

    /// Whether it is large or old enough to be committed.
    pub(super) fn is_due(&self) -> bool {
        let Batch { records, bytes, since, .. } = &self.batch;
        let old = *records > 0 && since.elapsed() >= OLDEST;
        *records >= self.context.batch_records || *bytes >= self.context.batch_bytes || old
    }

    /// The checkpoint of a partition.
    pub(super) fn write_checkpoint(&mut self, partition: i32, checkpoint: &StageCheckpoint) -> Result<()> {
        let key = EntryKey::Transform(self.context.pipeline.name().to_owned(), partition);
        self.producer.write(&key, &Entry::Transform(checkpoint.clone()))
    }

    /// A move of a partition's position that another tool has made.
    pub(super) fn write_move(&mut self, partition: i32, moved: Move) -> Result<()> {
        let (key, replay) = moved_back_entry(self.context.pipeline.name(), partition, moved);
        self.producer.write(&key, &Entry::Replay(replay))
    }

    /// Commits it with the offsets.
    pub(super) fn commit(&mut self, consumer: &GroupConsumer, offsets: &BTreeMap<i32, i64>) -> Result<()> {
        let _batch = debug_span!("batch", records = self.batch.records, bytes = self.batch.bytes).entered();
        let started = Instant::now();
        self.producer.commit_with(consumer, offsets)?;
        debug!(?offsets, "outputs and offsets are committed");
        self.batch.report(&self.context, offsets, started.elapsed());
        self.batch = Batch::empty(&self.context);
        Ok(())
    }

    /// The work has ended badly: counts where the topic of dead letters is why.
    pub(super) fn failed(&self) {
        let topic = self.context.kafka.names.dead_letters();
        if self.producer.refused_by() == Some(topic.as_str()) {
            self.context.metrics.dead_letters_written(true);
        }
    }

    /// Drops all of it.
    pub(super) fn abort(&mut self) -> Result<()> {
        self.producer.abort()?;
        self.batch = Batch::empty(&self.context);
        self.sender.aborted();
        Ok(())
    }
}

impl Batch {
    fn empty(context: &Context) -> Self {
        Self {
            records: 0,
            bytes: 0,
            since: Instant::now(),
            passed: 0,
            merged: 0,
            dead_letters: Vec::new(),
            derived: vec![(0, Vec::new()); context.receivers.len()],
            partitions: BTreeSet::new(),
            queued: 0,
        }
    }

    fn note(&mut self, decision: &Decision<'_>) {
        match decision {
            Decision::Model(_, further) => {
                self.passed += 1;
                for each in further {
                    let of_receiver = &mut self.derived[each.receiver];
                    match &each.outcome {
                        Outcome::Model(_) => of_receiver.0 += 1,
                        Outcome::DeadLetter(letter) => of_receiver.1.push(letter.reason),
                    }
                }
            }
            Decision::Merged(_) => self.merged += 1,
            Decision::DeadLetter(letter) => self.dead_letters.push(letter.reason),
        }
    }

    /// Notes the first record of every partition: as long as it is not committed, it is the oldest.
    fn begins_with(&mut self, metrics: &StageMetrics, message: &Received<'_>) {
        if self.partitions.insert(message.partition()) {
            metrics.oldest_uncommitted(message.partition(), message.timestamp_ms());
        }
        if self.records - self.queued >= TOLD_EVERY {
            metrics.queued((self.records - self.queued) as u64);
            self.queued = self.records;
        }
    }

    /// Counts what the commit has made visible.
    fn report(&self, context: &Context, offsets: &BTreeMap<i32, i64>, took: Duration) {
        for (receiver, (passed, dead)) in context.receivers.iter().zip(&self.derived) {
            receiver.metrics.took_in(passed + dead.len() as u64);
            receiver.metrics.passed_on(*passed);
            dead.iter().for_each(|reason| receiver.metrics.dead_lettered(*reason, 1));
        }
        let (metrics, records) = (&context.metrics, self.records as u64);
        if !self.dead_letters.is_empty() || self.derived.iter().any(|(_, dead)| !dead.is_empty()) {
            metrics.dead_letters_written(false);
        }
        metrics.unqueued(self.queued as u64);
        self.partitions.iter().for_each(|partition| metrics.oldest_uncommitted(*partition, None));
        metrics.took_in(records);
        metrics.passed_on(self.passed);
        metrics.merged(self.merged);
        self.dead_letters.iter().for_each(|reason| metrics.dead_lettered(*reason, 1));
        metrics.batch(BatchOutcome::Committed, records);
        metrics.commit_took(CommitSystem::Kafka, took);
        offsets.iter().for_each(|(partition, offset)| metrics.committed(*partition, *offset));
    }
}
