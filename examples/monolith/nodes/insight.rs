//! Insights, each taken from an episode. Title and description are one text in the monolith.

use regraft::record::Reason::{MissingField, RuleViolated, TypeMismatch, UnknownProperty};

use super::episode::EPISODE;
use crate::defects::{self, Defect, odd, wrong};
use crate::graph::{Carries, Node};
use crate::kinds::NodeKind;
use crate::plan::{Plan, Random};
use crate::{moments, numbers, prose};

pub static INSIGHT: NodeKind = NodeKind {
    label: "Insight",
    pipeline: "insight",
    prefix: "ins",
    schema: &[
        "CREATE CONSTRAINT insight_id IF NOT EXISTS FOR (n:Insight) REQUIRE n.id IS UNIQUE",
        "CREATE INDEX insight_insight_type IF NOT EXISTS FOR (n:Insight) ON (n.insight_type)",
        "CREATE INDEX insight_is_bridge_insight IF NOT EXISTS FOR (n:Insight) ON (n.is_bridge_insight)",
    ],
    long_text: "content",
    required: "content",
    ordinals: |plan| {
        Box::new(
            (EPISODE.ordinals)(plan)
                .flat_map(move |episode| (0..count(plan, episode)).map(move |number| episode * 4 + number)),
        )
    },
    any: |plan, random| {
        let episode = (EPISODE.any)(plan, random);
        match count(plan, episode) {
            0 => 0,
            count => episode * 4 + random.below(count),
        }
    },
    shaped,
    defects: DEFECTS,
    orphans: &[],
};

const DEFECTS: &[Defect<Node>] = &[
    wrong("title-of-the-target", UnknownProperty, |n, _| n.set("title", "A title")),
    wrong("description-of-the-target", UnknownProperty, |n, _| n.set("description", "A description")),
    wrong("unknown-property-and-no-content", UnknownProperty, |n, _| {
        n.set("supporting_entities", vec!["ent-1"]);
        n.remove("content");
    }),
    wrong("content-a-number", TypeMismatch, |n, _| n.set("content", 42)),
    wrong("content-a-list", TypeMismatch, |n, _| n.set("content", vec!["Title", "Description"])),
    wrong("type-not-listed", TypeMismatch, |n, _| n.set("insight_type", "opinion")),
    wrong("type-of-another-case", TypeMismatch, |n, _| n.set("insight_type", "Factual")),
    wrong("type-empty", TypeMismatch, |n, _| n.set("insight_type", "")),
    wrong("type-with-a-space", TypeMismatch, |n, _| n.set("insight_type", "key point")),
    wrong("type-a-number", TypeMismatch, |n, _| n.set("insight_type", 1)),
    wrong("confidence-in-words", TypeMismatch, |n, _| n.set("confidence_score", "high")),
    wrong("confidence-a-percentage-text", TypeMismatch, |n, _| n.set("confidence_score", "85%")),
    wrong("segment-a-number", TypeMismatch, |n, _| n.set("extracted_from_segment", 17)),
    wrong("segment-a-list", TypeMismatch, |n, _| n.set("extracted_from_segment", vec!["seg-1"])),
    wrong("bridge-a-number", TypeMismatch, |n, _| n.set("is_bridge_insight", 1.0)),
    wrong("bridge-by-letter", TypeMismatch, |n, _| n.set("is_bridge_insight", "t")),
    wrong("timestamp-a-float", TypeMismatch, |n, _| n.set("timestamp", 1.6e9)),
    wrong("timestamp-digits", TypeMismatch, |n, _| n.set("timestamp", "1600000000")),
    wrong("timestamp-month-13", TypeMismatch, |n, _| n.set("timestamp", "2021-13-01")),
    wrong("type-bad-and-no-content", TypeMismatch, |n, _| {
        n.set("insight_type", "hunch");
        n.remove("content");
    }),
    wrong("no-content", MissingField, |n, _| n.remove("content")),
    wrong("no-type", MissingField, |n, _| n.remove("insight_type")),
    wrong("no-type-and-content-blank", MissingField, |n, _| {
        n.remove("insight_type");
        n.set("content", "");
    }),
    wrong("content-empty", RuleViolated, |n, _| n.set("content", "")),
    wrong("content-white-space", RuleViolated, |n, _| n.set("content", " \r\n\u{2003}")),
    wrong("content-begins-with-its-separator", RuleViolated, |n, _| n.set("content", ": only a description")),
    wrong("title-white-space", RuleViolated, |n, _| n.set("content", "\u{3000}\t: and a description")),
    wrong("confidence-over-1", RuleViolated, |n, _| n.set("confidence_score", 1.01)),
    wrong("confidence-under-0", RuleViolated, |n, _| n.set("confidence_score", "-0.5")),
    wrong("confidence-a-percentage", RuleViolated, |n, _| n.set("confidence_score", 85)),
    odd("content-two-separators", |n, _| n.set("content", "One: two: three")),
    odd("content-ends-with-its-separator", |n, _| n.set("content", "Title: ")),
    odd("content-ends-with-a-colon", |n, _| n.set("content", "Title:")),
    odd("content-colon-and-no-space", |n, _| n.set("content", ":at 12:30:15")),
    odd("content-colon-and-line-break", |n, _| n.set("content", "Title:\r\ndescription")),
    odd("content-full-width-colon", |n, _| n.set("content", "題：説明")),
    odd("content-many-scripts", |n, _| n.set("content", "İçgörü 💡: 説明 – e\u{301}t\u{e9}")),
    odd("content-title-of-30-kilobytes", |n, copy| {
        n.set("content", defects::long(copy, 30_000));
    }),
    odd("confidence-at-its-ends", |n, copy| n.set("confidence_score", (copy % 2) as i64)),
    odd("segment-of-nowhere", |n, _| n.set("extracted_from_segment", "seg-of-nowhere")),
    odd("segment-empty", |n, _| n.set("extracted_from_segment", "")),
    odd("timestamp-far-back", |n, _| n.set("timestamp", "0001-01-01T00:00:00.000000001Z")),
    odd("defaults", |n, _| {
        n.properties.retain(|(name, _)| ["id", "content", "insight_type"].contains(name));
    }),
];

/// How many insights an episode gave: up to three, the first one at least.
fn count(plan: &Plan, episode: u64) -> u64 {
    let count = plan.random("insights", episode).below(4);
    if episode == 0 { count.max(1) } else { count }
}

/// The episode of an insight.
pub fn episode(ordinal: u64) -> u64 {
    ordinal / 4
}

fn shaped(_: &Plan, key: String, random: &mut Random) -> Node {
    super::labelled("Insight", random)
        .with("id", key)
        .with(
            "insight_type",
            random.pick(&[
                "factual",
                "conceptual",
                "prediction",
                "recommendation",
                "key_point",
                "technical",
                "methodological",
            ]),
        )
        .with("content", content(random))
        .with("confidence_score", random.maybe(80, numbers::score))
        .with("extracted_from_segment", random.maybe(60, |random| format!("seg-{}", random.below(100_000))))
        .with("is_bridge_insight", random.maybe(60, numbers::flag))
        .with("timestamp", random.maybe(70, moments::instant))
}

/// Mostly a title, `: ` and a description.
fn content(random: &mut Random) -> String {
    let title = prose::title(random);
    if random.chance(15) { title } else { format!("{title}: {}", prose::description(random)) }
}
