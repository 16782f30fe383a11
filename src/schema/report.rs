//! What migrating tells: events while it works, a report at the end.

use serde::Serialize;

use super::{Direction, Plan, Step, Version, Way};

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Result {
    /// The target had the version already.
    NothingToDo,
    /// A dry run: the plan was made and nothing changed.
    Planned,
    /// The plan takes something away and was not allowed to: `--execute` allows it.
    NeedsExecute,
    /// The target has the version now.
    Migrated,
    /// An interrupted attempt was taken back, as asked.
    Undone,
    /// There was no interrupted attempt to take back.
    NothingToUndo,
}

/// What migrating did, or would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MigrationReport {
    /// How it ended.
    pub result: Result,
    /// The version before.
    pub from: Version,
    /// The version asked for.
    pub to: Version,
    /// What was planned.
    pub plan: Plan,
    /// What was done, version by version; an interrupted attempt that was ended stands first.
    pub versions: Vec<VersionReport>,
}

/// What became of one version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VersionReport {
    /// The version.
    pub version: Version,
    /// The files' name.
    pub name: String,
    /// Which way.
    pub direction: Direction,
    /// Whether it was applied from its first step on, gone on with, or taken back.
    pub way: Way,
    /// Where an interrupted attempt was taken up: the first step that was run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_at: Option<u32>,
    /// Constraints and indexes added.
    pub schema_added: u64,
    /// Constraints and indexes removed.
    pub schema_removed: u64,
    /// Properties set or removed on nodes.
    pub properties_set: u64,
    /// Nodes created.
    pub nodes_created: u64,
    /// Nodes deleted.
    pub nodes_deleted: u64,
    /// How long it took.
    pub seconds: f64,
}

/// What a version removes, counted before it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// In words.
    pub what: String,
    /// How many there are.
    pub count: i64,
    /// Names of constraints and indexes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// Something that happens while it works.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event<'a> {
    /// Somebody else works on the target: who, and since when.
    Waiting(&'a str),
    /// A version begins, at a step that is not the first where it was interrupted.
    Version {
        /// The version.
        version: &'a Version,
        /// Which way.
        direction: Direction,
        /// Whether it begins, goes on, or is taken back.
        way: Way,
        /// Its first step.
        first_step: u32,
        /// All its steps.
        steps: u32,
    },
    /// A step begins.
    Step(&'a Step),
    /// Indexes are being populated.
    Populating {
        /// How many are not online yet.
        indexes: usize,
        /// The one that is least far: how far it is, 0 to 100.
        percent: f64,
    },
}

/// Takes events; called often, from the task that migrates.
pub type Observer<'a> = &'a (dyn Fn(Event<'_>) + Send + Sync);
