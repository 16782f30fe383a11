//! The open Kafka transaction of a transform worker: what is sent goes with the offsets, the counts and the
//! checkpoint, together or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::derived::{Further, Outcome};
use super::outcome::Decision;
use super::{Context, now_micros};
use crate::checkpoint::{Entry, EntryKey, Stage, StageCheckpoint, WriterContract};
use crate::error::Result;
use crate::kafka::{GroupConsumer, Message, Received, TransactionalProducer, send_dead_letter};
use crate::metrics::{BatchOutcome, CommitSystem};
use crate::pipeline::Pipeline;
use crate::record::{ModelRecord, Reason};

/// A transaction is committed at this age, far below its time-out of ten seconds.
const OLDEST: Duration = Duration::from_millis(500);

pub(super) struct Transaction {
    context: Arc<Context>,
    producer: TransactionalProducer,
    model_topic: String,
    /// Pipelines whose contract's text is known to be among the checkpoints.
    contracts_known: BTreeSet<String>,
    batch: Batch,
    encoded: Vec<u8>,
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
}

impl Transaction {
    /// Nothing is open before the first record.
    pub(super) fn start(context: Arc<Context>) -> Result<Self> {
        let names = context.kafka.names.clone();
        let id = names.transform_transactional_id(context.pipeline.name(), context.process);
        Ok(Self {
            producer: TransactionalProducer::start(&context.kafka, id)?,
            model_topic: names.model(context.pipeline.name()),
            contracts_known: BTreeSet::new(),
            batch: Batch::empty(&context),
            encoded: Vec::new(),
            context,
        })
    }

    /// What becomes of a raw record.
    pub(super) fn add(&mut self, message: &Received<'_>, decision: Decision<'_>) -> Result<()> {
        if self.batch.records == 0 {
            self.batch.since = Instant::now();
        }
        self.batch.records += 1;
        self.batch.bytes += message.payload().len();
        match decision {
            Decision::Model(record, further) => {
                self.batch.passed += 1;
                let (to, encoded, topic) = (&mut self.producer, &mut self.encoded, &self.model_topic);
                // Same key, same number of partitions: what is in order on the raw topic stays so.
                send(to, encoded, &record, topic, message.partition(), message.key())?;
                let pipeline = self.context.pipeline.clone();
                self.register_contract(&pipeline)?;
                further.iter().try_for_each(|each| self.send_derived(each, message.payload()))
            }
            Decision::Merged => {
                self.batch.merged += 1;
                Ok(())
            }
            Decision::DeadLetter(letter) => {
                self.batch.dead_letters.push(letter.reason);
                let (kafka, key, original) = (&self.context.kafka, message.key(), message.payload());
                send_dead_letter(&mut self.producer, kafka, Stage::Transform, &letter, key, original)
            }
        }
    }

    /// What a record derives goes into the transaction that the record itself is in.
    fn send_derived(&mut self, further: &Further<'_>, original: &[u8]) -> Result<()> {
        let context = self.context.clone();
        let receiver = &context.receivers[further.receiver];
        let (key, sent) = (further.key.as_deref(), &mut self.batch.derived[further.receiver]);
        match &further.outcome {
            Outcome::Model(record) => {
                sent.0 += 1;
                let (to, encoded) = (&mut self.producer, &mut self.encoded);
                send(to, encoded, record, &receiver.topic, further.partition, key)?;
                self.batch.bytes += self.encoded.len();
                self.register_contract(&receiver.pipeline)
            }
            Outcome::DeadLetter(letter) => {
                sent.1.push(letter.reason);
                let kafka = &context.kafka;
                send_dead_letter(&mut self.producer, kafka, Stage::Transform, letter, key, original)
            }
        }
    }

    /// The contract's text goes before the commit of the first record that it wrote, for loaders with another one.
    fn register_contract(&mut self, pipeline: &Pipeline) -> Result<()> {
        if self.contracts_known.contains(pipeline.name()) {
            return Ok(());
        }
        let (name, contract) = (pipeline.name().to_owned(), pipeline.contract());
        let key = (name.clone(), contract.fingerprint());
        let known = self.context.checkpoints.read(|state| state.contracts.contains_key(&key));
        if !known {
            let entry = WriterContract { schema: contract.text().to_owned(), at_micros: now_micros() };
            self.producer.write(&EntryKey::Contract(key.0, key.1), &Entry::Contract(entry))?;
        }
        self.contracts_known.insert(name);
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

    /// Commits it with the offsets.
    pub(super) fn commit(&mut self, consumer: &GroupConsumer, offsets: &BTreeMap<i32, i64>) -> Result<()> {
        let started = Instant::now();
        self.producer.commit_with(consumer, offsets)?;
        self.batch.report(&self.context, offsets, started.elapsed());
        self.batch = Batch::empty(&self.context);
        Ok(())
    }

    /// Drops all of it.
    pub(super) fn abort(&mut self) -> Result<()> {
        self.producer.abort()?;
        self.batch = Batch::empty(&self.context);
        self.contracts_known.clear();
        Ok(())
    }
}

fn send(
    producer: &mut TransactionalProducer,
    encoded: &mut Vec<u8>,
    record: &ModelRecord<'_>,
    topic: &str,
    partition: i32,
    key: Option<&[u8]>,
) -> Result<()> {
    encoded.clear();
    record.encode(encoded);
    producer.send(&Message { topic, partition, key, payload: encoded, headers: &[] })
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
        metrics.took_in(records);
        metrics.passed_on(self.passed);
        metrics.merged(self.merged);
        self.dead_letters.iter().for_each(|reason| metrics.dead_lettered(*reason, 1));
        metrics.batch(BatchOutcome::Committed, records);
        metrics.commit_took(CommitSystem::Kafka, took);
        offsets.iter().for_each(|(partition, offset)| metrics.committed(*partition, *offset));
    }
}
