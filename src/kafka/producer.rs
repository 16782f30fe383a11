//! A transactional producer, for one thread.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::abandon::within;
use super::connection::{Observer, Undelivered};
use super::failure::{cause_of, cause_of_code, failed};
use super::{GroupConsumer, Kafka, Membership};
use crate::checkpoint::{Entry, EntryKey};
use crate::error::{Cause, Error, Result};

/// A message to send.
pub struct Message<'m> {
    /// Topic.
    pub topic: &'m str,
    /// Partition.
    pub partition: i32,
    /// Key.
    pub key: Option<&'m [u8]>,
    /// Value.
    pub payload: &'m [u8],
    /// Headers by name.
    pub headers: &'m [(&'m str, String)],
}

/// A producer whose messages and offsets become visible together or not at all.
///
/// A crash before the commit leaves an open transaction that the broker aborts after ten seconds, or as soon as
/// the same transactional id starts again.
pub struct TransactionalProducer {
    producer: Arc<BaseProducer<Observer>>,
    id: String,
    checkpoints: String,
    open: bool,
    refused_by: Option<String>,
}

const START_TIMEOUT: Duration = Duration::from_secs(30);
const COMMIT_TIMEOUT: Duration = Duration::from_secs(30);
/// When a call that has a time-out of its own is given up: librdkafka does not keep that of adding offsets where it holds
/// on to a coordinator that has left the cluster's metadata, as one does that restarts (librdkafka issue 5511).
const GIVEN_UP_AFTER: Duration = Duration::from_secs(45);
/// How long reports of a failed transaction's messages may take: a failure of another kind waits for them in vain.
const REPORTS_WITHIN: Duration = Duration::from_millis(100);
const QUEUE_FULL_TIMEOUT: Duration = Duration::from_secs(60);
/// One wait of librdkafka, which takes whole milliseconds: rust-rdkafka's producer asks again until the time is over, and
/// what is left below a millisecond it spends asking with no wait at all (with 1 ms, more than half of a migration's CPU
/// time went there). It takes all of this time even if a report comes.
const A_MOMENT: Duration = Duration::from_micros(1_050);

impl TransactionalProducer {
    /// Makes the producer and fences every older one with the same id.
    pub fn start(kafka: &Kafka, transactional_id: String) -> Result<Self> {
        let producer = Arc::new(kafka.producer(&transactional_id)?);
        producer
            .init_transactions(START_TIMEOUT)
            .map_err(|error| failed(format!("start transactions of {transactional_id}"), error))?;
        let (id, checkpoints) = (transactional_id, kafka.names.checkpoints());
        Ok(Self { producer, id, checkpoints, open: false, refused_by: None })
    }

