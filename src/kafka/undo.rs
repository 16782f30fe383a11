//! The producer of the undo topic: many messages at once, and a receipt that says when the brokers have all of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer};
use tokio::sync::Notify;
use tracing::debug;

use super::Kafka;
use super::failure::failed;
use crate::error::{Cause, Error, Result};

/// Sends before-images. Made once per process, with a thread that takes the brokers' answers.
///
/// Not transactional: a before-image is true whatever becomes of the write that it precedes. A crash leaves messages
/// of which the write was never committed; they say what the next attempt will say again.
pub struct UndoProducer {
    producer: ThreadedProducer<Deliveries>,
    topic: String,
}

/// What the brokers have of some messages. Clones share it.
#[derive(Clone, Default)]
pub struct Receipt(Arc<Outstanding>);

/// The brokers have all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acknowledged {
    /// The offset behind the last message of each partition.
    pub next_offsets: BTreeMap<i32, i64>,
    /// The broker's time of the messages, milliseconds since 1970, by partition: of the last one of each.
    pub times_ms: BTreeMap<i32, i64>,
}

#[derive(Default)]
struct Outstanding {
    state: Mutex<State>,
    settled: Notify,
}

#[derive(Default)]
struct State {
    /// Messages without an answer.
    open: usize,
    failure: Option<(Cause, String)>,
    known: Acknowledged,
}

const QUEUE_FULL_TIMEOUT: Duration = Duration::from_secs(60);
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(2);

impl UndoProducer {
    /// Makes the producer; connects to nothing yet.
    pub fn start(kafka: &Kafka) -> Result<Self> {
        Ok(Self { producer: kafka.undo_producer(Deliveries)?, topic: kafka.names.undo() })
    }

    /// Sends a message under the receipt. Copies it; waits while the queue is full.
    pub async fn send(&self, receipt: &Receipt, partition: i32, key: &[u8], payload: &[u8]) -> Result<()> {
        let deadline = Instant::now() + QUEUE_FULL_TIMEOUT;
        loop {
            match self.try_send(receipt, partition, key, payload) {
                Ok(()) => return Ok(()),
                Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull))
                    if Instant::now() < deadline => {}
                Err(error) => return Err(failed(format!("send to {}", self.topic), error)),
            }
            tokio::time::sleep(QUEUE_FULL_PAUSE).await;
        }
    }

    fn try_send(
        &self,
        receipt: &Receipt,
        partition: i32,
        key: &[u8],
        payload: &[u8],
    ) -> std::result::Result<(), KafkaError> {
        receipt.0.lock().open += 1;
        let record = BaseRecord::with_opaque_to(&self.topic, receipt.0.clone())
            .partition(partition)
            .key(key)
            .payload(payload);
        self.producer.send(record).map_err(|(error, _)| {
            receipt.0.lock().open -= 1;
            error
        })
    }

    /// Waits until the brokers have every message that was sent under the receipt.
    ///
    /// Errors: what kept one of them from being written. The producer is of no more use then: drop it, and what it
    /// still holds is not sent.
    pub async fn acknowledged(&self, receipt: Receipt) -> Result<Acknowledged> {
        loop {
            // Asked for before looking, so that an answer in between wakes this up.
            let settled = receipt.0.settled.notified();
            {
                let mut state = receipt.0.lock();
                if let Some((cause, reason)) = state.failure.take() {
                    let attempt = format!("write to {}", self.topic);
                    return Err(Error::new(cause, attempt).source(reason));
                }
                if state.open == 0 {
                    return Ok(std::mem::take(&mut state.known));
                }
            }
            settled.await;
        }
    }
}

impl Outstanding {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing is done under the lock that could leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self, result: &DeliveryResult<'_>) {
        let mut state = self.lock();
        state.open = state.open.saturating_sub(1);
        match result {
            Ok(message) => {
                let (partition, next) = (message.partition(), message.offset() + 1);
                let known = state.known.next_offsets.entry(partition).or_insert(next);
                *known = next.max(*known);
                if let Some(time) = message.timestamp().to_millis() {
                    state.known.times_ms.insert(partition, time);
                }
            }
            Err((error, _)) => {
                state.failure.get_or_insert_with(|| (super::failure::cause_of(error), error.to_string()));
            }
        }
        if state.open == 0 || state.failure.is_some() {
            self.settled.notify_waiters();
        }
    }
}

/// Takes the brokers' answers.
struct Deliveries;

impl ClientContext for Deliveries {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        debug!(target: "librdkafka", "{facility} {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(target: "librdkafka", "{error}: {reason}");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Arc<Outstanding>;

    fn delivery(&self, result: &DeliveryResult<'_>, outstanding: Arc<Outstanding>) {
        outstanding.answered(result);
    }
}
