//! Speakers that share a key, which nothing in the monolith prevents: all are dead letters, none wins. Relationships of two
//! of them to the same node have the same ends, so that they are parallel.

use regraft::record::Reason::{DuplicateKey, EndpointMissing, MissingKey, TooLarge};

use super::Scenario;
use crate::defects::{self, OVER_THE_LIMIT};
use crate::graph::{Carries, End, Fragment, Node, Outcome};
use crate::nodes::entity::ENTITY;
use crate::nodes::episode::EPISODE;
use crate::nodes::segment::SEGMENT;
use crate::nodes::speaker::SPEAKER;
use crate::nodes::topic::TOPIC;
use crate::plan::Plan;
use crate::relationships::{DISCUSSES, SPEAKS, SPEAKS_IN, tie, tie_expecting};

pub const SCENARIOS: &[Scenario] =
    &[two, two_alike, three, of_many, two_blank, one_of_two_labels, of_another_label];
pub const HEAVY: &[Scenario] = &[one_over_the_limit];

const DUPLICATE: Outcome = Outcome::DeadLetter(DuplicateKey);
const NO_END: Outcome = Outcome::DeadLetter(EndpointMissing);

/// With relationships of their own, with parallel equal ones, and with parallel different ones.
fn two(plan: &Plan, copy: u64) -> Fragment {
    let mut fragment = Fragment::default();
    let one = fragment.add(speaker(plan, "two", copy));
    let other = fragment.add(speaker(plan, "two", copy));
    let random = &mut plan.random("ties of two", copy);
    tie(&mut fragment, &SPEAKS_IN, &one, &EPISODE.host(plan, "of one", copy), random);
    let segment = SEGMENT.host(plan, "of both", copy);
    tie_expecting(&mut fragment, &SPEAKS, &one, &segment, random, NO_END);
    tie_expecting(&mut fragment, &SPEAKS, &other, &segment, random, Outcome::Merged);
    // A node of its own, so that the two pairs of ends are not by chance the same.
    let entity = ENTITY.planted(plan, "discussed-by-two", copy).expecting(ENTITY.pipeline, Outcome::Loaded);
    let entity = fragment.add(entity);
    discussing(&mut fragment, plan, [&one, &other], &entity, [(2, NO_END), (2, Outcome::Merged)]);
    let entity =
        ENTITY.planted(plan, "discussed-differently", copy).expecting(ENTITY.pipeline, Outcome::Loaded);
    let entity = fragment.add(entity);
    discussing(&mut fragment, plan, [&one, &other], &entity, [(2, DUPLICATE), (3, DUPLICATE)]);
    fragment
}

fn discussing(
    fragment: &mut Fragment,
    plan: &Plan,
    speakers: [&End; 2],
    entity: &End,
    counts: [(i64, Outcome); 2],
) {
    for (speaker, (count, outcome)) in speakers.into_iter().zip(counts) {
        tie_expecting(fragment, &DISCUSSES, speaker, entity, &mut plan.random("discussing", 0), outcome);
        if let Some(last) = fragment.relationships.last_mut() {
            last.set("count", count);
        }
    }
}

/// Equal in everything: still two.
fn two_alike(plan: &Plan, copy: u64) -> Fragment {
    let node = speaker(plan, "two-alike", copy);
    Fragment { nodes: vec![node.clone(), node], ..Fragment::default() }
}

/// One of them is otherwise wrong as well, which comes later.
fn three(plan: &Plan, copy: u64) -> Fragment {
    let mut nodes = vec![speaker(plan, "three", copy); 3];
    nodes[1].set("left over", true);
    nodes[2].remove("name");
    Fragment { nodes, ..Fragment::default() }
}

/// More than a page of a small page size holds.
fn of_many(plan: &Plan, copy: u64) -> Fragment {
    Fragment { nodes: vec![speaker(plan, "many", copy); 30], ..Fragment::default() }
}

/// What is no key can't be shared.
fn two_blank(plan: &Plan, copy: u64) -> Fragment {
    let mut node =
        SPEAKER.planted(plan, "two-blank", copy).expecting(SPEAKER.pipeline, Outcome::DeadLetter(MissingKey));
    node.set("id", defects::blank(copy));
    Fragment { nodes: vec![node.clone(), node], ..Fragment::default() }
}

/// One of them is a topic, too: there it is a duplicate because of its labels.
fn one_of_two_labels(plan: &Plan, copy: u64) -> Fragment {
    let plain = speaker(plan, "one-a-topic", copy);
    let mut topic = speaker(plan, "one-a-topic", copy).expecting(TOPIC.pipeline, DUPLICATE);
    topic.labels.push(TOPIC.label);
    Fragment { nodes: vec![plain, topic], ..Fragment::default() }
}

/// A speaker and an entity may have the same key.
fn of_another_label(plan: &Plan, copy: u64) -> Fragment {
    let purpose = "key-of-an-entity";
    let speaker = SPEAKER.planted(plan, purpose, copy).expecting(SPEAKER.pipeline, Outcome::Loaded);
    let mut entity = ENTITY.planted(plan, purpose, copy).expecting(ENTITY.pipeline, Outcome::Loaded);
    entity.set("id", plan.planted_key(SPEAKER.prefix, purpose, copy));
    let mut fragment = Fragment::default();
    let (speaker, entity) = (fragment.add(speaker), fragment.add(entity));
    tie(&mut fragment, &DISCUSSES, &speaker, &entity, &mut plan.random(purpose, copy));
    fragment
}

fn one_over_the_limit(plan: &Plan, copy: u64) -> Fragment {
    let plain = speaker(plan, "one-of-megabytes", copy);
    let mut large = SPEAKER
        .planted(plan, "one-of-megabytes", copy)
        .expecting(SPEAKER.pipeline, Outcome::DeadLetter(TooLarge));
    large.set("name", defects::long(copy, OVER_THE_LIMIT));
    Fragment { nodes: vec![plain, large], ..Fragment::default() }
}

fn speaker(plan: &Plan, purpose: &str, copy: u64) -> Node {
    SPEAKER.planted(plan, purpose, copy).expecting(SPEAKER.pipeline, DUPLICATE)
}