    /// Whether a transaction is open.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Sends within the transaction, which the first message opens. Copies the message; waits while the queue
    /// is full.
    pub fn send(&mut self, message: &Message<'_>) -> Result<()> {
        self.open()?;
        let mut record = BaseRecord::to(message.topic).partition(message.partition).payload(message.payload);
        if let Some(key) = message.key {
            record = record.key(key);
        }
        if !message.headers.is_empty() {
            let headers = message.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header { key, value: Some(value) })
            });
            record = record.headers(headers);
        }
        let deadline = Instant::now() + QUEUE_FULL_TIMEOUT;
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back))
                    if Instant::now() < deadline =>
                {
                    record = back;
                    self.producer.poll(A_MOMENT);
                }
                Err((error, _)) => {
                    let failure = self.refused("write to", error);
                    self.refused_by.get_or_insert_with(|| message.topic.to_owned());
                    return Err(failure.during(format!("send to {}", message.topic)));
                }
            }
        }
    }

    /// Writes an entry of the checkpoints topic within the transaction.
    pub fn write(&mut self, key: &EntryKey, entry: &Entry) -> Result<()> {
        let value = entry.encode();
        let value =
            value.map_err(|error| Error::new(Cause::Unexpected, format!("encode {key}")).source(error))?;
        let topic = self.checkpoints.clone();
        let key = key.to_string();
        self.send(&Message {
            topic: &topic,
            partition: 0,
            key: Some(key.as_bytes()),
            payload: &value,
            headers: &[],
        })
    }

    /// Opens the transaction if it is not.
    pub fn open(&mut self) -> Result<()> {
        if !self.open {
            self.producer.begin_transaction().map_err(|error| self.failed("begin", error))?;
            self.open = true;
        }
        Ok(())
    }

    /// Adds the consumer's offsets and commits. After an error the fate is unknown: start again with the same
    /// id, which settles it, and look at what is committed.
    pub fn commit_with(&mut self, consumer: &GroupConsumer, offsets: &BTreeMap<i32, i64>) -> Result<()> {
        self.add_offsets(consumer, offsets)?;
        self.commit()
    }

    /// Adds offsets of the consumer's group to the transaction. Refused by the broker unless the consumer is a member
    /// of the group as it is now.
    fn add_offsets(&mut self, consumer: &GroupConsumer, offsets: &BTreeMap<i32, i64>) -> Result<()> {
        self.open()?;
        let (list, group) = consumer.for_transaction(offsets)?;
        let producer = self.producer.clone();
        let added = within(GIVEN_UP_AFTER, move || {
            producer.send_offsets_to_transaction(&list, &group, COMMIT_TIMEOUT)
        });
        match added {
            Some(added) => added.map_err(|error| self.refused("add offsets to", error)),
            None => {
                let attempt = format!("add offsets to a transaction of {}: no answer came", self.id);
                Err(Error::new(Cause::Unreachable, attempt))
            }
        }
    }

    /// Adds offsets of a group that this process is the only member of.
    pub fn move_offsets(&mut self, group: &Membership, offsets: &BTreeMap<i32, i64>) -> Result<()> {
        self.add_offsets(&group.consumer, offsets)
    }

    /// Commits, if anything was sent.
    pub fn commit(&mut self) -> Result<()> {
        if !self.open {
            return Ok(());
        }
        self.drain();
        let deadline = Instant::now() + COMMIT_TIMEOUT;
        loop {
            match self.producer.commit_transaction(COMMIT_TIMEOUT) {
                Ok(()) => {
                    self.open = false;
                    return Ok(());
                }
                Err(KafkaError::Transaction(error)) if error.is_retriable() && Instant::now() < deadline => {}
                Err(error) => return Err(self.refused("commit", error)),
            }
        }
    }

    /// Drops what was sent since the last commit.
    pub fn abort(&mut self) -> Result<()> {
        if !self.open {
            return Ok(());
        }
        // librdkafka waits for the reports of messages that are outstanding, and nobody would serve them meanwhile.
        self.drain();
        self.producer.abort_transaction(COMMIT_TIMEOUT).map_err(|error| self.failed("abort", error))?;
        self.open = false;
        Ok(())
    }

    /// Waits until the messages are out: a commit with messages outstanding takes at least 100 ms in
    /// librdkafka's flush, one without takes the brokers' time alone (measured: 103 ms against 18 ms).
    fn drain(&self) {
        let deadline = Instant::now() + COMMIT_TIMEOUT;
        while self.producer.in_flight_count() > 0 && Instant::now() < deadline {
            self.producer.poll(A_MOMENT);
        }
    }

    /// The topic that did not take a message of the transaction that failed, where that is why it failed.
    pub fn refused_by(&self) -> Option<&str> {
        self.refused_by.as_deref()
    }

    /// A transaction that failed since a topic took no message says which one, and why.
    fn refused(&mut self, what: &str, error: KafkaError) -> Error {
        let failure = self.failed(what, error);
        let Some(refused) = self.undelivered() else { return failure };
        let cause = failed(format!("write to topic {}", refused.topic), refused.error);
        self.refused_by = Some(refused.topic);
        let refusal = Error::new(failure.cause(), failure.to_string());
        match failure.cause() == cause.cause() {
            true => refusal.what_to_do(cause.advice()).source(cause),
            false => refusal.source(cause),
        }
    }

    /// Reports of what was not delivered stand in a queue with others: it is gone through to its end.
    fn undelivered(&self) -> Option<Undelivered> {
        let deadline = Instant::now() + REPORTS_WITHIN;
        loop {
            let found = self.producer.context().undelivered();
            if found.is_some() || Instant::now() >= deadline {
                return found;
            }
            self.producer.poll(A_MOMENT);
        }
    }

    fn failed(&self, what: &str, error: KafkaError) -> Error {
        let attempt = format!("{what} a transaction of {}", self.id);
        // Once a producer is of no more use every call says that there was a fatal error, and only the client which.
        match self.producer.client().fatal_error() {
            Some((code, reason)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) => {
                let fatal = Error::new(cause_of_code(code), "go on with this producer").source(reason);
                Error::new(cause_of(&error), attempt).source(fatal)
            }
            _ => failed(attempt, error),
        }
    }
}
