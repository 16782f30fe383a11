//! Reading a topic to the end that it has now, once or again and again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use super::connection::Observer;
use super::failure::failed;
use super::{HIDDEN_BY_A_TRANSACTION, Kafka, Watermarks};
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
/// partitions interleaved, each in order. Returns how far it read, to go on from there: what stands behind an open
/// transaction comes with the next scan. Blocks: call it on a thread of its own.
pub fn scan(
    kafka: &Kafka,
    topic: &str,
    starts: &BTreeMap<i32, i64>,
    ends: &BTreeMap<i32, i64>,
    mut each: impl FnMut(Scanned) -> Result<()>,
) -> Result<BTreeMap<i32, i64>> {
    scan_while(kafka, topic, starts, ends, |record| each(record).map(|()| true))
}

/// The same, ended early where `each` returns false.
pub fn scan_while(
    kafka: &Kafka,
    topic: &str,
    starts: &BTreeMap<i32, i64>,
    ends: &BTreeMap<i32, i64>,
    each: impl FnMut(Scanned) -> Result<bool>,
) -> Result<BTreeMap<i32, i64>> {
    scan_range(kafka, topic, starts, ends, false, each)
}

/// Every committed record up to `ends`, also those behind transactions that are open now: waits until these have ended,
/// at most the ten seconds of a transaction's time-out.
pub fn scan_settled(
    kafka: &Kafka,
    topic: &str,
    ends: &BTreeMap<i32, i64>,
    mut each: impl FnMut(Scanned) -> Result<()>,
) -> Result<()> {
    let starts = BTreeMap::new();
    scan_range(kafka, topic, &starts, ends, true, |record| each(record).map(|()| true)).map(drop)
}

fn scan_range(
    kafka: &Kafka,
    topic: &str,
    starts: &BTreeMap<i32, i64>,
    ends: &BTreeMap<i32, i64>,
    settled: bool,
    each: impl FnMut(Scanned) -> Result<bool>,
) -> Result<BTreeMap<i32, i64>> {
    let mut reached = starts.clone();
    scan_with(&kafka.scanner()?, topic, &mut reached, ends, settled, each)?;
    Ok(reached)
}

/// Reads on in a topic from call to call, with one client: making one takes longer than what it then reads. Its calls
/// block.
pub struct Tail {
    consumer: BaseConsumer<Observer>,
    topic: String,
    reached: BTreeMap<i32, i64>,
}

impl Tail {
    /// Begins at the start of the topic.
    pub fn new(kafka: &Kafka, topic: String) -> Result<Self> {
        Ok(Self { consumer: kafka.scanner()?, topic, reached: BTreeMap::new() })
    }

    /// As [`scan_settled`], from where the last call ended.
    pub fn read_to(
        &mut self,
        ends: &BTreeMap<i32, i64>,
        mut each: impl FnMut(Scanned) -> Result<()>,
    ) -> Result<()> {
        scan_with(&self.consumer, &self.topic, &mut self.reached, ends, true, |record| {
            each(record).map(|()| true)
        })
    }
}

fn scan_with(
    consumer: &BaseConsumer<Observer>,
    topic: &str,
    reached: &mut BTreeMap<i32, i64>,
    ends: &BTreeMap<i32, i64>,
    settled: bool,
    mut each: impl FnMut(Scanned) -> Result<bool>,
) -> Result<()> {
    let mut open = BTreeMap::new();
    let mut all = TopicPartitionList::new();
    for (partition, end) in ends {
        let start = reached.get(partition).copied();
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
    let mut last = Instant::now();
    while !open.is_empty() {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                last = Instant::now();
                let wanted = open.get(&message.partition()).is_some_and(|end| message.offset() < *end);
                if wanted {
                    reached.insert(message.partition(), message.offset() + 1);
                    if !each(owned(&message))? {
                        return Ok(());
                    }
                }
            }
            // The end of the committed view. What stands behind an open transaction comes once that has ended.
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                let end = open.get(&partition).copied().unwrap_or(0);
                if !settled || has_come_to(consumer, topic, partition, end)? {
                    open.remove(&partition);
                }
            }
            Some(Err(error)) => return Err(failed(format!("read {topic}"), error)),
            None if last.elapsed() > STALLED => {
                let seconds = STALLED.as_secs();
                let stalled =
                    Error::new(Cause::Unreachable, format!("read {topic}: nothing came for {seconds} s"));
                return Err(if settled { stalled.what_to_do(HIDDEN_BY_A_TRANSACTION) } else { stalled });
            }
            None => {}
        }
    }
    Ok(())
}

/// Whether a partition was read up to `end`; also where nothing of it is left.
fn has_come_to(consumer: &BaseConsumer<Observer>, topic: &str, partition: i32, end: i64) -> Result<bool> {
    let attempt = || format!("read {topic}");
    let positions = consumer.position().map_err(|error| failed(attempt(), error))?;
    let found = positions.find_partition(topic, partition).map(|element| element.offset());
    if let Some(Offset::Offset(at)) = found {
        return Ok(at >= end);
    }
    // Nothing came, so that it has no position.
    let (first, _) = consumer
        .fetch_watermarks(topic, partition, Duration::from_secs(5))
        .map_err(|error| failed(attempt(), error))?;
    Ok(first >= end)
}

pub(super) fn owned(message: &rdkafka::message::BorrowedMessage<'_>) -> Scanned {
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

    /// The same from a thread that may block.
    pub fn ends_of_blocking(&self, topic: &str, partitions: i32) -> Result<BTreeMap<i32, i64>> {
        let ends = self.ends_now(&[(topic.to_owned(), partitions)])?;
        Ok(ends.into_iter().next().unwrap_or_default())
    }
}
