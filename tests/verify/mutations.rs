//! Seeded changes of a migrated target: each is found and named, and a repair takes it back.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::{assert_counted, named, sizes};
use crate::support::{Regraft, Sample, Stack, seeds};

/// An episode that one podcast has, and that no other change touches.
struct Tie {
    podcast: String,
    episode: String,
}

/// What a change is expected to be named.
type Names = Vec<String>;

/// A kind of change: says what to do to the target, and what is to be found.
type Change = fn(&Tie, &mut StdRng, &Stack) -> Names;

/// Every kind. Those of a node name its property; a node without its label is not seen as what it was.
const CHANGES: &[(&str, Change)] = &[
    ("a text one character longer", |tie, _, stack| {
        set(tie, stack, "e.title = e.title + '\u{200b}'");
        different(tie, "title")
    }),
    ("a text that looks the same", |tie, _, stack| {
        set(tie, stack, "e.description = 'e\u{301}' + e.description");
        different(tie, "description")
    }),
    ("the next whole number", |tie, _, stack| {
        set(tie, stack, "e.duration_seconds = coalesce(e.duration_seconds, 41) + 1");
        different(tie, "duration_seconds")
    }),
    ("the next float", |tie, random, stack| {
        let next = f64::from_bits(random.random::<f64>().to_bits() + 1);
        set(tie, stack, &format!("e.sentiment_evolution = e.sentiment_evolution + [{next:?}]"));
        different(tie, "sentiment_evolution")
    }),
    ("minus nothing", |tie, _, stack| {
        set(tie, stack, "e.sentiment_evolution = [-0.0]");
        different(tie, "sentiment_evolution")
    }),
    ("the next day", |tie, _, stack| {
        set(tie, stack, "e.published_date = e.published_date + duration('P1D')");
        different(tie, "published_date")
    }),
    ("a date as text", |tie, _, stack| {
        set(tie, stack, "e.published_date = toString(e.published_date)");
        different(tie, "published_date")
    }),
    ("a microsecond later", |tie, _, stack| {
        set(
            tie,
            stack,
            "e.processed_timestamp = coalesce(e.processed_timestamp, datetime('1999-01-01T00:00Z')) \
                         + duration({microseconds: 1})",
        );
        different(tie, "processed_timestamp")
    }),
    ("the same instant in another zone", |tie, _, stack| {
        set(
            tie,
            stack,
            "e.processed_timestamp = datetime({datetime: coalesce(e.processed_timestamp, \
                         datetime('1999-01-01T00:00Z')), timezone: 'Europe/Berlin'})",
        );
        different(tie, "processed_timestamp")
    }),
    ("int to float", |tie, _, stack| {
        set(tie, stack, "e.episode_number = toFloat(coalesce(e.episode_number, 7))");
        different(tie, "episode_number")
    }),
    ("a property removed", |tie, random, stack| {
        let name =
            ["title", "published_date", "podcast_id", "sentiment_evolution"][random.random_range(0..4)];
        set(tie, stack, &format!("e.{name} = null"));
        different(tie, name)
    }),
    ("a property of the contract added or changed", |tie, _, stack| {
        set(tie, stack, "e.season_number = coalesce(e.season_number, 0) + 100");
        different(tie, "season_number")
    }),
    ("when it was migrated removed", |tie, _, stack| {
        set(tie, stack, "e.migrated_at = null");
        different(tie, "migrated_at")
    }),
    ("when it was migrated as a local time", |tie, _, stack| {
        set(tie, stack, "e.migrated_at = localdatetime(e.migrated_at)");
        different(tie, "migrated_at")
    }),
    ("a version that the schema never had", |tie, _, stack| {
        set(tie, stack, "e.schema_version = '99.0.0'");
        different(tie, "schema_version")
    }),
    ("another key", |tie, _, stack| {
        let (podcast, episode) = (&tie.podcast, &tie.episode);
        set(tie, stack, "e.id = e.id + '-x'");
        vec![
            format!("episode missing {episode}"),
            format!("episode extra {episode}-x"),
            format!("has_episode missing {podcast} {episode}"),
            format!("has_episode extra {podcast} {episode}-x"),
        ]
    }),
    ("no key", |tie, _, stack| {
        let (podcast, episode) = (&tie.podcast, &tie.episode);
        set(tie, stack, "e.id = null");
        vec![
            format!("episode missing {episode}"),
            "episode extra (no key)".to_owned(),
            format!("has_episode missing {podcast} {episode}"),
            "has_episode extra (no key)".to_owned(),
        ]
    }),
    ("a relationship removed", |tie, _, stack| {
        on(tie, stack, "DELETE r");
        vec![format!("has_episode missing {} {}", tie.podcast, tie.episode)]
    }),
    ("a relationship doubled", |tie, random, stack| {
        let more = random.random_range(1..=2);
        on(tie, stack, &format!("WITH p, e UNWIND range(1, {more}) AS i CREATE (p)-[:HAS_EPISODE]->(e)"));
        vec![format!("has_episode extra {} {}: surplus {more}", tie.podcast, tie.episode)]
    }),
    ("a relationship doubled, the other one with a property", |tie, _, stack| {
        on(tie, stack, "CREATE (p)-[:HAS_EPISODE {position: 1}]->(e)");
        vec![format!("has_episode extra {} {}: surplus 1", tie.podcast, tie.episode)]
    }),
    ("a relationship turned round", |tie, _, stack| {
        on(tie, stack, "DELETE r CREATE (e)-[:HAS_EPISODE]->(p)");
        vec![
            format!("has_episode missing {} {}", tie.podcast, tie.episode),
            format!("stray HAS_EPISODE {} {}", tie.episode, tie.podcast),
        ]
    }),
    ("a relationship with a property", |tie, _, stack| {
        on(tie, stack, "SET r.position = 1");
        vec![format!("has_episode different {} {}: position", tie.podcast, tie.episode)]
    }),
    ("a relationship added", |tie, _, stack| {
        on(
            tie,
            stack,
            "MERGE (x:Podcast {id: 'added-' + e.id}) SET x.title = 'T' CREATE (x)-[:HAS_EPISODE]->(e)",
        );
        let episode = &tie.episode;
        vec![format!("podcast extra added-{episode}"), format!("has_episode extra added-{episode} {episode}")]
    }),
    ("a node removed", |tie, _, stack| {
        on(tie, stack, "DETACH DELETE e");
        gone(tie)
    }),
    ("a node added", |tie, _, stack| {
        on(tie, stack, "CREATE (x:Episode) SET x = properties(e), x.id = e.id + '-new'");
        vec![format!("episode extra {}-new", tie.episode)]
    }),
    ("its label replaced", |tie, _, stack| {
        set(tie, stack, "e:Show REMOVE e:Episode");
        let mut names = gone(tie);
        names.push(format!("stray node {}", tie.episode));
        names
    }),
    ("its label replaced by another that is declared", |tie, _, stack| {
        set(tie, stack, "e:Podcast REMOVE e:Episode");
        let (podcast, episode) = (&tie.podcast, &tie.episode);
        let mut names = gone(tie);
        names.push(format!("podcast extra {episode}"));
        names.push(format!("stray HAS_EPISODE {podcast} {episode}"));
        names
    }),
];

