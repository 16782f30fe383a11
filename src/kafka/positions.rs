//! Committed offsets of a group that nobody is in, set from outside.

use std::collections::BTreeMap;

use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use super::Kafka;
use super::connection::Observer;
use super::failure::failed;
use crate::checkpoint::Stage;
use crate::error::Result;

/// Commits offsets for the group of a stage and pipeline. Blocks: call it on a thread of its own.
///
/// Errors: where the group has members, Kafka refuses.
pub fn commit_for_group(
    kafka: &Kafka,
    stage: Stage,
    pipeline: &str,
    offsets: &BTreeMap<i32, i64>,
) -> Result<()> {
    let (topic, group) = (kafka.names.input(stage, pipeline), kafka.names.group(stage, pipeline));
    let attempt = || format!("set the committed offsets of group {group}");
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        list.add_partition_offset(&topic, *partition, Offset::Offset(*offset))
            .map_err(|error| failed(attempt(), error))?;
    }
    let consumer = kafka.group_consumer(&group, Observer::default())?;
    // Without an assignment, which committing does not need: a client that is given one and ends before it has
    // fetched from it hangs in its end.
    consumer.commit(&list, CommitMode::Sync).map_err(|error| failed(attempt(), error))
}
