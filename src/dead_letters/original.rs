//! The original record of a dead letter, as people and programs read it.

use serde_json::{Map, Value as Json, json};

use crate::record::{Finding, Property, RawEntity, RawRecord, Value, value_to_json};

/// The record in these bytes, which a raw topic had: `{"labels", "properties", "lookups", "element_id"}` of a node,
/// `{"type", "start", "end", "properties", "element_id"}` of a relationship; `{"bytes": "0x…"}` where they are no record.
pub fn readable(bytes: &[u8], entity_type: &str) -> Json {
    let Ok(record) = RawRecord::decode(bytes) else {
        return json!({ "bytes": value_to_json(&Value::Bytes(bytes.into())) });
    };
    let mut fields = match &record.entity {
        RawEntity::Node { labels, properties, lookups, .. } => {
            let mut fields = Map::from_iter([
                ("labels".to_owned(), json!(labels)),
                ("properties".to_owned(), object(properties)),
            ]);
            if !lookups.is_empty() {
                fields.insert("lookups".to_owned(), object(lookups));
            }
            fields
        }
        RawEntity::Relationship { start, end, properties } => Map::from_iter([
            ("type".to_owned(), json!(entity_type)),
            ("start".to_owned(), value_to_json(start)),
            ("end".to_owned(), value_to_json(end)),
            ("properties".to_owned(), object(properties)),
        ]),
    };
    fields.insert("element_id".to_owned(), json!(record.element_id));
    if let Finding::TooLarge { bytes, digest } = record.finding {
        fields.insert("left_out".to_owned(), json!({ "bytes": bytes, "xxh3_128": format!("{digest:032x}") }));
    }
    Json::Object(fields)
}

fn object(properties: &[Property<'_>]) -> Json {
    let each = properties.iter().map(|(name, value)| (name.clone().into_owned(), value_to_json(value)));
    Json::Object(each.collect())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn bytes(finding: Finding, entity: RawEntity<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let record = RawRecord {
            lineage: Uuid::nil(),
            pass: 1,
            read_at_micros: 0,
            element_id: "4:x:7".into(),
            finding,
            entity,
        };
        record.encode(&mut bytes);
        bytes
    }

    #[test]
    fn nodes_and_relationships_read_as_the_source_has_them() {
        let node = RawEntity::Node {
            key: Value::String("f1".into()),
            labels: vec!["Film".into()],
            properties: vec![
                ("id".into(), Value::String("f1".into())),
                ("year".into(), Value::Integer(1999)),
            ],
            lookups: vec![("studio".into(), Value::Null)],
        };
        assert_eq!(
            readable(&bytes(Finding::None, node), "Film"),
            json!({"labels": ["Film"], "properties": {"id": "f1", "year": 1999}, "lookups": {"studio": null},
                   "element_id": "4:x:7"})
        );
        let tie = RawEntity::Relationship {
            start: Value::String("a".into()),
            end: Value::Integer(3),
            properties: Vec::new(),
        };
        assert_eq!(
            readable(&bytes(Finding::TooLarge { bytes: 9, digest: 255 }, tie), "ACTED_IN"),
            json!({"type": "ACTED_IN", "start": "a", "end": 3, "properties": {}, "element_id": "4:x:7",
                   "left_out": {"bytes": 9, "xxh3_128": "000000000000000000000000000000ff"}})
        );
    }

    #[test]
    fn foreign_bytes_are_kept_as_they_are() {
        assert_eq!(readable(b"\x01\xff", "Film"), json!({"bytes": "0x01ff"}));
    }
}
