//! A consumer of one group and one topic, polled by one thread. Rebalances arrive as events between messages,
//! so that the loop alone changes state.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message as _};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use tracing::debug;

use super::Kafka;
use super::failure::{failed, mends_itself};
use crate::checkpoint::{Place, Stage, Start};
use crate::error::{Cause, Error, Result};
use crate::record::ReplayMark;

/// What a poll brought.
pub enum Polled<'c> {
    /// A message.
    Message(Received<'c>),
    /// These partitions are given: call [`GroupConsumer::start`] with where to begin.
    Assigned(Vec<i32>),
    /// All partitions are taken away: stop working on them, then call [`GroupConsumer::released`].
    Revoked,
    /// Nothing within the time.
    Nothing,
}

/// A message, in place.
pub struct Received<'c> {
    message: BorrowedMessage<'c>,
}

impl Received<'_> {
    /// Partition.
    pub fn partition(&self) -> i32 {
        self.message.partition()
    }

    /// Offset.
    pub fn offset(&self) -> i64 {
        self.message.offset()
    }

    /// When it was written, in milliseconds since 1970, as retention counts it; none where the broker does not say.
    pub fn timestamp_ms(&self) -> Option<i64> {
        self.message.timestamp().to_millis()
    }

    /// Key.
    pub fn key(&self) -> Option<&[u8]> {
        self.message.key()
    }

    /// What a model record says of earlier attempts; nothing where no replay made it, or where this can't be read.
    pub fn replay_mark(&self) -> Option<ReplayMark> {
        let header = self.message.headers()?.iter().find(|header| header.key == REPLAY_HEADER)?;
        serde_json::from_slice(header.value?).ok()
    }

    /// Value; empty for a tombstone, which no stage writes.
    pub fn payload(&self) -> &[u8] {
        self.message.payload().unwrap_or_default()
    }
}

/// Consumer of a stage's input.
pub struct GroupConsumer {
    consumer: BaseConsumer<Rebalances>,
    stage: Stage,
    pipeline: String,
    topic: String,
    group: String,
}

/// The header of model records that a replay made.
pub const REPLAY_HEADER: &str = "regraft.replay";

const COMMITTED_TIMEOUT: Duration = Duration::from_secs(10);

impl GroupConsumer {
    /// Joins the stage's group of a pipeline.
    pub fn join(kafka: &Kafka, stage: Stage, pipeline: &str) -> Result<Self> {
        let (topic, group) = (kafka.names.input(stage, pipeline), kafka.names.group(stage, pipeline));
        let consumer = kafka.group_consumer(&group, Rebalances::default())?;
        consumer.subscribe(&[&topic]).map_err(|error| failed(format!("subscribe to {topic}"), error))?;
        Ok(Self { consumer, stage, pipeline: pipeline.to_owned(), topic, group })
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Waits up to `timeout` for the next thing to do.
    ///
    /// Errors: only what librdkafka does not mend by itself; an unreachable broker is none of it.
    pub fn poll(&self, timeout: Duration) -> Result<Polled<'_>> {
        if let Some(event) = self.consumer.context().next() {
            return Ok(event.into());
        }
        let polled = self.consumer.poll(timeout);
        if let Some(event) = self.consumer.context().next() {
            // Records of the old assignment that came with it are fetched again after `start`.
            return Ok(event.into());
        }
        match polled {
            Some(Ok(message)) => Ok(Polled::Message(Received { message })),
            None => Ok(Polled::Nothing),
            Some(Err(error)) => self.judge(error),
        }
    }

