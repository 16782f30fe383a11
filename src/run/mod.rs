//! Assembly: configuration, services and pipelines into running stages.
//!
//! [`Engine`] holds what all stages of a process share; a lane runs one stage over its pipelines, a few at a
//! time; `migrate` runs all three lanes until everything is through.

mod backup;
mod closing;
mod compatibility;
mod contexts;
mod dry_run;
mod engine;
mod journal;
mod lane;
mod look;
mod migrate;
mod positions;
mod probe;
mod ready;
mod retry;
mod rollback;
mod view;
mod visible;
mod watch;

pub use backup::{BackupReport, Offsets, mark_backup};
pub use compatibility::CompatibilityChecker;
pub use dry_run::DryRun;
pub use engine::{Engine, Needs, Topics, neo4j_settings, read_pipelines};
pub use journal::{Journal, list_runs};
pub use look::Look;
pub use migrate::{DataMigrator, Options, Work};
pub use positions::LeftOut;
pub use rollback::{RollbackOptions, RollbackReport, RollbackResult, RunSince, SchemaSince, roll_back};
