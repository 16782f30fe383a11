//! Speakers. Their key has no constraint in the monolith, so that two can have the same.

use regraft::record::Reason::{
    MissingField, MissingKey, RuleViolated, TargetRejected, TypeMismatch, UnknownProperty,
};

use crate::defects::{self, Defect, OVER_AN_INDEX, UNDER_AN_INDEX, odd, wrong};
use crate::graph::{Carries, Node};
use crate::kinds::NodeKind;
use crate::plan::{Plan, Random};
use crate::{moments, prose};

pub static SPEAKER: NodeKind = NodeKind {
    label: "Speaker",
    pipeline: "speaker",
    prefix: "spk",
    schema: &[],
    long_text: "name",
    required: "name",
    ordinals: |plan| {
        Box::new(
            (0..plan.podcasts)
                .flat_map(move |podcast| (0..count(plan, podcast)).map(move |number| podcast * 16 + number)),
        )
    },
    any: |plan, random| {
        let podcast = random.below(plan.podcasts);
        one_of_podcast(plan, podcast, random)
    },
    shaped,
    defects: DEFECTS,
    orphans: &[],
};

const DEFECTS: &[Defect<Node>] = &[
    wrong("key-boolean", MissingKey, |n, copy| n.set("id", copy % 2 == 0)),
    wrong("role-of-another-name", UnknownProperty, |n, _| n.set("Role", "host")),
    wrong("unknown-property-and-role-bad", UnknownProperty, |n, _| {
        n.set("email", "a@example.org");
        n.set("role", 1);
    }),
    wrong("name-a-number", TypeMismatch, |n, _| n.set("name", 3)),
    wrong("name-a-list", TypeMismatch, |n, _| n.set("name", vec!["Ana"])),
    wrong("role-a-number", TypeMismatch, |n, _| n.set("role", 1)),
    wrong("role-a-list", TypeMismatch, |n, _| n.set("role", vec!["host"])),
    wrong("role-not-listed", TypeMismatch, |n, _| n.set("role", "producer")),
    wrong("role-empty", TypeMismatch, |n, _| n.set("role", "")),
    wrong("role-with-a-space", TypeMismatch, |n, _| n.set("role", " host")),
    wrong("role-dotted-i", TypeMismatch, |n, _| n.set("role", "RECURR\u{130}NG")),
    wrong("role-long-s", TypeMismatch, |n, _| n.set("role", "ho\u{17f}t")),
    wrong("created-a-float", TypeMismatch, |n, _| n.set("created_timestamp", 1.6e9)),
    wrong("created-in-words", TypeMismatch, |n, _| n.set("created_timestamp", "last week")),
    wrong("created-a-time", TypeMismatch, |n, _| {
        n.set("created_timestamp", moments::local(3_600).time());
    }),
    wrong("role-bad-and-no-name", TypeMismatch, |n, _| {
        n.set("role", "moderator");
        n.remove("name");
    }),
    wrong("no-name", MissingField, |n, _| n.remove("name")),
    wrong("name-empty", RuleViolated, |n, _| n.set("name", "")),
    wrong("name-white-space", RuleViolated, |n, _| n.set("name", "\u{2003}\n\u{85}")),
    wrong("key-over-an-index", TargetRejected, |n, copy| n.set("id", defects::long(copy, OVER_AN_INDEX))),
    odd("key-under-an-index", |n, copy| n.set("id", defects::long(copy, UNDER_AN_INDEX))),
    odd("name-zero-width", |n, _| n.set("name", "\u{200b}")),
    odd("role-absent", |n, _| n.remove("role")),
    odd("role-upper-case", |n, _| n.set("role", "GUEST")),
    // The Kelvin sign's lower case is k.
    odd("role-kelvin", |n, _| n.set("role", "UN\u{212a}NOWN")),
    odd("created-midnight", |n, _| n.set("created_timestamp", "2020-02-29")),
];

/// How many speakers a podcast has: two to nine.
fn count(plan: &Plan, podcast: u64) -> u64 {
    2 + plan.random("speakers", podcast).below(8)
}

/// The podcast of a speaker.
pub fn podcast(ordinal: u64) -> u64 {
    ordinal / 16
}

/// Any speaker of a podcast.
pub fn one_of_podcast(plan: &Plan, podcast: u64, random: &mut Random) -> u64 {
    podcast * 16 + random.below(count(plan, podcast))
}

/// One to three speakers of a podcast.
pub fn some_of_podcast(plan: &Plan, podcast: u64, random: &mut Random) -> Vec<u64> {
    let wanted = 1 + random.below(3);
    random.some_below(count(plan, podcast), wanted).into_iter().map(|number| podcast * 16 + number).collect()
}

fn shaped(_: &Plan, key: String, random: &mut Random) -> Node {
    super::labelled("Speaker", random)
        .with("id", key)
        .with("name", prose::person(random))
        .with(
            "role",
            random.maybe(80, |random| {
                random.pick(&[
                    "host",
                    "guest",
                    "recurring",
                    "unknown",
                    "Host",
                    "GUEST",
                    "Recurring",
                    "UNKNOWN",
                ])
            }),
        )
        .with("created_timestamp", random.maybe(70, moments::instant))
}
