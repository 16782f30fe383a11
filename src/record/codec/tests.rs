//! The codec against `apache_avro` reading and writing by the published schemas.

use apache_avro::Schema;
use apache_avro::rabin::Rabin;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::record::{
    Author, Before, Finding, Gap, GapReason, Identity, Mark, ModelEntity, ModelRecord, NodeRef, RawEntity,
    RawRecord, RelationshipBefore, Subject, UndoEntry, UndoRecord, Value, Written, Zone,
};

fn schema(text: &str) -> Schema {
    Schema::parse_str(text).unwrap()
}

#[test]
fn fingerprints_are_those_of_the_published_schemas() {
    assert_eq!(hex(&schema(RAW_SCHEMA).fingerprint::<Rabin>().bytes), hex(&RAW_FINGERPRINT));
    assert_eq!(hex(&schema(MODEL_SCHEMA).fingerprint::<Rabin>().bytes), hex(&MODEL_FINGERPRINT));
    assert_eq!(hex(&schema(UNDO_SCHEMA).fingerprint::<Rabin>().bytes), hex(&UNDO_FINGERPRINT));
}

fn scalar() -> impl Strategy<Value = Value<'static>> {
    let float = prop_oneof![any::<f64>().prop_filter("NaN is never equal", |f| !f.is_nan()), Just(-0.0)];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        float.prop_map(Value::Float),
        any::<String>().prop_map(Value::text),
        any::<Vec<u8>>().prop_map(|bytes| Value::Bytes(bytes.into())),
        any::<i64>().prop_map(Value::Date),
        any::<i64>().prop_map(Value::LocalTime),
        any::<(i64, i32)>().prop_map(|(nanos, offset_seconds)| Value::Time { nanos, offset_seconds }),
        (any::<i64>(), 0u32..1_000_000_000)
            .prop_map(|(seconds, nanos)| Value::LocalDateTime { seconds, nanos }),
        (any::<i64>(), 0u32..1_000_000_000, any::<Option<i32>>()).prop_map(|(seconds, nanos, offset)| {
            let zone = offset.map_or(Zone::Named("Europe/Berlin".into()), Zone::Offset);
            Value::DateTime { seconds, nanos, zone }
        }),
        (any::<i64>(), any::<i64>(), any::<i64>(), 0..1_000_000_000)
            .prop_map(|(months, days, seconds, nanos)| Value::Duration { months, days, seconds, nanos }),
        (any::<i32>(), any::<Option<i32>>()).prop_map(|(srid, z)| Value::Point {
            srid,
            x: 1.5,
            y: -2.25,
            z: z.map(f64::from)
        }),
    ]
}

fn value() -> impl Strategy<Value = Value<'static>> {
    prop_oneof![4 => scalar(), 1 => prop::collection::vec(scalar(), 0..5).prop_map(Value::List)]
}

fn properties() -> impl Strategy<Value = Vec<crate::record::Property<'static>>> {
    prop::collection::vec((any::<String>().prop_map(Into::into), value()), 0..5)
}

fn raw() -> impl Strategy<Value = RawRecord<'static>> {
    let finding = prop_oneof![
        Just(Finding::None),
        Just(Finding::Duplicate),
        Just(Finding::Merged),
        any::<(u32, u128)>().prop_map(|(bytes, digest)| Finding::TooLarge { bytes: bytes.into(), digest }),
    ];
    let node = (
        value(),
        prop::collection::vec(any::<String>().prop_map(Into::into), 0..3),
        properties(),
        properties(),
    )
        .prop_map(|(key, labels, properties, lookups)| RawEntity::Node {
            key,
            labels,
            properties,
            lookups,
        });
    let relationship = (value(), value(), properties())
        .prop_map(|(start, end, properties)| RawEntity::Relationship { start, end, properties });
    (any::<u128>(), 0..=i32::MAX, any::<i64>(), any::<String>(), finding, prop_oneof![node, relationship])
        .prop_map(|(lineage, pass, read_at_micros, element_id, finding, entity)| RawRecord {
            lineage: Uuid::from_u128(lineage),
            pass: pass.unsigned_abs(),
            read_at_micros,
            element_id: element_id.into(),
            finding,
            entity,
        })
}

fn model() -> impl Strategy<Value = ModelRecord<'static>> {
    let identity = (any::<u128>(), 0..64, any::<i64>(), 0..9u32, 0..9u32).prop_map(
        |(lineage, partition, offset, output, epoch)| Identity {
            lineage: Uuid::from_u128(lineage),
            partition,
            offset,
            output,
            epoch,
        },
    );
    let node = (any::<String>(), prop::collection::vec(any::<String>().prop_map(Into::into), 0..3))
        .prop_map(|(key, labels)| ModelEntity::Node { key: key.into(), labels });
    let relationship = any::<(String, String)>()
        .prop_map(|(start, end)| ModelEntity::Relationship { start: start.into(), end: end.into() });
    let origin = any::<Option<String>>().prop_map(|name| name.map(Into::into));
    (
        identity,
        any::<i64>(),
        origin,
        any::<u64>(),
        prop_oneof![node, relationship],
        any::<Vec<u8>>(),
        properties(),
    )
        .prop_map(|(identity, read_at_micros, derived_from, contract, entity, body, kept)| ModelRecord {
            identity,
            pass: 3,
            read_at_micros,
            derived_from,
            contract,
            entity,
            body: body.into(),
            kept,
        })
}

