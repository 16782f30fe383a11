//! The journal itself: what is in it, and what is not.

use super::{fill, roll_back, started_at};
use crate::support::{FEW, Regraft, Stack};

#[test]
fn what_was_loaded_without_the_journal_stays_and_is_said() {
    let stack = Stack::any();
    fill(&stack, 3);
    let regraft = Regraft::new(&stack).of_types(FEW).with("load.undo", false);
    regraft.migrate();
    let loaded = stack.target.digest();
    let date = started_at(&regraft, "migrate-data");
    let ended = regraft.run(&["rollback", "--target-date", &date, "--execute"]);
    // Not everything is as it was.
    ended.expect(1);
    let report = ended.report();
    let rows = stack.target.number("MATCH (n:Podcast) RETURN count(n)");
    assert_eq!(report["pipelines"]["podcast"]["cannot"]["journal_off"], rows, "{report}");
    stack.target.digest().assert_same(&loaded, "without a journal");

    // From now on with it: only what came before can't be taken back.
    let regraft = regraft.with("load.undo", true);
    stack.source.run("MATCH (n:Podcast) SET n.description = 'another'");
    regraft.run(&["migrate-data", "--new-pass"]).expect(0);
    assert!(stack.target.digest() != loaded);
    roll_back(&regraft, &started_at(&regraft, "--new-pass"));
    stack.target.digest().assert_same(&loaded, "after the load with a journal was rolled back");
}

#[test]
fn the_topic_has_the_brokers_time_and_one_message_for_each_entity() {
    let stack = Stack::any();
    fill(&stack, 3);
    let regraft = Regraft::new(&stack).of_types(FEW);
    regraft.migrate();
    let entities = stack.target.digest().len() as i64;
    let marks = 2 * 2;
    let written: i64 = regraft.topics().ends()["undo"].iter().sum();
    assert_eq!(written, entities + marks, "one for each entity, and marks of the run on each partition");
    // Written again without harm, a second pass finds each of them there and says so.
    regraft.run(&["migrate-data", "--new-pass"]).expect(0);
    let written: i64 = regraft.topics().ends()["undo"].iter().sum();
    assert_eq!(written, 2 * (entities + marks));
    let settings = regraft.topics().settings("undo");
    for (key, value) in
        [("message.timestamp.type", "LogAppendTime"), ("retention.ms", "-1"), ("cleanup.policy", "delete")]
    {
        assert_eq!(settings.get(key).map(String::as_str), Some(value), "{key}");
    }
}

#[test]
fn a_journal_that_was_made_anew_is_noticed() {
    let stack = Stack::any();
    fill(&stack, 2);
    let regraft = Regraft::new(&stack).of_types(FEW).in_small_steps();
    regraft.migrate();
    let date = started_at(&regraft, "migrate-data");
    regraft.topics().make_anew("undo");
    regraft.run(&["rollback", "--target-date", &date]).expect_saying(2, &["made anew"]);
}
