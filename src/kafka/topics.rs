//! Topics: made with the configured shape, and checked at every start.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;

use super::failure::{cause_of_code, failed};
use super::{Kafka, message_size};
use crate::error::{Cause, Error, Result};

/// The shape that a topic must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) name: String,
    partitions: i32,
    cleanup: &'static str,
    retention_ms: i64,
    /// What its guarantees rest on beside these: set where Regraft makes it, demanded where it is there.
    fixed: &'static [(&'static str, &'static str)],
}

/// Rolling back asks what came after an instant, on one clock, however long ago.
const UNDO: [(&str, &str); 3] =
    [("message.timestamp.type", "LogAppendTime"), ("retention.ms", "-1"), ("retention.bytes", "-1")];

pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// Makes what is missing of the topics of `pipelines`, then checks partitions, replicas and clean-up policy of
/// all of them; raises the largest message where `kafka.max_record_bytes` was raised. Two processes may do so at once.
///
/// Errors: [`Cause::TopicShape`] with both shapes and the way out.
pub async fn ensure_topics(kafka: &Kafka, pipelines: &[String]) -> Result<()> {
    ensure(kafka, &shapes(kafka, pipelines)).await
}

pub(super) fn shapes(kafka: &Kafka, pipelines: &[String]) -> Vec<Shape> {
    let settings = kafka.settings();
    let kept = |name| Shape {
        name,
        partitions: settings.partitions,
        cleanup: "delete",
        retention_ms: settings.retention_ms,
        fixed: &[],
    };
    let checkpoints = kafka.names.checkpoints();
    let mut shapes = vec![
        Shape { name: checkpoints, partitions: 1, cleanup: "compact", retention_ms: -1, fixed: &[] },
        kept(kafka.names.dead_letters()),
        undo_shape(kafka),
    ];
    for pipeline in pipelines {
        shapes.push(kept(kafka.names.raw(pipeline)));
        shapes.push(kept(kafka.names.model(pipeline)));
    }
    shapes
}

fn undo_shape(kafka: &Kafka) -> Shape {
    let (name, partitions) = (kafka.names.undo(), kafka.settings().partitions);
    Shape { name, partitions, cleanup: "delete", retention_ms: -1, fixed: &UNDO }
}

/// Makes the undo topic where an earlier version made the others, and checks it. Two processes may do so at once.
pub async fn ensure_undo_topic(kafka: &Kafka) -> Result<()> {
    ensure(kafka, &[undo_shape(kafka)]).await
}

async fn ensure(kafka: &Kafka, wanted: &[Shape]) -> Result<()> {
    create(kafka, wanted).await?;
    await_and_check(kafka, wanted).await?;
    check_policies(kafka, wanted).await?;
    let names: Vec<&str> = wanted.iter().map(|shape| shape.name.as_str()).collect();
    message_size::raise(kafka, &names).await
}

async fn create(kafka: &Kafka, wanted: &[Shape]) -> Result<()> {
    let existing = existing_names(kafka).await?;
    let missing: Vec<&Shape> = wanted.iter().filter(|shape| !existing.contains(&shape.name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let max_message_bytes = kafka.max_message_bytes().to_string();
    let retentions: Vec<String> = missing.iter().map(|shape| shape.retention_ms.to_string()).collect();
    let topics = missing.iter().zip(&retentions).map(|(shape, retention)| {
        let topic = NewTopic::new(
            &shape.name,
            shape.partitions,
            TopicReplication::Fixed(kafka.settings().replication_factor),
        )
        .set("cleanup.policy", shape.cleanup)
        .set("retention.ms", retention)
        .set("max.message.bytes", &max_message_bytes);
        let others = shape.fixed.iter().filter(|(key, _)| *key != "retention.ms");
        others.fold(topic, |topic, (key, value)| topic.set(key, value))
    });
    let topics: Vec<_> = topics.collect();
    let options = AdminOptions::new().operation_timeout(Some(TIMEOUT)).request_timeout(Some(TIMEOUT));
    let results = kafka.admin()?.create_topics(&topics, &options).await;
    for result in results.map_err(|error| failed("create topics", error))? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => {
                let error = Error::new(cause_of_code(code), format!("create topic {topic}"))
                    .source(KafkaError::AdminOp(code));
                return Err(match code {
                    RDKafkaErrorCode::InvalidReplicationFactor => {
                        error.what_to_do("set kafka.replication_factor to no more than there are brokers")
                    }
                    _ => error,
                });
            }
        }
    }
    Ok(())
}

