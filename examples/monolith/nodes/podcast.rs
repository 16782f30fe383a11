//! Podcasts.

use regraft::record::Reason::{
    MissingField, MissingKey, RuleViolated, TargetRejected, TypeMismatch, UnknownProperty,
};

use crate::defects::{self, Defect, OVER_AN_INDEX, UNDER_AN_INDEX, odd, wrong};
use crate::graph::{Carries, Node};
use crate::kinds::NodeKind;
use crate::plan::{Plan, Random};
use crate::{moments, prose};

pub static PODCAST: NodeKind = NodeKind {
    label: "Podcast",
    pipeline: "podcast",
    prefix: "pod",
    schema: &[
        "CREATE CONSTRAINT podcast_id IF NOT EXISTS FOR (n:Podcast) REQUIRE n.id IS UNIQUE",
        "CREATE INDEX podcast_name IF NOT EXISTS FOR (n:Podcast) ON (n.name)",
    ],
    long_text: "description",
    required: "description",
    ordinals: |plan| Box::new(0..plan.podcasts),
    any: |plan, random| random.below(plan.podcasts),
    shaped,
    defects: DEFECTS,
    orphans: &[],
};

const DEFECTS: &[Defect<Node>] = &[
    wrong("key-absent-and-title-a-number", MissingKey, |n, _| {
        n.remove("id");
        n.set("title", 7);
    }),
    wrong("unknown-property-and-no-description", UnknownProperty, |n, _| {
        n.set("legacy rating", 4.5);
        n.remove("description");
    }),
    wrong("title-a-number", TypeMismatch, |n, _| n.set("title", 2024)),
    wrong("title-null-and-name-a-list", TypeMismatch, |n, _| {
        n.remove("title");
        n.set("name", vec!["The", "Name"]);
    }),
    wrong("description-a-list", TypeMismatch, |n, _| n.set("description", vec!["a", "b"])),
    wrong("rss-url-a-boolean", TypeMismatch, |n, _| n.set("rss_url", true)),
    wrong("website-a-number", TypeMismatch, |n, _| n.set("website", 404)),
    wrong("hosts-a-single-name", TypeMismatch, |n, _| n.set("hosts", "Ana")),
    wrong("hosts-numbers", TypeMismatch, |n, _| n.set("hosts", vec![1_i64, 2])),
    wrong("categories-a-date", TypeMismatch, |n, _| n.set("categories", moments::local(0).date())),
    wrong("created-a-float", TypeMismatch, |n, _| n.set("created_timestamp", 1_600_000_000.0)),
    wrong("created-digits", TypeMismatch, |n, _| n.set("created_timestamp", "1600000000")),
    wrong("created-hour-24", TypeMismatch, |n, _| n.set("created_timestamp", "2021-03-04T24:00:00Z")),
    wrong("created-year-12000", TypeMismatch, |n, _| {
        n.set("created_timestamp", moments::local(316_516_000_000));
    }),
    wrong("updated-millis-beyond-9999", TypeMismatch, |n, _| {
        n.set("updated_timestamp", 300_000_000_000_000_i64);
    }),
    wrong("updated-a-boolean", TypeMismatch, |n, _| n.set("updated_timestamp", false)),
    wrong("updated-a-number-and-no-description", TypeMismatch, |n, _| {
        n.set("updated_timestamp", 0.5);
        n.remove("description");
    }),
    wrong("no-title-no-name", MissingField, |n, _| {
        n.remove("title");
        n.remove("name");
    }),
    wrong("no-description", MissingField, |n, _| n.remove("description")),
    wrong("no-feed", MissingField, |n, _| {
        n.remove("rss_url");
        n.remove("feed_url");
    }),
    wrong("no-description-and-title-blank", MissingField, |n, _| {
        n.remove("description");
        n.set("title", " ");
    }),
    // A blank title is present: the name is not looked at.
    wrong("title-blank-and-name", RuleViolated, |n, _| {
        n.set("title", "");
        n.set("name", "A Good Name");
    }),
    wrong("name-white-space", RuleViolated, |n, _| {
        n.remove("title");
        n.set("name", "\u{3000}\u{a0}\r\n");
    }),
    // A zero-width space is not white space.
    odd("title-zero-width", |n, _| n.set("title", "\u{200b}")),
    odd("name-not-looked-at", |n, _| {
        n.set("title", "Titled");
        n.set("name", 42);
    }),
    odd("feed-url-not-looked-at", |n, _| {
        n.set("rss_url", "https://feeds.example.com/a.xml");
        n.set("feed_url", vec!["https://feeds.example.com/b.xml"]);
    }),
    odd("description-empty", |n, _| n.set("description", "")),
    odd("lists-empty", |n, _| {
        n.set("hosts", Vec::<String>::new());
        n.set("categories", Vec::<String>::new());
    }),
    odd("the-repeated-hour", |n, _| n.set("created_timestamp", moments::repeated_hour())),
    wrong("title-over-an-index", TargetRejected, |n, copy| {
        n.set("title", defects::long(copy, OVER_AN_INDEX))
    }),
    odd("title-under-an-index", |n, copy| n.set("title", defects::long(copy, UNDER_AN_INDEX))),
    odd("before-1970", |n, _| n.set("created_timestamp", -86_400)),
];

fn shaped(_: &Plan, key: String, random: &mut Random) -> Node {
    // Older ones have `name` and `feed_url`, newer ones `title` and `rss_url`, some both.
    let (titled, named) = random.pick(&[&(true, false), &(false, true), &(true, true)]);
    let (rss, feed) = random.pick(&[&(true, false), &(false, true), &(true, true)]);
    super::labelled("Podcast", random)
        .with("id", key)
        .with("title", titled.then(|| prose::title(random)))
        .with("name", named.then(|| prose::title(random)))
        .with("description", prose::description(random))
        .with("rss_url", rss.then(|| prose::address(random, "rss.xml")))
        .with("feed_url", feed.then(|| prose::address(random, "feed")))
        .with("website", random.maybe(70, |random| prose::address(random, "")))
        .with("hosts", random.maybe(90, prose::people))
        .with("categories", random.maybe(80, prose::categories))
        .with("created_timestamp", random.maybe(90, moments::instant))
        .with("updated_timestamp", random.maybe(60, moments::instant))
}
