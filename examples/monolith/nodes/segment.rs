//! Segments of transcripts, each of an episode.

use regraft::record::Reason::{
    MissingField, MissingKey, Orphaned, RuleViolated, TypeMismatch, UnknownProperty,
};

use super::episode::EPISODE;
use crate::defects::{self, Defect, odd, wrong};
use crate::graph::{Carries, Node};
use crate::kinds::NodeKind;
use crate::plan::{Plan, Random};
use crate::{moments, numbers, prose};

pub static SEGMENT: NodeKind = NodeKind {
    label: "Segment",
    pipeline: "segment",
    prefix: "seg",
    schema: &[
        "CREATE CONSTRAINT segment_id IF NOT EXISTS FOR (n:Segment) REQUIRE n.id IS UNIQUE",
        "CREATE TEXT INDEX segment_text IF NOT EXISTS FOR (n:Segment) ON (n.text)",
    ],
    // The monolith's text index takes no more than 32 kB.
    long_text: "speaker",
    required: "text",
    ordinals: |plan| Box::new((EPISODE.ordinals)(plan).flat_map(move |episode| of_episode(plan, episode))),
    any: |plan, random| {
        let episode = (EPISODE.any)(plan, random);
        one_of_episode(plan, episode, random)
    },
    shaped,
    defects: DEFECTS,
    orphans: ORPHANS,
};

/// Planted into a healthy episode.
const DEFECTS: &[Defect<Node>] = &[
    wrong("hash-of-the-target", UnknownProperty, |n, _| n.set("content_hash", "0000")),
    wrong("episode-of-the-target", UnknownProperty, |n, _| n.set("episode_id", "ep-1")),
    wrong("length-of-the-target-and-start-bad", UnknownProperty, |n, _| {
        n.set("duration_seconds", 12.5);
        n.set("start_time", "soon");
    }),
    wrong("text-a-number", TypeMismatch, |n, _| n.set("text", 42)),
    wrong("text-a-list", TypeMismatch, |n, _| n.set("text", vec!["one", "two"])),
    wrong("start-a-clock", TypeMismatch, |n, _| n.set("start_time", "00:01:00")),
    wrong("start-not-a-number", TypeMismatch, |n, _| n.set("start_time", f64::NAN)),
    wrong("start-a-duration", TypeMismatch, |n, _| n.set("start_time", moments::span(0, 0, 5, 0))),
    wrong("end-infinite", TypeMismatch, |n, _| n.set("end_time", f64::INFINITY)),
    wrong("end-infinite-text", TypeMismatch, |n, _| n.set("end_time", "Infinity")),
    wrong("end-a-boolean", TypeMismatch, |n, _| n.set("end_time", true)),
    wrong("end-bare-point", TypeMismatch, |n, _| n.set("end_time", "7200.")),
    wrong("end-with-a-space", TypeMismatch, |n, _| n.set("end_time", "7200.5 ")),
    wrong("end-by-comma", TypeMismatch, |n, _| n.set("end_time", "7200,5")),
    wrong("end-of-other-digits", TypeMismatch, |n, _| n.set("end_time", "٧٢٠٠")),
    wrong("speaker-a-number", TypeMismatch, |n, _| n.set("speaker", 1)),
    wrong("sentiment-in-words", TypeMismatch, |n, _| n.set("sentiment", "positive")),
    wrong("sentiment-a-list", TypeMismatch, |n, _| n.set("sentiment", vec![0.5])),
    wrong("complexity-a-date", TypeMismatch, |n, _| n.set("complexity_score", moments::local(0).date())),
    wrong("advertisement-a-number", TypeMismatch, |n, _| n.set("is_advertisement", 1)),
    wrong("advertisement-in-words", TypeMismatch, |n, _| n.set("is_advertisement", "yes")),
    wrong("advertisement-with-a-space", TypeMismatch, |n, _| n.set("is_advertisement", "true ")),
    wrong("index-half", TypeMismatch, |n, _| n.set("segment_index", 1.5)),
    wrong("index-with-exponent", TypeMismatch, |n, _| n.set("segment_index", "1e3")),
    wrong("embedding-a-single-float", TypeMismatch, |n, _| n.set("embedding", 0.25)),
    wrong("embedding-not-a-number", TypeMismatch, |n, _| n.set("embedding", defects::floats_with(f64::NAN))),
    wrong("embedding-of-booleans", TypeMismatch, |n, _| n.set("embedding", vec![true, false])),
    wrong("embedding-of-words", TypeMismatch, |n, _| n.set("embedding", vec!["0.5", "half"])),
    wrong("index-bad-and-no-text", TypeMismatch, |n, _| {
        n.set("segment_index", "");
        n.remove("text");
    }),
    wrong("no-text", MissingField, |n, _| n.remove("text")),
    wrong("no-start", MissingField, |n, _| n.remove("start_time")),
    wrong("no-end", MissingField, |n, _| n.remove("end_time")),
    wrong("no-end-and-text-blank", MissingField, |n, _| {
        n.remove("end_time");
        n.set("text", " ");
    }),
    wrong("text-empty", RuleViolated, |n, _| n.set("text", "")),
    wrong("text-white-space", RuleViolated, |n, _| n.set("text", "\r\n\u{2028}\u{3000}\u{1680}\t")),
    wrong("end-is-start", RuleViolated, |n, _| times(n, 12.5, 12.5)),
    wrong("end-before-start", RuleViolated, |n, _| times(n, 12.5, 12.25)),
    wrong("start-negative", RuleViolated, |n, _| times(n, -1.0, 5.0)),
    wrong("start-slightly-negative", RuleViolated, |n, _| times(n, -1e-300, 5.0)),
    wrong("embedding-empty", RuleViolated, |n, _| n.set("embedding", Vec::<f64>::new())),
    wrong("text-blank-and-end-before-start", RuleViolated, |n, _| {
        n.set("text", "\t");
        times(n, 2.0, 1.0);
    }),
    odd("start-zero", |n, _| times(n, 0.0, 1e-9)),
    odd("start-minus-zero", |n, _| times(n, -0.0, 5.0)),
    odd("times-digits", |n, _| {
        n.set("start_time", "+.5");
        n.set("end_time", "1E2");
    }),
    odd("times-integers", |n, _| {
        n.set("start_time", 10);
        n.set("end_time", 11);
    }),
    odd("advertisement-by-letters", |n, _| n.set("is_advertisement", "fAlSE")),
    odd("sentiment-out-of-range", |n, _| n.set("sentiment", -17.5)),
    odd("index-negative", |n, _| n.set("segment_index", "-7")),
    odd("speaker-blank", |n, _| n.set("speaker", " ")),
    odd("text-zero-width", |n, _| n.set("text", "\u{200b}\u{feff}")),
    odd("text-of-30-kilobytes", |n, copy| n.set("text", defects::long(copy, 32_000))),
    odd("text-of-one-long-word", |n, _| n.set("text", "o".repeat(30_000))),
    odd("embedding-of-4096", |n, copy| n.set("embedding", numbers::floats(&mut Random::new(copy), 4096))),
    odd("embedding-of-integers", |n, _| n.set("embedding", vec![1_i64, 0, -1])),
    odd("embedding-of-digits", |n, _| n.set("embedding", vec!["0.5", "-.5", "1e-3"])),
];

