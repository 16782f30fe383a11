//! Episodes, each of a podcast.

use regraft::record::Reason::{
    MissingField, MissingKey, Orphaned, RuleViolated, TooLarge, TypeMismatch, UnknownProperty,
};

use crate::defects::{self, Defect, OVER_THE_LIMIT, UNDER_AN_INDEX, odd, wrong};
use crate::graph::{Carries, Node};
use crate::kinds::NodeKind;
use crate::plan::{Plan, Random};
use crate::{moments, numbers, prose};

pub static EPISODE: NodeKind = NodeKind {
    label: "Episode",
    pipeline: "episode",
    prefix: "ep",
    schema: &[
        "CREATE CONSTRAINT episode_id IF NOT EXISTS FOR (n:Episode) REQUIRE n.id IS UNIQUE",
        "CREATE INDEX episode_title IF NOT EXISTS FOR (n:Episode) ON (n.title)",
    ],
    long_text: "description",
    required: "title",
    ordinals: |plan| {
        Box::new(
            (0..plan.podcasts)
                .flat_map(move |podcast| (0..count(plan, podcast)).map(move |n| ordinal(podcast, n))),
        )
    },
    any,
    shaped,
    defects: DEFECTS,
    orphans: ORPHANS,
};

/// Planted into a healthy podcast.
const DEFECTS: &[Defect<Node>] = &[
    wrong("over-the-limit-and-key-absent", TooLarge, |n: &mut Node, copy| {
        n.remove("id");
        n.set("description", defects::long(copy, OVER_THE_LIMIT));
    })
    .heavy(),
    wrong("duration-of-the-target", UnknownProperty, |n, _| n.set("duration_seconds", 60)),
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
    odd("title-under-an-index", |n, copy| n.set("title", defects::long(copy, UNDER_AN_INDEX))),
    odd("the-repeated-hour", |n, _| n.set("processed_timestamp", moments::repeated_hour())),
];

/// Planted without a podcast.
const ORPHANS: &[Defect<Node>] = &[
    wrong("orphan", Orphaned, |_, _| {}),
    wrong("orphan-and-title-blank", Orphaned, |n, _| n.set("title", " ")),
    wrong("orphan-and-no-date", MissingField, |n, _| n.remove("published_date")),
    wrong("orphan-and-key-absent", MissingKey, |n, _| n.remove("id")),
];

/// How many episodes a healthy podcast has: some 14, in one of fifty some 300; some 20 on average. The first has one at
/// least.
fn count(plan: &Plan, podcast: u64) -> u64 {
    let random = &mut plan.random("episodes", podcast);
    let count = if podcast % 50 == 7 { 100 + random.below(401) } else { random.below(29) };
    if podcast == 0 { count.max(1) } else { count }
}

/// One number for each episode of a healthy podcast, of which none has more than a thousand.
fn ordinal(podcast: u64, number: u64) -> u64 {
    podcast * 1001 + number
}

/// The podcast of an episode.
pub fn podcast(ordinal: u64) -> u64 {
    ordinal / 1001
}

fn any(plan: &Plan, random: &mut Random) -> u64 {
    let podcast = random.below(plan.podcasts);
    match count(plan, podcast) {
        0 => ordinal(0, 0),
        count => ordinal(podcast, random.below(count)),
    }
}

fn shaped(_: &Plan, key: String, random: &mut Random) -> Node {
    let number = 1 + random.below(400);
    super::labelled("Episode", random)
        .with("id", key)
        .with("title", prose::title(random))
        .with("description", prose::description(random))
        .with("published_date", moments::publication(random))
        .with("audio_url", random.maybe(95, |random| prose::address(random, "audio.mp3")))
        .with("duration", random.maybe(90, moments::duration))
        .with("episode_number", random.maybe(80, |random| numbers::counted(random, number)))
        .with("season_number", random.maybe(40, |random| numbers::counted(random, number / 20 + 1)))
        .with("processed_timestamp", random.maybe(85, moments::instant))
        .with("sentiment_evolution", random.maybe(75, numbers::sentiments))
}
