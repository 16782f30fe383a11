//! Reading single records by their position.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use super::connection::Observer;
use super::failure::{failed, mends_itself};
use super::scan::owned;
use super::{Kafka, Scanned};
use crate::error::{Cause, Error, Result};

/// Reads single records by their position, with one client for all of them. Its calls block.
pub struct Fetcher {
    consumer: BaseConsumer<Observer>,
    /// What the client would read next.
    next: Option<(String, i32, i64)>,
    /// The last one that was asked for: what a node derives is asked for by the same position again and again.
    last: Option<(String, Scanned)>,
}

/// How long one record may take, a short outage of the brokers included.
const FETCH: Duration = Duration::from_secs(30);

/// Records that are read over rather than looked up anew.
const NEAR: i64 = 200;

impl Fetcher {
    /// Makes the client.
    pub fn new(kafka: &Kafka) -> Result<Self> {
        Ok(Self { consumer: kafka.plain_consumer(true)?, next: None, last: None })
    }

    /// One record; none where retention has removed it.
    pub fn fetch(&mut self, topic: &str, partition: i32, offset: i64) -> Result<Option<Scanned>> {
        if let Some((of, record)) = &self.last
            && (of.as_str(), record.partition, record.offset) == (topic, partition, offset)
        {
            return Ok(Some(record.clone()));
        }
        let found = self.read(topic, partition, offset)?;
        self.last = found.clone().map(|record| (topic.to_owned(), record));
        Ok(found)
    }

    fn read(&mut self, topic: &str, partition: i32, offset: i64) -> Result<Option<Scanned>> {
        let attempt = || format!("read {topic}/{partition} at offset {offset}");
        let follows = self.next.take().is_some_and(|(next_topic, next_partition, next)| {
            next_topic == topic && next_partition == partition && (next..next + NEAR).contains(&offset)
        });
        if !follows {
            let mut at = TopicPartitionList::new();
            at.add_partition_offset(topic, partition, Offset::Offset(offset))
                .map_err(|error| failed(attempt(), error))?;
            self.consumer.assign(&at).map_err(|error| failed(attempt(), error))?;
        }
        let deadline = Instant::now() + FETCH;
        let mut trouble = None;
        while Instant::now() < deadline {
            match self.consumer.poll(Duration::from_millis(100)) {
                // What an earlier assignment had asked for may still come.
                Some(Ok(message)) if (message.topic(), message.partition()) != (topic, partition) => {}
                Some(Ok(message)) if message.offset() < offset => {}
                Some(Ok(message)) => {
                    self.next = Some((topic.to_owned(), partition, message.offset() + 1));
                    return Ok((message.offset() == offset).then(|| owned(&message)));
                }
                Some(Err(error)) if is_gone(&error) => return Ok(None),
                Some(Err(error)) if error.rdkafka_error_code().is_some_and(mends_itself) => {
                    trouble = Some(error);
                }
                Some(Err(error)) => return Err(failed(attempt(), error)),
                None => {}
            }
        }
        Err(trouble
            .map_or_else(|| Error::new(Cause::Unreachable, attempt()), |error| failed(attempt(), error)))
    }
}

fn is_gone(error: &KafkaError) -> bool {
    matches!(
        error,
        KafkaError::PartitionEOF(_)
            | KafkaError::MessageConsumption(
                RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange
            )
    )
}
