//! SIGKILL at random moments: the next comparison goes on, and ends with the same report.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use super::named;
use crate::support::{Regraft, Sample, Stack, seeds};

/// A report without what differs from call to call.
fn lasting(mut report: Value) -> Value {
    let fields = report.as_object_mut().unwrap();
    fields.remove("seconds").unwrap();
    fields.remove("goes_on_from");
    report
}

fn kept(stack: &Stack) -> i64 {
    stack.target.number("MATCH (v:_RegraftVerification) RETURN count(v)")
}

fn kill_once_something_is_kept(stack: &Stack, regraft: &Regraft) {
    let running = regraft.spawn(&["verify", "--rate", "200"]);
    crate::support::eventually("something is kept", || kept(stack) > 0);
    running.kill();
}

fn kill_again_and_again(stack: &Stack, regraft: &Regraft, undisturbed: &Value, seed: u64) {
    eprintln!("REGRAFT_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..random.random_range(1..=3) {
        let mut running = regraft.spawn(&["verify", "--rate", "900", "-v"]);
        // Between what is kept and what is not there is no event to wait for.
        std::thread::sleep(Duration::from_millis(random.random_range(0..4_000)));
        let is_running = running.is_running();
        running.kill();
        if !is_running {
            break;
        }
    }
    let ended = regraft.run(&["verify", "-v"]);
    ended.expect(1);
    let goes_on = ended.err.contains("gone on with");
    assert_eq!(ended.report()["goes_on_from"].is_string(), goes_on, "it says so");
    assert_eq!(lasting(ended.report()), *undisturbed, "seed {seed}");
    assert_eq!(kept(stack), 0, "seed {seed}: what is kept of a comparison that is through");
}

fn undisturbed(stack: &Stack) -> (Regraft, Value) {
    Sample::dirty(stack, 1);
    let regraft = Regraft::new(stack).in_small_steps();
    regraft.migrate();
    stack.target.run("MATCH (e:Episode) WITH e ORDER BY e.id SKIP 5 LIMIT 3 DETACH DELETE e");
    stack
        .target
        .run("MATCH (e:Episode) WITH e ORDER BY e.id DESC LIMIT 4 SET e.title = 'Changed', e.theirs = true");
    let ended = regraft.run(&["verify"]);
    ended.expect(1);
    assert!(named(&ended.report()).len() >= 7, "{}", ended.out);
    (regraft, lasting(ended.report()))
}

#[test]
fn a_comparison_that_is_killed_goes_on() {
    let stack = Stack::own();
    let (regraft, report) = undisturbed(&stack);
    let before = stack.source.last_transaction();
    for seed in seeds(2) {
        kill_again_and_again(&stack, &regraft, &report, seed);
    }
    kill_once_something_is_kept(&stack, &regraft);
    let ended = regraft.run(&["verify", "-v"]);
    ended.expect(1);
    assert!(ended.err.contains("gone on with"), "{}", ended.err);
    assert_eq!(lasting(ended.report()), report);
    assert_eq!(stack.source.last_transaction(), before, "transactions of the source");

    // What is kept speaks of one state of the migration: another one is compared from the beginning.
    kill_once_something_is_kept(&stack, &regraft);
    let before = kept(&stack);
    regraft.run(&["verify", "--types", "Podcast"]);
    assert_eq!(kept(&stack), before, "another comparison leaves it alone");
    regraft.run(&["migrate-data", "--new-pass"]).expect(0);
    let ended = regraft.run(&["verify", "-v"]);
    ended.expect(0);
    assert!(!ended.err.contains("gone on with"), "{}", ended.err);
}

#[test]
#[ignore = "a hundred seeds: make soak"]
fn a_comparison_that_is_killed_a_hundred_times() {
    let stack = Stack::own();
    let (regraft, report) = undisturbed(&stack);
    for seed in seeds(100) {
        kill_again_and_again(&stack, &regraft, &report, seed);
    }
}
