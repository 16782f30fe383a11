//! What becomes of records.

use std::borrow::Cow;

use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

use super::{FILM, FILM_YAML, compile, film};
use crate::pipeline::{Outcome, Pipeline, Rejection, Reshaped, Scratch};
use crate::record::{Finding, ModelEntity, Property, RawEntity, RawRecord, Reason, Value};

fn node<'a>(properties: Vec<Property<'a>>, lookups: Vec<Property<'a>>) -> RawEntity<'a> {
    let key = properties.iter().find(|(name, _)| name == "id").map_or(Value::Null, |(_, key)| key.clone());
    RawEntity::Node { key, labels: vec!["Film".into()], properties, lookups }
}

fn raw(entity: RawEntity<'_>) -> RawRecord<'_> {
    RawRecord {
        lineage: Uuid::nil(),
        pass: 1,
        read_at_micros: 0,
        element_id: "4:x:1".into(),
        finding: Finding::None,
        entity,
    }
}

fn text(name: &'static str, text: &'static str) -> Property<'static> {
    (name.into(), Value::text(text))
}

fn studio() -> Vec<Property<'static>> {
    vec![text("studio_id", "s1")]
}

fn least() -> Vec<Property<'static>> {
    vec![text("id", "f1"), text("title", "Dawn")]
}

fn reshaped<'a>(pipeline: &'a Pipeline, raw: RawRecord<'a>) -> Reshaped<'a> {
    match pipeline.transform(raw, &mut Scratch::default()) {
        Outcome::Record(reshaped) => reshaped,
        other => panic!("no record: {other:?}"),
    }
}

fn rejected(pipeline: &Pipeline, raw: RawRecord<'_>) -> Rejection {
    match pipeline.transform(raw, &mut Scratch::default()) {
        Outcome::Rejected(rejection) => rejection,
        other => panic!("not rejected: {other:?}"),
    }
}

#[test]
fn slots_come_in_the_contracts_order_with_defaults_and_lookups() {
    let pipelines = film("").unwrap();
    let pipeline = &pipelines.all()[0];
    let row = reshaped(pipeline, raw(node(least(), studio()))).row;
    let expected = vec![
        Value::text("f1"),
        Value::text("s1"),
        Value::text("Dawn"),
        Value::Null,
        Value::text("feature"),
        Value::Null,
        Value::Float(0.5),
        Value::List(vec![]),
        Value::Null,
    ];
    assert_eq!(row, expected);
}

#[test]
fn a_property_with_two_takers_is_read_by_both() {
    let pipelines = film("").unwrap();
    let mut properties = least();
    properties.push(text("kind", "Documentary"));
    let row = reshaped(&pipelines.all()[0], raw(node(properties, studio()))).row;
    assert_eq!(row[4..6], [Value::text("other"), Value::text("Documentary")]);
}

#[test]
fn text_that_stays_what_it_is_is_not_copied() {
    let title = String::from("Dawn");
    let properties = vec![("id".into(), Value::text("f1")), ("title".into(), Value::text(title.as_str()))];
    let pipelines = film("").unwrap();
    let row = reshaped(&pipelines.all()[0], raw(node(properties, studio()))).row;
    let Value::String(Cow::Borrowed(same)) = &row[2] else { panic!("copied: {:?}", row[2]) };
    assert_eq!(same.as_ptr(), title.as_ptr());
}

#[test]
fn unknown_properties_are_rejected_kept_or_dropped() {
    let mut properties = least();
    properties.extend([text("budget", "declared"), text("colour", "blue"), ("gone".into(), Value::Null)]);
    let unknown = |policy: &str| film(&format!("unknown_properties: {policy}")).unwrap();
    let record = || raw(node(properties.clone(), studio()));

    let rejection = rejected(&unknown("reject").all()[0], record());
    assert_eq!((rejection.reason, rejection.property.as_deref()), (Reason::UnknownProperty, Some("colour")));
    let keeping = unknown("keep");
    let kept = reshaped(&keeping.all()[0], record());
    assert_eq!((kept.kept, kept.dropped), (vec![text("colour", "blue")], vec![]));
    let dropping = unknown("drop");
    let dropped = reshaped(&dropping.all()[0], record());
    assert_eq!((dropped.kept, dropped.dropped), (vec![], vec![Cow::Borrowed("colour")]));
}

#[test]
fn nothing_is_kept_over_what_regraft_writes() {
    let pipelines = film("unknown_properties: keep").unwrap();
    for name in ["studio_id", "sequel_of", "schema_version", "migrated_at"] {
        let mut properties = least();
        properties.push(text(name, "x"));
        let rejection = rejected(&pipelines.all()[0], raw(node(properties, studio())));
        assert_eq!((rejection.reason, rejection.property.as_deref()), (Reason::UnknownProperty, Some(name)));
    }
}

