//! Episodes.

use regraft::record::Reason::{
    DuplicateKey, MissingField, MissingKey, Orphaned, RuleViolated, TooLarge, TypeMismatch, UnknownProperty,
};

use crate::defects::{self, Defect, OVER_THE_LIMIT, UNDER_THE_LIMIT, odd, wrong};
use crate::graph::{Fragment, Fragments, Node, Outcome, Relationship};
use crate::kinds::{Kind, Reads};
use crate::plan::{Plan, Random};
use crate::{has_episode, moments, podcast, prose};

pub const LABEL: &str = "Episode";
pub const PIPELINE: &str = "episode";

pub const KIND: Kind = Kind {
    pipeline: PIPELINE,
    reads: Reads::Nodes { label: LABEL },
    schema: &[
        "CREATE CONSTRAINT episode_id IF NOT EXISTS FOR (n:Episode) REQUIRE n.id IS UNIQUE",
        "CREATE INDEX episode_title IF NOT EXISTS FOR (n:Episode) ON (n.title)",
    ],
    healthy,
    defects: |plan| {
        let wrong = defects::planted(plan, DEFECTS, scenario);
        let orphans = defects::planted(plan, ORPHANS, orphan);
        let more = defects::scenarios(plan, &[orphan_of_a_network, two_labels, two_labels_and_no_key]);
        Box::new(wrong.chain(orphans).chain(more))
    },
};

/// Planted into a healthy podcast.
const DEFECTS: &[Defect] = &[
    wrong("key-absent", MissingKey, |n, _| n.remove("id")),
    wrong("key-blank", MissingKey, |n, copy| n.set("id", defects::blank(copy))),
    wrong("key-float", MissingKey, |n, copy| n.set("id", copy as f64 + 0.5)),
    wrong("key-datetime", MissingKey, |n, copy| n.set("id", moments::local(copy as i64))),
    wrong("over-the-limit", TooLarge, |n, copy| long_description(n, copy, OVER_THE_LIMIT)).heavy(),
    wrong("over-the-limit-and-key-absent", TooLarge, |n, copy| {
        n.remove("id");
        long_description(n, copy, OVER_THE_LIMIT);
    })
    .heavy(),
    odd("under-the-limit", |n, copy| long_description(n, copy, UNDER_THE_LIMIT)).heavy(),
    wrong("unknown-property", UnknownProperty, |n, _| n.set("guest count", 3)),
    wrong("property-of-the-target", UnknownProperty, |n, _| n.set("duration_seconds", 60)),
    wrong("unknown-property-and-date-bad", UnknownProperty, |n, _| {
        n.set("podcast_id", "pod-1");
        n.set("published_date", "yesterday");
    }),
    wrong("title-a-list", TypeMismatch, |n, _| n.set("title", vec!["Part", "One"])),
    wrong("description-a-number", TypeMismatch, |n, _| n.set("description", 0)),
    wrong("date-by-slashes", TypeMismatch, |n, _| n.set("published_date", "31/12/2023")),
    wrong("date-that-is-none", TypeMismatch, |n, _| n.set("published_date", "2023-02-30")),
    wrong("date-of-another-weekday", TypeMismatch, |n, _| {
        n.set("published_date", "Mon, 31 Dec 2023 10:00:00 +0000");
    }),
    wrong("date-two-digit-year", TypeMismatch, |n, _| n.set("published_date", "31 Dec 23 10:00:00 GMT")),
    wrong("date-by-week", TypeMismatch, |n, _| n.set("published_date", "2023-W52-7")),
    wrong("date-second-60", TypeMismatch, |n, _| n.set("published_date", "2016-12-31T23:59:60Z")),
    wrong("date-an-integer", TypeMismatch, |n, _| n.set("published_date", 1_700_000_000_i64)),
    wrong("date-a-time", TypeMismatch, |n, _| n.set("published_date", moments::local(3_600).time())),
    wrong("date-blank", TypeMismatch, |n, _| n.set("published_date", "")),
    wrong("audio-url-a-boolean", TypeMismatch, |n, _| n.set("audio_url", true)),
    wrong("duration-minute-75", TypeMismatch, |n, _| n.set("duration", "1:75:00")),
    wrong("duration-with-fraction", TypeMismatch, |n, _| n.set("duration", "01:02:03.5")),
    wrong("duration-half-a-second", TypeMismatch, |n, _| n.set("duration", 90.5)),
    wrong("duration-in-words", TypeMismatch, |n, _| n.set("duration", "45 min")),
    wrong("duration-of-months", TypeMismatch, |n, _| n.set("duration", moments::span(1, 0, 60, 0))),
    wrong("duration-of-nanoseconds", TypeMismatch, |n, _| n.set("duration", moments::span(0, 0, 60, 1))),
    wrong("number-in-words", TypeMismatch, |n, _| n.set("episode_number", "S01E02")),
    wrong("number-full-width", TypeMismatch, |n, _| n.set("episode_number", "７")),
    wrong("number-beyond-2-to-the-53", TypeMismatch, |n, _| {
        n.set("episode_number", 9_007_199_254_740_994.0);
    }),
    wrong("season-beyond-64-bits", TypeMismatch, |n, _| n.set("season_number", "9223372036854775808")),
    wrong("season-a-boolean", TypeMismatch, |n, _| n.set("season_number", true)),
    wrong("processed-a-float", TypeMismatch, |n, _| n.set("processed_timestamp", 1.7e9)),
    wrong("processed-a-list", TypeMismatch, |n, _| n.set("processed_timestamp", vec![1_700_000_000_i64])),
    wrong("sentiment-a-single-float", TypeMismatch, |n, _| n.set("sentiment_evolution", 0.5)),
    wrong("sentiment-not-a-number", TypeMismatch, |n, _| {
        n.set("sentiment_evolution", defects::floats_with(f64::NAN));
    }),
    wrong("sentiment-infinite", TypeMismatch, |n, _| {
        n.set("sentiment_evolution", defects::floats_with(f64::INFINITY));
    }),
    wrong("sentiment-with-a-space", TypeMismatch, |n, _| n.set("sentiment_evolution", vec!["0.5", " 0.5"])),
    wrong("sentiment-bare-point", TypeMismatch, |n, _| n.set("sentiment_evolution", vec!["1."])),
    wrong("number-bad-and-no-title", TypeMismatch, |n, _| {
        n.set("episode_number", "one");
        n.remove("title");
    }),
    wrong("no-title", MissingField, |n, _| n.remove("title")),
    wrong("no-description", MissingField, |n, _| n.remove("description")),
    wrong("no-date", MissingField, |n, _| n.remove("published_date")),
    wrong("title-empty", RuleViolated, |n, _| n.set("title", "")),
    wrong("title-white-space", RuleViolated, |n, _| n.set("title", " \t\u{85}\u{2003}\r\n")),
    wrong("duration-negative", RuleViolated, |n, _| n.set("duration", -5)),
    wrong("duration-negative-digits", RuleViolated, |n, _| n.set("duration", "-90")),
    wrong("duration-negative-span", RuleViolated, |n, _| n.set("duration", moments::span(0, 0, -30, 0))),
    odd("duration-zero", |n, _| n.set("duration", 0)),
    odd("duration-long-leading-part", |n, _| n.set("duration", "100000:00:01")),
    odd("duration-plus", |n, _| n.set("duration", "+1800")),
    odd("duration-of-days", |n, _| n.set("duration", moments::span(0, 1, 3_600, 0))),
    odd("number-at-2-to-the-53", |n, _| n.set("episode_number", 9_007_199_254_740_992.0)),
    odd("season-largest", |n, _| n.set("season_number", "9223372036854775807")),
    odd("sentiment-digits", |n, _| {
        n.set("sentiment_evolution", vec!["0.5", "-1e-3", ".5", "+2", "7E2"]);
    }),
    odd("sentiment-integers", |n, _| n.set("sentiment_evolution", vec![1_i64, 0, -1])),
    odd("sentiment-minus-zero", |n, _| n.set("sentiment_evolution", defects::floats_with(-0.0))),
    odd("date-of-an-offset", |n, _| n.set("published_date", "2023-12-31T23:30:00-11:00")),
    odd("the-repeated-hour", |n, _| n.set("processed_timestamp", moments::repeated_hour())),
];

