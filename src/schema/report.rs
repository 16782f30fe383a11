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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Script;
    use super::super::plan::{Origin, StepKind, VersionPlan};
    use super::*;
    use crate::neo4j::{Explained, Operator, Remark, StatementKind};

    #[test]
    fn the_json_is_the_documented_one() {
        let operator = Operator {
            depth: 0,
            name: "SetProperty".into(),
            details: "n.a".into(),
            estimated_rows: Some(2.0),
        };
        let explained = Explained {
            kind: StatementKind::Data,
            operators: vec![operator],
            remarks: vec![Remark { code: "c".into(), text: "t".into() }],
        };
        let step = Step {
            number: 1,
            kind: StepKind::Data,
            at: Some("f:1".into()),
            text: "SET".into(),
            in_batches: true,
            explain: Some(explained),
        };
        let version: Version = "1.0.0".parse().unwrap();
        let planned = VersionPlan {
            version: version.clone(),
            name: "n".into(),
            direction: Direction::Down,
            way: Way::Apply,
            comes_from: version.clone(),
            leads_to: Version::NONE,
            checksum: "s".into(),
            statements_from: Origin::Target,
            removes: vec![Removed { what: "indexes".into(), count: 1, names: vec!["i".into()] }],
            steps: vec![step, Step::in_words(2, StepKind::Wait, "wait".into())],
            up: Script::parse("up", "").unwrap(),
            down: Script::parse("down", "").unwrap(),
            interrupted: None,
        };
        let done = VersionReport {
            version: version.clone(),
            name: "n".into(),
            direction: Direction::Down,
            way: Way::Apply,
            resumed_at: None,
            schema_added: 0,
            schema_removed: 1,
            properties_set: 2,
            nodes_created: 3,
            nodes_deleted: 4,
            seconds: 0.5,
        };
        let report = MigrationReport {
            result: Result::Migrated,
            from: version.clone(),
            to: Version::NONE,
            plan: Plan { from: version, to: Version::NONE, versions: vec![planned] },
            versions: vec![done],
        };
        assert_eq!(
            serde_json::to_value(&report).unwrap(),
            json!({
                "result": "migrated", "from": "1.0.0", "to": "0.0.0",
                "plan": {"from": "1.0.0", "to": "0.0.0", "versions": [{
                    "version": "1.0.0", "name": "n", "direction": "down", "way": "apply", "comes_from": "1.0.0",
                    "leads_to": "0.0.0", "checksum": "s", "statements_from": "target",
                    "removes": [{"what": "indexes", "count": 1, "names": ["i"]}],
                    "steps": [
                        {"number": 1, "kind": "data", "at": "f:1", "text": "SET", "in_batches": true, "explain": {
                            "operators": [{"depth": 0, "name": "SetProperty", "details": "n.a", "estimated_rows": 2.0}],
                            "remarks": [{"code": "c", "text": "t"}]}},
                        {"number": 2, "kind": "wait", "text": "wait"},
                    ]}]},
                "versions": [{"version": "1.0.0", "name": "n", "direction": "down", "way": "apply", "schema_added": 0,
                    "schema_removed": 1, "properties_set": 2, "nodes_created": 3, "nodes_deleted": 4, "seconds": 0.5}],
            })
        );
    }
}
