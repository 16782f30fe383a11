//! The largest message that a topic takes: raised where `kafka.max_record_bytes` has been raised since the topic was made.

use rdkafka::admin::{AdminOptions, AlterConfig, ConfigResource, ConfigSource, ResourceSpecifier};
use tracing::{info, warn};

use super::Kafka;
use super::failure::failed;
use super::topics::TIMEOUT;
use crate::error::Result;

const KEY: &str = "max.message.bytes";

/// The least that Regraft ever gives a topic. One that takes less was limited by somebody else, who is not overruled.
const LEAST: u64 = 67_536;

/// A topic that takes smaller messages than may come.
pub(super) struct TooSmall {
    pub topic: String,
    /// Bytes of the largest message that it takes.
    pub bytes: u64,
    settings: ConfigResource,
}

impl TooSmall {
    /// Whether Regraft leaves it as it is.
    pub(super) fn is_others(&self) -> bool {
        self.bytes < LEAST
    }
}

/// Those among `topics`. Of settings that may not be read nothing is said.
pub(super) async fn too_small(kafka: &Kafka, topics: &[&str]) -> Result<Vec<TooSmall>> {
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let resources: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
    let described = kafka.admin()?.describe_configs(&resources, &options).await;
    let described = described.map_err(|error| failed("read the topics' settings", error))?;
    let most = kafka.max_message_bytes() as u64;
    let small = topics.iter().zip(described).filter_map(|(topic, settings)| {
        let settings = settings.ok()?;
        let bytes: u64 = settings.get(KEY)?.value.as_deref()?.parse().ok()?;
        (bytes < most).then(|| TooSmall { topic: (*topic).to_owned(), bytes, settings })
    });
    Ok(small.collect())
}

/// Has the topics take what may come by now. Where this user may not, what is in the way is said: the records that there
/// are may all be smaller.
pub(super) async fn raise(kafka: &Kafka, topics: &[&str]) -> Result<()> {
    let small = too_small(kafka, topics).await?;
    let ours: Vec<_> = small.into_iter().filter(|small| !small.is_others()).collect();
    if ours.is_empty() {
        return Ok(());
    }
    let most = kafka.max_message_bytes().to_string();
    // What is not said again goes back to its default.
    let changes = ours.iter().map(|TooSmall { topic, settings, .. }| {
        let own = settings.entries.iter().filter(|entry| entry.source == ConfigSource::DynamicTopic);
        let own = own.filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?)));
        own.filter(|(key, _)| *key != KEY).fold(
            AlterConfig::new(ResourceSpecifier::Topic(topic)).set(KEY, &most),
            |change, (key, value)| change.set(key, value),
        )
    });
    let changes: Vec<_> = changes.collect();
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
    let done = kafka.admin()?.alter_configs(&changes, &options).await;
    let done = done.map_err(|error| failed("change the topics' settings", error))?;
    for (TooSmall { topic, bytes, .. }, done) in ours.iter().zip(done) {
        match done {
            Ok(_) => info!(topic, from = bytes, to = most, "the topic takes larger messages from now on"),
            Err((_, code)) => warn!(
                topic,
                bytes,
                "the topic takes no message of {most} bytes, which may come, and this user can't change that ({code}): \
                 kafka-configs --alter --entity-type topics --entity-name {topic} --add-config {KEY}={most}"
            ),
        }
    }
    Ok(())
}
