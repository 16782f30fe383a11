//! Reading a topic once from its start to the end that it has now, and reading single records by position.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use super::failure::failed;
use super::{Kafka, Watermarks};
use crate::error::{Cause, Error, Result};

/// A record as it was found.
#[derive(Debug, Clone)]
pub struct Scanned {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Broker's or producer's time, milliseconds since 1970.
    pub timestamp_ms: Option<i64>,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub payload: Vec<u8>,
    /// Headers by name, the last of each.
    pub headers: BTreeMap<String, Vec<u8>>,
}

/// How long nothing may arrive before the scan is given up.
const STALLED: Duration = Duration::from_secs(30);

/// Hands every committed record from `starts` (the beginning where a partition has none) up to `ends` to `each`,
/// partitions interleaved, each in order. Blocks: call it on a thread of its own.
pub fn scan(
    kafka: &Kafka,
    topic: &str,
    starts: &BTreeMap<i32, i64>,
    ends: &BTreeMap<i32, i64>,
    mut each: impl FnMut(Scanned) -> Result<()>,
) -> Result<()> {
    let consumer = kafka.plain_consumer(true)?;
    let mut all = TopicPartitionList::new();
    let mut open = BTreeMap::new();
    for (partition, end) in ends {
        let start = starts.get(partition).copied();
        if start.unwrap_or(0) < *end {
            open.insert(*partition, *end);
            all.add_partition_offset(topic, *partition, start.map_or(Offset::Beginning, Offset::Offset))
                .map_err(|error| failed(format!("read {topic}"), error))?;
        }
    }
    if open.is_empty() {
        return Ok(());
    }
    consumer.assign(&all).map_err(|error| failed(format!("read {topic}"), error))?;
    let mut open: BTreeMap<i32, i64> =
        ends.iter().filter(|(_, end)| **end > 0).map(|(at, end)| (*at, *end)).collect();
    let mut last = Instant::now();
    while !open.is_empty() {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                last = Instant::now();
                let wanted = open.get(&message.partition()).is_some_and(|end| message.offset() < *end);
                if wanted {
                    each(owned(&message))?;
                }
            }
            // The end of the committed view: no record below an open transaction's end will come any more.
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                open.remove(&partition);
            }
            Some(Err(error)) => return Err(failed(format!("read {topic}"), error)),
            None if last.elapsed() > STALLED => {
                return Err(Error::new(
                    Cause::Unreachable,
                    format!("read {topic}: nothing came for {} s", STALLED.as_secs()),
                ));
            }
            None => {}
        }
    }
    Ok(())
}

/// One record by its position; none where retention has removed it. Blocks.
pub fn fetch_one(kafka: &Kafka, topic: &str, partition: i32, offset: i64) -> Result<Option<Scanned>> {
    let consumer = kafka.plain_consumer(true)?;
    let attempt = || format!("read {topic}/{partition} at offset {offset}");
    let mut at = TopicPartitionList::new();
    at.add_partition_offset(topic, partition, Offset::Offset(offset))
        .map_err(|error| failed(attempt(), error))?;
    consumer.assign(&at).map_err(|error| failed(attempt(), error))?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => return Ok((message.offset() == offset).then(|| owned(&message))),
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(None),
            Some(Err(KafkaError::MessageConsumption(
                rdkafka::error::RDKafkaErrorCode::AutoOffsetReset
                | rdkafka::error::RDKafkaErrorCode::OffsetOutOfRange,
            ))) => return Ok(None),
            Some(Err(error)) => return Err(failed(attempt(), error)),
            None => {}
        }
    }
    Err(Error::new(Cause::Unreachable, attempt()))
}

fn owned(message: &rdkafka::message::BorrowedMessage<'_>) -> Scanned {
    let headers = message.headers().map(|headers| {
        let each =
            headers.iter().map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec()));
        each.collect()
    });
    Scanned {
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis(),
        key: message.key().map(<[u8]>::to_vec),
        payload: message.payload().unwrap_or_default().to_vec(),
        headers: headers.unwrap_or_default(),
    }
}

/// The ends that a scan runs to: the topic's now.
impl Watermarks {
    /// Ends of one topic.
    pub async fn ends_of(&self, topic: &str, partitions: i32) -> Result<BTreeMap<i32, i64>> {
        let ends = self.ends(vec![(topic.to_owned(), partitions)]).await?;
        Ok(ends.into_iter().next().unwrap_or_default())
    }
}