/// Planted without an episode.
const ORPHANS: &[Defect<Node>] = &[
    wrong("orphan", Orphaned, |_, _| {}),
    wrong("orphan-and-text-blank", Orphaned, |n, _| n.set("text", " ")),
    wrong("orphan-and-end-before-start", Orphaned, |n, _| times(n, 2.0, 1.0)),
    wrong("orphan-and-no-text", MissingField, |n, _| n.remove("text")),
    wrong("orphan-and-text-a-number", TypeMismatch, |n, _| n.set("text", 1)),
    wrong("orphan-and-key-absent", MissingKey, |n, _| n.remove("id")),
];

fn times(node: &mut Node, start: f64, end: f64) {
    node.set("start_time", start);
    node.set("end_time", end);
}

/// The segments of an episode: two to ten.
fn of_episode(plan: &Plan, episode: u64) -> impl Iterator<Item = u64> + use<> {
    (0..count(plan, episode)).map(move |number| episode * 16 + number)
}

fn count(plan: &Plan, episode: u64) -> u64 {
    2 + plan.random("segments", episode).below(9)
}

/// The episode of a segment.
pub fn episode(ordinal: u64) -> u64 {
    ordinal / 16
}

/// Any segment of an episode.
pub fn one_of_episode(plan: &Plan, episode: u64, random: &mut Random) -> u64 {
    episode * 16 + random.below(count(plan, episode))
}

fn shaped(plan: &Plan, key: String, random: &mut Random) -> Node {
    let start = random.below(4 * 3_600_000);
    let end = start + 1 + random.below(120_000);
    super::labelled("Segment", random)
        .with("id", key)
        .with("text", prose::transcript(random))
        .with("start_time", numbers::seconds(random, start))
        .with("end_time", numbers::seconds(random, end))
        .with("speaker", random.maybe(80, prose::person))
        .with("sentiment", random.maybe(70, numbers::sentiment))
        .with("complexity_score", random.maybe(50, numbers::score))
        .with("is_advertisement", random.maybe(60, numbers::flag))
        .with(
            "segment_index",
            random.maybe(90, |random| {
                let index = random.below(300);
                numbers::counted(random, index)
            }),
        )
        .with("embedding", numbers::embedding(plan, random))
}
