//! Topics. Of their lists of other topics relationships are derived.

use regraft::record::Reason::{MissingField, RuleViolated, TypeMismatch, UnknownProperty};

use crate::defects::{self, Defect, UNDER_AN_INDEX, odd, wrong};
use crate::graph::{Carries, Node};
use crate::kinds::NodeKind;
use crate::plan::{Plan, Random};
use crate::{moments, numbers, prose};

/// The pipeline that what is derived comes to.
pub const DERIVED: &str = "contains_topic";

pub static TOPIC: NodeKind = NodeKind {
    label: "Topic",
    pipeline: "topic",
    prefix: "top",
    schema: &[
        "CREATE CONSTRAINT topic_id IF NOT EXISTS FOR (n:Topic) REQUIRE n.id IS UNIQUE",
        "CREATE INDEX topic_name IF NOT EXISTS FOR (n:Topic) ON (n.name)",
        "CREATE INDEX topic_trend IF NOT EXISTS FOR (n:Topic) ON (n.trend)",
    ],
    long_text: "description",
    required: "name",
    ordinals: |plan| {
        Box::new(
            (0..plan.podcasts)
                .flat_map(move |podcast| (0..count(plan, podcast)).map(move |number| podcast * 8 + number)),
        )
    },
    any: |plan, random| {
        let podcast = random.below(plan.podcasts);
        podcast * 8 + random.below(count(plan, podcast))
    },
    shaped,
    defects: DEFECTS,
    orphans: &[],
};

const DEFECTS: &[Defect<Node>] = &[
    wrong("unknown-property-and-parents-bad", UnknownProperty, |n, _| {
        n.set("slug", "a-topic");
        n.set("parent_topics", "top-1");
    }),
    wrong("name-a-number", TypeMismatch, |n, _| n.set("name", 1984)),
    wrong("description-a-list", TypeMismatch, |n, _| n.set("description", vec!["a"])),
    wrong("trend-not-listed", TypeMismatch, |n, _| n.set("trend", "rising")),
    wrong("trend-of-another-case", TypeMismatch, |n, _| n.set("trend", "Emerging")),
    wrong("trend-empty", TypeMismatch, |n, _| n.set("trend", "")),
    wrong("trend-a-number", TypeMismatch, |n, _| n.set("trend", 1)),
    wrong("level-half", TypeMismatch, |n, _| n.set("hierarchy_level", 0.5)),
    wrong("level-in-words", TypeMismatch, |n, _| n.set("hierarchy_level", "top")),
    wrong("level-infinite", TypeMismatch, |n, _| n.set("hierarchy_level", f64::INFINITY)),
    wrong("parents-a-single-id", TypeMismatch, |n, _| n.set("parent_topics", "top-1")),
    wrong("parents-numbers", TypeMismatch, |n, _| n.set("parent_topics", vec![1_i64, 2])),
    wrong("children-booleans", TypeMismatch, |n, _| n.set("child_topics", vec![true])),
    wrong("children-dates", TypeMismatch, |n, _| n.set("child_topics", vec![moments::local(0).date()])),
    wrong("children-a-single-blank", TypeMismatch, |n, _| n.set("child_topics", "")),
    wrong("children-bad-and-no-name", TypeMismatch, |n, _| {
        n.set("child_topics", vec![0.5]);
        n.remove("name");
    }),
    wrong("no-name", MissingField, |n, _| n.remove("name")),
    wrong("name-empty", RuleViolated, |n, _| n.set("name", "")),
    wrong("name-white-space", RuleViolated, |n, _| n.set("name", "\u{2029}\u{b}\u{c}\u{1680}")),
    odd("name-under-an-index", |n, copy| n.set("name", defects::long(copy, UNDER_AN_INDEX))),
    odd("name-zero-width", |n, _| n.set("name", "\u{2060}")),
    odd("level-negative", |n, _| n.set("hierarchy_level", "-3")),
    odd("level-float", |n, _| n.set("hierarchy_level", 2.0)),
    odd("defaults", |n, _| {
        n.properties.retain(|(name, _)| ["id", "name"].contains(name));
        n.derives(DERIVED, 0);
    }),
    odd("lists-empty", |n, _| {
        n.set("parent_topics", Vec::<String>::new());
        n.set("child_topics", Vec::<String>::new());
        n.derives(DERIVED, 0);
    }),
];

/// How many topics a podcast brings in: two to five.
fn count(plan: &Plan, podcast: u64) -> u64 {
    2 + plan.random("topics", podcast).below(4)
}

/// So many topics at most of a podcast: half of them are one of two that all have, most others its own.
pub fn some(plan: &Plan, podcast: u64, random: &mut Random, wanted: u64) -> Vec<u64> {
    let mut some = Vec::new();
    for _ in 0..wanted {
        let drawn = match random.below(20) {
            0..=9 => random.below(2),
            10..=11 => (TOPIC.any)(plan, random),
            _ => podcast * 8 + random.below(count(plan, podcast)),
        };
        if !some.contains(&drawn) {
            some.push(drawn);
        }
    }
    some
}

/// The podcast that a topic came with.
pub fn podcast(ordinal: u64) -> u64 {
    ordinal / 8
}

/// The topics that the lists of a healthy one name, as parents and as children.
pub fn relatives(plan: &Plan, ordinal: u64) -> (Vec<u64>, Vec<u64>) {
    drawn_relatives(plan, &mut plan.random(TOPIC.pipeline, ordinal))
}

/// The first thing that is drawn for a topic. None is both parent and child.
fn drawn_relatives(plan: &Plan, random: &mut Random) -> (Vec<u64>, Vec<u64>) {
    let (podcast, wanted) = (random.below(plan.podcasts), random.below(5));
    let mut parents = some(plan, podcast, random, wanted);
    let children = parents.split_off(parents.len() / 2);
    (parents, children)
}

fn shaped(plan: &Plan, key: String, random: &mut Random) -> Node {
    let (parents, children) = drawn_relatives(plan, random);
    let keys =
        |ordinals: &[u64]| ordinals.iter().map(|ordinal| TOPIC.key(plan, *ordinal)).collect::<Vec<_>>();
    let listed = |ordinals: &[u64], random: &mut Random| {
        // No list and an empty one are the same.
        if ordinals.is_empty() && random.chance(50) { None } else { Some(keys(ordinals)) }
    };
    let mut node = super::labelled("Topic", random)
        .with("id", key)
        .with("name", prose::title(random))
        .with("description", random.maybe(60, prose::description))
        .with("trend", random.maybe(70, |random| random.pick(&["emerging", "established", "declining"])))
        .with(
            "hierarchy_level",
            random.maybe(60, |random| {
                let level = random.below(6);
                numbers::counted(random, level)
            }),
        )
        .with("parent_topics", listed(&parents, random))
        .with("child_topics", listed(&children, random));
    node.derives(DERIVED, (parents.len() + children.len()) as u64);
    node
}
