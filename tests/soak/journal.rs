//! What the undo journal costs: the same model records loaded with it and without it, in turns, into an empty target
//! and over what is there.

use std::time::Duration;

use serde_json::json;

use crate::support::{Digest, Regraft, Stack};

/// Nodes and as many relationships; `REGRAFT_JOURNAL_PODCASTS` sets another number of podcasts of twenty episodes.
const PODCASTS: u32 = 2_000;
const ROUNDS: usize = 3;
const TYPES: [&str; 2] = ["--types", "Podcast,Episode,HAS_EPISODE"];

/// How long one migration's loading took: into an empty target, and then over what was there.
#[derive(Debug, Default, Clone, Copy)]
struct Took {
    fresh: Duration,
    full: Duration,
}

#[test]
#[ignore = "tens of thousands of records, several times: make soak"]
fn the_journal_costs_a_part_of_loading() {
    let stack = Stack::any();
    let podcasts = std::env::var("REGRAFT_JOURNAL_PODCASTS").ok().and_then(|number| number.parse().ok());
    crate::rollback::fill(&stack, podcasts.unwrap_or(PODCASTS));
    let mut took = [Took::default(); 2];
    let mut loaded: Option<Digest> = None;
    for round in 0..ROUNDS * 2 {
        // In turns, so that what else the machine does falls on both; the first one of a pair changes.
        let undo = (round + round / 2) % 2 == 0;
        stack.target.empty();
        let regraft = Regraft::new(&stack).with("load.undo", undo);
        let fresh = load(&regraft, &[]);
        let full = load(&regraft, &["--new-pass"]);
        let digest = stack.target.digest_but_times();
        loaded.get_or_insert_with(|| digest.clone()).assert_same(&digest, "with the journal or without it");
        let noted: i64 = regraft.topics().ends()["undo"].iter().sum();
        assert_eq!(
            noted > 2 * digest.len() as i64,
            undo,
            "{noted} notes of {} entities, twice",
            digest.len()
        );
        let sum = &mut took[usize::from(undo)];
        sum.fresh += fresh;
        sum.full += full;
    }
    let [without, with] = took;
    let cost = |with: Duration, without: Duration| (with.as_secs_f64() / without.as_secs_f64() - 1.0) * 100.0;
    eprintln!(
        "{}",
        json!({
            "entities": loaded.map(|digest| digest.len()),
            "rounds": ROUNDS,
            "seconds_without": {"fresh": without.fresh.as_secs_f64(), "full": without.full.as_secs_f64()},
            "seconds_with": {"fresh": with.fresh.as_secs_f64(), "full": with.full.as_secs_f64()},
            "cost_percent": {"fresh": cost(with.fresh, without.fresh), "full": cost(with.full, without.full)},
        })
    );
}

/// Brings a pass up to the model topics, then loads it. Returns how long loading took, start and end of the process
/// included.
fn load(regraft: &Regraft, extraction: &[&str]) -> Duration {
    let call = |stage: &str, more: &[&str]| {
        let ended = regraft.run(&[&[stage, "--until-drained"], more, &TYPES].concat());
        ended.expect(0);
        ended.took
    };
    call("extract", extraction);
    call("transform", &[]);
    call("load", &[])
}
