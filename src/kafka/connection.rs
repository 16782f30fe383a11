//! How clients are made: one place for every librdkafka setting that a guarantee rests on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{DeliveryResult, ProducerContext};
use tracing::debug;

use super::Names;
use super::failure::{cause_of, failed};
use crate::error::{Cause, Error, Result};

/// How to reach Kafka and what topics are made of.
#[derive(Clone)]
pub struct Settings {
    /// `host:port,…`.
    pub brokers: String,
    /// Prefix of all names.
    pub topic_prefix: String,
    /// Partitions of raw, model and dead-letter topics.
    pub partitions: i32,
    /// Replicas of every topic.
    pub replication_factor: i32,
    /// Largest encoded raw record; what is larger is a `too_large` dead letter.
    pub max_record_bytes: usize,
    /// Retention of raw, model and dead-letter topics; -1 keeps everything.
    pub retention_ms: i64,
    /// Handed to librdkafka (may hold secrets: never printed).
    pub client: BTreeMap<String, String>,
}

/// A configured Kafka. Cheap to clone; holds no connection.
#[derive(Clone)]
pub struct Kafka {
    settings: Arc<Settings>,
    /// Names of topics, groups and ids.
    pub names: Arc<Names>,
}

/// How long the first contact may take: a message within ten seconds is promised.
const FIRST_CONTACT: Duration = Duration::from_secs(8);

/// How long librdkafka's events are gone through after that.
const EVENTS_WITHIN: Duration = Duration::from_millis(200);

impl Kafka {
    /// Takes the settings; connects to nothing.
    pub fn new(settings: Settings) -> Self {
        let names = Arc::new(Names::new(settings.topic_prefix.clone()));
        Self { settings: Arc::new(settings), names }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Largest message of any topic: a model record or dead letter may be larger than its raw record, and a
    /// record that passed once must pass everywhere.
    pub fn max_message_bytes(&self) -> usize {
        self.settings.max_record_bytes * 2 + 65_536
    }

    /// Asks the brokers for their metadata. Fails within ten seconds with what librdkafka last said.
    pub fn check(&self) -> Result<()> {
        let client = self.plain_consumer(false)?;
        let brokers = &self.settings.brokers;
        let fetched = client.fetch_metadata(None, FIRST_CONTACT);
        match fetched {
            Ok(_) => Ok(()),
            Err(error) => {
                // What was refused, and why, waits as an event among others, each of which ends a poll.
                let since = Instant::now();
                while since.elapsed() < EVENTS_WITHIN {
                    client.poll(EVENTS_WITHIN / 10);
                }
                let said = client.context().last_error();
                let cause = said.as_ref().map_or_else(|| cause_of(&error), |(cause, _)| *cause);
                let cause = if matches!(cause, Cause::Credentials) { cause } else { Cause::Unreachable };
                let failure = Error::new(cause, format!("connect to Kafka at {brokers}"));
                Err(match said {
                    Some((_, reason)) => failure.source(reason),
                    None => failure.source(error.to_string()),
                })
            }
        }
    }

    /// What every client gets. Keys of the user come first, so that none of ours can be overridden.
    fn base(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (key, value) in &self.settings.client {
            config.set(key, value);
        }
        config
            .set("bootstrap.servers", &self.settings.brokers)
            .set("client.id", "regraft")
            .set("message.max.bytes", self.max_message_bytes().to_string())
            .set("reconnect.backoff.max.ms", "2000")
            .set("log.connection.close", "false")
            .set_log_level(RDKafkaLogLevel::Debug);
        config
    }

    fn consumer(&self) -> ClientConfig {
        let mut config = self.base();
        config
            .set("group.protocol", "classic")
            .set("partition.assignment.strategy", "range")
            .set("session.timeout.ms", "10000")
            .set("heartbeat.interval.ms", "2000")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // Wherever a start is needed it is given: a position out of range must never jump in silence.
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_committed")
            // Of a partition so much, or one batch if that is larger (KIP-74); compressed, while the queue's limit is of
            // what it becomes, and may be passed by one answer. With 8 MB a queue 27 pipelines took 58 MB for it.
            .set("fetch.message.max.bytes", "131072")
            .set("fetch.max.bytes", self.max_message_bytes().to_string())
            .set("fetch.wait.max.ms", "100")
            .set("queued.min.messages", "5000")
            .set("queued.max.messages.kbytes", "2048");
        config
    }

    /// Consumer of a group.
    pub(super) fn group_consumer<C: ConsumerContext + 'static>(
        &self,
        group: &str,
        context: C,
    ) -> Result<BaseConsumer<C>> {
        let mut config = self.consumer();
        config.set("group.id", group);
        config
            .create_with_context(context)
            .map_err(|error| failed(format!("make a consumer of group {group}"), error))
    }

