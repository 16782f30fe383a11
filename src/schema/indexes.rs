//! Waiting for indexes: a constraint or query that an index serves counts only once it is online.

use std::collections::HashSet;
use std::time::Duration;

use super::report::{Event, Observer};
use crate::error::{Cause, Error, Result};
use crate::neo4j::catalog::Inventory;
use crate::neo4j::{Statement, TargetGraph};
use crate::record::Value;
use crate::stop::Stop;

const OPEN: &str = "SHOW INDEXES YIELD name, state, populationPercent, failureMessage, createStatement \
     WHERE state <> 'ONLINE' RETURN [name, state, populationPercent, failureMessage, createStatement] AS row";

/// Waits until every index that was not in `before` is online. Fails when one of them fails, or on `stop`.
pub(super) async fn await_online(
    target: &TargetGraph,
    before: &Inventory,
    stop: &Stop,
    observe: Observer<'_>,
) -> Result<()> {
    let old: HashSet<&str> = before.indexes.iter().map(|index| index.create_statement.as_str()).collect();
    let mut pause = Duration::from_millis(20);
    loop {
        let mut open = 0;
        let mut slowest = 100.0_f64;
        for row in target.rows(Statement::new(OPEN)).await? {
            let text = |index: usize| row.get(index).and_then(|cell| cell.as_str()).unwrap_or_default();
            if old.contains(text(4)) {
                continue;
            }
            if text(1) == "FAILED" {
                return Err(Error::new(
                    Cause::DataRefused,
                    format!("populate the index {}: {}", text(0), first_line(text(3))),
                )
                .what_to_do("mend the data that the message names, or leave the index out"));
            }
            open += 1;
            if let Some(Some(Value::Float(percent))) = row.get(2).map(|cell| cell.clone().into_value()) {
                slowest = slowest.min(percent);
            }
        }
        if open == 0 {
            return Ok(());
        }
        observe(Event::Populating { indexes: open, percent: slowest });
        if stop.sleep(pause).await {
            return Err(Error::new(Cause::Busy, "stopped while indexes were filled, as asked"));
        }
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}

/// Why an index failed, without the server's stack.
pub(super) fn first_line(failure: &str) -> &str {
    failure.trim().lines().next().unwrap_or_default().trim_end()
}
