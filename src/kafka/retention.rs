//! How long Kafka keeps things: records of topics, and offsets of groups that nobody is a member of any more.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminOptions, ConfigResource, OwnedResourceSpecifier, ResourceSpecifier};
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;

use super::Kafka;
use super::failure::failed;
use super::topics::blocking;
use crate::error::Result;

const TIMEOUT: Duration = Duration::from_secs(5);

/// What the brokers say of it. What this user may not ask for is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// Milliseconds by topic; none is for ever.
    pub topics_ms: BTreeMap<String, Option<u64>>,
    /// Minutes that the offsets of a group without members are kept.
    pub offsets_minutes: Option<u64>,
}

/// Asks for the retention of these topics, and of committed offsets.
pub async fn retention(kafka: &Kafka, topics: &[String]) -> Result<Retention> {
    let broker = any_broker(kafka).await?;
    let mut resources: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    resources.extend(broker.map(ResourceSpecifier::Broker));
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
    let described = kafka.admin()?.describe_configs(&resources, &options).await;
    let described: Vec<std::result::Result<ConfigResource, _>> =
        described.map_err(|error: KafkaError| failed("ask Kafka how long it keeps things", error))?;
    let mut found = Retention::default();
    for resource in described.into_iter().flatten() {
        let value = |key: &str| resource.get(key).and_then(|entry| entry.value.as_deref());
        match &resource.specifier {
            OwnedResourceSpecifier::Topic(topic) => {
                if let Some(ms) = value("retention.ms").and_then(|text| text.parse::<i64>().ok()) {
                    found.topics_ms.insert(topic.clone(), u64::try_from(ms).ok());
                }
            }
            OwnedResourceSpecifier::Broker(_) => {
                found.offsets_minutes = value("offsets.retention.minutes").and_then(|text| text.parse().ok());
            }
            OwnedResourceSpecifier::Group(_) => {}
        }
    }
    Ok(found)
}

/// All brokers are taken to have the same setting.
async fn any_broker(kafka: &Kafka) -> Result<Option<i32>> {
    let kafka = kafka.clone();
    blocking(move || {
        let client = kafka.plain_consumer(false)?;
        let metadata =
            client.fetch_metadata(None, TIMEOUT).map_err(|error| failed("ask for Kafka's brokers", error))?;
        Ok(metadata.brokers().first().map(|broker| broker.id()))
    })
    .await
}