/// A record with everything wrong, mended reason by reason.
#[test]
fn reasons_come_in_their_order() {
    type Mend = fn(&mut RawRecord<'static>);
    let steps: [(Reason, Mend); 8] = [
        (Reason::TooLarge, |record| record.finding = Finding::Duplicate),
        (Reason::MissingKey, |record| {
            if let RawEntity::Node { key, .. } = &mut record.entity {
                *key = Value::text("f1");
            }
            set(record, "id", Value::text("f1"));
        }),
        (Reason::DuplicateKey, |record| record.finding = Finding::None),
        (Reason::UnknownProperty, |record| set(record, "wrong", Value::Null)),
        (Reason::TypeMismatch, |record| set(record, "score", Value::Null)),
        (Reason::MissingField, |record| set(record, "name", Value::text(" "))),
        (Reason::Orphaned, |record| {
            if let RawEntity::Node { lookups, .. } = &mut record.entity {
                lookups.push(text("studio_id", "s1"));
            }
        }),
        (Reason::RuleViolated, |record| set(record, "title", Value::text("Dawn"))),
    ];
    let pipelines = film("").unwrap();
    let properties = vec![("score".into(), Value::Boolean(true)), ("wrong".into(), Value::Integer(1))];
    let mut record = raw(RawEntity::Node {
        key: Value::Integer(1),
        labels: vec!["Film".into(), "Old".into()],
        properties,
        lookups: vec![],
    });
    record.finding = Finding::TooLarge { bytes: 5, digest: 0 };
    for (reason, mend) in steps {
        assert_eq!(rejected(&pipelines.all()[0], record.clone()).reason, reason);
        mend(&mut record);
    }
    let ModelEntity::Node { labels, .. } = reshaped(&pipelines.all()[0], record).entity else {
        panic!("no node")
    };
    assert_eq!(labels, ["Old"]);
}

fn set(record: &mut RawRecord<'static>, name: &'static str, value: Value<'static>) {
    if let RawEntity::Node { properties, .. } = &mut record.entity {
        properties.retain(|(other, _)| other != name);
        properties.push((name.into(), value));
    }
}

#[test]
fn the_first_property_of_the_contract_is_the_reason() {
    let pipelines = film("").unwrap();
    let mut properties = vec![("tags".into(), Value::Integer(1)), ("duration".into(), Value::text("soon"))];
    properties.push(text("id", "f1"));
    let rejection = rejected(&pipelines.all()[0], raw(node(properties, vec![])));
    assert_eq!(
        rejection.message.as_ref(),
        "`duration` can't become duration in seconds, it is no duration: \"soon\""
    );
    assert_eq!(rejection.value, Some(serde_json::json!("soon")));
    let rejection = rejected(&pipelines.all()[0], raw(node(vec![text("id", "f1")], vec![])));
    assert_eq!(
        rejection.message.as_ref(),
        "`title` is required and the source has neither `title` nor `name`"
    );
    assert_eq!((rejection.property.as_deref(), rejection.value), (Some("title"), None));
}

#[test]
fn two_declared_labels_are_a_duplicate_whatever_is_selected() {
    let other = r#"{"type": "record", "name": "Book", "fields": [{"name": "id", "type": "string"}]}"#;
    let files = [
        ("film.avsc", FILM),
        ("film.yaml", FILM_YAML),
        ("book.avsc", other),
        ("book.yaml", "source: {label: Book, key: id}"),
    ];
    let pipelines = compile(&files).unwrap();
    let film = &pipelines.select(&["film"]).unwrap()[0];
    let mut record = raw(node(least(), studio()));
    if let RawEntity::Node { labels, .. } = &mut record.entity {
        labels.insert(0, "Book".into());
    }
    let rejection = rejected(film, record);
    assert_eq!(rejection.reason, Reason::DuplicateKey);
    assert_eq!(rejection.message.as_ref(), "the node carries two declared labels, Film and Book: \"f1\"");
}

#[test]
fn a_long_value_is_shortened_in_the_rejection() {
    let pipelines = film("").unwrap();
    let mut properties = least();
    properties.push(("duration".into(), Value::text("ä".repeat(10_000))));
    let rejection = rejected(&pipelines.all()[0], raw(node(properties, studio())));
    assert!(rejection.message.chars().count() < 200, "{}", rejection.message);
    assert!(rejection.value.unwrap().as_str().unwrap().ends_with("ä… (10000 characters)"));
}

#[test]
fn a_relationship_where_nodes_are_read_is_undecodable() {
    let pipelines = film("").unwrap();
    let entity =
        RawEntity::Relationship { start: Value::text("a"), end: Value::text("b"), properties: vec![] };
    assert_eq!(rejected(&pipelines.all()[0], raw(entity)).reason, Reason::Undecodable);
}

fn values() -> impl Strategy<Value = Value<'static>> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        any::<f64>().prop_map(Value::Float),
        "\\PC{0,8}".prop_map(Value::text),
        vec("[a-z]{0,3}".prop_map(Value::text), 0..3).prop_map(Value::List),
        Just(Value::Duration { months: 0, days: 1, seconds: 2, nanos: 0 }),
    ]
}

proptest! {
    /// Whatever comes in: one outcome, the same each time, and a row that its contract can write.
    #[test]
    fn every_record_has_one_outcome(
        properties in prop::collection::btree_map(
            prop::sample::select(vec!["id", "title", "name", "duration", "kind", "score", "tags", "budget", "x"]),
            values(),
            0..9,
        ),
        studio in values(),
        policy in prop::sample::select(vec!["reject", "keep", "drop"]),
    ) {
        let pipelines = film(&format!("unknown_properties: {policy}")).unwrap();
        let pipeline = &pipelines.all()[0];
        let properties = properties.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect();
        let record = raw(node(properties, vec![("studio_id".into(), studio)]));
        let mut scratch = Scratch::default();
        let outcome = pipeline.transform(record.clone(), &mut scratch);
        let again = pipeline.transform(record, &mut scratch);
        prop_assert_eq!(format!("{outcome:?}"), format!("{again:?}"));
        if let Outcome::Record(reshaped) = outcome {
            let mut datum = Vec::new();
            prop_assert_eq!(pipeline.contract().encode(&reshaped.row, &mut datum), Ok(()));
            let back = pipeline.contract().decode(&datum).unwrap();
            prop_assert_eq!(format!("{back:?}"), format!("{:?}", reshaped.row));
        }
    }
}
