//! High watermarks in the uncommitted view: an open transaction hides records from the committed one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::Kafka;
use super::connection::Observer;
use super::failure::failed;
use super::topics::blocking;
use crate::checkpoint::Ends;
use crate::error::{Cause, Error, Result};

/// A client that asks for ends. One per process.
#[derive(Clone)]
pub struct Watermarks {
    client: Arc<BaseConsumer<Observer>>,
}

const TIMEOUT: Duration = Duration::from_secs(5);
/// How long partitions may be without a leader: a broker that was just given hundreds of them takes a while.
const LEADERS_WITHIN: Duration = Duration::from_secs(60);
/// How long a partition that is not known is looked for: brokers learn of new ones one after the other.
const KNOWN_WITHIN: Duration = Duration::from_secs(2);
/// Between two questions to partitions that have no leader yet.
const LEADERLESS_PAUSE: Duration = Duration::from_millis(100);
/// Between two questions to partitions with an open transaction.
const OPEN_PAUSE: Duration = Duration::from_millis(100);

impl Watermarks {
    /// Makes the client.
    pub fn new(kafka: &Kafka) -> Result<Self> {
        Ok(Self { client: Arc::new(kafka.plain_consumer(false)?) })
    }

    /// The client, for other questions to the topics.
    pub(super) fn client(&self) -> &Arc<BaseConsumer<Observer>> {
        &self.client
    }

    /// The next offset of each partition, of all topics in one request per broker.
    pub async fn ends(&self, topics: Vec<(String, i32)>) -> Result<Vec<Ends>> {
        let client = self.client.clone();
        blocking(move || offsets(&client, &topics, Offset::End)).await
    }

    /// The oldest offset that each partition still has, of all topics in one request per broker.
    pub async fn starts(&self, topics: Vec<(String, i32)>) -> Result<Vec<Ends>> {
        let client = self.client.clone();
        blocking(move || offsets(&client, &topics, Offset::Beginning)).await
    }

    /// The same from a thread that may block.
    pub(super) fn ends_now(&self, topics: &[(String, i32)]) -> Result<Vec<Ends>> {
        offsets(&self.client, topics, Offset::End)
    }

    /// Waits until no open transaction hides anything below `ends` from those who read what is committed, at most
    /// `limit`. Returns what is hidden still: by partition, how many offsets.
    pub async fn await_committed(
        &self,
        kafka: &Kafka,
        topic: &str,
        ends: &BTreeMap<i32, i64>,
        limit: Duration,
    ) -> Result<BTreeMap<i32, i64>> {
        // Asked by such a reader, a partition's end is that of the committed view.
        let client = kafka.plain_consumer(true)?;
        let (topics, ends) =
            (vec![(topic.to_owned(), ends.len().try_into().unwrap_or(i32::MAX))], ends.clone());
        blocking(move || {
            let deadline = Instant::now() + limit;
            loop {
                let committed =
                    offsets(&client, &topics, Offset::End)?.into_iter().next().unwrap_or_default();
                let hidden = |(partition, end): (&i32, &i64)| {
                    let visible = committed.get(partition).copied().unwrap_or(0);
                    (visible < *end).then(|| (*partition, end - visible))
                };
                let hidden: BTreeMap<i32, i64> = ends.iter().filter_map(hidden).collect();
                if hidden.is_empty() || Instant::now() >= deadline {
                    return Ok(hidden);
                }
                std::thread::sleep(OPEN_PAUSE);
            }
        })
        .await
    }

    /// Whether a topic exists, without making it.
    pub async fn topic_exists(&self, topic: String) -> Result<bool> {
        let client = self.client.clone();
        blocking(move || {
            let metadata = client.fetch_metadata(Some(&topic), TIMEOUT);
            let metadata = metadata.map_err(|error| failed(format!("look for topic {topic}"), error))?;
            Ok(metadata
                .topics()
                .iter()
                .any(|found| found.error().is_none() && !found.partitions().is_empty()))
        })
        .await
    }

    /// Names of the consumer groups that have members: somebody is at work there.
    pub async fn groups_with_members(&self) -> Result<BTreeSet<String>> {
        let client = self.client.clone();
        blocking(move || {
            let groups = client.fetch_group_list(None, TIMEOUT);
            let groups = groups.map_err(|error| failed("ask Kafka for its consumer groups", error))?;
            let busy = groups.groups().iter().filter(|group| !group.members().is_empty());
            Ok(busy.map(|group| group.name().to_owned()).collect())
        })
        .await
    }
}

