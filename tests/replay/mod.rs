//! Having records go through a stage once more: from moved offsets, dead letters put back, checkpoints that were lost.

mod letters;
mod offsets;
mod positions;
mod refusals;
mod tools;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::Regraft;

/// Committed offsets by topic and partition, as `replay --export` tells them.
fn exported(regraft: &Regraft) -> BTreeMap<(String, i32), i64> {
    let ended = regraft.run(&["replay", "--export"]);
    ended.expect(0);
    let lines = ended.out.lines().map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let [_group, topic, partition, offset] = fields[..] else { panic!("{line}") };
        ((topic.to_owned(), partition.parse().unwrap()), offset.parse().unwrap())
    });
    lines.collect()
}

/// Dead letters in a state, by pipeline and reason.
fn letters(regraft: &Regraft, state: &str) -> BTreeMap<String, BTreeMap<String, u64>> {
    let ended = regraft.run(&["dead-letters", "list", "--state", state]);
    ended.expect(0);
    let mut counts: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for letter in ended.report().as_array().unwrap() {
        let text = |key: &str| letter[key].as_str().unwrap().to_owned();
        *counts.entry(text("pipeline")).or_default().entry(text("reason")).or_default() += 1;
    }
    counts
}

/// Of counts as [`crate::support::counts`] gives them, the dead letters, those of derived records too: what has to be open
/// on the topic.
fn dead_letters(counts: &Value) -> BTreeMap<String, BTreeMap<String, u64>> {
    let of = |counts: &Value| {
        let mut all: BTreeMap<String, u64> = BTreeMap::new();
        for reasons in [&counts["dead_letters"], &counts["emitted"]["dead_letters"]] {
            for (reason, count) in reasons.as_object().into_iter().flatten() {
                *all.entry(reason.clone()).or_default() += count.as_u64().unwrap();
            }
        }
        all
    };
    let all = counts.as_object().unwrap().iter().map(|(pipeline, counts)| (pipeline.clone(), of(counts)));
    all.filter(|(_, reasons)| !reasons.is_empty()).collect()
}

/// Fails unless every replay of a report is through.
#[track_caller]
fn closed_replays(report: &Value) -> usize {
    let pipelines = report["pipelines"].as_object().unwrap().values();
    let replays: Vec<&Value> =
        pipelines.flat_map(|one| one["replays"].as_array().into_iter().flatten()).collect();
    for replay in &replays {
        let dead = replay["dead_letters"].as_object().unwrap().values();
        let number = |key: &str| replay[key].as_u64().unwrap();
        let dead: u64 = dead.map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(number("read"), number("loaded") + number("merged") + dead, "{replay}");
    }
    replays.len()
}
