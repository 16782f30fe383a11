//! Whatever is replayed, from whatever earlier offsets: the same graph, the same accounts, the same open dead letters.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use super::{closed_replays, dead_letters, exported, letters};
use crate::support::{Digest, FEW, Regraft, Sample, Stack, counts, seeds};

/// Nodes, relationships between them, and relationships that nodes derive: one of each kind of account.
const SOME: &str = "podcast,episode,topic,has_episode,covers_topic,contains_topic";

/// What has to be so after every replay.
struct Expected {
    types: Vec<String>,
    counts: Value,
    digest: Digest,
}

impl Expected {
    fn now(stack: &Stack, regraft: &Regraft, types: &str) -> Self {
        let types = match types {
            "" => Vec::new(),
            some => vec!["--types".to_owned(), some.to_owned()],
        };
        let counts = counts(&call(regraft, &["migrate-data"], &types));
        Self { types, counts, digest: stack.target.digest() }
    }

    fn check(&self, stack: &Stack, regraft: &Regraft, when: &str) {
        let report = call(regraft, &["migrate-data"], &self.types);
        assert_eq!(counts(&report), self.counts, "{when}");
        closed_replays(&report);
        stack.target.digest().assert_same(&self.digest, when);
        assert_eq!(letters(regraft, "open"), dead_letters(&self.counts), "{when}: open dead letters");
        let lag = call(regraft, &["status"], &self.types);
        assert!(
            lag["pipelines"].as_object().unwrap().values().all(|one| one["state"] == "done"),
            "{when}: {lag}"
        );
    }
}

/// Runs a command of these types to a good end; its report.
fn call(regraft: &Regraft, command: &[&str], types: &[String]) -> Value {
    let types: Vec<&str> = types.iter().map(String::as_str).collect();
    let ended = regraft.run(&[command, &types].concat());
    ended.expect(0);
    ended.report()
}

/// Moves random partitions of random stages to random earlier offsets; lets a part of the work be done; some once more.
fn replay_randomly(stack: &Stack, regraft: &Regraft, expected: &Expected, seed: u64) {
    eprintln!("REGRAFT_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for round in 0..random.random_range(1..=2) {
        if round > 0 {
            // What is replayed is replayed again while some of it is through and some is not.
            let types = if random.random_bool(0.5) { "podcast,episode" } else { "episode" };
            match random.random_bool(0.5) {
                true => regraft.run(&["transform", "--until-drained", "--types", types]).expect(0),
                false => regraft.run(&["migrate-data", "--types", types]).expect(0),
            }
        }
        let mut file = String::new();
        for ((topic, partition), offset) in exported(regraft) {
            if random.random_bool(0.5) {
                file.push_str(&format!("{topic},{partition},{}\n", random.random_range(0..=offset)));
            }
        }
        let path = regraft.folder().join("offsets.csv");
        std::fs::write(&path, file).unwrap();
        regraft.run(&["replay", "--from-file", path.to_str().unwrap(), "--execute"]).expect(0);
    }
    expected.check(stack, regraft, &format!("seed {seed}"));
}

/// Changes what a second pass will read: values, a wrong one made right, a right one made wrong, one more, one less.
fn change(stack: &Stack) {
    for text in [
        "MATCH (n:Episode) WHERE n.title IS NOT NULL WITH n ORDER BY elementId(n) LIMIT 20 SET n.title = 'Changed ' + n.title",
        "MATCH (n:Episode) WHERE n.published_date IS NULL SET n.published_date = '2020-01-02'",
        "MATCH (n:Podcast) WHERE n.title IS NOT NULL WITH n ORDER BY n.id LIMIT 3 SET n.title = ' ', n.name = null",
        "CREATE (:Podcast {id: 'podcast-new', title: 'New', description: 'd', rss_url: 'http://x'})",
        "MATCH (n:Episode) WITH n ORDER BY n.id DESC LIMIT 5 DETACH DELETE n",
    ] {
        stack.source.run(text);
    }
}

/// With some types, or all of them.
fn replays_converge(stack: &Stack, seeds: Vec<u64>, types: &str) {
    let sample = Sample::dirty(stack, 1);
    let regraft = Regraft::new(stack).in_small_steps();
    let first = Expected::now(stack, &regraft, types);
    let (all, known) = (sample.counts(), first.counts.as_object().unwrap());
    assert!(known.iter().all(|(pipeline, counts)| all[pipeline] == *counts), "{}", first.counts);
    assert!(!types.is_empty() || *known == *all.as_object().unwrap(), "{}", first.counts);
    let (before, after) = seeds.split_at(seeds.len() / 2);
    before.iter().for_each(|seed| replay_randomly(stack, &regraft, &first, *seed));
    change(stack);
    call(&regraft, &["migrate-data", "--new-pass"], &first.types);
    let second = Expected::now(stack, &regraft, types);
    assert_ne!(second.counts, first.counts);
    after.iter().for_each(|seed| replay_randomly(stack, &regraft, &second, *seed));
}

#[test]
fn replays_from_random_offsets_end_with_the_same_graph() {
    replays_converge(&Stack::any(), seeds(5), SOME);
}

#[test]
#[ignore = "fifty seeds of all types: make soak"]
fn fifty_replays_from_random_offsets() {
    replays_converge(&Stack::any(), seeds(50), "");
}

#[test]
fn one_type_is_replayed_while_the_others_run() {
    let stack = Stack::any();
    let sample = Sample::dirty(&stack, 1);
    let regraft = Regraft::new(&stack).in_small_steps().of_types(FEW);
    assert_eq!(counts(&regraft.migrate()), sample.counts_of(FEW));
    let digest = stack.target.digest();
    let others = ["podcast", "has_episode"].map(|name| regraft.spawn(&["load", "--types", name]));
    let topics = regraft.topics();
    crate::support::eventually("the others are at work", || {
        ["podcast", "has_episode"].iter().all(|name| topics.sharing("load", name) == 1)
    });
    let refused = regraft.run(&["replay", "--to-earliest", "--execute"]);
    refused.expect_saying(3, &["load.podcast", "load.has_episode", "has members"]);
    regraft.run(&["replay", "--to-earliest", "--types", "podcast", "--stage", "load", "--execute"]).expect(3);
    let ended = regraft.run(&["replay", "--to-earliest", "--types", "episode", "--execute", "--then-run"]);
    ended.expect(0);
    assert_eq!(counts(&ended.report()["then"])["episode"], sample.counts()["episode"]);
    assert_eq!(closed_replays(&ended.report()["then"]), 2, "{}", ended.out);
    for other in others {
        other.terminate();
        other.wait().expect(0);
    }
    assert_eq!(counts(&regraft.migrate()), sample.counts_of(FEW));
    stack.target.digest().assert_same(&digest, "after the replay of one type");
}
