//! What going down takes away, counted before anything is done.

use super::plan::VersionPlan;
use super::report::Removed;
use super::undo::Difference;
use super::{Direction, History, Script};
use crate::error::Result;
use crate::neo4j::TargetGraph;
use crate::neo4j::catalog::Own;

/// Constraints and indexes that the version brought and that are still there, then what the head of its down script
/// counts (`// removes …`).
pub(super) async fn count(
    target: &TargetGraph,
    history: &History,
    plan: &VersionPlan,
) -> Result<Vec<Removed>> {
    let mut removed = Vec::new();
    if plan.direction != Direction::Down {
        return Ok(removed);
    }
    let applied = history.applied();
    if let Some(up) = applied.iter().find(|attempt| attempt.version == plan.version) {
        let now = target.inventory(Own::LeftOut).await?;
        let brought = Difference::between(&up.before, &now);
        let after = up.after.as_ref().map(|after| Difference::between(&up.before, after)).unwrap_or_default();
        let still = |names: Vec<String>, then: &[String]| -> Vec<String> {
            names.into_iter().filter(|name| then.contains(name)).collect()
        };
        let constraints = still(brought.extra_constraints, &after.extra_constraints);
        let indexes = still(brought.extra_indexes, &after.extra_indexes);
        for (what, names) in [("constraints", constraints), ("indexes", indexes)] {
            if !names.is_empty() {
                let count = i64::try_from(names.len()).unwrap_or(i64::MAX);
                removed.push(Removed { what: what.to_owned(), count, names });
            }
        }
    }
    removed.extend(declared(target, plan.script()).await?);
    Ok(removed)
}

/// What the head of a script counts.
pub(super) async fn declared(target: &TargetGraph, script: &Script) -> Result<Vec<Removed>> {
    let mut removed = Vec::new();
    for removal in &script.removals {
        let count = target
            .look(&removal.query)
            .await
            .map_err(|error| error.during(format!("{}: count {}", script.file, removal.what)))?;
        let count = count.and_then(|cell| cell.as_i64()).unwrap_or(0);
        removed.push(Removed { what: removal.what.clone(), count, names: Vec::new() });
    }
    Ok(removed)
}
