//! The target's schema: versions from files, planned, applied one at a time, recorded.
//!
//! A migration is a pair of files in `schemas/migrations`. The plan is data ([`Plan`]): what a dry run prints is
//! what applying loops over. What was done stands in the target under `_Regraft…` labels, append-only; from 1.0.0
//! on `SchemaVersion` nodes say the same to users, from 1.1.0 on `MigrationHistory` and `BackupMarker` too.

mod advice;
mod apply;
mod chain;
mod drift;
mod files;
mod history;
mod indexed;
mod indexes;
mod manager;
mod plan;
mod record;
mod recorded;
mod removals;
mod repair;
mod report;
mod requirements;
mod route;
mod script;
mod split;
mod statement;
mod status;
mod tolerance;
mod undo;
mod validate;
mod version;
mod visible;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use files::{Migration, load};
pub use history::{Accepted, Attempt, History, Outcome};
pub use indexed::range_indexed;
pub use manager::{Options, SchemaManager, current_version, migrate, settled_version};
pub use plan::{Origin, Plan, Step, StepKind, VersionPlan, Way};
pub use repair::{RepairReport, RepairResult, Repaired};
pub use report::{Event, MigrationReport, Observer, Removed, Result as MigrationResult, VersionReport};
pub use route::OnInterrupted;
pub use script::{Removal, Requirement, Script};
pub use split::{Piece, in_a_line, readable, split};
pub use status::{InterruptedStatus, State, Status, VersionStatus};
pub use validate::{Finding, FindingKind, Remedy, Severity, Validation};
pub use version::Version;
pub use visible::{HistoryEntry, VISIBLE_LABELS, record_backup_marker, record_history};

/// Which way a migration goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To the version.
    Up,
    /// Back from the version.
    Down,
}

impl Direction {
    /// As files and records write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::Up => "up",
            Direction::Down => "down",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Direction::Up, Direction::Down].into_iter().find(|direction| direction.as_str() == text)
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