fn on(tie: &Tie, stack: &Stack, what: &str) {
    let (podcast, episode) = (quoted(&tie.podcast), quoted(&tie.episode));
    stack.target.run(&format!(
        "MATCH (p:Podcast {{id: {podcast}}})-[r:HAS_EPISODE]->(e:Episode {{id: {episode}}}) {what}"
    ));
}

fn set(tie: &Tie, stack: &Stack, what: &str) {
    on(tie, stack, &format!("SET {what}"));
}

fn different(tie: &Tie, property: &str) -> Names {
    vec![format!("episode different {}: {property}", tie.episode)]
}

fn gone(tie: &Tie) -> Names {
    vec![
        format!("episode missing {}", tie.episode),
        format!("has_episode missing {} {}", tie.podcast, tie.episode),
    ]
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Episodes that one podcast has.
fn ties(stack: &Stack) -> Vec<Tie> {
    let found: Vec<Vec<String>> = stack.target.rows(
        "MATCH (p:Podcast)-[:HAS_EPISODE]->(e:Episode) WITH e, collect(p.id) AS podcasts WHERE size(podcasts) = 1 \
         RETURN [podcasts[0], e.id] ORDER BY e.id",
    );
    let tie = |pair: Vec<String>| Tie { podcast: pair[0].clone(), episode: pair[1].clone() };
    found.into_iter().map(tie).collect()
}

/// Changes `number` things at a time, each at an episode of its own, until so many are changed, found and taken back.
fn changes_are_found_and_taken_back(stack: &Stack, number: usize, at_a_time: usize, seed: u64) {
    eprintln!("REGRAFT_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let regraft = Regraft::new(stack);
    regraft.migrate();
    let (digest, size) = (stack.target.digest_but_times(), sizes(stack));
    let mut ties = ties(stack);
    assert!(ties.len() > at_a_time, "{} episodes", ties.len());
    let mut kinds: Vec<_> = CHANGES.iter().cycle().take(number).collect();
    kinds.shuffle(&mut random);
    for some in kinds.chunks(at_a_time) {
        ties.shuffle(&mut random);
        let mut expected = BTreeSet::new();
        for ((_, change), tie) in some.iter().zip(&ties) {
            expected.extend(change(tie, &mut random, stack));
        }
        let what: Vec<&str> = some.iter().map(|(what, _)| *what).collect();
        let ended = regraft.run(&["verify", "--repair", "--delete-extra"]);
        assert_eq!(ended.code, Some(0), "seed {seed}, {what:?}\n{}\n{}", ended.err, ended.out);
        let report = ended.report();
        assert_counted(&report);
        assert_eq!(named(&report), expected, "seed {seed}, {what:?}");
        let when = format!("seed {seed}, after a repair of {what:?}");
        stack.target.digest_but_times().assert_same(&digest, &when);
        assert_eq!(sizes(stack), size, "{when}");
    }
}

#[test]
fn sixty_changes() {
    let stack = Stack::second();
    Sample::dirty(&stack, 12);
    changes_are_found_and_taken_back(&stack, 60, 20, seeds(1)[0]);
}

#[test]
#[ignore = "a thousand changes: make soak"]
fn a_thousand_changes() {
    let stack = Stack::second();
    Sample::dirty(&stack, 40);
    changes_are_found_and_taken_back(&stack, 1000, 50, seeds(1)[0]);
}
