//! Dead letters on their topic: the original bytes as the value, what is known of them in headers.
//!
//! The `__connect.errors.*` headers are those of Kafka Connect (KIP-298), so that tools made for them read
//! ours; `regraft.dead-letter` holds all of it as JSON.

use crate::checkpoint::Stage;
use crate::error::{Cause, Error, Result};
use crate::record::{DeadLetter, partition_of};

use super::{Kafka, Message, Scanned, TransactionalProducer};

/// The header that holds a [`DeadLetter`] as JSON.
pub const DEAD_LETTER_HEADER: &str = "regraft.dead-letter";

/// The header that names the stage, in capitals.
const STAGE_HEADER: &str = "__connect.errors.stage";

/// Sends a dead letter within the producer's transaction. `key` and `original` are the message's that it was.
pub fn send_dead_letter(
    producer: &mut TransactionalProducer,
    kafka: &Kafka,
    stage: Stage,
    letter: &DeadLetter,
    key: Option<&[u8]>,
    original: &[u8],
) -> Result<()> {
    let headers = headers(stage, letter)?;
    let topic = kafka.names.dead_letters();
    let partition = partition_of(key.unwrap_or(original), kafka.settings().partitions);
    producer.send(&Message { topic: &topic, partition, key, payload: original, headers: &headers })
}

fn headers(stage: Stage, letter: &DeadLetter) -> Result<Vec<(&'static str, String)>> {
    let json = serde_json::to_string(letter)
        .map_err(|error| Error::new(Cause::Unexpected, "encode a dead letter").source(error))?;
    Ok(vec![
        ("__connect.errors.topic", letter.topic.clone()),
        ("__connect.errors.partition", letter.partition.to_string()),
        ("__connect.errors.offset", letter.offset.to_string()),
        ("__connect.errors.connector.name", letter.pipeline.clone()),
        (STAGE_HEADER, stage.as_str().to_uppercase()),
        ("__connect.errors.class.name", format!("regraft::{stage}")),
        ("__connect.errors.exception.class.name", letter.reason.as_str().to_owned()),
        ("__connect.errors.exception.message", letter.message.clone()),
        (DEAD_LETTER_HEADER, json),
    ])
}

/// Reads what a record of the dead-letters topic says of itself.
pub fn read_dead_letter(record: &Scanned) -> Result<DeadLetter> {
    let at = || format!("read the dead letter at partition {}, offset {}", record.partition, record.offset);
    let header = record.headers.get(DEAD_LETTER_HEADER);
    let header = header.ok_or_else(|| {
        Error::new(Cause::Unexpected, at()).what_to_do("somebody else writes to the dead-letters topic")
    })?;
    serde_json::from_slice(header).map_err(|error| Error::new(Cause::Unexpected, at()).source(error))
}

/// The stage that a record of the dead-letters topic comes from.
pub fn stage_of_dead_letter(record: &Scanned) -> Option<Stage> {
    let named = record.headers.get(STAGE_HEADER)?;
    let is = |stage: &Stage| named.eq_ignore_ascii_case(stage.as_str().as_bytes());
    [Stage::Extract, Stage::Transform, Stage::Load].into_iter().find(is)
}