/// Planted without a podcast.
const ORPHANS: &[Defect] = &[
    wrong("orphan", Orphaned, |_, _| {}),
    wrong("orphan-and-title-blank", Orphaned, |n, _| n.set("title", " ")),
    wrong("orphan-and-no-date", MissingField, |n, _| n.remove("published_date")),
    wrong("orphan-and-key-absent", MissingKey, |n, _| n.remove("id")),
];

/// How many episodes a healthy podcast has: some 14, in one of fifty some 300; some 20 on average.
pub fn count(plan: &Plan, podcast: u64) -> u64 {
    let random = &mut plan.random("episodes", podcast);
    if podcast % 50 == 7 { 100 + random.below(401) } else { random.below(29) }
}

pub fn key(plan: &Plan, podcast: u64, number: u64) -> String {
    plan.key("ep", ordinal(podcast, number))
}

/// One number for each episode of a healthy podcast, of which none has more than a thousand.
fn ordinal(podcast: u64, number: u64) -> u64 {
    podcast * 1001 + number
}

fn healthy(plan: &Plan) -> Fragments<'_> {
    Box::new((0..plan.podcasts).flat_map(move |podcast| {
        (0..count(plan, podcast)).map(move |number| {
            let random = &mut plan.random(PIPELINE, ordinal(podcast, number));
            let node = shaped(key(plan, podcast, number), number, random);
            Fragment::of_node(node.expecting(PIPELINE, Outcome::Loaded))
        })
    }))
}

