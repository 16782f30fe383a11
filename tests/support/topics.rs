//! The topics of a migration, as tests look at them and write to them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::Message as _;
use rdkafka::admin::{
    AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Headers;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;

/// Headers of a message by name.
type HeaderMap = BTreeMap<String, Vec<u8>>;

/// Topics under a prefix.
pub struct Topics {
    prefix: String,
    brokers: String,
    consumer: BaseConsumer,
}

/// A dead letter: what is known of it, and the bytes that it was.
pub struct Letter {
    pub known: Value,
    pub bytes: Vec<u8>,
}

const SOON: Duration = Duration::from_secs(20);

impl Topics {
    pub fn new(brokers: &str, prefix: &str) -> Self {
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", format!("{prefix}-looks"))
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .create()
            .unwrap();
        Self { prefix: prefix.to_owned(), brokers: brokers.to_owned(), consumer }
    }

    /// The end of every partition, by topic (without the prefix).
    pub fn ends(&self) -> BTreeMap<String, Vec<i64>> {
        let ours = self.partitions();
        let mut asked = TopicPartitionList::new();
        for (topic, partitions) in &ours {
            for partition in 0..*partitions {
                asked.add_partition_offset(topic, partition, Offset::End).unwrap();
            }
        }
        // All with one question: tests ask again and again.
        let answered = self.consumer.offsets_for_times(asked, SOON).ok();
        let end = |topic: &str, partition| {
            let found = answered.as_ref()?.find_partition(topic, partition)?.offset().to_raw()?;
            (found >= 0).then_some(found)
        };
        let ends = |(topic, partitions): (String, i32)| {
            let ends = (0..partitions).map(|partition| end(&topic, partition).unwrap_or(0)).collect();
            (topic[self.prefix.len() + 1..].to_owned(), ends)
        };
        ours.into_iter().map(ends).collect()
    }

    /// The number of partitions of each topic, by its whole name.
    fn partitions(&self) -> BTreeMap<String, i32> {
        // A connection may break on a machine with more to do than it can: the client makes another.
        let mut metadata = None;
        super::eventually("Kafka says which topics there are", || {
            metadata = self.consumer.fetch_metadata(None, SOON).ok();
            metadata.is_some()
        });
        let metadata = metadata.unwrap();
        let ours = metadata.topics().iter().filter_map(|topic| {
            topic.name().strip_prefix(&self.prefix)?.strip_prefix('.')?;
            Some((topic.name().to_owned(), i32::try_from(topic.partitions().len()).unwrap()))
        });
        ours.collect()
    }

    /// Deletes all of them, as far as Kafka can be asked: it has every test's otherwise, and more to do for each new one.
    pub fn delete(&self) {
        let Ok(metadata) = self.consumer.fetch_metadata(None, Duration::from_secs(5)) else { return };
        let ours = format!("{}.", self.prefix);
        let names: Vec<&str> = metadata
            .topics()
            .iter()
            .map(|topic| topic.name())
            .filter(|name| name.starts_with(&ours))
            .collect();
        let options = AdminOptions::new().request_timeout(Some(SOON));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _ = runtime.block_on(self.admin().delete_topics(&names, &options));
    }

    /// The sum of all ends: grows with all that is written.
    pub fn written(&self) -> i64 {
        self.ends().values().flatten().sum()
    }

    /// The settings of a topic.
    pub fn settings(&self, topic: &str) -> BTreeMap<String, String> {
        let name = format!("{}.{topic}", self.prefix);
        let options = AdminOptions::new().request_timeout(Some(SOON));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let described =
            runtime.block_on(self.admin().describe_configs(&[ResourceSpecifier::Topic(&name)], &options));
        let topic = described.unwrap().remove(0).unwrap();
        topic.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect()
    }

    /// Makes a topic, or gives it more partitions. Returns its name.
    pub fn make(&self, topic: &str, partitions: i32) -> String {
        let name = format!("{}.{topic}", self.prefix);
        let options = AdminOptions::new().operation_timeout(Some(SOON)).request_timeout(Some(SOON));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let made = if self.ends().contains_key(topic) {
            let more = NewPartitions::new(&name, usize::try_from(partitions).unwrap());
            runtime.block_on(self.admin().create_partitions([&more], &options))
        } else {
            let new = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
            runtime.block_on(self.admin().create_topics([&new], &options))
        };
        made.unwrap().remove(0).unwrap();
        name
    }

    /// Deletes a topic and makes it again, with the partitions and settings that it had.
    pub fn make_anew(&self, topic: &str) {
        let (name, partitions) = (format!("{}.{topic}", self.prefix), self.ends()[topic].len());
        let settings = self.settings(topic);
        let options = AdminOptions::new().operation_timeout(Some(SOON)).request_timeout(Some(SOON));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.admin().delete_topics(&[&name], &options)).unwrap();
        let ours = ["cleanup.policy", "message.timestamp.type", "retention.ms", "retention.bytes"];
        let anew = NewTopic::new(&name, i32::try_from(partitions).unwrap(), TopicReplication::Fixed(1));
        let anew = ours.iter().fold(anew, |anew, key| anew.set(key, &settings[*key]));
        super::eventually("the topic is made anew", || {
            let made = runtime.block_on(self.admin().create_topics([&anew], &options)).unwrap();
            made.iter().all(Result::is_ok)
        });
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new().set("bootstrap.servers", &self.brokers).create().unwrap()
    }

    /// Consumer groups under the prefix, and their states.
    pub fn groups(&self) -> Vec<(String, String)> {
        let groups = self.consumer.fetch_group_list(None, SOON).unwrap();
        let ours =
            groups.groups().iter().filter(|group| group.name().starts_with(&format!("{}.", self.prefix)));
        let mut ours: Vec<_> =
            ours.map(|group| (group.name().to_owned(), group.state().to_owned())).collect();
        ours.sort();
        ours
    }

    /// How many workers share a stage of a pipeline.
    pub fn sharing(&self, stage: &str, pipeline: &str) -> usize {
        let group = format!("{}.{stage}.{pipeline}", self.prefix);
        let groups = match self.consumer.fetch_group_list(Some(&group), SOON) {
            // Right after its start: nobody has joined yet.
            Err(KafkaError::GroupListFetch(RDKafkaErrorCode::CoordinatorLoadInProgress)) => return 0,
            groups => groups.unwrap(),
        };
        let stable = groups.groups().iter().filter(|group| group.state() == "Stable");
        stable.map(|group| group.members().len()).sum()
    }

    /// Every dead letter once; of those that were written again the last.
    pub fn dead_letters(&self) -> Vec<Letter> {
        let mut all = BTreeMap::new();
        for (headers, bytes) in self.read("dead-letters") {
            let known: Value = serde_json::from_slice(&headers["regraft.dead-letter"]).unwrap();
            let identity = ["pipeline", "topic", "lineage", "partition", "offset", "output", "epoch"];
            let identity = identity.map(|key| known[key].to_string()).join(" ");
            all.insert(identity, Letter { known, bytes });
        }
        all.into_values().collect()
    }

    /// Headers and values of all committed records of a topic.
    fn read(&self, topic: &str) -> Vec<(HeaderMap, Vec<u8>)> {
        let name = format!("{}.{topic}", self.prefix);
        let mut assigned = TopicPartitionList::new();
        self.until_nothing_is_open(topic);
        let partitions = self.ends()[topic].len();
        let mut open: BTreeSet<i32> = (0..i32::try_from(partitions).unwrap()).collect();
        for partition in &open {
            assigned.add_partition_offset(&name, *partition, Offset::Beginning).unwrap();
        }
        self.consumer.assign(&assigned).unwrap();
        let mut records = Vec::new();
        while !open.is_empty() {
            match self.consumer.poll(SOON).expect("Kafka answers") {
                Ok(message) => {
                    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
                    let headers = headers
                        .map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec()));
                    records.push((headers.collect(), message.payload().unwrap_or_default().to_vec()));
                }
                Err(rdkafka::error::KafkaError::PartitionEOF(partition)) => {
                    open.remove(&partition);
                }
                Err(error) => panic!("read {name}: {error}"),
            }
        }
        self.consumer.unassign().unwrap();
        records
    }

    /// Writes to every partition of a topic in a transaction that nobody ends, as a killed worker leaves it behind.
    pub fn leave_a_transaction_open(&self, topic: &str) {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("transactional.id", format!("{}-killed", self.prefix))
            .set("transaction.timeout.ms", "10000")
            .create()
            .unwrap();
        producer.init_transactions(SOON).unwrap();
        producer.begin_transaction().unwrap();
        let name = format!("{}.{topic}", self.prefix);
        for (partition, _) in (0..).zip(&self.ends()[topic]) {
            let record = BaseRecord::<(), [u8]>::to(&name).partition(partition).payload(b"never committed");
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(SOON).unwrap();
        assert!(self.hidden(topic).is_some_and(|hidden| hidden > 0));
    }

    /// A killed worker leaves a transaction open, which hides what others have written behind it until Kafka aborts it.
    fn until_nothing_is_open(&self, topic: &str) {
        super::eventually("no transaction is open", || self.hidden(topic) == Some(0));
    }

    /// Offsets of a topic that open transactions hide from those who read what is committed; none where the broker can't
    /// say so just now.
    fn hidden(&self, topic: &str) -> Option<i64> {
        let name = format!("{}.{topic}", self.prefix);
        let all: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", format!("{}-looks", self.prefix))
            .set("isolation.level", "read_uncommitted")
            .create()
            .unwrap();
        let hidden = |(partition, visible): (i32, &i64)| {
            all.fetch_watermarks(&name, partition, SOON).ok().map(|(_, end)| end - visible)
        };
        (0..).zip(&self.ends()[topic]).map(hidden).sum()
    }

    /// Writes to a topic what no stage would.
    pub fn write(&self, topic: &str, partition: i32, bytes: &[u8]) {
        let producer: BaseProducer =
            ClientConfig::new().set("bootstrap.servers", &self.brokers).create().unwrap();
        let name = format!("{}.{topic}", self.prefix);
        let record = BaseRecord::<(), _>::to(&name).partition(partition).payload(bytes);
        producer.send(record).map_err(|(error, _)| error).unwrap();
        producer.flush(SOON).unwrap();
    }
}

