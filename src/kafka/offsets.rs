//! Offsets of groups and topics as one who takes no part in them sees them.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::{Offset, TopicPartitionList};

use super::connection::Observer;
use super::failure::failed;
use super::topics::blocking;
use super::{Kafka, Watermarks};
use crate::checkpoint::Stage;
use crate::error::Result;

/// Next offset by partition; a partition that nothing is known of is left out.
pub type Offsets = BTreeMap<i32, i64>;

const TIMEOUT: Duration = Duration::from_secs(10);

/// What a stage's group has committed. Joins nothing.
pub async fn committed(kafka: &Kafka, stage: Stage, pipeline: &str) -> Result<Offsets> {
    let (kafka, pipeline) = (kafka.clone(), pipeline.to_owned());
    blocking(move || {
        let (topic, group) = (kafka.names.input(stage, &pipeline), kafka.names.group(stage, &pipeline));
        let consumer = kafka.group_consumer(&group, Observer::default())?;
        let asked = list(&topic, kafka.settings().partitions, Offset::Invalid)?;
        let attempt = || format!("read the committed offsets of group {group}");
        let found = consumer.committed_offsets(asked, TIMEOUT).map_err(|error| failed(attempt(), error))?;
        known(&found, attempt)
    })
    .await
}

impl Watermarks {
    /// The first offset that is left of every partition of a topic.
    pub async fn starts_of(&self, topic: &str, partitions: i32) -> Result<Offsets> {
        let client = self.client().clone();
        let topic = topic.to_owned();
        blocking(move || {
            let start = |partition| {
                let found = client.fetch_watermarks(&topic, partition, TIMEOUT);
                let attempt = || format!("ask for the first offset of {topic}/{partition}");
                found.map(|(start, _)| (partition, start)).map_err(|error| failed(attempt(), error))
            };
            (0..partitions).map(start).collect()
        })
        .await
    }

    /// The first offset of every partition that was written at a time or later, in milliseconds since 1970; nothing
    /// for a partition without any.
    pub async fn offsets_at(&self, topic: &str, partitions: i32, time_ms: i64) -> Result<Offsets> {
        let client = self.client().clone();
        let topic = topic.to_owned();
        blocking(move || {
            let attempt = || format!("ask for the offsets of {topic} at a time");
            let asked = list(&topic, partitions, Offset::Offset(time_ms))?;
            let found = client.offsets_for_times(asked, TIMEOUT).map_err(|error| failed(attempt(), error))?;
            known(&found, attempt)
        })
        .await
    }
}

fn list(topic: &str, partitions: i32, offset: Offset) -> Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, offset)
            .map_err(|error| failed(format!("name an offset of {topic}"), error))?;
    }
    Ok(list)
}

fn known(found: &TopicPartitionList, attempt: impl Fn() -> String) -> Result<Offsets> {
    let each = found.elements().into_iter().filter_map(|element| match (element.error(), element.offset()) {
        (Err(error), _) => Some(Err(failed(attempt(), error))),
        (Ok(()), Offset::Offset(offset)) => Some(Ok((element.partition(), offset))),
        _ => None,
    });
    each.collect()
}
