//! Assembly: configuration, services and pipelines into running stages.
//!
//! [`Engine`] holds what all stages of a process share; a lane runs one stage over its pipelines, a few at a
//! time; `migrate` runs all three lanes until everything is through. `validator` compares what came of it, `repair`
//! mends it; `gates` validates before and after.

mod backup;
mod closing;
mod compatibility;
mod contexts;
mod dry_run;
mod engine;
mod gates;
mod journal;
mod lane;
mod letters;
mod look;
mod migrate;
mod positions;
mod probe;
mod ready;
mod repair;
mod replay;
mod rollback;
mod source_again;
mod validator;
mod view;
mod visible;
mod watch;

pub use backup::{BackupReport, Offsets, mark_backup};
pub use compatibility::CompatibilityChecker;
pub use dry_run::DryRun;
pub use engine::{Engine, Needs, Topics, neo4j_settings, read_pipelines};
pub use gates::{PostOptions, validate_pre};
pub use journal::{Journal, list_runs};
pub use letters::{LetterDesk, LetterOptions, LettersDealtWith};
pub use look::Look;
pub use migrate::{DataMigrator, Options, Work};
pub use positions::LeftOut;
pub use replay::{ReplayOptions, Replayed, Replayer, WantedOffsets};
pub use rollback::{RollbackOptions, RollbackReport, RollbackResult, RunSince, SchemaSince, roll_back};
pub use validator::{MigrationValidator, VerifyOptions};