    fn judge(&self, error: KafkaError) -> Result<Polled<'_>> {
        match &error {
            KafkaError::MessageConsumption(code) if mends_itself(*code) => {
                debug!(topic = %self.topic, "Kafka: {error}");
                Ok(Polled::Nothing)
            }
            KafkaError::MessageConsumption(
                RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange,
            ) => {
                let attempt =
                    format!("read {} from the committed offset of group {}", self.topic, self.group);
                let (stage, pipeline) = (self.stage, &self.pipeline);
                Err(Error::new(Cause::Lineage, attempt).source(error).what_to_do(format!(
                    "the records after the committed offset are gone (retention, or the topic was made anew). To go on \
                     with what is left: `regraft replay --stage {stage} --types {pipeline} --to-earliest --allow-gap \
                     --execute`, then a new pass, which brings the rest; or start over with another kafka.topic_prefix"
                )))
            }
            _ => Err(failed(format!("read {}", self.topic), error)),
        }
    }

    /// What the group has committed for these partitions; none where nothing is.
    pub fn committed(&self, partitions: &[i32]) -> Result<BTreeMap<i32, Option<i64>>> {
        let mut asked = TopicPartitionList::new();
        partitions.iter().for_each(|partition| {
            asked.add_partition(&self.topic, *partition);
        });
        let attempt = || format!("read the committed offsets of group {}", self.group);
        let found = self.consumer.committed_offsets(asked, COMMITTED_TIMEOUT);
        let found = found.map_err(|error| match error {
            KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut) => {
                failed(attempt(), error).what_to_do(super::HIDDEN_BY_A_TRANSACTION)
            }
            _ => failed(attempt(), error),
        })?;
        let each = found.elements().into_iter().map(|element| {
            element.error().map_err(|error| failed(attempt(), error))?;
            let offset = match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            };
            Ok((element.partition(), offset))
        });
        each.collect()
    }

    /// Starts reading the given partitions there. Refusals of [`Start`] become the error that they stand for.
    pub fn start(&self, starts: &BTreeMap<i32, Start>) -> Result<()> {
        let mut assigned = TopicPartitionList::new();
        for (partition, start) in starts {
            let offset = start.offset().ok_or_else(|| self.refuse(*partition, start))?;
            assigned
                .add_partition_offset(&self.topic, *partition, Offset::Offset(offset))
                .map_err(|error| failed(format!("start reading {}", self.topic), error))?;
        }
        self.consumer.context().answering();
        self.consumer
            .assign(&assigned)
            .map_err(|error| failed(format!("start reading {}", self.topic), error))?;
        // What was paused when it was revoked would stay so: librdkafka keeps that over rebalances.
        self.resume(&starts.keys().copied().collect::<Vec<_>>())
    }

    fn refuse(&self, partition: i32, start: &Start) -> Error {
        let (stage, pipeline) = (self.stage, self.pipeline.as_str());
        let place = Place { stage, pipeline, topic: &self.topic, group: &self.group, partition };
        match start.refusal(&place) {
            Some(refusal) => refusal.error(),
            None => Error::new(Cause::Unexpected, format!("start reading {}", self.topic)),
        }
    }

    /// Lets go of all partitions, after [`Polled::Revoked`].
    pub fn released(&self) -> Result<()> {
        self.consumer.context().answering();
        self.consumer.unassign().map_err(|error| failed(format!("let go of {}", self.topic), error))
    }

    /// Next offset to be read, by partition: steps over transaction markers, so never record + 1.
    pub fn positions(&self) -> Result<BTreeMap<i32, i64>> {
        let positions = self
            .consumer
            .position()
            .map_err(|error| failed(format!("ask for the position in {}", self.topic), error))?;
        let each = positions.elements().into_iter().filter_map(|element| match element.offset() {
            Offset::Offset(offset) => Some((element.partition(), offset)),
            _ => None,
        });
        Ok(each.collect())
    }

    /// Stops fetching these partitions; polling goes on.
    pub fn pause(&self, partitions: &[i32]) -> Result<()> {
        let list = self.list(partitions);
        self.consumer.pause(&list).map_err(|error| failed(format!("pause {}", self.topic), error))
    }

    /// Fetches them again.
    pub fn resume(&self, partitions: &[i32]) -> Result<()> {
        let list = self.list(partitions);
        self.consumer.resume(&list).map_err(|error| failed(format!("resume {}", self.topic), error))
    }

    /// Commits without waiting; a commit that is lost costs a repetition, never a record.
    pub fn commit(&self, offsets: &BTreeMap<i32, i64>) -> Result<()> {
        let list = offset_list(&self.topic, offsets)?;
        self.consumer.context().committing();
        let done = self.consumer.commit(&list, CommitMode::Async);
        done.map_err(|error| failed(format!("commit offsets of group {}", self.group), error))
    }

    /// Commits and waits for the answer: before leaving.
    pub fn commit_and_wait(&self, offsets: &BTreeMap<i32, i64>) -> Result<()> {
        let list = offset_list(&self.topic, offsets)?;
        let done = self.consumer.commit(&list, CommitMode::Sync);
        done.map_err(|error| failed(format!("commit offsets of group {}", self.group), error))
    }

    /// How long the commits took that were answered since this was last asked.
    pub fn commits_took(&self) -> Vec<Duration> {
        std::mem::take(&mut self.consumer.context().lock_commits().took)
    }

    fn list(&self, partitions: &[i32]) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        partitions.iter().for_each(|partition| {
            list.add_partition(&self.topic, *partition);
        });
        list
    }

    /// Group metadata and offsets for a transaction (KIP-447).
    pub(super) fn for_transaction(
        &self,
        offsets: &BTreeMap<i32, i64>,
    ) -> Result<(TopicPartitionList, rdkafka::consumer::ConsumerGroupMetadata)> {
        let metadata = self.consumer.group_metadata();
        let metadata =
            metadata.ok_or_else(|| Error::new(Cause::Busy, format!("take part in group {}", self.group)))?;
        Ok((offset_list(&self.topic, offsets)?, metadata))
    }
}

