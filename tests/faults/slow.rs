//! Sources that are slow, and runs that end before everything has begun.

use crate::support::{Regraft, Stack};

#[test]
fn a_slow_source_is_read_in_transactions_that_kafka_does_not_end() {
    let stack = Stack::any();
    stack.source.run("UNWIND range(1, 500) AS i CREATE (:Speaker {id: 's' + i, name: 'Speaker ' + i})");
    // One page of all of them: twelve seconds and more, which is longer than Kafka leaves a transaction open.
    let regraft = Regraft::new(&stack).of_types("speaker").with("source.rows_per_second", 40);
    let ended = regraft.run(&["extract", "--until-drained"]);
    ended.expect(0);
    assert!(!ended.err.contains("trying again"), "{}", ended.err);
    regraft.migrate();
    assert_eq!(stack.target.number("MATCH (n:Speaker) RETURN count(n)"), 500);
}

#[test]
fn many_rows_of_one_key_are_read_at_once_whatever_the_rate() {
    let stack = Stack::any();
    // Without a constraint in the source: fourteen seconds' worth, of which no part can be committed by itself.
    stack.source.run("UNWIND range(1, 70) AS i CREATE (:Speaker {id: 'unknown', name: 'Speaker ' + i})");
    stack.source.run("CREATE (:Speaker {id: 'a', name: 'Ada'}), (:Speaker {id: 'z', name: 'Zoe'})");
    let regraft = Regraft::new(&stack).of_types("speaker").with("source.rows_per_second", 5);
    let ended = regraft.run(&["migrate-data"]);
    ended.expect(0);
    assert!(!ended.err.contains("trying again"), "{}", ended.err);
    assert_eq!(ended.report()["pipelines"]["speaker"]["dead_letters"]["duplicate_key"], 70);
}

#[test]
fn a_new_pass_that_is_killed_is_begun_for_all_that_it_was_asked_for() {
    let stack = Stack::any();
    stack.source.run(
        "UNWIND range(1, 60) AS i \
         CREATE (:Speaker {id: 's' + i, name: 'Speaker ' + i}), (:Topic {id: 't' + i, name: 'Topic ' + i})",
    );
    let regraft = Regraft::new(&stack).of_types("speaker,topic").with("run.pipelines_at_once", 1);
    regraft.migrate();
    let slow = regraft.with("source.rows_per_second", 5).with("source.page_size", 5);
    stack.source.run("MATCH (n:Speaker|Topic) SET n.name = 'Renamed'");
    let mut running = slow.spawn(&["migrate-data", "--new-pass"]);
    crate::support::eventually("the first pipeline is in its second pass", || {
        assert!(running.is_running(), "{}", running.said());
        stack.target.number("MATCH (n {name: 'Renamed'}) RETURN count(n)") > 0
    });
    assert!(running.kill());
    let fast = slow.with("source.rows_per_second", 10_000);
    fast.migrate();
    assert_eq!(stack.target.number("MATCH (n:Speaker|Topic) WHERE n.name <> 'Renamed' RETURN count(n)"), 0);
    let again = fast.run(&["migrate-data", "--output", "human"]);
    again.expect(0);
    assert!(again.out.contains("Nothing was left to do"), "{}", again.out);
}
