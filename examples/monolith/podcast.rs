//! Podcasts.

use regraft::record::Reason::{
    MissingField, MissingKey, RuleViolated, TooLarge, TypeMismatch, UnknownProperty,
};

use crate::defects::{self, Defect, OVER_THE_LIMIT, UNDER_THE_LIMIT, odd, wrong};
use crate::graph::{End, Fragment, Fragments, Node, Outcome};
use crate::kinds::{Kind, Reads};
use crate::plan::{Plan, Random};
use crate::{episode, has_episode, moments, prose};

pub const LABEL: &str = "Podcast";
pub const PIPELINE: &str = "podcast";

pub const KIND: Kind = Kind {
    pipeline: PIPELINE,
    reads: Reads::Nodes { label: LABEL },
    schema: &[
        "CREATE CONSTRAINT podcast_id IF NOT EXISTS FOR (n:Podcast) REQUIRE n.id IS UNIQUE",
        "CREATE INDEX podcast_name IF NOT EXISTS FOR (n:Podcast) ON (n.name)",
    ],
    healthy,
    defects: |plan| defects::planted(plan, DEFECTS, scenario),
};

const DEFECTS: &[Defect] = &[
    wrong("key-absent", MissingKey, |n, _| n.remove("id")),
    wrong("key-blank", MissingKey, |n, copy| n.set("id", defects::blank(copy))),
    wrong("key-integer", MissingKey, |n, copy| n.set("id", copy as i64)),
    wrong("key-list", MissingKey, |n, copy| n.set("id", vec![format!("pod-{copy}")])),
    wrong("key-absent-and-title-a-number", MissingKey, |n, _| {
        n.remove("id");
        n.set("title", 7);
    }),
    wrong("over-the-limit", TooLarge, |n, copy| long_description(n, copy, OVER_THE_LIMIT)).heavy(),
    odd("under-the-limit", |n, copy| long_description(n, copy, UNDER_THE_LIMIT)).heavy(),
    wrong("unknown-property", UnknownProperty, |n, _| n.set("itunes_rank", 12)),
    wrong("property-of-the-target", UnknownProperty, |n, _| n.set("schema_version", "0.9.0")),
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
    odd("before-1970", |n, _| n.set("created_timestamp", -86_400)),
];

pub fn key(plan: &Plan, index: u64) -> String {
    plan.key("pod", index)
}

/// A healthy podcast that is there, for what is planted to be tied to.
pub fn host(plan: &Plan, purpose: &str, copy: u64) -> End {
    End::Keyed(LABEL, key(plan, plan.random(purpose, copy).below(plan.podcasts)))
}

fn healthy(plan: &Plan) -> Fragments<'_> {
    Box::new((0..plan.podcasts).map(|index| {
        let node = shaped(key(plan, index), &mut plan.random(PIPELINE, index));
        Fragment::of_node(node.expecting(PIPELINE, Outcome::Loaded))
    }))
}

/// A podcast as the monolith usually wrote them, not yet expecting anything.
pub fn shaped(key: String, random: &mut Random) -> Node {
    let mut node = Node::new(LABEL);
    if random.chance(3) {
        node.labels.push(random.pick(&["Featured", "Editor's Choice"]));
    }
    // Older ones have `name` and `feed_url`, newer ones `title` and `rss_url`, some both.
    let (titled, named) = random.pick(&[&(true, false), &(false, true), &(true, true)]);
    let (rss, feed) = random.pick(&[&(true, false), &(false, true), &(true, true)]);
    node.with("id", key)
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

/// A podcast that is wrong or odd, with an episode that has no other parent and one that has.
fn scenario(plan: &Plan, defect: &Defect, copy: u64) -> Fragment {
    let random = &mut plan.random(defect.name, copy);
    let mut podcast = shaped(plan.planted_key("pod", defect.name, copy), random);
    (defect.change)(&mut podcast, copy);
    let has_key = podcast.usable_key().is_some();

    let mut fragment = Fragment::default();
    let start = fragment.add(podcast.expecting(PIPELINE, defect.outcome));
    let only = episode::tied(plan, &format!("of-{}", defect.name), copy, has_key);
    let only = fragment.add(only);
    has_episode::tie(&mut fragment, &start, &only);
    let shared = episode::tied(plan, &format!("shared-{}", defect.name), copy, true);
    let shared = fragment.add(shared);
    has_episode::tie(&mut fragment, &start, &shared);
    has_episode::tie(&mut fragment, &host(plan, defect.name, copy), &shared);
    fragment
}

fn long_description(node: &mut Node, copy: u64, bytes: usize) {
    node.set("description", prose::of_bytes(&mut Random::new(copy), bytes));
}
