//! Entities. A few of them have to do with nearly everything.

use regraft::record::Reason::{MissingField, RuleViolated, TypeMismatch, UnknownProperty};

use crate::defects::{self, Defect, UNDER_AN_INDEX, odd, wrong};
use crate::graph::{Carries, Node};
use crate::kinds::NodeKind;
use crate::plan::{Plan, Random};
use crate::{moments, numbers, prose};

pub static ENTITY: NodeKind = NodeKind {
    label: "Entity",
    pipeline: "entity",
    prefix: "ent",
    schema: &[
        "CREATE CONSTRAINT entity_id IF NOT EXISTS FOR (n:Entity) REQUIRE n.id IS UNIQUE",
        "CREATE INDEX entity_name IF NOT EXISTS FOR (n:Entity) ON (n.name)",
        "CREATE INDEX entity_bridge_score IF NOT EXISTS FOR (n:Entity) ON (n.bridge_score)",
        "CREATE INDEX entity_is_peripheral IF NOT EXISTS FOR (n:Entity) ON (n.is_peripheral)",
    ],
    long_text: "description",
    required: "type",
    ordinals: |plan| {
        Box::new(
            (0..plan.podcasts)
                .flat_map(move |podcast| (0..count(plan, podcast)).map(move |number| podcast * 64 + number)),
        )
    },
    any: |plan, random| {
        let podcast = random.below(plan.podcasts);
        podcast * 64 + random.below(count(plan, podcast))
    },
    shaped,
    defects: DEFECTS,
    orphans: &[],
};

const DEFECTS: &[Defect<Node>] = &[
    wrong("source-type-of-the-target", UnknownProperty, |n, _| n.set("source_type", "band")),
    wrong("unknown-property-and-type-absent", UnknownProperty, |n, _| {
        n.set("wikidata", "Q42");
        n.remove("type");
    }),
    wrong("name-a-boolean", TypeMismatch, |n, _| n.set("name", true)),
    wrong("name-a-list", TypeMismatch, |n, _| n.set("name", vec!["Ada", "Lovelace"])),
    wrong("type-a-number", TypeMismatch, |n, _| n.set("type", 2)),
    wrong("type-a-list", TypeMismatch, |n, _| n.set("type", vec!["person"])),
    wrong("description-a-number", TypeMismatch, |n, _| n.set("description", 1.5)),
    wrong("first-mentioned-a-datetime", TypeMismatch, |n, _| n.set("first_mentioned", moments::local(0))),
    wrong("mentions-half", TypeMismatch, |n, _| n.set("mention_count", 1.5)),
    wrong("mentions-in-words", TypeMismatch, |n, _| n.set("mention_count", "many")),
    wrong("mentions-a-boolean", TypeMismatch, |n, _| n.set("mention_count", true)),
    wrong("bridge-not-a-number", TypeMismatch, |n, _| n.set("bridge_score", f64::NAN)),
    wrong("bridge-by-comma", TypeMismatch, |n, _| n.set("bridge_score", "0,5")),
    wrong("peripheral-zero", TypeMismatch, |n, _| n.set("is_peripheral", 0)),
    wrong("peripheral-in-words", TypeMismatch, |n, _| n.set("is_peripheral", "no")),
    wrong("importance-empty", TypeMismatch, |n, _| n.set("importance_score", "")),
    wrong("confidence-a-list", TypeMismatch, |n, _| n.set("confidence_score", vec![1.0])),
    wrong("confidence-infinite", TypeMismatch, |n, _| n.set("confidence_score", f64::NEG_INFINITY)),
    wrong("aliases-a-single-name", TypeMismatch, |n, _| n.set("aliases", "AI")),
    wrong("aliases-numbers", TypeMismatch, |n, _| n.set("aliases", vec![1_i64, 2])),
    wrong("embedding-text", TypeMismatch, |n, _| n.set("embedding", "[0.1, 0.2]")),
    wrong("embedding-infinite", TypeMismatch, |n, _| {
        n.set("embedding", defects::floats_with(f64::INFINITY));
    }),
    wrong("mentions-bad-and-no-name", TypeMismatch, |n, _| {
        n.set("mention_count", "0x10");
        n.remove("name");
    }),
    wrong("no-name", MissingField, |n, _| n.remove("name")),
    wrong("no-type", MissingField, |n, _| n.remove("type")),
    wrong("no-type-and-name-blank", MissingField, |n, _| {
        n.remove("type");
        n.set("name", "");
    }),
    wrong("name-empty", RuleViolated, |n, _| n.set("name", "")),
    wrong("name-white-space", RuleViolated, |n, _| n.set("name", "\u{a0}\u{205f} ")),
    wrong("mentions-negative", RuleViolated, |n, _| n.set("mention_count", -1)),
    wrong("mentions-negative-digits", RuleViolated, |n, _| n.set("mention_count", "-12")),
    wrong("bridge-over-1", RuleViolated, |n, _| n.set("bridge_score", 1.5)),
    wrong("bridge-under-0", RuleViolated, |n, _| n.set("bridge_score", -0.1)),
    wrong("importance-slightly-over-1", RuleViolated, |n, _| {
        n.set("importance_score", 1.000_000_000_000_000_2);
    }),
    wrong("importance-negative-digits", RuleViolated, |n, _| n.set("importance_score", "-1e-9")),
    wrong("confidence-a-percentage", RuleViolated, |n, _| n.set("confidence_score", 85)),
    wrong("confidence-digits-over-1", RuleViolated, |n, _| n.set("confidence_score", "1.01")),
    wrong("embedding-empty", RuleViolated, |n, _| n.set("embedding", Vec::<f64>::new())),
    odd("name-under-an-index", |n, copy| n.set("name", defects::long(copy, UNDER_AN_INDEX))),
    odd("name-zero-width", |n, _| n.set("name", "\u{200d}")),
    odd("type-of-no-list", |n, _| n.set("type", "Band")),
    odd("type-empty", |n, _| n.set("type", "")),
    odd("type-other-in-capitals", |n, _| n.set("type", "OTHER")),
    odd("type-upper-case", |n, _| n.set("type", "TECHNOLOGY")),
    // Its lower case is an i with a dot above it, so it is none that is listed.
    odd("type-dotted-i", |n, _| n.set("type", "ORGAN\u{130}ZATION")),
    odd("type-with-a-space", |n, _| n.set("type", "person ")),
    odd("mentions-zero", |n, _| n.set("mention_count", 0)),
    odd("mentions-largest", |n, _| n.set("mention_count", i64::MAX)),
    odd("scores-at-their-ends", |n, _| {
        n.set("bridge_score", 0);
        n.set("importance_score", 1);
        n.set("confidence_score", "1e0");
    }),
    odd("bridge-minus-zero", |n, _| n.set("bridge_score", -0.0)),
    odd("bridge-smallest", |n, _| n.set("bridge_score", 5e-324)),
    odd("defaults", |n, _| {
        n.properties.retain(|(name, _)| ["id", "name", "type"].contains(name));
    }),
    odd("aliases-empty", |n, _| n.set("aliases", Vec::<String>::new())),
    odd("aliases-blank", |n, _| n.set("aliases", vec!["", " "])),
    odd("embedding-of-4096", |n, copy| n.set("embedding", numbers::floats(&mut Random::new(copy), 4096))),
];

