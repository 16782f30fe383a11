//! The real command, killed with SIGKILL, and two of them at once.

use std::sync::Arc;

use super::{cleared, data, folder, inventory, seed, some_of, to};
use crate::neo4j::number;
use crate::support::{Regraft, Stack};

/// Steps of both versions, as `-v` tells them.
const STEPS: std::ops::Range<usize> = 1..34;

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn killed_at_any_step_a_second_run_ends_at_the_target_version() {
    killed_at(some_of(STEPS, 2));
}

#[test]
#[ignore = "at every step: make soak"]
fn killed_at_every_step_a_second_run_ends_at_the_target_version() {
    killed_at(STEPS.collect());
}

fn killed_at(moments: Vec<usize>) {
    let stack = Stack::any();
    let regraft = Regraft::new(&stack);
    let expected = block_on(async {
        let target = cleared(&stack).await;
        seed(&target).await;
        to(&target, &folder(), "1.1.0").await.unwrap();
        let expected = (inventory(&target).await, data(&target).await);
        to(&target, &folder(), "0.0.0").await.unwrap();
        expected
    });
    for (turn, at) in moments.into_iter().enumerate() {
        let mut running = regraft.spawn(&["migrate-schema", "-v"]);
        crate::support::eventually(&format!("step {at} begins"), || {
            let said = running.said();
            said.lines().filter(|line| line.starts_with("  ")).count() >= at || !running.is_running()
        });
        running.kill();
        if turn > 0 {
            // Its lease runs out by itself, as the first turn shows.
            stack.target.run("MATCH (c:_RegraftLock) WHERE c.purpose IS NOT NULL DELETE c");
        }
        let ended = regraft.run(&["migrate-schema"]);
        ended.expect(0);
        assert_eq!(ended.report()["to"], "1.1.0", "{ended:?}");
        block_on(async {
            let target = stack.target.connected().await;
            assert_eq!((inventory(&target).await, data(&target).await), expected, "killed at step {at}");
            to(&target, &folder(), "0.0.0").await.unwrap();
        });
    }
}

#[test]
fn of_two_commands_at_once_one_applies() {
    let stack = Stack::any();
    block_on(cleared(&stack));
    let regraft = Arc::new(Regraft::new(&stack));
    let running: Vec<_> = (0..2).map(|_| regraft.spawn(&["migrate-schema"])).collect();
    let mut results: Vec<String> = Vec::new();
    for one in running {
        let ended = one.wait();
        ended.expect(0);
        let report = ended.report();
        assert_eq!(report["to"], "1.1.0");
        results.push(report["result"].as_str().unwrap().to_owned());
    }
    results.sort();
    assert_eq!(results, ["migrated", "nothing_to_do"]);
    let target = block_on(stack.target.connected());
    let attempts = "MATCH (m:_RegraftMigration) RETURN [count(m)] AS r";
    assert_eq!(block_on(number(&target, attempts)), 2);
}