fn offsets(client: &BaseConsumer<Observer>, topics: &[(String, i32)], which: Offset) -> Result<Vec<Ends>> {
    // Events of this client (logs, errors) are served by polling; it is assigned nothing.
    let _ = client.poll(Duration::ZERO);
    let mut asked = TopicPartitionList::new();
    for (topic, partitions) in topics {
        for partition in 0..*partitions {
            asked
                .add_partition_offset(topic, partition, which)
                .map_err(|error| failed(format!("ask for the end of {topic}"), error))?;
        }
    }
    let deadline = Instant::now() + LEADERS_WITHIN;
    let look_until = Instant::now() + KNOWN_WITHIN;
    let answered = loop {
        let may_look = Instant::now() < look_until;
        match answer(client, asked.clone(), may_look) {
            Ok(answered) => break answered,
            Err(error) if is_unknown(&error) && may_look => {
                look_anew(client, topics)?;
                std::thread::sleep(LEADERLESS_PAUSE);
            }
            Err(error) if has_no_leader_yet(&error) && Instant::now() < deadline => {
                std::thread::sleep(LEADERLESS_PAUSE);
            }
            Err(error) => return Err(failed("ask Kafka for the topics' ends", error)),
        }
    };
    topics.iter().map(|(topic, partitions)| ends_of(&answered, topic, *partitions)).collect()
}

fn answer(
    client: &BaseConsumer<Observer>,
    asked: TopicPartitionList,
    may_look: bool,
) -> std::result::Result<TopicPartitionList, KafkaError> {
    let answered = client.offsets_for_times(asked, TIMEOUT)?;
    let passes = |error: &KafkaError| has_no_leader_yet(error) || is_unknown(error) && may_look;
    let errors = answered.elements().into_iter().filter_map(|element| element.error().err());
    errors.into_iter().find(passes).map_or(Ok(()), Err)?;
    Ok(answered)
}

/// A partition that librdkafka does not know: it may have looked when the topic was being made, or the broker was not
/// itself, and does not look again before minutes have passed (topic.metadata.refresh.interval.ms).
fn is_unknown(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{UnknownPartition, UnknownTopicOrPartition};
    matches!(error.rdkafka_error_code(), Some(UnknownPartition | UnknownTopicOrPartition))
}

fn look_anew(client: &BaseConsumer<Observer>, topics: &[(String, i32)]) -> Result<()> {
    for (topic, _) in topics {
        let metadata = client.fetch_metadata(Some(topic), TIMEOUT);
        metadata.map_err(|error| failed(format!("look where topic {topic} is"), error))?;
    }
    Ok(())
}

/// Partitions of a topic that was just made, or whose leader moves: librdkafka looks again where they are. A broker may
/// also know less of a new leader's epoch (KIP-320) than the one that was asked for it.
fn has_no_leader_yet(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{
        FencedLeaderEpoch, LeaderNotAvailable, NotLeaderForPartition, UnknownLeaderEpoch,
    };
    matches!(
        error.rdkafka_error_code(),
        Some(NotLeaderForPartition | LeaderNotAvailable | UnknownLeaderEpoch | FencedLeaderEpoch)
    )
}

fn ends_of(answered: &TopicPartitionList, topic: &str, partitions: i32) -> Result<Ends> {
    let end = |partition| {
        let found = answered.find_partition(topic, partition);
        let found = found.ok_or_else(|| {
            Error::new(Cause::Unexpected, format!("ask for the end of {topic}/{partition}"))
        })?;
        found.error().map_err(|error| no_end(topic, partition, error))?;
        match found.offset() {
            Offset::Offset(end) => Ok((partition, end)),
            other => Err(Error::new(
                Cause::Busy,
                format!("ask for the end of {topic}/{partition}: Kafka answered {other:?}"),
            )),
        }
    };
    (0..partitions).map(end).collect()
}

fn no_end(topic: &str, partition: i32, error: KafkaError) -> Error {
    let missing = matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::UnknownPartition));
    if missing && partition > 0 {
        let message =
            format!("read topic {topic}: it has no partition {partition}, kafka.partitions asks for it");
        return Error::new(Cause::TopicShape, message);
    }
    failed(format!("ask for the end of {topic}/{partition}"), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_that_is_only_just_led_is_asked_again_and_one_that_is_not_there_is_not() {
        let error = KafkaError::OffsetFetch;
        for code in [
            RDKafkaErrorCode::NotLeaderForPartition,
            RDKafkaErrorCode::LeaderNotAvailable,
            // Seen on a single broker whose topic was made a moment ago.
            RDKafkaErrorCode::UnknownLeaderEpoch,
            RDKafkaErrorCode::FencedLeaderEpoch,
        ] {
            assert!(has_no_leader_yet(&error(code)), "{code:?}");
        }
        for code in [RDKafkaErrorCode::UnknownPartition, RDKafkaErrorCode::TopicAuthorizationFailed] {
            assert!(!has_no_leader_yet(&error(code)), "{code:?}");
        }
    }
}
