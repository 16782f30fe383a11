//! What was taken back comes again, where that is asked for: from the topics, or by dead letters that are put back.

use super::{change, ended_at, fill, roll_back};
use crate::support::{FEW, Regraft, Stack};

#[test]
fn what_was_loaded_since_comes_again_from_the_topics() {
    let stack = Stack::any();
    fill(&stack, 6);
    let regraft = Regraft::new(&stack).of_types(FEW).in_small_steps();
    regraft.migrate();
    let (date, first) = (ended_at(&regraft, "migrate-data"), stack.target.digest());
    change(&stack.source);
    regraft.run(&["migrate-data", "--new-pass"]).expect(0);
    let second = stack.target.digest();

    let done = roll_back(&regraft, &date);
    stack.target.digest().assert_same(&first, "after the rollback");
    let since = done["target_date"].as_str().unwrap();
    let hint =
        format!("regraft replay --stage load --types {FEW} --to-datetime {since} --execute --then-run");
    let remarks = done["remarks"].as_array().unwrap();
    assert!(remarks.iter().any(|remark| remark.as_str().unwrap().contains(&hint)), "{remarks:?}");
    let arguments: Vec<&str> = hint.split(' ').skip(1).collect();
    regraft.run(&arguments).expect(0);
    stack.target.digest().assert_same(&second, "after the replay that the report names");

    // Counted once: what came again stands in the place of what was loaded before.
    let report = regraft.migrate();
    let episodes = &report["pipelines"]["episode"];
    assert_eq!(episodes["read"], episodes["loaded"], "{report}");
    roll_back(&regraft, &date);
    stack.target.digest().assert_same(&first, "after the second rollback");
    regraft.migrate();
    stack.target.digest().assert_same(&first, "after a run with nothing to do");
}

#[test]
fn open_dead_letters_stay_and_are_counted() {
    let stack = Stack::any();
    fill(&stack, 4);
    let regraft = Regraft::new(&stack).of_types(FEW).with("load.max_dead_letters", "100%");
    regraft.migrate();
    let (date, first) = (ended_at(&regraft, "migrate-data"), stack.target.digest());
    stack.source.run("MATCH (n:Episode) WITH n ORDER BY n.id LIMIT 3 SET n.published_date = 'soon'");
    regraft.run(&["migrate-data", "--new-pass"]).expect(0);

    let done = roll_back(&regraft, &date);
    stack.target.digest().assert_same(&first, "after the rollback");
    assert_eq!(done["open_dead_letters"], serde_json::json!({"episode": 3}), "{done}");
    let remarks = done["remarks"].to_string();
    assert!(remarks.contains("3 dead letters are open"), "{remarks}");
    // They come back neither by themselves nor by a run; a new pass stands in their place.
    regraft.migrate();
    stack.target.digest().assert_same(&first, "after a run with nothing to do");
    stack.source.run("MATCH (n:Episode {published_date: 'soon'}) SET n.published_date = '2024-02-29'");
    regraft.run(&["migrate-data", "--new-pass"]).expect(0);
    let open = regraft.run(&["dead-letters", "list", "--state", "open"]);
    open.expect(0);
    assert_eq!(open.report().as_array().unwrap().len(), 0, "{}", open.out);
}

/// A target that was restored or emptied lacks what no rollback can bring back: positions moved to the end would hide it.
#[test]
fn a_target_that_lacks_what_was_loaded_is_refused_and_stays_so() {
    let stack = Stack::any();
    fill(&stack, 3);
    let regraft = Regraft::new(&stack).of_types("podcast,episode");
    regraft.migrate();
    let date = ended_at(&regraft, "migrate-data");
    stack.source.run("MATCH (n:Episode) WITH n ORDER BY n.id LIMIT 1 SET n.title = 'another'");
    regraft.run(&["migrate-data", "--new-pass"]).expect(0);
    let second = stack.target.digest_but_times();
    stack.target.wipe("n:Episode OR (n:_RegraftCheckpoint AND n.pipeline = 'episode')");
    let refused = "has committed offset";
    for more in [&[][..], &["--execute"]] {
        let arguments = [&["rollback", "--target-date", date.as_str()], more].concat();
        regraft.run(&arguments).expect_saying(2, &[refused, "--to-checkpoint --execute"]);
    }
    regraft.run(&["migrate-data"]).expect_saying(2, &[refused]);

    regraft.run(&["replay", "--stage", "load", "--to-checkpoint", "--execute", "--then-run"]).expect(0);
    stack.target.digest_but_times().assert_same(&second, "after the way out");
}
