//! Seeded changes of a migrated target: each is found and named, and a repair takes it back.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::{assert_counted, named, sizes};
use crate::schema::LABELS;
use crate::support::{Regraft, Sample, Stack, seeds};

/// An episode that one podcast has, and that no other change touches.
struct Tie {
    podcast: String,
    episode: String,
    /// Its number among those that are changed at a time: tells apart what else is chosen.
    number: usize,
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
        let other = format!("{}-x", tie.episode);
        let mut names = gone(tie, stack);
        set(tie, stack, "e.id = e.id + '-x'");
        names.extend(relationships(&other, stack).iter().map(|of| of.named("extra")));
        names.push(format!("episode extra {other}"));
        names
    }),
    ("no key", |tie, _, stack| {
        let mut names = gone(tie, stack);
        let keyless = relationships(&tie.episode, stack);
        names.extend(keyless.iter().map(|of| format!("{} extra (no key)", of.pipeline)));
        set(tie, stack, "e.id = null");
        names.push("episode extra (no key)".to_owned());
        names
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
        let names = gone(tie, stack);
        on(tie, stack, "DETACH DELETE e");
        names
    }),
    ("a node added", |tie, _, stack| {
        on(tie, stack, "CREATE (x:Episode) SET x = e{.*, id: e.id + '-new'}");
        vec![format!("episode extra {}-new", tie.episode)]
    }),
    ("its label replaced", |tie, _, stack| {
        let mut names = gone(tie, stack);
        set(tie, stack, "e:Show REMOVE e:Episode");
        names.push(format!("stray node {}", tie.episode));
        names
    }),
    ("its label replaced by another that is declared", |tie, _, stack| {
        let mut names = gone(tie, stack);
        let strays = relationships(&tie.episode, stack);
        names.extend(strays.iter().map(|of| format!("stray {} {} {}", of.kind, of.start, of.end)));
        set(tie, stack, "e:Podcast REMOVE e:Episode");
        names.push(format!("podcast extra {}", tie.episode));
        names
    }),
    ("the next float of a node", |tie, _, stack| {
        let entity = nth("MATCH (n:Entity)", "n", "n.id", tie, stack).remove(0);
        let by = format!("MATCH (n:Entity {{id: {}}})", quoted(&entity));
        let score: f64 = stack.target.rows(&format!("{by} RETURN n.importance_score")).remove(0);
        stack.target.run(&format!("{by} SET n.importance_score = {:?}", next(score)));
        vec![format!("entity different {entity}: importance_score")]
    }),
    ("the opposite", |tie, _, stack| {
        let segment = nth("MATCH (n:Segment)", "n", "n.id", tie, stack).remove(0);
        stack.target.run(&format!(
            "MATCH (n:Segment {{id: {}}}) SET n.is_advertisement = NOT n.is_advertisement",
            quoted(&segment)
        ));
        vec![format!("segment different {segment}: is_advertisement")]
    }),
    ("the next float of a relationship", |tie, _, stack| {
        let [a, b] = pair("(a:Entity)-[r:CO_OCCURS_WITH]->(b:Entity)", tie, stack);
        let by = between("(a:Entity)-[r:CO_OCCURS_WITH]->(b:Entity)", &a, &b);
        let weight: f64 = stack.target.rows(&format!("{by} RETURN r.weight")).remove(0);
        stack.target.run(&format!("{by} SET r.weight = {:?}", next(weight)));
        vec![format!("co_occurs_with different {a} {b}: weight")]
    }),
    ("a relationship without its property", |tie, _, stack| {
        let [a, b] = pair("(a:Speaker)-[r:DISCUSSES]->(b:Entity)", tie, stack);
        let by = between("(a:Speaker)-[r:DISCUSSES]->(b:Entity)", &a, &b);
        stack.target.run(&format!("{by} SET r.count = null"));
        vec![format!("discusses different {a} {b}: count")]
    }),
    ("int to float on a relationship", |tie, _, stack| {
        let [a, b] = pair("(a:Speaker)-[r:DISCUSSES]->(b:Entity)", tie, stack);
        let by = between("(a:Speaker)-[r:DISCUSSES]->(b:Entity)", &a, &b);
        stack.target.run(&format!("{by} SET r.count = toFloat(r.count)"));
        vec![format!("discusses different {a} {b}: count")]
    }),
    ("a derived relationship removed", |tie, _, stack| {
        let [a, b] = pair("(a:PotentialConnection)-[r:CONNECTS]->(b:Entity)", tie, stack);
        stack.target.run(&format!(
            "{} DELETE r",
            between("(a:PotentialConnection)-[r:CONNECTS]->(b:Entity)", &a, &b)
        ));
        vec![format!("connects missing {a} {b}")]
    }),
    ("a derived relationship doubled", |tie, _, stack| {
        let [a, b] = pair("(a:Topic)-[r:CONTAINS_TOPIC]->(b:Topic)", tie, stack);
        let by = between("(a:Topic)-[r:CONTAINS_TOPIC]->(b:Topic)", &a, &b);
        stack.target.run(&format!("{by} CREATE (a)-[:CONTAINS_TOPIC]->(b)"));
        vec![format!("contains_topic extra {a} {b}: surplus 1")]
    }),
    ("a derived relationship with a property", |tie, _, stack| {
        let [a, b] = pair("(a:PotentialConnection)-[r:CONNECTS]->(b:Entity)", tie, stack);
        let by = between("(a:PotentialConnection)-[r:CONNECTS]->(b:Entity)", &a, &b);
        stack.target.run(&format!("{by} SET r.weight = 1.0"));
        vec![format!("connects different {a} {b}: weight")]
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

/// What is missing once an episode is no longer there. To be asked before it goes.
fn gone(tie: &Tie, stack: &Stack) -> Names {
    let mut names = vec![format!("episode missing {}", tie.episode)];
    names.extend(relationships(&tie.episode, stack).iter().map(|of| of.named("missing")));
    names
}

/// A relationship of an episode.
struct Relationship {
    kind: String,
    pipeline: String,
    start: String,
    end: String,
}

impl Relationship {
    fn named(&self, difference: &str) -> String {
        format!("{} {difference} {} {}", self.pipeline, self.start, self.end)
    }
}

fn relationships(episode: &str, stack: &Stack) -> Vec<Relationship> {
    let found: Vec<[String; 4]> = stack.target.rows(&format!(
        "MATCH (e:Episode {{id: {}}})-[r]-() WITH r, startNode(r) AS a, endNode(r) AS b \
         RETURN [type(r), toLower(head([l IN labels(a) WHERE l IN {LABELS:?}])), a.id, b.id]",
        quoted(episode)
    ));
    let relationship = |[kind, start_label, start, end]: [String; 4]| {
        let pipeline = match kind.as_str() {
            "EXTRACTED_FROM" => format!("{start_label}_extracted_from"),
            kind => kind.to_lowercase(),
        };
        Relationship { kind, pipeline, start, end }
    };
    found.into_iter().map(relationship).collect()
}

/// The n-th of what matches, in order.
fn nth(pattern: &str, variables: &str, order: &str, tie: &Tie, stack: &Stack) -> Vec<String> {
    let found: Vec<Vec<String>> = stack.target.rows(&format!(
        "{pattern} WITH {variables} ORDER BY {order} SKIP {} LIMIT 1 RETURN [{order}]",
        tie.number
    ));
    found.into_iter().next().unwrap_or_else(|| panic!("there is no {}. {pattern}", tie.number))
}

fn pair(pattern: &str, tie: &Tie, stack: &Stack) -> [String; 2] {
    nth(&format!("MATCH {pattern}"), "a, b", "a.id, b.id", tie, stack).try_into().unwrap()
}

fn between(pattern: &str, a: &str, b: &str) -> String {
    format!("MATCH {pattern} WHERE a.id = {} AND b.id = {}", quoted(a), quoted(b))
}

fn next(float: f64) -> f64 {
    f64::from_bits(float.to_bits() + 1)
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
    let tie = |pair: Vec<String>| Tie { podcast: pair[0].clone(), episode: pair[1].clone(), number: 0 };
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
        for (number, ((_, change), tie)) in some.iter().zip(&mut ties).enumerate() {
            tie.number = number;
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
    let stack = Stack::own();
    Sample::dirty(&stack, 1);
    changes_are_found_and_taken_back(&stack, 60, 20, seeds(1)[0]);
}

#[test]
#[ignore = "a thousand changes: make soak"]
fn a_thousand_changes() {
    let stack = Stack::own();
    Sample::dirty(&stack, 3);
    changes_are_found_and_taken_back(&stack, 1000, 50, seeds(1)[0]);
}