impl Drop for GroupConsumer {
    /// Each rebalance is answered once: librdkafka does not close before, and of an answer too many that comes while it
    /// closes it says nothing, and waits for ever (2.12.1: `rd_kafka_cgrp_op_serve` drops what it is asked then).
    fn drop(&mut self) {
        let context = self.consumer.context();
        // One that is on its way is unanswered as well.
        let _ = self.consumer.poll(Duration::ZERO);
        if context.unanswered.load(Ordering::Relaxed) {
            give_up(&self.consumer);
        }
        context.closing.store(true, Ordering::Relaxed);
    }
}

fn give_up(consumer: &BaseConsumer<Rebalances>) {
    if let Err(error) = consumer.unassign() {
        debug!("an assignment was not given up: {error}");
    }
}

fn offset_list(topic: &str, offsets: &BTreeMap<i32, i64>) -> Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))
            .map_err(|error| failed(format!("name an offset of {topic}"), error))?;
    }
    Ok(list)
}

/// Keeps rebalances for the loop. librdkafka waits with the assignment until the loop calls for it.
#[derive(Default)]
struct Rebalances {
    events: Mutex<VecDeque<Event>>,
    commits: Mutex<Commits>,
    /// The loop has not answered the last event.
    unanswered: AtomicBool,
    /// The loop has ended: what comes now is answered at once.
    closing: AtomicBool,
}

/// Commits without waiting: they are answered in their order.
#[derive(Default)]
struct Commits {
    begun: VecDeque<Instant>,
    took: Vec<Duration>,
}

enum Event {
    Assigned(Vec<i32>),
    Revoked,
}

impl From<Event> for Polled<'_> {
    fn from(event: Event) -> Self {
        match event {
            Event::Assigned(partitions) => Polled::Assigned(partitions),
            Event::Revoked => Polled::Revoked,
        }
    }
}

impl Rebalances {
    fn answering(&self) {
        self.unanswered.store(false, Ordering::Relaxed);
    }

    fn committing(&self) {
        self.lock_commits().begun.push_back(Instant::now());
    }

    fn lock_commits(&self) -> std::sync::MutexGuard<'_, Commits> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl ClientContext for Rebalances {
    fn log(&self, _level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        debug!(target: "librdkafka", "{facility} {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(target: "librdkafka", "{error}: {reason}");
    }
}

impl ConsumerContext for Rebalances {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, err: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if self.closing.load(Ordering::Relaxed) {
            return give_up(consumer);
        }
        self.unanswered.store(true, Ordering::Relaxed);
        let event = match err {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                Event::Assigned(list.elements().iter().map(|element| element.partition()).collect())
            }
            _ => Event::Revoked,
        };
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push_back(event);
    }

    fn commit_callback(&self, result: std::result::Result<(), KafkaError>, _: &TopicPartitionList) {
        let mut commits = self.lock_commits();
        if let Some(begun) = commits.begun.pop_front() {
            commits.took.push(begun.elapsed());
        }
        drop(commits);
        if let Err(error) = result {
            debug!("a commit of offsets was lost: {error}");
        }
    }
}