fn subject() -> impl Strategy<Value = Subject<'static>> {
    let node = || {
        any::<(String, String, String)>().prop_map(|(label, key_property, key)| NodeRef {
            label: label.into(),
            key_property: key_property.into(),
            key: key.into(),
        })
    };
    let relationship = (any::<String>(), node(), node())
        .prop_map(|(kind, start, end)| Subject::Relationship { relationship_type: kind.into(), start, end });
    prop_oneof![node().prop_map(Subject::Node), relationship]
}

fn texts() -> impl Strategy<Value = Vec<std::borrow::Cow<'static, str>>> {
    prop::collection::vec(any::<String>().prop_map(Into::into), 0..3)
}

fn undo() -> impl Strategy<Value = UndoEntry<'static>> {
    let author = prop_oneof![Just(Author::Load), Just(Author::Repair), Just(Author::Rollback)];
    let relationship = (any::<String>(), properties())
        .prop_map(|(id, properties)| RelationshipBefore { element_id: id.into(), properties });
    let before = prop_oneof![
        Just(Before::Absent),
        (texts(), properties()).prop_map(|(labels, properties)| Before::Node { labels, properties }),
        prop::collection::vec(relationship, 0..3).prop_map(Before::Relationships),
    ];
    let written = (any::<bool>(), texts(), texts()).prop_map(|(deletes, properties, labels)| Written {
        deletes,
        properties: properties.into_iter().collect(),
        labels,
    });
    let image = (author, any::<String>(), model(), any::<i64>(), subject(), written, before).prop_map(
        |(author, pipeline, model, claim, subject, written, before)| {
            UndoEntry::Image(UndoRecord {
                author,
                pipeline: pipeline.into(),
                identity: model.identity,
                pass: model.pass,
                read_at_micros: model.read_at_micros,
                claim,
                subject,
                written,
                before,
            })
        },
    );
    let reason =
        prop_oneof![Just(GapReason::JournalOff), Just(GapReason::ImageTooLarge), Just(GapReason::Unkeyed)];
    let gap = (any::<String>(), any::<i64>(), reason, 0..u64::MAX / 2, prop::option::of(subject())).prop_map(
        |(pipeline, claim, reason, rows, subject)| {
            UndoEntry::Gap(Gap { pipeline: pipeline.into(), claim, reason, rows, subject })
        },
    );
    let mark = any::<(u128, bool)>()
        .prop_map(|(run, ends)| UndoEntry::Mark(Mark { run: Uuid::from_u128(run), ends }));
    prop_oneof![4 => image, 1 => gap, 1 => mark]
}

/// What `apache_avro` makes of the datum, written again by `apache_avro`.
fn through_apache_avro(text: &str, bytes: &[u8]) -> Vec<u8> {
    let schema = schema(text);
    let mut datum = &bytes[10..];
    let reader = apache_avro::reader::datum::GenericDatumReader::builder(&schema).build().unwrap();
    let read = reader.read_value(&mut datum).unwrap();
    assert!(datum.is_empty());
    let mut written = bytes[..10].to_vec();
    let writer = apache_avro::writer::datum::GenericDatumWriter::builder(&schema).build().unwrap();
    writer.write_value(&mut written, read).unwrap();
    written
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_raw_record_survives_and_apache_avro_agrees(record in raw()) {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        prop_assert_eq!(RawRecord::decode(&bytes).unwrap(), record.clone());
        let again = through_apache_avro(RAW_SCHEMA, &bytes);
        prop_assert_eq!(RawRecord::decode(&again).unwrap(), record);
    }

    #[test]
    fn a_model_record_survives_and_apache_avro_agrees(record in model()) {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        prop_assert_eq!(ModelRecord::decode(&bytes).unwrap(), record.clone());
        let again = through_apache_avro(MODEL_SCHEMA, &bytes);
        prop_assert_eq!(ModelRecord::decode(&again).unwrap(), record);
    }

    #[test]
    fn an_undo_entry_survives_and_apache_avro_agrees(entry in undo(), cut in any::<prop::sample::Index>()) {
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        prop_assert_eq!(UndoEntry::decode(&bytes).unwrap(), entry.clone());
        let again = through_apache_avro(UNDO_SCHEMA, &bytes);
        prop_assert_eq!(UndoEntry::decode(&again).unwrap(), entry);
        prop_assert!(UndoEntry::decode(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn damaged_bytes_are_undecodable_and_never_panic(record in raw(), cut in any::<prop::sample::Index>(), flip in any::<u8>()) {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        let at = cut.index(bytes.len());
        prop_assert!(RawRecord::decode(&bytes[..at]).is_err());
        bytes[at] ^= flip;
        let _ = RawRecord::decode(&bytes);
        let _ = ModelRecord::decode(&bytes);
    }
}

#[test]
fn foreign_bytes_are_refused_with_the_reason() {
    let refused = RawRecord::decode(b"{\"id\": 1}").unwrap_err();
    assert!(refused.message.contains("single-object encoding"), "{refused}");
    let mut other = Vec::new();
    header(MODEL_FINGERPRINT, &mut Writer::new(&mut other));
    let refused = RawRecord::decode(&other).unwrap_err();
    assert!(refused.message.contains("fingerprint"), "{refused}");
}
