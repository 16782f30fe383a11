//! Quotes, each from a segment.

use regraft::record::Reason::{MissingField, RuleViolated, TargetRejected, TypeMismatch, UnknownProperty};

use super::episode::EPISODE;
use crate::defects::{self, Defect, OVER_AN_INDEX, UNDER_AN_INDEX, odd, wrong};
use crate::graph::{Carries, Node};
use crate::kinds::NodeKind;
use crate::plan::{Plan, Random};
use crate::{moments, numbers, prose};

pub static QUOTE: NodeKind = NodeKind {
    label: "Quote",
    pipeline: "quote",
    prefix: "quo",
    schema: &[
        "CREATE CONSTRAINT quote_id IF NOT EXISTS FOR (n:Quote) REQUIRE n.id IS UNIQUE",
        "CREATE INDEX quote_quote_type IF NOT EXISTS FOR (n:Quote) ON (n.quote_type)",
        "CREATE INDEX quote_speaker IF NOT EXISTS FOR (n:Quote) ON (n.speaker)",
    ],
    long_text: "context",
    required: "text",
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
    wrong("timestamp-of-the-target", UnknownProperty, |n, _| n.set("estimated_timestamp", 12.5)),
    wrong("words-of-the-target", UnknownProperty, |n, _| n.set("word_count", 12)),
    wrong("episode-of-the-target-and-no-text", UnknownProperty, |n, _| {
        n.set("episode_id", "ep-1");
        n.remove("text");
    }),
    wrong("text-a-number", TypeMismatch, |n, _| n.set("text", 1_234_567_890_i64)),
    wrong("speaker-a-list", TypeMismatch, |n, _| n.set("speaker", vec!["Ana", "Bob"])),
    wrong("type-not-listed", TypeMismatch, |n, _| n.set("quote_type", "funny")),
    wrong("type-of-another-case", TypeMismatch, |n, _| n.set("quote_type", "Memorable")),
    wrong("type-empty", TypeMismatch, |n, _| n.set("quote_type", "")),
    wrong("type-a-boolean", TypeMismatch, |n, _| n.set("quote_type", true)),
    wrong("context-a-number", TypeMismatch, |n, _| n.set("context", 0)),
    wrong("timestamp-a-clock", TypeMismatch, |n, _| n.set("timestamp", "01:02:03")),
    wrong("timestamp-a-datetime", TypeMismatch, |n, _| n.set("timestamp", moments::local(0))),
    wrong("timestamp-a-boolean", TypeMismatch, |n, _| n.set("timestamp", false)),
    wrong("segment-a-number", TypeMismatch, |n, _| n.set("segment_id", 5)),
    wrong("impact-in-words", TypeMismatch, |n, _| n.set("impact_score", "high")),
    wrong("impact-not-a-number", TypeMismatch, |n, _| n.set("impact_score", f64::NAN)),
    wrong("embedding-a-single-float", TypeMismatch, |n, _| n.set("embedding", 1.0)),
    wrong("embedding-of-words", TypeMismatch, |n, _| n.set("embedding", vec!["a", "b"])),
    wrong("impact-bad-and-no-speaker", TypeMismatch, |n, _| {
        n.set("impact_score", "");
        n.remove("speaker");
    }),
    wrong("no-text", MissingField, |n, _| n.remove("text")),
    wrong("no-speaker", MissingField, |n, _| n.remove("speaker")),
    wrong("no-speaker-and-text-short", MissingField, |n, _| {
        n.remove("speaker");
        n.set("text", "short");
    }),
    wrong("text-blank", RuleViolated, |n, _| n.set("text", "            ")),
    wrong("text-of-nine", RuleViolated, |n, _| n.set("text", "123456789")),
    wrong("text-of-nine-in-white-space", RuleViolated, |n, _| {
        n.set("text", "\u{3000}\t123456789\r\n\u{2028}\u{a0}");
    }),
    wrong("text-of-nine-and-36-bytes", RuleViolated, |n, _| n.set("text", "🎙".repeat(9))),
    wrong("impact-over-1", RuleViolated, |n, _| n.set("impact_score", 1.1)),
    wrong("impact-under-0", RuleViolated, |n, _| n.set("impact_score", -0.1)),
    wrong("impact-out-of-ten", RuleViolated, |n, _| n.set("impact_score", "8")),
    wrong("embedding-empty", RuleViolated, |n, _| n.set("embedding", Vec::<f64>::new())),
    wrong("segment-over-an-index", TargetRejected, |n, copy| {
        n.set("segment_id", defects::long(copy, OVER_AN_INDEX));
    }),
    odd("segment-under-an-index", |n, copy| n.set("segment_id", defects::long(copy, UNDER_AN_INDEX))),
    odd("segment-of-nowhere", |n, _| n.set("segment_id", "seg-of-nowhere")),
    odd("text-of-ten", |n, _| n.set("text", "1234567890")),
    odd("text-of-ten-in-white-space", |n, _| n.set("text", "\n\n1234 67890\u{2003}")),
    odd("text-of-ten-code-points", |n, _| n.set("text", "e\u{301}".repeat(5))),
    // A zero-width space is not trimmed.
    odd("text-of-nine-and-zero-width", |n, _| n.set("text", "\u{200b}123456789")),
    odd("text-of-30-kilobytes", |n, copy| n.set("text", defects::long(copy, 30_000))),
    odd("type-absent", |n, _| n.remove("quote_type")),
    odd("speaker-blank", |n, _| n.set("speaker", "")),
    odd("timestamp-digits", |n, _| n.set("timestamp", "+12.5e1")),
    odd("timestamp-negative", |n, _| n.set("timestamp", -3)),
    odd("impact-at-its-ends", |n, copy| n.set("impact_score", ((copy + 1) % 2) as i64)),
    odd("embedding-of-4096", |n, copy| n.set("embedding", numbers::floats(&mut Random::new(copy), 4096))),
];

/// How many quotes an episode gave: up to three, the first one at least.
fn count(plan: &Plan, episode: u64) -> u64 {
    let count = plan.random("quotes", episode).below(4);
    if episode == 0 { count.max(1) } else { count }
}

/// The episode of a quote.
pub fn episode(ordinal: u64) -> u64 {
    ordinal / 4
}

fn shaped(plan: &Plan, key: String, random: &mut Random) -> Node {
    super::labelled("Quote", random)
        .with("id", key)
        .with("text", prose::quote(random))
        .with("speaker", prose::person(random))
        .with(
            "quote_type",
            random.maybe(80, |random| {
                random.pick(&["memorable", "controversial", "humorous", "insightful", "technical", "general"])
            }),
        )
        .with("context", random.maybe(40, prose::description))
        .with(
            "timestamp",
            random.maybe(70, |random| {
                let milliseconds = random.below(4 * 3_600_000);
                numbers::seconds(random, milliseconds)
            }),
        )
        .with("segment_id", random.maybe(60, |random| format!("seg-{}", random.below(100_000))))
        .with("impact_score", random.maybe(70, numbers::score))
        .with("embedding", numbers::embedding(plan, random))
}
