//! SIGKILL at random moments: what was durable stays, what was not is done again, and neither shows.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use super::moved;
use crate::support::{Digest, FEW, Letter, Regraft, Running, Sample, Stack, counts, seeds};

const SOME: &[&str] = &["--types", FEW];
const ALL: &[&str] = &[];

/// What an undisturbed migration makes of the source.
struct Undisturbed {
    types: &'static [&'static str],
    counts: Value,
    digest: Digest,
    /// How much it moved in all, as [`moved`] says.
    moved: i64,
}

impl Undisturbed {
    fn of(stack: &Stack, types: &'static [&'static str]) -> Self {
        stack.target.empty();
        let sample = Sample::dirty(stack, 1).counts();
        let regraft = migration(stack);
        let counts = migrate(&regraft, types);
        let moved_here = |name: &str| types.is_empty() || FEW.split(',').any(|each| each == name);
        let expected = sample.as_object().unwrap().iter().filter(|(name, _)| moved_here(name));
        assert_eq!(counts, expected.map(|(name, of)| (name.clone(), of.clone())).collect::<Value>());
        let digest = stack.target.digest_but_times();
        assert!(digest.len() > 250, "{} nodes and relationships", digest.len());
        Self { types, counts, digest, moved: moved(stack, &regraft, &regraft.topics()) }
    }

    /// Fails unless the disturbed migration comes to the same end.
    fn compare(&self, stack: &Stack, regraft: &Regraft, seed: u64) {
        assert_eq!(migrate(regraft, self.types), self.counts, "seed {seed}");
        stack.target.digest_but_times().assert_same(&self.digest, &format!("with seed {seed}"));
        Letter::assert_counted(&regraft.topics().dead_letters(), &self.counts, &format!("seed {seed}"));
        let left = "MATCH (n:_RegraftOutbox) RETURN count(n)";
        assert_eq!(stack.target.number(left), 0, "seed {seed}: dead letters that nobody published");
    }
}

fn migration(stack: &Stack) -> Regraft {
    Regraft::new(stack).in_small_steps()
}

/// `migrate-data` to a good end; its counts.
fn migrate(regraft: &Regraft, types: &[&str]) -> Value {
    let ended = regraft.run(&[&["migrate-data"], types].concat());
    ended.expect(0);
    counts(&ended.report())
}

/// Waits until so much is durable, and a random moment longer. False if everything ends before.
fn await_moment(
    stack: &Stack,
    regraft: &Regraft,
    until: i64,
    random: &mut StdRng,
    still_running: &mut dyn FnMut() -> bool,
) -> bool {
    let topics = regraft.topics();
    while moved(stack, regraft, &topics) < until {
        if !still_running() {
            return false;
        }
        // Each look connects to the target anew.
        std::thread::sleep(Duration::from_millis(30));
    }
    // Between two durable steps there is no event to wait for.
    std::thread::sleep(Duration::from_micros(random.random_range(0..60_000)));
    true
}

/// `migrate-data`, killed several times.
fn kill_one_process(stack: &Stack, undisturbed: &Undisturbed, seed: u64) {
    eprintln!("REGRAFT_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    stack.target.empty();
    let regraft = migration(stack);
    let mut kills = 0;
    for _ in 0..random.random_range(1..=3) {
        let mut running = regraft.spawn(&[&["migrate-data"], undisturbed.types].concat());
        let now = moved(stack, &regraft, &regraft.topics());
        let until = random.random_range(now..undisturbed.moved.max(now + 1));
        await_moment(stack, &regraft, until, &mut random, &mut || running.is_running());
        kills += u32::from(running.kill());
    }
    eprintln!("  killed {kills} times");
    migrate(&regraft, undisturbed.types);
    undisturbed.compare(stack, &regraft, seed);
}

/// An extractor, two transformers and two loaders; now and then one is killed and one or two take its place.
fn kill_workers(stack: &Stack, undisturbed: &Undisturbed, seed: u64) {
    eprintln!("REGRAFT_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    stack.target.empty();
    let regraft = migration(stack);
    let start = |stage: &'static str| {
        (stage, regraft.spawn(&[&[stage, "--until-drained"], undisturbed.types].concat()))
    };
    let mut workers: Vec<(&str, Running)> =
        ["extract", "transform", "transform", "load", "load"].into_iter().map(start).collect();
    let mut kills = 0;
    for _ in 0..random.random_range(1..=3) {
        let now = moved(stack, &regraft, &regraft.topics());
        let until = random.random_range(now..undisturbed.moved.max(now + 1));
        let mut any_runs = || workers.iter_mut().any(|(_, worker)| worker.is_running());
        if !await_moment(stack, &regraft, until, &mut random, &mut any_runs) {
            break;
        }
        let (stage, worker) = workers.swap_remove(random.random_range(0..workers.len()));
        kills += u32::from(worker.kill());
        let successors = if stage == "extract" { 1 } else { random.random_range(1..=2) };
        workers.extend((0..successors).map(|_| start(stage)));
    }
    eprintln!("  killed {kills} times");
    for (_, worker) in workers {
        worker.wait().expect(0);
    }
    undisturbed.compare(stack, &regraft, seed);
}

fn kill(stack: &Stack, types: &'static [&'static str], number: u64, one: fn(&Stack, &Undisturbed, u64)) {
    let undisturbed = Undisturbed::of(stack, types);
    seeds(number).into_iter().for_each(|seed| one(stack, &undisturbed, seed));
}

#[test]
fn migrate_data_killed_at_random_moments() {
    let stack = Stack::any();
    kill(&stack, SOME, 4, kill_one_process);
    kill(&stack, ALL, 1, kill_one_process);
}

#[test]
fn workers_killed_at_random_moments() {
    let stack = Stack::own();
    kill(&stack, SOME, 5, kill_workers);
}

#[test]
#[ignore = "a hundred seeds: make soak"]
fn migrate_data_killed_a_hundred_times() {
    let stack = Stack::any();
    kill(&stack, SOME, 90, kill_one_process);
    kill(&stack, ALL, 10, kill_one_process);
}

#[test]
#[ignore = "a hundred seeds: make soak"]
fn workers_killed_a_hundred_times() {
    let stack = Stack::own();
    kill(&stack, SOME, 90, kill_workers);
    kill(&stack, ALL, 10, kill_workers);
}