    /// Consumer that is assigned by hand and commits nothing: `committed` decides whether it sees open
    /// transactions.
    pub(super) fn plain_consumer(&self, committed: bool) -> Result<BaseConsumer<Observer>> {
        self.plain(committed, |_| {})
    }

    /// The same for who reads what is there and no more: the end is told by an empty answer, which comes at once.
    pub(super) fn scanner(&self) -> Result<BaseConsumer<Observer>> {
        self.plain(true, |config| {
            config.set("fetch.wait.max.ms", "5");
        })
    }

    fn plain(&self, committed: bool, more: impl FnOnce(&mut ClientConfig)) -> Result<BaseConsumer<Observer>> {
        let mut config = self.consumer();
        config
            // Assigning needs a group id; nothing is ever committed under it and nobody joins it.
            .set("group.id", format!("{}.reader", self.names.prefix()))
            .set("isolation.level", if committed { "read_committed" } else { "read_uncommitted" })
            .set("enable.partition.eof", "true");
        more(&mut config);
        config
            .create_with_context(Observer::default())
            .map_err(|error| failed("make a Kafka client".to_string(), error))
    }

    /// Transactional producer.
    pub(super) fn producer(
        &self,
        transactional_id: &str,
    ) -> Result<rdkafka::producer::BaseProducer<Observer>> {
        let mut config = self.base();
        config
            .set("transactional.id", transactional_id)
            .set("enable.idempotence", "true")
            .set("transaction.timeout.ms", "10000")
            .set("delivery.report.only.error", "true")
            .set("compression.type", "lz4")
            .set("linger.ms", "5")
            .set("queue.buffering.max.messages", "100000")
            .set("queue.buffering.max.kbytes", "16384");
        config.create_with_context(Observer::default()).map_err(|error| {
            failed(format!("make a producer with the transactional id {transactional_id}"), error)
        })
    }

    /// Producer of before-images: outside of transactions, since what it says stands whatever becomes of the write.
    pub(super) fn undo_producer<C: ProducerContext + 'static>(
        &self,
        context: C,
    ) -> Result<rdkafka::producer::ThreadedProducer<C>> {
        let mut config = self.base();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // A transaction of the target is open meanwhile.
            .set("message.timeout.ms", "30000")
            .set("compression.type", "lz4")
            // A batch comes at once: there is nothing to linger for.
            .set("linger.ms", "1")
            .set("queue.buffering.max.messages", "100000")
            .set("queue.buffering.max.kbytes", "16384");
        config
            .create_with_context(context)
            .map_err(|error| failed("make a producer of before-images".to_string(), error))
    }

    /// Admin client.
    pub(super) fn admin(&self) -> Result<rdkafka::admin::AdminClient<Observer>> {
        self.base()
            .create_with_context(Observer::default())
            .map_err(|error| failed("make a Kafka admin client".to_string(), error))
    }
}

/// Client context that keeps the last error librdkafka reported, or that it was refused: the error of a call often says
/// only that it took too long.
#[derive(Default)]
pub struct Observer {
    last: Mutex<Option<(Cause, String)>>,
    undelivered: Mutex<Option<Undelivered>>,
}

/// A message that its topic did not take.
#[derive(Debug, Clone)]
pub(super) struct Undelivered {
    /// The topic.
    pub topic: String,
    /// Why.
    pub error: KafkaError,
}

impl Observer {
    fn last_error(&self) -> Option<(Cause, String)> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first message since the last question that was not delivered.
    pub(super) fn undelivered(&self) -> Option<Undelivered> {
        self.undelivered.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ClientContext for Observer {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        debug!(target: "librdkafka", "{facility} {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(target: "librdkafka", "{error}: {reason}");
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // That all brokers are down follows a refused password, and says less.
        if !matches!(*last, Some((Cause::Credentials, _))) {
            *last = Some((cause_of(&error), reason.to_owned()));
        }
    }
}

impl ConsumerContext for Observer {}

impl ProducerContext for Observer {
    type DeliveryOpaque = ();

    /// A message that is not delivered fails the commit of its transaction, which then does not say which it was.
    fn delivery(&self, result: &DeliveryResult<'_>, _opaque: ()) {
        let Err((error, message)) = result else { return };
        // What an abort takes back was not refused by anybody.
        if matches!(
            error.rdkafka_error_code(),
            Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight)
        ) {
            return;
        }
        let refused = Undelivered { topic: message.topic().to_owned(), error: error.clone() };
        self.undelivered.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(refused);
    }
}
