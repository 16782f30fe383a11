//! Several workers of a stage share the work, come and go; of extractors there is one.

use super::moved;
use crate::support::{FEW, Regraft, Running, Sample, Stack, counts, eventually};

#[test]
fn when_a_worker_leaves_the_other_finishes() {
    one_of_two_goes(|worker| {
        worker.terminate();
        let ended = worker.wait();
        ended.expect_saying(3, &["stopping"]);
    });
}

#[test]
fn when_a_worker_is_killed_the_other_finishes() {
    one_of_two_goes(|worker| assert!(worker.kill(), "it was to be killed at work"));
}

fn one_of_two_goes(go: impl Fn(Running)) {
    let stack = Stack::any();
    let sample = Sample::dirty(&stack, 1);
    let regraft = Regraft::new(&stack).in_small_steps().of_types(FEW).with("source.page_size", 20);
    // No more types than one worker has at once: so all have them all the time.
    let types = ["--types", "Podcast,Episode,HAS_EPISODE"];
    let start = |stage: &str| regraft.spawn(&[&[stage, "--until-drained"], &types[..]].concat());
    let extract = |rows_per_second: &str| {
        let variables = [("REGRAFT__SOURCE__ROWS_PER_SECOND", rows_per_second)];
        regraft.spawn_with(&[&["extract"], &types[..]].concat(), &variables)
    };
    // Slow enough that work is left when the four have found each other, however long they take.
    let slow_extract = extract("1");
    let (transform, other_transform) = (start("transform"), start("transform"));
    let (load, other_load) = (start("load"), start("load"));
    let topics = regraft.topics();
    eventually("two transformers and two loaders share the episodes", || {
        topics.sharing("transform", "episode") == 2 && topics.sharing("load", "episode") == 2
    });
    slow_extract.terminate();
    slow_extract.wait().expect_saying(3, &["stopping"]);
    let before = moved(&stack, &regraft, &topics);
    let extract = extract("50");
    eventually("more is on its way", || moved(&stack, &regraft, &topics) > before + 20);
    go(transform);
    go(load);
    for worker in [extract, other_transform, other_load] {
        worker.wait().expect(0);
    }
    assert_eq!(counts(&regraft.migrate()), sample.counts_of(FEW));
    let shared = stack.target.digest_but_times();
    stack.target.empty();
    Regraft::new(&stack).of_types(FEW).migrate();
    shared.assert_same(&stack.target.digest_but_times(), "with workers that left");
}

#[test]
fn a_second_extractor_takes_over_and_the_first_says_so() {
    let stack = Stack::any();
    let sample = Sample::dirty(&stack, 1);
    let regraft = Regraft::new(&stack)
        .in_small_steps()
        .of_types(FEW)
        .with("source.page_size", 20)
        .with("source.rows_per_second", 30);
    let first = regraft.spawn(&["extract"]);
    eventually("the first extractor has written", || moved(&stack, &regraft, &regraft.topics()) > 150);
    let second = regraft.spawn_with(&["extract"], &[("REGRAFT__SOURCE__ROWS_PER_SECOND", "0")]);
    first.wait().expect_saying(2, &["another extractor has taken over"]);
    second.wait().expect(0);
    assert_eq!(counts(&regraft.migrate()), sample.counts_of(FEW));
}

#[test]
fn five_workers_of_one_configuration_file() {
    let stack = Stack::any();
    let sample = Sample::dirty(&stack, 1);
    let regraft = Regraft::new(&stack).of_types(FEW).without("metrics.listen");
    let stages = ["extract", "transform", "transform", "load", "load"];
    let mut workers: Vec<Running> =
        stages.into_iter().map(|stage| regraft.spawn(&[stage, "--until-drained"])).collect();
    let pages: std::collections::BTreeSet<String> =
        workers.iter_mut().map(|worker| worker.after("status and metrics: ")).collect();
    assert_eq!(pages.len(), stages.len(), "each has a port: {pages:?}");
    workers.into_iter().for_each(|worker| worker.wait().expect(0));
    assert_eq!(counts(&regraft.migrate()), sample.counts_of(FEW));
}
