//! `regraft migrate-schema`: the target's schema, up or down.

use clap::Args;
use semver::Version;

/// Brings the target's schema to a version
#[derive(Debug, Clone, Args)]
pub struct MigrateSchema {
    /// The version to go to; without it the newest
    #[arg(long, value_name = "VERSION")]
    pub target_version: Option<Version>,
    /// Shows what would be done and does nothing
    #[arg(long, conflicts_with = "execute")]
    pub dry_run: bool,
    /// Really goes down, which without this is only shown
    #[arg(long)]
    pub execute: bool,
}
