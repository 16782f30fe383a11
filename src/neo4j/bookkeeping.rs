//! Regraft's own nodes in the target: which there are, and what keeps each of them one.
//!
//! They are part of no schema version and are left out of digests, validation and rollback
//! ([`super::catalog::is_own`]).

use std::time::{Duration, Instant};

use super::catalog::{Index, Own};
use super::{Statement, TargetGraph, is_in_the_way, server_code};
use crate::error::{Cause, Error, Result};

/// Where loading stands: per group, pipeline and partition.
pub const CHECKPOINT: &str = "_RegraftCheckpoint";
/// What a transaction has written and still has to be told to Kafka.
pub const OUTBOX: &str = "_RegraftOutbox";
/// Runs, replays, repairs, rollbacks.
pub const RUN: &str = "_RegraftRun";
/// Applied migrations, append-only.
pub const MIGRATION: &str = "_RegraftMigration";
/// Statements of a migration that are through, append-only.
pub const MIGRATION_STEP: &str = "_RegraftMigrationStep";
/// What was mended of a schema, append-only.
pub const SCHEMA_REPAIR: &str = "_RegraftSchemaRepair";
/// Who may do what to the target, and until when.
pub const LOCK: &str = "_RegraftLock";
/// What a comparison has found so far, until it is through.
pub const VERIFICATION: &str = "_RegraftVerification";

/// Why nobody may load under a prefix for now.
pub const HOLD: &str = "_RegraftHold";

/// All labels of Regraft's own nodes. Each node has a unique `id` (text).
pub const LABELS: [&str; 9] =
    [CHECKPOINT, OUTBOX, RUN, MIGRATION, MIGRATION_STEP, SCHEMA_REPAIR, LOCK, VERIFICATION, HOLD];

/// Sets up what keeps Regraft's own nodes unique. Called on first contact with a target by whoever writes such
/// nodes; does nothing where it is there already. Several processes may do it at once.
pub async fn prepare(target: &TargetGraph) -> Result<()> {
    let there = target.inventory(Own::Listed).await?;
    let mut made = Vec::new();
    for label in LABELS {
        if !there.has_key_constraint(label, "id") {
            made.push(constrain(target, label).await?);
        }
    }
    for name in made {
        online(target, &name).await?;
    }
    Ok(())
}

/// How often a constraint is tried again when other processes make it at the same time.
const ATTEMPTS: u32 = 10;

/// How long somebody else may take to make the constraint, or the server to clear away what a killed process has begun
/// of it.
const CLEARED_WITHIN: Duration = Duration::from_secs(5);

async fn constrain(target: &TargetGraph, label: &str) -> Result<String> {
    let name = format!("{}_id", super::identifier::snake_case(label));
    let text = format!("CREATE CONSTRAINT {name} IF NOT EXISTS FOR (n:{label}) REQUIRE n.id IS UNIQUE");
    let started = Instant::now();
    let mut attempt = 1;
    loop {
        let error = match target.run_auto_commit(Statement::new(text.as_str())).await {
            Ok(_) => return Ok(name),
            Err(error) => error,
        };
        if server_code(&error).is_some_and(|code| code.ends_with("EquivalentSchemaRuleAlreadyExists")) {
            return Ok(name);
        }
        let in_the_way = is_in_the_way(&error);
        let contended = matches!(error.cause(), Cause::Deadlock | Cause::Busy);
        let goes_on = match in_the_way {
            true => started.elapsed() < CLEARED_WITHIN * 2,
            false => contended && attempt < ATTEMPTS,
        };
        if !goes_on {
            return Err(error.during(format!("set up Regraft's bookkeeping in {}", target.place())));
        }
        if in_the_way && started.elapsed() > CLEARED_WITHIN {
            drop_orphan(target, label, &name).await?;
        }
        tokio::time::sleep(Duration::from_millis(50 * u64::from(attempt.min(ATTEMPTS)))).await;
        attempt += 1;
    }
}

/// Drops the index that a process left which was killed while it made the constraint. The server goes on
/// filling it (seen on 5.26.30), no constraint owns it, and none of that name can be made beside it.
async fn drop_orphan(target: &TargetGraph, label: &str, name: &str) -> Result<()> {
    let there = target.inventory(Own::Listed).await?;
    let is_orphan = |index: &&Index| {
        index.owning_constraint.is_none()
            && (index.name == name || (index.labels_or_types == [label] && index.properties == ["id"]))
    };
    for orphan in there.indexes.iter().filter(is_orphan) {
        let drop = format!("DROP INDEX {} IF EXISTS", super::identifier::quote(&orphan.name)?);
        target.run_auto_commit(Statement::new(drop)).await?;
    }
    Ok(())
}

/// The index of a constraint that another process just made may still be populating.
async fn online(target: &TargetGraph, name: &str) -> Result<()> {
    let text = "CALL db.awaitIndex($name, 60)";
    let statement = Statement::new(text).param("name", name);
    target.run_auto_commit(statement).await.map(drop).map_err(|error| {
        Error::new(error.cause(), format!("wait for the index {name} of {}", target.place())).source(error)
    })
}
