//! Nodes that carry several declared labels: dead letters of each of their pipelines.

use regraft::record::Reason::{self, DuplicateKey, MissingKey, TooLarge};

use super::Scenario;
use super::nodes::add_children;
use crate::defects::{self, OVER_THE_LIMIT};
use crate::graph::{Carries, End, Fragment, Node, Outcome};
use crate::kinds::{NodeKind, RELATIONSHIPS, RelationshipKind};
use crate::nodes::entity::ENTITY;
use crate::nodes::episode::EPISODE;
use crate::nodes::insight::INSIGHT;
use crate::nodes::podcast::PODCAST;
use crate::nodes::potential_connection::POTENTIAL_CONNECTION;
use crate::nodes::quote::QUOTE;
use crate::nodes::segment::SEGMENT;
use crate::nodes::speaker::SPEAKER;
use crate::nodes::topic::TOPIC;
use crate::plan::Plan;
use crate::relationships::{INSIGHT_EXTRACTED_FROM, QUOTE_EXTRACTED_FROM, tie, tie_around, tie_to_parent};

/// Between them every label is in one.
const PODCAST_AND_EPISODE: &[&NodeKind] = &[&PODCAST, &EPISODE];
const SEGMENT_AND_QUOTE: &[&NodeKind] = &[&SEGMENT, &QUOTE];
const EPISODE_AND_SEGMENT: &[&NodeKind] = &[&EPISODE, &SEGMENT];
const SPEAKER_AND_ENTITY: &[&NodeKind] = &[&SPEAKER, &ENTITY];
const INSIGHT_AND_EPISODE: &[&NodeKind] = &[&INSIGHT, &EPISODE];
const TOPIC_AND_CONNECTION: &[&NodeKind] = &[&TOPIC, &POTENTIAL_CONNECTION];
const THREE: &[&NodeKind] = &[&TOPIC, &SPEAKER, &ENTITY];

pub const SCENARIOS: &[Scenario] = &[
    |plan, copy| of_several_labels(plan, copy, "podcast-and-episode", PODCAST_AND_EPISODE),
    |plan, copy| of_several_labels(plan, copy, "segment-and-quote", SEGMENT_AND_QUOTE),
    |plan, copy| of_several_labels(plan, copy, "episode-and-segment", EPISODE_AND_SEGMENT),
    |plan, copy| of_several_labels(plan, copy, "speaker-and-entity", SPEAKER_AND_ENTITY),
    |plan, copy| of_several_labels(plan, copy, "insight-and-episode", INSIGHT_AND_EPISODE),
    |plan, copy| of_several_labels(plan, copy, "topic-and-connection", TOPIC_AND_CONNECTION),
    |plan, copy| of_several_labels(plan, copy, "topic-speaker-and-entity", THREE),
    |plan, copy| without_key(plan, copy, "podcast-and-episode-without-key", PODCAST_AND_EPISODE),
    |plan, copy| without_key(plan, copy, "speaker-and-entity-without-key", SPEAKER_AND_ENTITY),
    one_relationship_of_two_pipelines,
    over_the_limit,
];

fn of_several_labels(plan: &Plan, copy: u64, purpose: &str, kinds: &[&'static NodeKind]) -> Fragment {
    surrounded(plan, copy, purpose, kinds, several(plan, copy, purpose, kinds, DuplicateKey))
}

fn without_key(plan: &Plan, copy: u64, purpose: &str, kinds: &[&'static NodeKind]) -> Fragment {
    let mut node = several(plan, copy, purpose, kinds, MissingKey);
    node.remove("id");
    surrounded(plan, copy, purpose, kinds, node)
}

/// What is a property of one type is unknown to the other, but the labels come first.
fn several(plan: &Plan, copy: u64, purpose: &str, kinds: &[&'static NodeKind], reason: Reason) -> Node {
    let mut several = kinds[0].planted(plan, purpose, copy);
    for kind in &kinds[1..] {
        several.labels.push(kind.label);
        for (name, value) in kind.planted(plan, purpose, copy).properties {
            if name != "id" {
                several.set(name, value);
            }
        }
    }
    kinds.iter().fold(several, |node, kind| node.expecting(kind.pipeline, Outcome::DeadLetter(reason)))
}

/// The node with its children, tied by all relationships of all its labels, also to itself.
fn surrounded(plan: &Plan, copy: u64, purpose: &str, kinds: &[&'static NodeKind], node: Node) -> Fragment {
    let mut fragment = Fragment::default();
    let node = fragment.add(node);
    for kind in kinds {
        tie_to_parent(&mut fragment, plan, kind, &node, &format!("{purpose} {}", kind.label), copy);
        add_children(&mut fragment, plan, kind, &node, &format!("{purpose}-{}", kind.prefix), copy);
        tie_around(&mut fragment, plan, kind, &node, (&format!("{purpose} {}", kind.label), copy), |_| true);
    }
    for kind in RELATIONSHIPS.iter().filter(|kind| kind.is_stored() && joins(kind, kinds)) {
        tie(&mut fragment, kind, &node, &node, &mut plan.random(purpose, copy));
    }
    fragment
}

fn joins(relationship: &RelationshipKind, kinds: &[&NodeKind]) -> bool {
    let has = |end: &NodeKind| kinds.iter().any(|kind| kind.label == end.label);
    has(relationship.start) && has(relationship.end)
}

/// EXTRACTED_FROM between nodes that are what either pipeline reads: each reads it.
fn one_relationship_of_two_pipelines(plan: &Plan, copy: u64) -> Fragment {
    let purpose = "read-twice";
    let mut fragment = Fragment::default();
    let start = several(plan, copy, "read-twice-start", &[&QUOTE, &INSIGHT], DuplicateKey);
    let end = several(plan, copy, "read-twice-end", &[&SEGMENT, &EPISODE], DuplicateKey);
    let (start, end) = (fragment.add(start), fragment.add(end));
    let random = &mut plan.random(purpose, copy);
    tie(&mut fragment, &QUOTE_EXTRACTED_FROM, &start, &end, random);
    for (kind, start, end) in [
        (&QUOTE_EXTRACTED_FROM, &start, &SEGMENT.host(plan, purpose, copy)),
        (&INSIGHT_EXTRACTED_FROM, &start, &EPISODE.host(plan, purpose, copy)),
        (&QUOTE_EXTRACTED_FROM, &QUOTE.host(plan, purpose, copy), &end),
        (&INSIGHT_EXTRACTED_FROM, &INSIGHT.host(plan, purpose, copy), &end),
    ] {
        tie(&mut fragment, kind, start, end, random);
    }
    fragment
}

/// Too large comes before everything else, for both.
fn over_the_limit(plan: &Plan, copy: u64) -> Fragment {
    let purpose = "speaker-and-entity-of-megabytes";
    let mut node = several(plan, copy, purpose, SPEAKER_AND_ENTITY, TooLarge);
    node.set("description", defects::long(copy, OVER_THE_LIMIT));
    let mut fragment = Fragment::default();
    let node: End = fragment.add(node);
    tie_around(&mut fragment, plan, &ENTITY, &node, (purpose, copy), |place| place == 0);
    fragment
}