impl Letter {
    /// A part of what is known of it.
    pub fn text(&self, key: &str) -> &str {
        self.known[key].as_str().unwrap_or_default()
    }

    /// Fails unless there are as many of each reason as the counts of a report say, those of derived records apart.
    #[track_caller]
    pub fn assert_counted(letters: &[Letter], counts: &Value, when: &str) {
        let mut found: BTreeMap<String, u64> = BTreeMap::new();
        for letter in letters {
            let derived = if letter.known["derived"] == true { " derived" } else { "" };
            let place = format!("{}{derived} {}", letter.text("pipeline"), letter.text("reason"));
            *found.entry(place).or_default() += 1;
        }
        let mut expected: BTreeMap<String, u64> = BTreeMap::new();
        for (pipeline, counted) in counts.as_object().unwrap() {
            for (derived, counted) in [("", counted), (" derived", &counted["emitted"])] {
                let reasons = counted["dead_letters"].as_object().into_iter().flatten();
                expected.extend(reasons.map(|(reason, count)| {
                    (format!("{pipeline}{derived} {reason}"), count.as_u64().unwrap())
                }));
            }
        }
        let places: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
        let differing = places.into_iter().filter(|place| found.get(*place) != expected.get(*place));
        let differing: Vec<_> =
            differing.map(|place| (place, found.get(place), expected.get(place))).collect();
        assert!(differing.is_empty(), "on the topic of dead letters (found, counted), {when}: {differing:?}");
    }
}
