//! Derived relationships: what `check` says of them, and what nodes derive.

use uuid::Uuid;

use super::compile;
use crate::pipeline::{Outcome, Pipelines, Scratch};
use crate::record::{Finding, RawEntity, RawRecord, Reason, Value};

const NODE: &str = r#"{"type": "record", "name": "Node", "fields": [{"name": "id", "type": "string"}]}"#;
const EMPTY: &str = r#"{"type": "record", "name": "Edge", "fields": []}"#;
const PART: &str = "source: {type: PART, start: Part, end: Whole}\ncontract: edge";
const WHOLE: &str = "source: {label: Whole, key: id}\ncontract: node\n\
                     derive: [{pipeline: part, for_each: parts, start: each, end: this}]";

fn world(whole: &str, part: &str) -> Result<Pipelines, String> {
    let files = [
        ("node.avsc", NODE),
        ("edge.avsc", EMPTY),
        ("weighted.avsc", r#"{"type": "record", "name": "W", "fields": [{"name": "w", "type": "double"}]}"#),
        ("part_node.yaml", "source: {label: Part, key: id}\ncontract: node"),
        ("whole.yaml", whole),
        ("part.yaml", part),
    ];
    compile(&files).map_err(|diagnostics| diagnostics.to_string())
}

#[test]
fn receivers_and_derivers_know_of_each_other() {
    let pipelines = world(WHOLE, &PART.replace("end: Whole", "end: Whole, read: false")).unwrap();
    assert_eq!(pipelines.get("whole").unwrap().receivers().into_iter().collect::<Vec<_>>(), ["part"]);
    assert_eq!(pipelines.derivers()["part"], ["whole"]);
    assert!(!pipelines.get("part").unwrap().is_read() && pipelines.get("whole").unwrap().is_read());
    assert!(pipelines.get("whole").unwrap().knows("parts"));
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    let cases = [
        (
            "pipeline: part,",
            "pipeline: prt,",
            "whole.yaml:3:21: there is no pipeline `prt`; did you mean `part`?",
        ),
        ("pipeline: part,", "pipeline: part_node,", "`part_node` moves nodes"),
        (
            "start: each, end: this",
            "start: this, end: each",
            "`part` start at Part, this is Whole; turn `start`",
        ),
        ("start: each", "start: this", "a relationship joins the node and an element"),
        ("for_each: parts, ", "", "`for_each` is missing; write `for_each: part_ids`"),
        ("for_each", "foreach", "unknown key `foreach`; did you mean `for_each`?"),
    ];
    for (from, to, expected) in cases {
        let said = world(&WHOLE.replace(from, to), PART).unwrap_err();
        assert!(said.contains(expected), "{to}\n{said}");
    }
    let weighted = PART.replace("contract: edge", "contract: weighted");
    assert!(world(WHOLE, &weighted).unwrap_err().contains("have properties, a derived one has none"));
    let of_a_tie = format!("{PART}\nderive: [{{pipeline: part, for_each: parts, start: each, end: this}}]");
    assert!(world(WHOLE, &of_a_tie).unwrap_err().contains("part.yaml:3:1: a relationship derives nothing"));
    let unread = PART.replace("end: Whole", "end: Whole, read: false");
    let said = world(WHOLE.split("\nderive").next().unwrap(), &unread).unwrap_err();
    assert!(said.starts_with("part.yaml: nothing comes to this pipeline"), "{said}");
    let said = world(WHOLE, &PART.replace("end: Whole", "end: Whole, read: no")).unwrap_err();
    assert!(said.contains("`read` is true or false, this is text"), "{said}");
}

fn derived(parts: Value<'static>) -> Result<Vec<(String, Option<Reason>)>, Reason> {
    let pipelines = world(WHOLE, PART).unwrap();
    let properties = vec![("id".into(), Value::text("w")), ("parts".into(), parts)];
    let entity =
        RawEntity::Node { key: Value::text("w"), labels: vec!["Whole".into()], properties, lookups: vec![] };
    let (element_id, finding) = ("4:x:1".into(), Finding::None);
    let raw = RawRecord { lineage: Uuid::nil(), pass: 1, read_at_micros: 0, element_id, finding, entity };
    match pipelines.get("whole").unwrap().transform(raw, &mut Scratch::default()) {
        Outcome::Record(record) => {
            assert!(record.derived.iter().all(|each| each.pipeline == "part" && each.end == "w"));
            let each = record.derived.into_iter();
            Ok(each.map(|each| (each.start.into_owned(), each.rejection.map(|why| why.reason))).collect())
        }
        Outcome::Rejected(rejection) => Err(rejection.reason),
        Outcome::Merged => panic!("merged"),
    }
}

#[test]
fn each_distinct_id_is_one_relationship_and_a_blank_one_a_dead_letter() {
    let list = |ids: &[&'static str]| Value::List(ids.iter().map(|id| Value::text(*id)).collect());
    let good = |ids: &[&str]| ids.iter().map(|id| ((*id).to_owned(), None)).collect::<Vec<_>>();
    assert_eq!(derived(Value::Null), Ok(vec![]));
    assert_eq!(derived(list(&[])), Ok(vec![]));
    assert_eq!(derived(list(&["b", "a", "b", "w"])), Ok(good(&["b", "a", "w"])));
    let blank = vec![("".to_owned(), Some(Reason::MissingKey)), ("a".to_owned(), None)];
    assert_eq!(derived(list(&["", "a", ""])), Ok(blank));
    assert_eq!(derived(Value::text("a")), Err(Reason::TypeMismatch));
    assert_eq!(derived(Value::List(vec![Value::text("a"), Value::Integer(1)])), Err(Reason::TypeMismatch));
}
