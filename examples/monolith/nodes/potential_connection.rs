//! Connections that might be there. Of their lists of entities relationships are derived.

use regraft::record::Reason::{MissingField, RuleViolated, TypeMismatch, UnknownProperty};

use super::entity::{self, ENTITY};
use crate::defects::{Defect, odd, wrong};
use crate::graph::{Carries, Node};
use crate::kinds::NodeKind;
use crate::plan::{Plan, Random};
use crate::{numbers, prose};

/// The pipeline that what is derived comes to.
pub const DERIVED: &str = "connects";

pub static POTENTIAL_CONNECTION: NodeKind = NodeKind {
    label: "PotentialConnection",
    pipeline: "potential_connection",
    prefix: "con",
    schema: &["CREATE CONSTRAINT potential_connection_id IF NOT EXISTS \
               FOR (n:PotentialConnection) REQUIRE n.id IS UNIQUE"],
    long_text: "description",
    required: "description",
    ordinals: |plan| {
        Box::new(
            (0..plan.podcasts)
                .flat_map(move |podcast| (0..count(plan, podcast)).map(move |number| podcast * 4 + number)),
        )
    },
    any: |plan, random| {
        let podcast = random.below(plan.podcasts);
        podcast * 4 + random.below(count(plan, podcast))
    },
    shaped,
    defects: DEFECTS,
    orphans: &[],
};

const DEFECTS: &[Defect<Node>] = &[
    wrong("unknown-property-and-strength-bad", UnknownProperty, |n, _| {
        n.set("found_by", "hand");
        n.set("strength", "strong");
    }),
    wrong("description-a-number", TypeMismatch, |n, _| n.set("description", 7)),
    wrong("strength-in-words", TypeMismatch, |n, _| n.set("strength", "strong")),
    wrong("strength-not-a-number", TypeMismatch, |n, _| n.set("strength", f64::NAN)),
    wrong("strength-not-a-number-text", TypeMismatch, |n, _| n.set("strength", "NaN")),
    wrong("strength-a-boolean", TypeMismatch, |n, _| n.set("strength", true)),
    wrong("entities-a-single-id", TypeMismatch, |n, _| n.set("entities", "ent-1")),
    wrong("entities-floats", TypeMismatch, |n, _| n.set("entities", vec![1.0, 2.0])),
    wrong("entities-bad-and-no-description", TypeMismatch, |n, _| {
        n.set("entities", vec![1_i64]);
        n.remove("description");
    }),
    wrong("no-description", MissingField, |n, _| n.remove("description")),
    wrong("no-strength", MissingField, |n, _| n.remove("strength")),
    wrong("no-description-and-strength-over-1", MissingField, |n, _| {
        n.remove("description");
        n.set("strength", 2);
    }),
    wrong("strength-over-1", RuleViolated, |n, _| n.set("strength", 1.5)),
    wrong("strength-under-0", RuleViolated, |n, _| n.set("strength", "-0.1")),
    wrong("strength-slightly-under-0", RuleViolated, |n, _| n.set("strength", -5e-324)),
    odd("description-empty", |n, _| n.set("description", "")),
    odd("strength-at-its-ends", |n, copy| n.set("strength", (copy % 2) as i64)),
    odd("strength-minus-zero", |n, _| n.set("strength", -0.0)),
    odd("entities-absent", |n, _| {
        n.remove("entities");
        n.derives(DERIVED, 0);
    }),
    odd("entities-empty", |n, _| {
        n.set("entities", Vec::<String>::new());
        n.derives(DERIVED, 0);
    }),
];

/// How many connections a podcast suggests: one to three.
fn count(plan: &Plan, podcast: u64) -> u64 {
    1 + plan.random("connections", podcast).below(3)
}

fn shaped(plan: &Plan, key: String, random: &mut Random) -> Node {
    let (podcast, wanted) = (random.below(plan.podcasts), random.below(6));
    let entities = entity::some(plan, podcast, random, wanted);
    let keys: Vec<String> = entities.iter().map(|ordinal| ENTITY.key(plan, *ordinal)).collect();
    let mut node = super::labelled("PotentialConnection", random)
        .with("id", key)
        .with("description", prose::description(random))
        .with("strength", numbers::score(random))
        .with("entities", if keys.is_empty() { None } else { Some(keys) });
    node.derives(DERIVED, entities.len() as u64);
    node
}
