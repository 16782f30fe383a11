use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::record::{Author, Identity, NodeRef, Subject, UndoRecord, Written};

type Pairs<'a> = &'a [(&'static str, i64)];

fn properties(pairs: Pairs<'_>) -> Vec<Property<'static>> {
    pairs.iter().map(|(name, value)| ((*name).into(), Value::Integer(*value))).collect()
}

fn image(labels: &[&'static str], pairs: Pairs<'_>) -> NodeImage {
    NodeImage { labels: labels.iter().map(|&label| label.into()).collect(), properties: properties(pairs) }
}

fn was(labels: &[&'static str], pairs: Pairs<'_>) -> Before<'static> {
    let NodeImage { labels, properties } = image(labels, pairs);
    Before::Node { labels, properties }
}

fn item(first: bool, before: Before<'static>, written: Written<'static>) -> Item {
    let node = NodeRef { label: "A".into(), key_property: "id".into(), key: "k".into() };
    let record = UndoRecord {
        author: Author::Load,
        pipeline: "p".into(),
        identity: Identity { lineage: Uuid::nil(), partition: 0, offset: 0, output: 0, epoch: 0 },
        pass: 1,
        read_at_micros: 0,
        claim: 1,
        subject: Subject::Node(node),
        written,
        before,
    };
    Item { kind: 0, first, record, bytes: 0 }
}

fn writes(names: &[&'static str]) -> Written<'static> {
    Written { properties: names.iter().map(|&name| name.into()).collect(), ..Written::default() }
}

fn deletes() -> Written<'static> {
    Written { deletes: true, ..Written::default() }
}

fn owned(names: &[&str], labels: &[&str]) -> Owned {
    let set = |all: &[&str]| all.iter().map(|&name| name.to_owned()).collect();
    Owned { properties: set(names), labels: set(labels) }
}

fn sorted(wish: Wish<Option<NodeImage>>) -> Wish<Option<NodeImage>> {
    match wish {
        Wish::As(Some(mut image)) => {
            image.labels.sort();
            image.properties.sort_by(|(one, _), (other, _)| one.cmp(other));
            Wish::As(Some(image))
        }
        other => other,
    }
}

#[track_caller]
fn node_becomes(item: &Item, owned: &Owned, now: Option<NodeImage>, expected: Wish<Option<NodeImage>>) {
    assert_eq!(sorted(node(item, "A", owned, now)), sorted(expected));
}

#[test]
fn what_was_written_goes_back_and_what_others_have_changed_since_stays() {
    // `t` and `u` are Regraft's, `f` and `g` others': `f` was changed since, `g` removed, `h` added.
    let item = item(true, was(&["A", "X"], &[("t", 1), ("f", 1), ("g", 1)]), writes(&["t", "u"]));
    let now = image(&["A", "X", "L", "Y"], &[("t", 2), ("u", 2), ("f", 2), ("h", 1)]);
    let expected = image(&["A", "X", "Y"], &[("t", 1), ("f", 2), ("h", 1)]);
    node_becomes(&item, &owned(&["t", "u"], &["L"]), Some(now), Wish::As(Some(expected)));
}

#[test]
fn names_that_a_later_contract_has_added_go_too() {
    let item = item(true, was(&["A"], &[("t", 1)]), writes(&["t"]));
    let now = image(&["A"], &[("t", 2), ("later", 2)]);
    node_becomes(&item, &owned(&["t", "later"], &[]), Some(now), Wish::As(Some(image(&["A"], &[("t", 1)]))));
}

#[test]
fn what_regraft_made_goes_unless_others_have_put_something_on_it() {
    let made = item(true, Before::Absent, writes(&["t"]));
    let owned = owned(&["t", "later"], &["L"]);
    node_becomes(&made, &owned, Some(image(&["A", "L"], &[("t", 1), ("later", 1)])), Wish::As(None));
    node_becomes(&made, &owned, None, Wish::As(None));
    let foreign = Wish::Keep(KeepReason::ForeignProperties);
    node_becomes(&made, &owned, Some(image(&["A"], &[("t", 1), ("f", 1)])), foreign.clone());
    node_becomes(&made, &owned, Some(image(&["A", "Y"], &[("t", 1)])), foreign);
}

#[test]
fn what_was_deleted_comes_back_whole() {
    let gone = item(true, was(&["A", "X"], &[("t", 1), ("f", 1)]), deletes());
    let whole = Wish::As(Some(image(&["A", "X"], &[("t", 1), ("f", 1)])));
    node_becomes(&gone, &owned(&["t"], &[]), None, whole);
    // Loaded again since, and others have put back theirs in part, otherwise.
    let now = image(&["A"], &[("t", 2), ("f", 9)]);
    let expected = image(&["A", "X"], &[("t", 1), ("f", 9)]);
    node_becomes(&gone, &owned(&["t"], &[]), Some(now), Wish::As(Some(expected)));
}

#[test]
fn a_later_deletion_brings_back_what_others_had_by_then() {
    let later = item(false, was(&["A", "X"], &[("t", 7), ("f", 2)]), deletes());
    let now = image(&["A"], &[("t", 1)]);
    let expected = image(&["A", "X"], &[("t", 1), ("f", 2)]);
    node_becomes(&later, &owned(&["t"], &[]), Some(now), Wish::As(Some(expected)));
}

fn tied(ids: &[&'static str]) -> Vec<Tie> {
    ids.iter().map(|&id| Tie { element_id: Some(id.into()), properties: properties(&[("w", 2)]) }).collect()
}

fn were(ids: &[&'static str]) -> Before<'static> {
    let one = |id: &&'static str| RelationshipBefore {
        element_id: (*id).into(),
        properties: properties(&[("w", 1)]),
    };
    Before::Relationships(ids.iter().map(one).collect())
}

#[test]
fn relationships_go_come_back_and_are_restored() {
    let owned = owned(&["w"], &[]);
    let change = |item: &Item, now: Vec<Tie>| match ties(item, &owned, now.clone()) {
        Wish::As(wished) => Ok(tie_change(&now, wished)),
        Wish::Keep(reason) => Err(reason),
    };
    let made = item(true, Before::Absent, writes(&["w"]));
    assert_eq!(change(&made, tied(&["1"])).unwrap().delete, ["1"]);
    assert!(change(&made, tied(&[])).unwrap().is_nothing());
    assert_eq!(change(&made, tied(&["1", "2"])), Err(KeepReason::ParallelRelationships));
    let foreign = vec![Tie { element_id: Some("1".into()), properties: properties(&[("w", 2), ("f", 1)]) }];
    assert_eq!(change(&made, foreign), Err(KeepReason::ForeignProperties));
    let there = item(true, were(&["1"]), writes(&["w"]));
    assert_eq!(change(&there, tied(&["1"])).unwrap().set, [("1".into(), properties(&[("w", 1)]))]);
    assert_eq!(change(&there, tied(&["9"])).unwrap().set, [("9".into(), properties(&[("w", 1)]))]);
    assert_eq!(change(&there, tied(&[])).unwrap().create, [properties(&[("w", 1)])]);
    // One that others have made beside it stays as it is.
    let beside = change(&there, tied(&["9", "1"])).unwrap();
    assert_eq!((beside.set.len(), beside.delete.len(), beside.create.len()), (1, 0, 0));
    assert_eq!(beside.set[0].0, "1");
}

fn any_image() -> impl Strategy<Value = NodeImage> {
    const NAMES: [&str; 4] = ["t", "u", "f", "g"];
    let properties = prop::collection::btree_map(prop::sample::select(&NAMES[..]), 0i64..3, 0..4);
    let labels = prop::collection::btree_set(prop::sample::select(&["L", "X"][..]), 0..3);
    (properties, labels).prop_map(|(properties, labels)| NodeImage {
        labels: std::iter::once("A").chain(labels).map(Into::into).collect(),
        properties: properties
            .into_iter()
            .map(|(name, value)| (name.into(), Value::Integer(value)))
            .collect(),
    })
}

proptest! {
    /// What a second rollback to the same instant finds to do is nothing.
    #[test]
    fn done_twice_is_done_once(before in prop::option::of(any_image()), now in prop::option::of(any_image())) {
        let before = before.map_or(Before::Absent, |image| Before::Node {
            labels: image.labels,
            properties: image.properties,
        });
        let item = item(true, before, writes(&["t", "u"]));
        let owned = owned(&["t", "u"], &["L"]);
        if let Wish::As(once) = node(&item, "A", &owned, now) {
            let twice = node(&item, "A", &owned, once.clone());
            let Wish::As(twice) = twice else { panic!("{twice:?}") };
            prop_assert_eq!(node_change(once.as_ref(), twice), NodeChange::Nothing);
        }
    }

    /// What is written is what makes of the one the other.
    #[test]
    fn a_change_leads_to_the_wish(now in any_image(), wished in any_image()) {
        let NodeChange::Set(settings) = node_change(Some(&now), Some(wished.clone())) else {
            return Ok(());
        };
        let mut after = now;
        for (name, value) in settings.properties {
            after.properties.retain(|(other, _)| *other != name);
            if !value.is_null() {
                after.properties.push((name, value));
            }
        }
        after.labels.retain(|label| !settings.remove.contains(label));
        after.labels.extend(settings.add);
        prop_assert_eq!(sorted(Wish::As(Some(after))), sorted(Wish::As(Some(wished))));
    }
}

#[test]
fn equal_is_what_is_stored_alike() {
    assert!(same(&Value::Float(f64::NAN), &Value::Float(f64::NAN)));
    assert!(!same(&Value::Float(0.0), &Value::Float(-0.0)));
    let list = |number| Value::List(vec![Value::Float(number)]);
    assert!(same(&list(f64::NAN), &list(f64::NAN)) && !same(&list(0.0), &list(-0.0)));
}
