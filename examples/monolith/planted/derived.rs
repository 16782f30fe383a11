//! Lists of which relationships are derived: what is named twice, nowhere, not at all, or also stored.

use regraft::record::Reason::{
    self, DuplicateKey, EndpointMissing, MissingField, MissingKey, UnknownProperty,
};

use super::Scenario;
use crate::defects::{self, OVER_AN_INDEX};
use crate::graph::{Carries, End, Fragment, Node, Outcome};
use crate::nodes::entity::ENTITY;
use crate::nodes::potential_connection::{self, POTENTIAL_CONNECTION};
use crate::nodes::topic::{self, TOPIC};
use crate::plan::{Plan, Random};
use crate::relationships::{CONTAINS_TOPIC, tie, tie_expecting};

pub const SCENARIOS: &[Scenario] = &[
    topic_named_several_times,
    topic_of_blank_ids,
    topic_of_ids_of_nowhere,
    topic_of_dead_letters,
    topic_of_itself,
    topic_without_parents,
    topics_that_name_each_other,
    |plan, copy| also_stored(plan, copy, "also-stored", &[(None, Outcome::Loaded)]),
    |plan, copy| {
        let twice = [(None, Outcome::Loaded), (None, Outcome::Merged)];
        also_stored(plan, copy, "also-stored-twice", &twice)
    },
    |plan, copy| also_stored(plan, copy, "also-stored-wrongly", &[(Some(1), dead(UnknownProperty))]),
    |plan, copy| {
        let different = [(None, dead(DuplicateKey)), (Some(1), dead(DuplicateKey))];
        also_stored(plan, copy, "also-stored-differently", &different)
    },
    connection_of_all_kinds,
    connection_of_many,
    dead_connection,
];

const fn dead(reason: Reason) -> Outcome {
    Outcome::DeadLetter(reason)
}

/// A topic with these lists; so many relationships of them are loaded.
fn topic(plan: &Plan, purpose: &str, copy: u64, parents: &[&str], children: &[&str], loaded: u64) -> Node {
    let mut node = TOPIC.planted(plan, purpose, copy).expecting(TOPIC.pipeline, Outcome::Loaded);
    node.set("parent_topics", parents.to_vec());
    node.set("child_topics", children.to_vec());
    node.derives(topic::DERIVED, loaded);
    node
}

/// The key of a topic that is healthy, and that of another one.
fn healthy(plan: &Plan, purpose: &str, copy: u64) -> (String, String) {
    let one = (TOPIC.any)(plan, &mut plan.random(purpose, copy));
    // A planted one is sure to be another.
    (TOPIC.key(plan, one), plan.planted_key(TOPIC.prefix, "nothing", copy))
}

/// One for each pair: twice in a list is once, in both lists is twice.
fn topic_named_several_times(plan: &Plan, copy: u64) -> Fragment {
    let (one, other) = healthy(plan, "named-several-times", copy);
    let children = [one.as_str(), &other, &one, &one];
    Fragment::of_node(topic(plan, "named-several-times", copy, &[&one, &one], &children, 3))
}

/// Blank ids are different ids, and each is a dead letter of its own.
fn topic_of_blank_ids(plan: &Plan, copy: u64) -> Fragment {
    let (one, _) = healthy(plan, "blank-ids", copy);
    let mut node = topic(plan, "blank-ids", copy, &["", "  ", "", &one], &["", "\u{3000}\r\n"], 1);
    node.also_derives(topic::DERIVED, dead(MissingKey), 4);
    Fragment::of_node(node)
}

fn topic_of_ids_of_nowhere(plan: &Plan, copy: u64) -> Fragment {
    let (one, _) = healthy(plan, "ids-of-nowhere", copy);
    let (with_a_space, long) = (format!("{one} "), defects::long(copy, OVER_AN_INDEX));
    // An entity is no topic.
    let entity = ENTITY.key(plan, (ENTITY.any)(plan, &mut plan.random("ids-of-nowhere", copy)));
    let children = ["top-of-nowhere", &with_a_space, &long, &entity];
    let mut node = topic(plan, "ids-of-nowhere", copy, &["\u{200b}"], &children, 0);
    node.also_derives(topic::DERIVED, dead(EndpointMissing), 5);
    Fragment::of_node(node)
}

/// It names one that is a dead letter, which names it in turn but derives nothing.
fn topic_of_dead_letters(plan: &Plan, copy: u64) -> Fragment {
    let purpose = "of-dead-letters";
    let (own, wrong) = (
        plan.planted_key(TOPIC.prefix, purpose, copy),
        plan.planted_key(TOPIC.prefix, "named-and-dead", copy),
    );
    let mut dead_letter = TOPIC.planted(plan, "named-and-dead", copy);
    dead_letter.set("child_topics", vec![own, String::new()]);
    dead_letter.remove("name");
    let dead_letter = dead_letter.expecting(TOPIC.pipeline, dead(MissingField));
    let mut node = topic(plan, purpose, copy, &[&wrong], &[&wrong], 0);
    node.also_derives(topic::DERIVED, dead(EndpointMissing), 2);
    Fragment { nodes: vec![dead_letter, node], ..Fragment::default() }
}

