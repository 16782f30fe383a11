//! What watching costs: CPU time of migrations with default metrics and logs, scraped every second and with a page open,
//! against the same without.

use std::time::Duration;

use super::{free_port, get, runtime};
use crate::support::{Regraft, Sample, Stack};

/// Of each kind. In turns, so that what changes on the machine meets both.
const ROUNDS: usize = 5;

#[test]
#[ignore = "measures: make soak"]
fn watching_costs_little() {
    let stack = Stack::any();
    Sample::clean(&stack, 40);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.push(cpu_seconds(&stack, false));
        with.push(cpu_seconds(&stack, true));
    }
    let (with, without) = (median(&mut with), median(&mut without));
    eprintln!(
        "CPU time of a migration: {with:.2} s watched, {without:.2} s not: {:+.1} %",
        100.0 * (with / without - 1.0)
    );
}

fn cpu_seconds(stack: &Stack, watched: bool) -> f64 {
    stack.target.empty();
    let port = free_port();
    let listen = if watched { format!("127.0.0.1:{port}") } else { "off".to_owned() };
    let regraft = Regraft::new(stack).with("metrics.listen", listen);
    let log = if watched { "error,regraft=warn" } else { "off" };
    let running = regraft.spawn_with(&["migrate-data"], &[("REGRAFT_LOG", log)]);
    let runtime = runtime();
    let watching = watched.then(|| {
        runtime.spawn(async move { while get(&format!("http://127.0.0.1:{port}/events")).await.is_err() {} });
        runtime.spawn(async move {
            loop {
                // Not there yet, or not any more.
                let _ = get(&format!("http://127.0.0.1:{port}/metrics")).await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        })
    });
    let (ended, cpu) = running.wait_and_measure_cpu();
    ended.expect(0);
    if let Some(watching) = watching {
        watching.abort();
    }
    runtime.shutdown_background();
    cpu
}

fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
