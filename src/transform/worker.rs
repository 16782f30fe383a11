//! The transform loop of one pipeline: one thread, one consumer, one transaction at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tracing::{debug, debug_span, info};

use super::Context;
use super::outcome::{Decision, Position, Scratch, decide};
use super::partition::Partition;
use crate::checkpoint::{
    Entry, EntryKey, Stage, StageCheckpoint, Start, WriterContract, charged_dead_letters, check_limit,
    transform_start,
};
use crate::error::{Cause, Error, Result};
use crate::kafka::{GroupConsumer, Message, Polled, Received, TransactionalProducer, send_dead_letter};
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
    let worked = work(&consumer, &mut worker, stop);
    if worked.is_err() && worker.is_refused_by_dead_letters() {
        worker.context.metrics.dead_letters_written(true);
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
        if worker.batch.is_due(&worker.context) {
            worker.commit(consumer)?;
        }
    }
    worker.commit(consumer)
}

struct Worker {
    context: Context,
    producer: TransactionalProducer,
    model_topic: String,
    partitions: BTreeMap<i32, Partition>,
    batch: Batch,
    contract_known: bool,
    scratch: Scratch,
    encoded: Vec<u8>,
}

/// What the open transaction holds.
struct Batch {
    records: usize,
    bytes: usize,
    since: Instant,
    passed: u64,
    merged: u64,
    dead_letters: Vec<Reason>,
    /// Partitions that have records in it.
    partitions: BTreeSet<i32>,
    /// Of its records, how many the gauge has been told of.
    queued: usize,
}

/// So many records come between two times that the gauge of what is held in memory is told.
const TOLD_EVERY: usize = 1_000;

impl Batch {
    fn empty() -> Self {
        Self {
            records: 0,
            bytes: 0,
            since: Instant::now(),
            passed: 0,
            merged: 0,
            dead_letters: Vec::new(),
            partitions: BTreeSet::new(),
            queued: 0,
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
    fn report(&self, metrics: &StageMetrics, offsets: &BTreeMap<i32, i64>, took: Duration) {
        let records = self.records as u64;
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
        let model_topic = names.model(context.pipeline.name());
        Ok(Self {
            context,
            producer,
            model_topic,
            partitions: BTreeMap::new(),
            batch: Batch::empty(),
            contract_known: false,
            scratch: Scratch::default(),
            encoded: Vec::new(),
        })
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
            if let Start::At(_) | Start::Earliest = start {
                self.context.metrics.committed(partition, offset);
            }
            starts.insert(partition, start);
        }
        consumer.start(&starts)
    }

    /// Everything since the last commit is dropped: the next owner reads it again.
    fn revoked(&mut self, consumer: &GroupConsumer) -> Result<()> {
        self.producer.abort()?;
        self.partitions.clear();
        self.batch = Batch::empty();
        self.context.metrics.released();
        self.contract_known = false;
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
        self.batch.begins_with(&self.context.metrics, message);
        self.batch.records += 1;
        self.batch.bytes += message.payload().len();
        let decision = decide(&self.context, partition, position, message.payload(), &mut self.scratch)?;
        match decision {
            Decision::Model(record) => {
                self.batch.passed += 1;
                self.encoded.clear();
                record.encode(&mut self.encoded);
                let topic = &self.model_topic;
                // Same key, same number of partitions: what is in order on the raw topic stays so.
                let (partition, key) = (message.partition(), message.key());
                self.producer.send(&Message {
                    topic,
                    partition,
                    key,
                    payload: &self.encoded,
                    headers: &[],
                })?;
                self.register_contract()
            }
            Decision::Merged => {
                self.batch.merged += 1;
                Ok(())
            }
            Decision::DeadLetter(letter) => {
                self.batch.dead_letters.push(letter.reason);
                let (key, original) = (message.key(), message.payload());
                send_dead_letter(
                    &mut self.producer,
                    &self.context.kafka,
                    Stage::Transform,
                    &letter,
                    key,
                    original,
                )
            }
        }
    }

    /// The contract's text goes before the first record that it wrote, for loaders with another one.
    fn register_contract(&mut self) -> Result<()> {
        if self.contract_known {
            return Ok(());
        }
        let contract = self.context.pipeline.contract();
        let key = (self.context.pipeline.name().to_owned(), contract.fingerprint());
        let known = self.context.checkpoints.read(|state| state.contracts.contains_key(&key));
        if !known {
            let entry = WriterContract { schema: contract.text().to_owned(), at_micros: now_micros() };
            self.producer.write(&EntryKey::Contract(key.0, key.1), &Entry::Contract(entry))?;
        }
        self.contract_known = true;
        Ok(())
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
                offsets.insert(number, position);
            }
        }
        if offsets.is_empty() {
            return Ok(());
        }
        let _batch = debug_span!("batch", records = self.batch.records, bytes = self.batch.bytes).entered();
        let started = Instant::now();
        self.producer.commit_with(consumer, &offsets)?;
        if !self.batch.dead_letters.is_empty() {
            self.context.metrics.dead_letters_written(false);
        }
        debug!(?offsets, "outputs and offsets are committed");
        self.partitions.values_mut().for_each(Partition::committed);
        self.batch.report(&self.context.metrics, &offsets, started.elapsed());
        self.batch = Batch::empty();
        self.check_budget()
    }

    /// Whether the open transaction failed since the topic of dead letters takes none.
    fn is_refused_by_dead_letters(&self) -> bool {
        let topic = self.context.kafka.names.dead_letters();
        self.producer.refused_by() == Some(topic.as_str())
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

fn now_micros() -> i64 {
    chrono::Utc::now().timestamp_micros()
}