pub(super) async fn existing_names(kafka: &Kafka) -> Result<Vec<String>> {
    let kafka = kafka.clone();
    blocking(move || {
        let client = kafka.plain_consumer(false)?;
        let metadata =
            client.fetch_metadata(None, TIMEOUT).map_err(|error| failed("list Kafka's topics", error))?;
        Ok(metadata.topics().iter().map(|topic| topic.name().to_owned()).collect())
    })
    .await
}

/// A topic just made takes a moment until every broker knows its leaders.
async fn await_and_check(kafka: &Kafka, wanted: &[Shape]) -> Result<()> {
    let kafka = kafka.clone();
    let wanted = wanted.to_vec();
    blocking(move || {
        let client = kafka.plain_consumer(false)?;
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let metadata = client
                .fetch_metadata(None, TIMEOUT)
                .map_err(|error| failed("read Kafka's metadata", error))?;
            let find = |shape: &Shape| metadata.topics().iter().find(|topic| topic.name() == shape.name);
            let ready = wanted.iter().all(|shape| find(shape).is_some_and(has_leaders));
            if ready {
                let mut found = wanted.iter().filter_map(|shape| find(shape).map(|topic| (shape, topic)));
                return found
                    .try_for_each(|(shape, topic)| check(shape, topic, kafka.settings().replication_factor));
            }
            if Instant::now() > deadline {
                return Err(Error::new(Cause::Busy, "wait for leaders of the topics just made"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    })
    .await
}

fn has_leaders(topic: &MetadataTopic) -> bool {
    !topic.partitions().is_empty() && topic.partitions().iter().all(|partition| partition.leader() >= 0)
}

pub(super) fn check(wanted: &Shape, found: &MetadataTopic, replicas: i32) -> Result<()> {
    let partitions = i32::try_from(found.partitions().len()).unwrap_or(i32::MAX);
    if partitions != wanted.partitions {
        let name = &wanted.name;
        let message = format!(
            "use topic {name}: it has {partitions} partitions, kafka.partitions asks for {}",
            wanted.partitions
        );
        return Err(Error::new(Cause::TopicShape, message).what_to_do(format!(
            "set kafka.partitions = {partitions}, or another kafka.topic_prefix to start anew"
        )));
    }
    let fewest = found.partitions().iter().map(|partition| partition.replicas().len()).min().unwrap_or(0);
    if i32::try_from(fewest).unwrap_or(i32::MAX) < replicas {
        let name = &wanted.name;
        let message = format!(
            "use topic {name}: it has {fewest} replicas, kafka.replication_factor asks for {replicas}"
        );
        return Err(Error::new(Cause::TopicShape, message).what_to_do(format!(
            "give it more replicas with kafka-reassign-partitions, or set kafka.replication_factor = {fewest}"
        )));
    }
    Ok(())
}

/// A compacted raw topic loses records, a checkpoints topic with a retention loses checkpoints, an undo topic with
/// the writers' clocks knows no instant.
pub(super) async fn check_policies(kafka: &Kafka, wanted: &[Shape]) -> Result<()> {
    let resources: Vec<_> = wanted.iter().map(|shape| ResourceSpecifier::Topic(&shape.name)).collect();
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
    let described = kafka.admin()?.describe_configs(&resources, &options).await;
    let described = described.map_err(|error| failed("read the topics' settings", error))?;
    for (shape, resource) in wanted.iter().zip(described) {
        let resource = match resource {
            Ok(resource) => resource,
            // Not every user may read settings; then nothing can be said of them.
            Err(RDKafkaErrorCode::TopicAuthorizationFailed) => continue,
            Err(code) => {
                return Err(failed(
                    format!("read the settings of {}", shape.name),
                    KafkaError::AdminOp(code),
                ));
            }
        };
        for (key, wanted) in [("cleanup.policy", shape.cleanup)].iter().chain(shape.fixed) {
            let found = resource.get(key).and_then(|entry| entry.value.clone()).unwrap_or_default();
            if found != *wanted {
                let name = &shape.name;
                let message = format!("use topic {name}: its {key} is {found}, it has to be {wanted}");
                return Err(Error::new(Cause::TopicShape, message).what_to_do(format!(
                    "kafka-configs --alter --entity-type topics --entity-name {name} --add-config {key}={wanted}"
                )));
            }
        }
    }
    Ok(())
}

/// librdkafka's calls block: they get a thread of their own.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Error::new(Cause::Unexpected, "talk to Kafka").source(error)),
    }
}
