//! Services that go away in mid-run, or come back older than they were. On a stack that no other test uses.

use std::time::Duration;

use super::moved;
use crate::support::{FEW, Regraft, Running, Sample, Stack, counts, eventually};

/// How long a service is gone.
const OUTAGE: Duration = Duration::from_secs(20);

#[test]
fn an_outage_of_the_target_leaves_no_trace() {
    outage_of("target", |_| std::thread::sleep(OUTAGE));
}

#[test]
fn an_outage_of_kafka_leaves_no_trace() {
    outage_of("kafka", |_| std::thread::sleep(OUTAGE));
}

#[test]
fn an_outage_of_the_source_leaves_no_trace() {
    outage_of("source", |running| running.until_it_says("trying again"));
}

/// A type that stands still makes room for another one: not where a service fails it, or no limit would ever be reached.
#[test]
fn an_outage_that_lasts_ends_a_process_whose_types_take_turns() {
    let stack = Stack::own();
    stack.source.run("CREATE (:Speaker {id: 's', name: 'Ada'}), (:Topic {id: 't', name: 'Tides'})");
    let regraft = Regraft::new(&stack)
        .of_types("speaker,topic")
        .with("run.pipelines_at_once", 1)
        .with("run.retry_seconds", 5);
    regraft.migrate();
    let loading = regraft.spawn(&["load"]);
    eventually("the loader is at work", || regraft.topics().sharing("load", "topic") == 1);
    stack.control(&["stop", "target"]);
    let ended = loading.wait();
    stack.control(&["start", "target"]);
    ended.expect_saying(3, &["the target"]);
    regraft.migrate();
}

/// Stops the service in mid-run, `lasts`, starts it again.
fn outage_of(service: &str, lasts: impl Fn(&mut Running)) {
    let stack = Stack::own();
    let sample = Sample::dirty(&stack, 1);
    // Slow enough that the outage is in the middle of everything.
    let regraft = Regraft::new(&stack)
        .in_small_steps()
        .with("source.page_size", 20)
        .of_types(FEW)
        .with("source.rows_per_second", 30);
    let mut running = regraft.spawn(&["migrate-data"]);
    eventually("a part is loaded", || moved(&stack, &regraft, &regraft.topics()) > 200);
    stack.control(&["stop", service]);
    lasts(&mut running);
    assert!(running.is_running(), "it was to be in the middle:\n{}", running.said());
    stack.control(&["start", service]);
    let ended = running.wait();
    ended.expect(0);
    assert_eq!(counts(&ended.report()), sample.counts_of(FEW), "after an outage of the {service}");
    let disturbed = stack.target.digest_but_times();

    stack.target.empty();
    Regraft::new(&stack).of_types(FEW).migrate();
    disturbed.assert_same(&stack.target.digest_but_times(), &format!("after an outage of the {service}"));
}

#[test]
fn a_target_of_an_earlier_state_is_refused_and_the_way_out_works() {
    let stack = Stack::own();
    let sample = Sample::clean(&stack, 1);
    let regraft = Regraft::new(&stack).of_types(FEW);
    regraft.run(&["migrate-data", "--types", "podcast"]).expect(0);
    stack.control(&["snapshot", "target", "earlier"]);
    regraft.migrate();
    let digest = stack.target.digest();

    stack.control(&["restore", "target", "earlier"]);
    let refused = regraft.run(&["migrate-data"]);
    refused.expect_saying(2, &["has committed offset", "the target was restored"]);
    assert_eq!(stack.target.number("MATCH (n:Episode) RETURN count(n)"), 0, "nothing is written");
    let said = refused.err.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("--to-checkpoint --execute"), "{said}");
    regraft.run(&["replay", "--stage", "load", "--to-checkpoint", "--execute"]).expect(0);
    assert_eq!(counts(&regraft.migrate()), sample.counts_of(FEW));
    stack.target.digest().assert_same(&digest, "after what the target lacked was loaded again");

    // Another prefix is the way to begin anew on it, too.
    let anew = Regraft::new(&stack).of_types(FEW);
    assert_eq!(counts(&anew.migrate()), sample.counts_of(FEW));
}