/// An episode as the monolith usually wrote them, not yet expecting anything.
fn shaped(key: String, number: u64, random: &mut Random) -> Node {
    let mut node = Node::new(LABEL);
    if random.chance(2) {
        node.labels.push(random.pick(&["Featured", "Archived"]));
    }
    node.with("id", key)
        .with("title", prose::title(random))
        .with("description", prose::description(random))
        .with("published_date", moments::publication(random))
        .with("audio_url", random.maybe(95, |random| prose::address(random, "audio.mp3")))
        .with("duration", random.maybe(90, moments::duration))
        .with("episode_number", random.maybe(80, |random| counted(random, number + 1)))
        .with("season_number", random.maybe(40, |random| counted(random, number / 20 + 1)))
        .with("processed_timestamp", random.maybe(85, moments::instant))
        .with("sentiment_evolution", random.maybe(75, sentiments))
}

/// A small number in the shapes in which int takes it.
fn counted(random: &mut Random, number: u64) -> crate::graph::Value {
    match random.below(8) {
        0 => (number as f64).into(),
        1 => number.to_string().into(),
        2 => format!("{number:03}").into(),
        _ => (number as i64).into(),
    }
}

fn sentiments(random: &mut Random) -> Vec<f64> {
    (0..random.below(12)).map(|_| (random.below(2_000_001) as f64 - 1e6) / 1e6).collect()
}

/// A healthy episode planted beside something else; orphaned where that leaves it without a parent.
pub fn tied(plan: &Plan, purpose: &str, copy: u64, has_parent: bool) -> Node {
    let outcome = if has_parent { Outcome::Loaded } else { Outcome::DeadLetter(Orphaned) };
    shaped(plan.planted_key("ep", purpose, copy), copy, &mut plan.random(purpose, copy))
        .expecting(PIPELINE, outcome)
}

/// An episode that is wrong or odd, not tied to anything.
pub fn planted(plan: &Plan, defect: &Defect, copy: u64) -> Node {
    let key = plan.planted_key("ep", defect.name, copy);
    let mut node = shaped(key, copy, &mut plan.random(defect.name, copy));
    (defect.change)(&mut node, copy);
    node.expecting(PIPELINE, defect.outcome)
}

fn scenario(plan: &Plan, defect: &Defect, copy: u64) -> Fragment {
    let mut fragment = Fragment::default();
    let episode = fragment.add(planted(plan, defect, copy));
    has_episode::tie(&mut fragment, &podcast::host(plan, defect.name, copy), &episode);
    fragment
}

fn orphan(plan: &Plan, defect: &Defect, copy: u64) -> Fragment {
    Fragment::of_node(planted(plan, defect, copy))
}

/// Its only HAS_EPISODE comes from something that is no podcast and that no pipeline reads.
fn orphan_of_a_network(plan: &Plan, copy: u64) -> Fragment {
    let mut fragment = Fragment::default();
    let network = fragment.add(Node::new("Network").with("id", plan.planted_key("net", "network", copy)));
    let episode = fragment.add(tied(plan, "of-a-network", copy, false));
    fragment.relationships.push(Relationship::new(has_episode::TYPE, &network, &episode));
    fragment
}

/// A node that is Podcast and Episode: dead-lettered by both pipelines, and all that it is tied to suffers.
fn two_labels(plan: &Plan, copy: u64) -> Fragment {
    let mut fragment = Fragment::default();
    let both = fragment.add(podcast_and_episode(plan, "two-labels", copy, DuplicateKey));
    let child = fragment.add(tied(plan, "of-two-labels", copy, true));
    has_episode::tie(&mut fragment, &podcast::host(plan, "two-labels", copy), &both);
    has_episode::tie(&mut fragment, &both, &child);
    fragment
}

fn two_labels_and_no_key(plan: &Plan, copy: u64) -> Fragment {
    let mut fragment = Fragment::default();
    let mut both = podcast_and_episode(plan, "two-labels-and-no-key", copy, MissingKey);
    both.remove("id");
    let both = fragment.add(both);
    let child = fragment.add(tied(plan, "of-two-labels-and-no-key", copy, false));
    has_episode::tie(&mut fragment, &both, &child);
    fragment
}

/// What is a property of one type is unknown to the other, but the two labels come first.
fn podcast_and_episode(plan: &Plan, purpose: &str, copy: u64, reason: regraft::record::Reason) -> Node {
    let random = &mut plan.random(purpose, copy);
    let mut node = podcast::shaped(plan.planted_key("both", purpose, copy), random);
    node.labels.push(LABEL);
    for (name, value) in shaped(String::new(), copy, random).properties {
        if name != "id" {
            node.set(name, value);
        }
    }
    let outcome = Outcome::DeadLetter(reason);
    node.expecting(podcast::PIPELINE, outcome).expecting(PIPELINE, outcome)
}

fn long_description(node: &mut Node, copy: u64, bytes: usize) {
    node.set("description", prose::of_bytes(&mut Random::new(copy), bytes));
}
