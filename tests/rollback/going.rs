//! There and back.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{TwoLoads, ended_at, fill, is_held, leave_claims, plan, roll_back, started_at, sums};
use crate::support::{FEW, Regraft, Sample, Stack};

#[test]
fn to_after_the_first_load_and_back_again() {
    let stack = Stack::any();
    let TwoLoads { regraft, date, first, second } = TwoLoads::of(&stack, 12);

    let planned = plan(&regraft, &date);
    assert_eq!(planned["result"], "planned");
    assert_eq!(planned["target_date"], date.replace("000Z", "Z"));
    let runs = planned["runs"].as_array().unwrap();
    let since: Vec<&str> = runs.iter().map(|run| run["command"].as_str().unwrap()).collect();
    assert!(
        since.len() == 2 && since[0].contains("--new-pass") && since[1].contains("--delete-extra"),
        "{since:?}"
    );
    stack.target.digest().assert_same(&second, "after a plan");

    let done = roll_back(&regraft, &date);
    stack.target.digest().assert_same(&first, "after the rollback");
    assert_eq!(sums(&done), sums(&planned), "{done} was planned as {planned}");
    let [restored, deleted, recreated, _] = sums(&done);
    // 13 episodes and a podcast are new, 13 relationships with them, and 5 lead elsewhere.
    assert!(restored > 100 && deleted >= 14 + 13 && recreated >= 40, "{done}");

    // Nothing comes back by itself, and a second time there is nothing to do.
    regraft.migrate();
    stack.target.digest().assert_same(&first, "after a run with nothing to do");
    let [restored, deleted, recreated, _] = sums(&roll_back(&regraft, &date));
    assert_eq!([restored, deleted, recreated], [0, 0, 0]);

    // A rollback can be rolled back: the last one did nothing, so this is to before the first.
    let runs = regraft.run(&["runs", "list"]).report()["runs"].as_array().unwrap().clone();
    let rollbacks: Vec<_> =
        runs.iter().filter(|run| run["command"].as_str().unwrap().contains("rollback")).collect();
    assert!(rollbacks.iter().all(|run| run["exit_code"] == 0), "{rollbacks:?}");
    roll_back(&regraft, rollbacks[1]["started_at"].as_str().unwrap());
    stack.target.digest().assert_same(&second, "after the rollback was rolled back");

    // And loading goes on.
    regraft.run(&["migrate-data", "--new-pass"]).expect(0);
}

