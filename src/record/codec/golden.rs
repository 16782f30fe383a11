//! What is on topics already must stay readable: one record of each kind as the first release wrote it, kept for
//! good under `tests/golden`.

use uuid::Uuid;

use super::hex;
use crate::record::{
    Author, Before, Finding, Gap, GapReason, Identity, Mark, ModelEntity, ModelRecord, Names, NodeRef,
    RawEntity, RawRecord, RelationshipBefore, Subject, UndoEntry, UndoRecord, Value, Written, Zone,
};

fn every_value() -> Vec<crate::record::Property<'static>> {
    let zone = Zone::Named("Europe/Berlin".into());
    let values = [
        ("boolean", Value::Boolean(true)),
        ("bytes", Value::Bytes(vec![0, 255].into())),
        ("date", Value::Date(-1)),
        ("datetime", Value::DateTime { seconds: 1_700_000_000, nanos: 1, zone: Zone::Offset(-3600) }),
        ("datetime_named", Value::DateTime { seconds: -5, nanos: 999_999_999, zone }),
        ("duration", Value::Duration { months: 1, days: -2, seconds: 3, nanos: 4 }),
        ("float", Value::Float(-0.0)),
        ("integer", Value::Integer(i64::MIN)),
        ("list", Value::List(vec![Value::text("a"), Value::text("ü🎙")])),
        ("list_empty", Value::List(vec![])),
        ("local_datetime", Value::LocalDateTime { seconds: 60, nanos: 7 }),
        ("local_time", Value::LocalTime(86_399_999_999_999)),
        ("null", Value::Null),
        ("point", Value::Point { srid: 4979, x: 1.5, y: -2.5, z: Some(3.0) }),
        ("string", Value::text("line\r\nbreak")),
        ("time", Value::Time { nanos: 1, offset_seconds: 7200 }),
    ];
    values.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

fn raw_node() -> RawRecord<'static> {
    RawRecord {
        lineage: Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        pass: 3,
        read_at_micros: 1_700_000_000_123_456,
        element_id: "4:db:7".into(),
        finding: Finding::Duplicate,
        entity: RawEntity::Node {
            key: Value::text("k1"),
            labels: vec!["A".into(), "B".into()],
            properties: every_value(),
            lookups: vec![("parent".into(), Value::Null)],
        },
    }
}

fn raw_relationship() -> RawRecord<'static> {
    let entity =
        RawEntity::Relationship { start: Value::text("s"), end: Value::Integer(7), properties: vec![] };
    RawRecord { finding: Finding::TooLarge { bytes: 1_500_000, digest: 0xfeed }, entity, ..raw_node() }
}

fn model(entity: ModelEntity<'static>) -> ModelRecord<'static> {
    ModelRecord {
        identity: Identity {
            lineage: raw_node().lineage,
            partition: 2,
            offset: 1 << 40,
            output: 1,
            epoch: 4,
        },
        pass: 3,
        read_at_micros: 1_700_000_000_123_456,
        derived_from: Some("topic".into()),
        contract: 0x0102_0304_0506_0708,
        entity,
        body: vec![2, 4, 6].into(),
        kept: every_value(),
    }
}

fn model_node() -> ModelRecord<'static> {
    model(ModelEntity::Node { key: "k1".into(), labels: vec!["B".into()] })
}

fn model_relationship() -> ModelRecord<'static> {
    model(ModelEntity::Relationship { start: "s".into(), end: "e".into() })
}

fn node(label: &'static str, key: &'static str) -> NodeRef<'static> {
    NodeRef { label: label.into(), key_property: "id".into(), key: key.into() }
}

fn relationship() -> Subject<'static> {
    Subject::Relationship { relationship_type: "T".into(), start: node("A", "a"), end: node("B", "b") }
}

fn undo(author: Author, subject: Subject<'static>, before: Before<'static>) -> UndoEntry<'static> {
    UndoEntry::Image(UndoRecord {
        author,
        pipeline: "p".into(),
        identity: model_node().identity,
        pass: 3,
        read_at_micros: 1_700_000_000_123_456,
        claim: 5,
        subject,
        written: Written {
            deletes: author == Author::Repair,
            properties: Names::Own(vec!["title".into(), "migrated_at".into()]),
            labels: vec!["B".into()],
        },
        before,
    })
}

/// One entry of each kind.
fn undo_entries() -> Vec<UndoEntry<'static>> {
    let was = Before::Node { labels: vec!["A".into(), "X".into()], properties: every_value() };
    let one =
        RelationshipBefore { element_id: "5:db:1".into(), properties: vec![("w".into(), Value::Float(0.5))] };
    let gap =
        Gap { pipeline: "p".into(), claim: 5, reason: GapReason::JournalOff, rows: 5000, subject: None };
    vec![
        undo(Author::Load, Subject::Node(node("A", "k1")), Before::Absent),
        undo(Author::Repair, Subject::Node(node("A", "k1")), was),
        undo(Author::Rollback, relationship(), Before::Relationships(vec![one])),
        UndoEntry::Gap(Gap {
            reason: GapReason::ImageTooLarge,
            subject: Some(relationship()),
            ..gap.clone()
        }),
        UndoEntry::Gap(gap.clone()),
        UndoEntry::Gap(Gap { reason: GapReason::Unkeyed, ..gap }),
        UndoEntry::Mark(Mark { run: raw_node().lineage, ends: true }),
    ]
}

#[track_caller]
fn is_golden(name: &str, written: &[u8], golden: &str) {
    assert_eq!(hex(written), golden.trim(), "{name} is written otherwise than by the first release");
}

fn bytes(golden: &str) -> Vec<u8> {
    let digits = golden.trim().as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn raw_records_are_those_of_the_first_release() {
    let files = [
        (raw_node(), include_str!("../../../tests/golden/raw_node.v1.hex")),
        (raw_relationship(), include_str!("../../../tests/golden/raw_relationship.v1.hex")),
    ];
    for (record, golden) in files {
        let mut written = Vec::new();
        record.encode(&mut written);
        is_golden("a raw record", &written, golden);
        assert_eq!(RawRecord::decode(&bytes(golden)).unwrap(), record);
    }
}

#[test]
fn model_records_are_those_of_the_first_release() {
    let files = [
        (model_node(), include_str!("../../../tests/golden/model_node.v1.hex")),
        (model_relationship(), include_str!("../../../tests/golden/model_relationship.v1.hex")),
    ];
    for (record, golden) in files {
        let mut written = Vec::new();
        record.encode(&mut written);
        is_golden("a model record", &written, golden);
        assert_eq!(ModelRecord::decode(&bytes(golden)).unwrap(), record);
    }
}

#[test]
fn undo_entries_are_those_of_the_first_release() {
    let golden = include_str!("../../../tests/golden/undo.v1.hex");
    let entries = undo_entries();
    for (entry, line) in entries.iter().zip(golden.lines()) {
        let mut written = Vec::new();
        entry.encode(&mut written);
        is_golden("an undo entry", &written, line);
        let bytes = bytes(line);
        assert_eq!(UndoEntry::decode(&bytes).unwrap(), *entry);
    }
    assert_eq!(golden.lines().count(), entries.len());
}
