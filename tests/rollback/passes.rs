//! Rolled back in mid-pass: nothing comes back by itself, and a new pass brings everything.

use super::{ended_at, fill, roll_back, started_at};
use crate::support::{FEW, Regraft, Stack, eventually};

#[test]
fn a_pass_that_was_not_through_does_not_go_on() {
    let stack = Stack::any();
    fill(&stack, 40);
    let regraft = Regraft::new(&stack).of_types(FEW).in_small_steps().with("source.rows_per_second", 400);
    let before = stack.target.digest();
    let mut running = regraft.spawn(&["migrate-data"]);
    eventually("something is loaded", || stack.target.number("MATCH (n:Episode) RETURN count(n)") > 50);
    assert!(running.is_running());
    running.terminate();
    running.wait().expect(3);
    assert!(stack.target.digest() != before);

    let done = roll_back(&regraft, &started_at(&regraft, "migrate-data"));
    stack.target.digest().assert_same(&before, "after the rollback");
    let left_out = done["left_out"].as_object().unwrap();
    assert!(left_out.contains_key("episode"), "{done}");

    let regraft = regraft.with("source.rows_per_second", 0);
    let nothing = regraft.migrate();
    assert_eq!(nothing["pipelines"]["episode"]["read"], 0, "{nothing}");
    stack.target.digest().assert_same(&before, "after a run without a new pass");
    let ended = regraft.run(&["migrate-data", "--new-pass"]);
    ended.expect(0);
    let report = ended.report();
    for (pipeline, count) in [("podcast", 40), ("episode", 800), ("has_episode", 800)] {
        assert_eq!(report["pipelines"][pipeline]["loaded"], count, "{report}");
    }
}

#[test]
fn a_pass_that_was_asked_for_and_not_begun_does_not_begin() {
    let stack = Stack::any();
    fill(&stack, 30);
    let regraft = Regraft::new(&stack).of_types(FEW).in_small_steps().with("run.pipelines_at_once", 1);
    regraft.migrate();
    let date = ended_at(&regraft, "migrate-data");
    let first = stack.target.digest();
    stack.source.run("MATCH (n:Podcast|Episode) SET n.title = 'Renamed'");
    let slow = regraft.with("source.rows_per_second", 10).with("source.page_size", 5);
    let running = slow.spawn(&["migrate-data", "--new-pass"]);
    eventually("the first pipeline is in its second pass", || {
        stack.target.number("MATCH (n {title: 'Renamed'}) RETURN count(n)") > 0
    });
    running.terminate();
    running.wait().expect(3);
    roll_back(&slow, &date);
    stack.target.digest().assert_same(&first, "after the rollback");
    slow.with("source.rows_per_second", 0).migrate();
    stack.target.digest().assert_same(&first, "after a run without a new pass");
}

#[test]
fn what_is_half_way_is_not_left_so_by_a_rollback_of_less() {
    let stack = Stack::any();
    fill(&stack, 1);
    let regraft = Regraft::new(&stack).of_types(FEW);
    regraft.migrate();
    let date = started_at(&regraft, "migrate-data");
    // As an interrupted rollback of episodes leaves it.
    stack.target.run(&format!(
        "CREATE (:_RegraftHold {{id: '{}', what: 'a rollback', way_out: 'finish it', since_ms: timestamp(), \
         pipelines: ['episode']}})",
        regraft.prefix()
    ));
    let of_podcasts = ["rollback", "--types", "Podcast", "--target-date", &date, "--execute"];
    regraft.run(&of_podcasts).expect_saying(2, &["of episode", "finish it"]);
    assert!(super::is_held(&stack, &regraft));
    roll_back(&regraft, &date);
    assert!(!super::is_held(&stack, &regraft));
}

#[test]
fn while_a_loader_is_at_work_it_is_refused() {
    let stack = Stack::any();
    fill(&stack, 3);
    let regraft = Regraft::new(&stack).of_types(FEW).with("run.retry_seconds", 20);
    regraft.migrate();
    let loaded = stack.target.digest();
    let date = started_at(&regraft, "migrate-data");
    // Four pipelines at a time are loaded in one process.
    let loader = regraft.spawn(&["load", "--types", "Podcast,Episode,HAS_EPISODE"]);
    eventually("the loader has its partitions", || {
        ["podcast", "episode", "has_episode"].iter().all(|name| regraft.topics().sharing("load", name) == 1)
    });
    regraft.run(&["rollback", "--target-date", &date, "--execute"]).expect_saying(3, &["end "]);
    stack.target.digest().assert_same(&loaded, "after a refused rollback");
    assert!(!super::is_held(&stack, &regraft));
    loader.terminate();
    loader.wait().expect(0);
    roll_back(&regraft, &date);
}
