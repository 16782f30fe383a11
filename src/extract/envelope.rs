//! A row of the source as the raw record that it becomes: within the record limit, with its place on the topic. Pure.

use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

use super::neighbours::SourceRow;
use super::reader::size_of_entity;
use crate::record::{Finding, Key, RawEntity, RawRecord, Value, partition_of};

/// What the raw records of a pass have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    /// Lineage of the pipeline.
    pub lineage: Uuid,
    /// The pass.
    pub pass: u32,
    /// Largest encoded record; a larger one goes without its properties.
    pub max_record_bytes: usize,
}

/// No encoded value has more than so many bytes for each that [`size_of_entity`] counts.
const MOST_BYTES_FOR_ONE: usize = 4;
/// What encoding adds to them, whatever they are.
const REST_BYTES: usize = 300;

impl Envelope {
    /// The record of a row.
    pub fn wrap(&self, row: SourceRow, finding: Finding) -> RawRecord<'static> {
        RawRecord {
            lineage: self.lineage,
            pass: self.pass,
            read_at_micros: row.read_at_micros,
            element_id: row.element_id.into(),
            finding,
            entity: row.entity,
        }
    }

    /// Encodes the record; one over the limit without its properties, with its size and digest instead.
    pub fn encode(&self, record: &mut RawRecord<'_>, buffer: &mut Vec<u8>) {
        let limit = self.max_record_bytes;
        buffer.clear();
        record.encode(buffer);
        if buffer.len() <= limit {
            return;
        }
        let bytes = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        record.finding = Finding::TooLarge { bytes, digest: xxh3_128(buffer) };
        match &mut record.entity {
            RawEntity::Node { properties, lookups, key, labels } => {
                properties.clear();
                lookups.clear();
                shorten(key, limit);
                if labels.iter().map(|label| label.len()).sum::<usize>() > limit / 2 {
                    labels.clear();
                }
            }
            RawEntity::Relationship { properties, start, end } => {
                properties.clear();
                shorten(start, limit);
                shorten(end, limit);
            }
        }
        buffer.clear();
        record.encode(buffer);
    }

    /// What [`Envelope::encode`] makes of the record, for those who have no use for its bytes: encoded only where it
    /// could be over the limit.
    pub fn limit(&self, record: &mut RawRecord<'_>, buffer: &mut Vec<u8>) {
        let most = size_of_entity(&record.entity).saturating_mul(MOST_BYTES_FOR_ONE) + REST_BYTES;
        if most > self.max_record_bytes {
            self.encode(record, buffer);
        }
    }
}

/// Kafka's message key, and the partition of `partitions` that the record goes to.
pub fn place_of(record: &RawRecord<'_>, partitions: i32) -> (Option<Vec<u8>>, i32) {
    let key = key_of(&record.entity).message_key();
    let partition = partition_of(key.as_deref().unwrap_or(record.element_id.as_bytes()), partitions);
    (key, partition)
}

/// A key that is itself too large to be carried.
fn shorten(key: &mut Value<'_>, limit: usize) {
    let keep = key.as_str().is_some_and(|text| text.len() <= limit / 4);
    if !keep {
        *key = Value::Null;
    }
}

fn key_of<'r>(entity: &'r RawEntity<'_>) -> Key<'r> {
    match entity {
        RawEntity::Node { key, .. } => key.as_str().map_or(Key::None, |key| Key::Node(key.into())),
        RawEntity::Relationship { start, end, .. } => match (start.as_str(), end.as_str()) {
            (Some(start), Some(end)) => Key::Relationship(start.into(), end.into()),
            _ => Key::None,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(properties: Vec<(&'static str, Value<'static>)>) -> RawRecord<'static> {
        RawRecord {
            lineage: Uuid::nil(),
            pass: 1,
            read_at_micros: 0,
            element_id: "4:x:1".into(),
            finding: Finding::Duplicate,
            entity: RawEntity::Node {
                key: Value::text("k"),
                labels: vec!["L".into()],
                properties: properties.into_iter().map(|(name, value)| (name.into(), value)).collect(),
                lookups: vec![],
            },
        }
    }

    fn envelope(max_record_bytes: usize) -> Envelope {
        Envelope { lineage: Uuid::nil(), pass: 1, max_record_bytes }
    }

    #[test]
    fn a_record_over_the_limit_keeps_key_size_and_digest() {
        let mut buffer = Vec::new();
        let mut small = record(vec![("text", Value::text("x".repeat(900_000)))]);
        envelope(1_000_000).encode(&mut small, &mut buffer);
        assert_eq!(RawRecord::decode(&buffer).unwrap(), small);
        let mut large = record(vec![("text", Value::text("x".repeat(1_500_000)))]);
        envelope(1_000_000).encode(&mut large, &mut buffer);
        assert!(buffer.len() < 1000);
        let decoded = RawRecord::decode(&buffer).unwrap();
        assert!(matches!(decoded.finding, Finding::TooLarge { bytes: 1_500_000.., .. }));
        assert!(matches!(decoded.entity, RawEntity::Node { key, .. } if key == Value::text("k")));
    }

    proptest! {
        #[test]
        fn what_is_not_encoded_is_within_the_limit(
            numbers in prop::collection::vec(any::<i64>(), 0..400),
            text in ".{0,300}",
            limit in 300usize..20_000,
        ) {
            let numbers = numbers.into_iter().map(|n| Value::LocalDateTime { seconds: n, nanos: 999_999_999 });
            let whole = record(vec![("list", Value::List(numbers.collect())), ("text", Value::text(text))]);
            let (mut limited, mut encoded) = (whole.clone(), whole);
            envelope(limit).limit(&mut limited, &mut Vec::new());
            envelope(limit).encode(&mut encoded, &mut Vec::new());
            prop_assert_eq!(limited.finding, encoded.finding);
            prop_assert_eq!(limited.entity, encoded.entity);
        }
    }
}