/// How many entities a podcast brings in: twenty to forty.
fn count(plan: &Plan, podcast: u64) -> u64 {
    20 + plan.random("entities", podcast).below(21)
}

/// So many entities at most that a podcast speaks of: three in ten are one of four that all speak of, most others its own.
pub fn some(plan: &Plan, podcast: u64, random: &mut Random, wanted: u64) -> Vec<u64> {
    let mut some = Vec::new();
    for _ in 0..wanted {
        let drawn = match random.below(20) {
            0..=5 => random.below(4),
            6..=7 => (ENTITY.any)(plan, random),
            _ => podcast * 64 + random.below(count(plan, podcast)),
        };
        if !some.contains(&drawn) {
            some.push(drawn);
        }
    }
    some
}

/// The podcast that an entity came with.
pub fn podcast(ordinal: u64) -> u64 {
    ordinal / 64
}

fn shaped(plan: &Plan, key: String, random: &mut Random) -> Node {
    super::labelled("Entity", random)
        .with("id", key)
        .with("name", prose::title(random))
        .with(
            "type",
            random.pick(&[
                "person",
                "organization",
                "product",
                "concept",
                "technology",
                "location",
                "event",
                "other",
                "Person",
                "ORGANIZATION",
                "Concept",
                "Musikgruppe",
                "作品",
            ]),
        )
        .with("description", random.maybe(70, prose::description))
        .with("first_mentioned", random.maybe(40, moments::written))
        .with(
            "mention_count",
            random.maybe(85, |random| {
                let count = random.below(500);
                numbers::counted(random, count)
            }),
        )
        .with("bridge_score", random.maybe(60, numbers::score))
        .with("is_peripheral", random.maybe(60, numbers::flag))
        .with("importance_score", random.maybe(70, numbers::score))
        .with("confidence_score", random.maybe(70, numbers::score))
        .with("aliases", random.maybe(50, prose::people))
        .with("embedding", numbers::embedding(plan, random))
}
