//! Kafka looked at before there is anything: what could be made, and what is there already in another shape. Makes no
//! topic and writes no record.

use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;

use super::failure::failed;
use super::message_size::{TooSmall, too_small};
use super::producer::TransactionalProducer;
use super::topics::{TIMEOUT, blocking, check, check_policies, existing_names, shapes};
use super::{Kafka, Retention, retention};
use crate::error::{Error, Result};

/// What was seen of a Kafka.
#[derive(Debug, Default)]
pub struct Inspection {
    /// How many brokers there are.
    pub brokers: usize,
    /// Topics that the pipelines would use and that are there.
    pub existing: Vec<String>,
    /// What of those is in the way, each with what to do.
    pub other_shapes: Vec<Error>,
    /// Topics that somebody has limited to smaller messages than may come, with the largest that they take.
    pub too_small: Vec<(String, u64)>,
    /// The same of others, which a start raises where the user may.
    pub raised_at_a_start: Vec<(String, u64)>,
    /// Why a topic could not be made; nothing where it could.
    pub can_not_create: Option<Error>,
    /// Why no transaction could be begun; nothing where one could.
    pub can_not_write: Option<Error>,
    /// How long things are kept.
    pub retention: Retention,
}

/// Looks at Kafka for these pipelines.
///
/// A transaction is prepared and not begun, which leaves an id that Kafka forgets by itself; a topic is validated and not
/// made. Errors: Kafka can't be asked at all.
pub async fn inspect(kafka: &Kafka, pipelines: &[String]) -> Result<Inspection> {
    let wanted = shapes(kafka, pipelines);
    let names = existing_names(kafka).await?;
    let there: Vec<_> = wanted.into_iter().filter(|shape| names.contains(&shape.name)).collect();
    let mut found = Inspection {
        existing: there.iter().map(|shape| shape.name.clone()).collect(),
        ..Inspection::default()
    };
    let client = kafka.clone();
    let shapes = there.clone();
    let (brokers, other_shapes) = blocking(move || {
        let consumer = client.plain_consumer(false)?;
        let metadata = consumer.fetch_metadata(None, TIMEOUT);
        let metadata = metadata.map_err(|error| failed("read Kafka's metadata", error))?;
        let replicas = client.settings().replication_factor;
        let other = shapes.iter().filter_map(|shape| {
            let topic = metadata.topics().iter().find(|topic| topic.name() == shape.name)?;
            check(shape, topic, replicas).err()
        });
        Ok((metadata.brokers().len(), other.collect::<Vec<_>>()))
    })
    .await?;
    (found.brokers, found.other_shapes) = (brokers, other_shapes);
    for shape in &there {
        found.other_shapes.extend(check_policies(kafka, std::slice::from_ref(shape)).await.err());
    }
    let topics: Vec<&str> = found.existing.iter().map(String::as_str).collect();
    let (others, ours): (Vec<_>, _) =
        too_small(kafka, &topics).await?.into_iter().partition(TooSmall::is_others);
    let sizes = |small: Vec<TooSmall>| small.into_iter().map(|small| (small.topic, small.bytes)).collect();
    (found.too_small, found.raised_at_a_start) = (sizes(others), sizes(ours));
    found.retention = retention(kafka, &found.existing).await?;
    found.can_not_create = validate_creation(kafka).await.err();
    let (kafka, id) = (kafka.clone(), format!("{}.check", kafka.names.prefix()));
    found.can_not_write = blocking(move || Ok(TransactionalProducer::start(&kafka, id).err())).await?;
    Ok(found)
}

/// Has the brokers check a creation without carrying it out: permission, replicas, policies.
async fn validate_creation(kafka: &Kafka) -> Result<()> {
    let name = format!("{}.raw.{}", kafka.names.prefix(), uuid::Uuid::new_v4().simple());
    let settings = kafka.settings();
    let topic =
        NewTopic::new(&name, settings.partitions, TopicReplication::Fixed(settings.replication_factor));
    let options = AdminOptions::new()
        .validate_only(true)
        .operation_timeout(Some(TIMEOUT))
        .request_timeout(Some(TIMEOUT));
    let results = kafka.admin()?.create_topics(&[topic], &options).await;
    for result in results.map_err(|error| failed("have Kafka check whether topics may be made", error))? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => {
                let attempt = format!("make topics that begin with {}.", kafka.names.prefix());
                return Err(failed(attempt, rdkafka::error::KafkaError::AdminOp(code)));
            }
        }
    }
    Ok(())
}