#[test]
fn killed_on_the_way_and_done_by_the_next() {
    let stack = Stack::any();
    let TwoLoads { regraft, date, first, .. } = TwoLoads::of(&stack, 25);
    let seed = std::env::var("REGRAFT_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(rand::random::<u32>);
    eprintln!("REGRAFT_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed.into());
    let regraft = regraft.with("load.batch_size", 50);
    let noted = || regraft.topics().ends()["undo"].iter().sum::<i64>();
    let begin = noted();
    let mut killed_half_way = 0;
    for _ in 0..3 {
        let before = noted();
        let mut running = regraft.spawn(&["rollback", "--target-date", &date, "--execute"]);
        // What it brings back it notes first: some hundreds in all.
        let until = before + random.random_range(8..150);
        while noted() < until && running.is_running() {
            std::thread::sleep(std::time::Duration::from_millis(3));
        }
        running.kill();
        leave_claims(&stack);
        if is_held(&stack, &regraft) {
            killed_half_way += 1;
            // What is neither the one state nor the other is loaded into by nobody.
            let refused = regraft.run(&["migrate-data"]);
            refused.expect_saying(2, &["has not ended", "--execute"]);
        }
    }
    assert!(killed_half_way > 0 && noted() > begin, "seed {seed}: never killed half way");
    roll_back(&regraft, &date);
    stack.target.digest().assert_same(&first, &format!("with seed {seed}"));
    regraft.migrate();
    stack.target.digest().assert_same(&first, "after a run with nothing to do");
}

#[test]
fn a_date_before_the_first_load_empties_what_was_written_and_only_that() {
    let stack = Stack::any();
    fill(&stack, 6);
    // One of the target's own, one that is also in the source, and what ties them.
    let key = &stack.source.rows::<String>("MATCH (n:Podcast) RETURN n.id ORDER BY n.id LIMIT 1")[0];
    stack.target.run(&format!(
        "CREATE (a:Podcast {{id: 'own', title: 'Own'}})-[:HAS_EPISODE {{since: 1}}]->(:Episode {{id: 'own-1', x: 1.5}}) \
         CREATE (b:Podcast:Curated {{id: '{key}', title: 'Before', rating: 5, seen: datetime('2025-10-26T02:30:00+01:00[Europe/Berlin]')}}) \
         CREATE (a)-[:LIKES]->(b)"
    ));
    let before = stack.target.digest();
    let regraft = Regraft::new(&stack).of_types(FEW).in_small_steps();
    regraft.migrate();
    assert!(stack.target.digest() != before);
    let done = roll_back(&regraft, &started_at(&regraft, "migrate-data"));
    assert_eq!(done["pipelines"]["podcast"]["restore"], 1, "{done}");
    stack.target.digest().assert_same(&before, "after a rollback to before the first load");

    // As if it had never been: a new pass brings all of it.
    regraft.run(&["migrate-data", "--new-pass"]).expect(0);
    let nothing = plan(&regraft, &ended_at(&regraft, "migrate-data"));
    assert_eq!(nothing["result"], "nothing_to_do", "{nothing}");
}

#[test]
fn every_type_goes_and_comes_back() {
    let stack = Stack::any();
    Sample::fill(&stack, 1, &["--dirty", "--embeddings"]);
    let regraft = Regraft::new(&stack).of_types(FEW);
    regraft.migrate();
    let loaded = stack.target.digest();
    let done = roll_back(&regraft, &started_at(&regraft, "migrate-data"));
    assert_eq!(stack.target.digest().len(), 0, "{done}");
    let [restored, deleted, recreated, _] = sums(&done);
    assert_eq!([restored, deleted, recreated], [0, loaded.len() as u64, 0], "{done}");
    let done = roll_back(&regraft, &started_at(&regraft, "rollback"));
    stack.target.digest().assert_same(&loaded, &format!("after the rollback was rolled back: {done}"));
}

#[test]
fn only_the_types_that_are_named() {
    let stack = Stack::any();
    let TwoLoads { regraft, date, .. } = TwoLoads::of(&stack, 5);
    let titles = "MATCH (n:Podcast) WHERE n.title STARTS WITH 'Renamed' RETURN count(n)";
    let another = "MATCH (n:Episode {description: 'another'}) RETURN count(n)";
    assert!(stack.target.number(titles) > 0 && stack.target.number(another) > 0);
    let arguments = ["rollback", "--target-date", &date, "--execute", "--types", "Podcast"];
    let done = regraft.run(&arguments);
    done.expect(0);
    let report = done.report();
    let names: Vec<&String> = report["pipelines"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["podcast"]);
    assert_eq!(stack.target.number(titles), 0);
    assert!(stack.target.number(another) > 0, "episodes were not named");
    // The new podcast has episodes that stay.
    assert_eq!(report["pipelines"]["podcast"]["keep"]["relationships"], 1, "{report}");
}

#[test]
fn a_date_that_can_not_be_is_refused() {
    let stack = Stack::any();
    let regraft = Regraft::new(&stack).of_types(FEW);
    let nothing = regraft.run(&["rollback", "--target-date", "2026-01-31 12:00:00", "--execute"]);
    nothing.expect(0);
    assert_eq!(nothing.report()["result"], "nothing_to_do");
    assert!(nothing.err.contains("2026-01-31T12:00:00.000Z"), "the instant is not echoed: {}", nothing.err);
    regraft.run(&["rollback", "--target-date", "9999-01-01"]).expect_saying(2, &["still to come"]);
    regraft.run(&["rollback", "--target-date", "soon"]).expect_saying(2, &["2026-01-31 12:00:00"]);
}

/// The journal outlives a target that was emptied: what is loaded into it afterwards is rolled back all the same.
#[test]
fn of_a_target_that_was_emptied_and_loaded_again() {
    let stack = Stack::any();
    fill(&stack, 2);
    let regraft = Regraft::new(&stack).of_types(FEW);
    regraft.migrate();
    // Every one of them claims the partitions once more.
    for _ in 0..2 {
        regraft.run(&["migrate-data", "--new-pass"]).expect(0);
    }
    stack.target.wipe("TRUE");
    regraft.run(&["replay", "--stage", "load", "--to-checkpoint", "--execute"]).expect(0);
    regraft.migrate();
    let (date, loaded) = (ended_at(&regraft, "migrate-data"), stack.target.digest());
    stack.source.run("MATCH (n:Episode) SET n.description = 'another'");
    regraft.run(&["migrate-data", "--new-pass"]).expect(0);
    assert!(stack.target.digest() != loaded);
    roll_back(&regraft, &date);
    stack.target.digest().assert_same(&loaded, "after the rollback");
}
