//! Regraft's own nodes in the target: which there are, and what keeps each of them one.
//!
//! They are part of no schema version and are left out of digests, validation and rollback
//! ([`super::catalog::is_own`]).

use std::time::Duration;

use super::catalog::Own;
use super::{Statement, TargetGraph, server_code};
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

async fn constrain(target: &TargetGraph, label: &str) -> Result<String> {
    let name = format!("{}_id", super::identifier::snake_case(label));
    let text = format!("CREATE CONSTRAINT {name} IF NOT EXISTS FOR (n:{label}) REQUIRE n.id IS UNIQUE");
    for attempt in 1..=ATTEMPTS {
        let error = match target.run_auto_commit(Statement::new(text.as_str())).await {
            Ok(_) => return Ok(name),
            Err(error) => error,
        };
        if server_code(&error).is_some_and(|code| code.ends_with("EquivalentSchemaRuleAlreadyExists")) {
            return Ok(name);
        }
        let contended = matches!(error.cause(), Cause::Deadlock | Cause::Busy);
        if !contended || attempt == ATTEMPTS {
            return Err(error.during(format!("set up Regraft's bookkeeping in {}", target.place())));
        }
        tokio::time::sleep(Duration::from_millis(50 * u64::from(attempt))).await;
    }
    Ok(name)
}

/// The index of a constraint that another process just made may still be populating.
async fn online(target: &TargetGraph, name: &str) -> Result<()> {
    let text = "CALL db.awaitIndex($name, 60)";
    let statement = Statement::new(text).param("name", name);
    target.run_auto_commit(statement).await.map(drop).map_err(|error| {
        Error::new(error.cause(), format!("wait for the index {name} of {}", target.place())).source(error)
    })
}