/// In both lists: the same pair.
fn topic_of_itself(plan: &Plan, copy: u64) -> Fragment {
    let own = plan.planted_key(TOPIC.prefix, "of-itself", copy);
    Fragment::of_node(topic(plan, "of-itself", copy, &[&own], &[&own], 1))
}

fn topic_without_parents(plan: &Plan, copy: u64) -> Fragment {
    let (one, _) = healthy(plan, "parents-absent", copy);
    let mut node = topic(plan, "parents-absent", copy, &[], &[&one], 1);
    node.remove("parent_topics");
    Fragment::of_node(node)
}

/// Each derives the same relationship: two are emitted.
fn topics_that_name_each_other(plan: &Plan, copy: u64) -> Fragment {
    let [parent, child] = ["named-parent", "named-child"];
    let key = |purpose| plan.planted_key(TOPIC.prefix, purpose, copy);
    let nodes = vec![
        topic(plan, parent, copy, &[], &[&key(child)], 1),
        topic(plan, child, copy, &[&key(parent)], &[], 1),
    ];
    Fragment { nodes, ..Fragment::default() }
}

/// The derived one is applied whatever became of those that are stored.
fn also_stored(plan: &Plan, copy: u64, purpose: &str, stored: &[(Option<i64>, Outcome)]) -> Fragment {
    let (one, _) = healthy(plan, purpose, copy);
    let mut fragment = Fragment::default();
    let start = fragment.add(topic(plan, purpose, copy, &[], &[&one], 1));
    let end = End::Keyed(TOPIC.label, one);
    for (property, outcome) in stored {
        let random = &mut plan.random(purpose, copy);
        tie_expecting(&mut fragment, &CONTAINS_TOPIC, &start, &end, random, *outcome);
        if let (Some(value), Some(last)) = (property, fragment.relationships.last_mut()) {
            last.set("position", *value);
        }
    }
    fragment
}

fn connection(plan: &Plan, purpose: &str, copy: u64, entities: Vec<String>, loaded: u64) -> Node {
    let mut node = POTENTIAL_CONNECTION.planted(plan, purpose, copy);
    node.set("entities", entities);
    node.derives(potential_connection::DERIVED, loaded);
    node.expecting(POTENTIAL_CONNECTION.pipeline, Outcome::Loaded)
}

fn connection_of_all_kinds(plan: &Plan, copy: u64) -> Fragment {
    let purpose = "of-all-kinds";
    let one = ENTITY.key(plan, (ENTITY.any)(plan, &mut plan.random(purpose, copy)));
    let other = plan.planted_key(ENTITY.prefix, "nothing", copy);
    let mut wrong = ENTITY.planted(plan, "named-and-dead", copy);
    wrong.remove("type");
    let wrong_key = plan.planted_key(ENTITY.prefix, "named-and-dead", copy);
    let own = plan.planted_key(POTENTIAL_CONNECTION.prefix, purpose, copy);
    let with_a_break = format!("{one}\n");
    let named = [&one, &other, &one, "", "\t", "", "ent-of-nowhere", &wrong_key, &own, &with_a_break]
        .map(String::from);
    let mut node = connection(plan, purpose, copy, named.to_vec(), 2);
    node.also_derives(potential_connection::DERIVED, dead(MissingKey), 2);
    node.also_derives(potential_connection::DERIVED, dead(EndpointMissing), 4);
    let wrong = wrong.expecting(ENTITY.pipeline, dead(MissingField));
    Fragment { nodes: vec![wrong, node], ..Fragment::default() }
}

/// One record that many are derived of.
fn connection_of_many(plan: &Plan, copy: u64) -> Fragment {
    let nowhere = (0..1000).map(|number| format!("ent-of-nowhere-{copy}-{number}"));
    let mut there = Vec::new();
    let random = &mut Random::new(copy);
    for _ in 0..500 {
        let key = ENTITY.key(plan, (ENTITY.any)(plan, random));
        if !there.contains(&key) {
            there.push(key);
        }
    }
    let loaded = there.len() as u64;
    let mut node = connection(plan, "of-many", copy, nowhere.take(50).chain(there).collect(), loaded);
    node.also_derives(potential_connection::DERIVED, dead(EndpointMissing), 50);
    Fragment::of_node(node)
}

/// Whatever its list is, it derives nothing; and a stored relationship of a wrong topic is what its ends make of it.
fn dead_connection(plan: &Plan, copy: u64) -> Fragment {
    let mut fragment = Fragment::default();
    let mut node = POTENTIAL_CONNECTION.planted(plan, "dead-with-blank-ids", copy);
    node.set("entities", vec!["", " ", "ent-of-nowhere"]);
    node.remove("strength");
    fragment.add(node.expecting(POTENTIAL_CONNECTION.pipeline, dead(MissingField)));
    let mut wrong = TOPIC.planted(plan, "dead-with-blank-ids", copy);
    wrong.set("parent_topics", vec!["", " ", "top-of-nowhere"]);
    wrong.set("left over", 1);
    let wrong = fragment.add(wrong.expecting(TOPIC.pipeline, dead(UnknownProperty)));
    let host = TOPIC.host(plan, "dead-with-blank-ids", copy);
    tie(&mut fragment, &CONTAINS_TOPIC, &wrong, &host, &mut plan.random("dead-with-blank-ids", copy));
    fragment
}
