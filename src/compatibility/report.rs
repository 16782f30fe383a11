//! What `check-compatibility` reports.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::forecast::ForecastReport;

/// The result of `check-compatibility`.
///
/// As JSON: `{"errors", "warnings", "notes", "issues": [{"area", "code", "severity", "type", "pipeline", "property",
/// "found", "count", "examples", "message", "remedy", "fix_script"}], "parity": [{"pipeline", "type", "property", "fate",
/// "becomes", "losses", "found": {type: n}}], "forecast": as of `migrate-data --dry-run`, "sample", "seconds"}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CompatibilityReport {
    /// Issues that a migration must not begin with.
    pub errors: u64,
    /// Issues to think about.
    pub warnings: u64,
    /// What is good to know.
    pub notes: u64,
    /// All of them, the worst first.
    pub issues: Vec<Issue>,
    /// Where every property of every type goes.
    pub parity: Vec<Property>,
    /// What a run would do.
    pub forecast: ForecastReport,
    /// Records of each type that were looked at, where that was not all of them.
    pub sample: Option<u64>,
    /// How long it took.
    pub seconds: f64,
}

/// What an issue is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// Labels, types, properties, constraints, indexes, versions.
    Schema,
    /// Records.
    Data,
    /// Topics and brokers.
    Kafka,
}

/// How bad an issue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Records would be dead letters, or nothing would work at all.
    Error,
    /// Something may not be meant so.
    Warning,
    /// Good to know.
    Note,
}

/// What the fix script does about an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mended {
    /// It mends all of it.
    Mended,
    /// It mends those of which it is certain how.
    Partly,
    /// It shows the cases: they need a decision.
    Shown,
}

/// One thing that gets in the way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Issue {
    /// What it is about.
    pub area: Area,
    /// What it is: for dead letters, their reason.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// Label or relationship type, or what else has it.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub entity_type: Option<String>,
    /// The pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// The property.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// The type of its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<&'static str>,
    /// How many records, nodes, relationships or things.
    pub count: u64,
    /// Up to five of them: keys, or the source's own ids.
    pub examples: Vec<String>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
    /// What the fix script does about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix_script: Option<Mended>,
}

/// Where a property of a type goes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Property {
    /// The pipeline.
    pub pipeline: String,
    /// Label or relationship type.
    #[serde(rename = "type")]
    pub entity_type: String,
    /// The property in the source.
    pub property: String,
    /// What becomes of it.
    pub fate: Fate,
    /// What it becomes: `title: string`.
    pub becomes: Vec<String>,
    /// What is lost.
    pub losses: Vec<String>,
    /// How many values of each type were found.
    pub found: BTreeMap<String, u64>,
}

/// What becomes of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// The target has it.
    Mapped,
    /// The target has it, less something.
    ConvertedWithLoss,
    /// The target has it as it is, beyond the contract.
    Kept,
    /// It goes nowhere, and that is declared.
    Dropped,
    /// Nobody declares it: its records are dead letters.
    Unknown,
}

impl Issue {
    /// An issue of one thing.
    pub fn new(area: Area, code: &str, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            area,
            code: code.to_owned(),
            severity,
            entity_type: None,
            pipeline: None,
            property: None,
            found: None,
            count: 1,
            examples: Vec::new(),
            message: message.into(),
            remedy: String::new(),
            fix_script: None,
        }
    }

    /// Of this type.
    pub fn of(mut self, entity_type: impl Into<String>) -> Self {
        self.entity_type = Some(entity_type.into());
        self
    }

    /// So many, such as these.
    pub fn counted(mut self, count: u64, examples: Vec<String>) -> Self {
        (self.count, self.examples) = (count, examples);
        self
    }

    /// What to do.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}

impl CompatibilityReport {
    /// Counts and sorts the issues.
    pub fn new(mut issues: Vec<Issue>, parity: Vec<Property>, forecast: ForecastReport) -> Self {
        issues.sort_by(|one, other| {
            let rank = |issue: &Issue| (issue.severity, issue.area);
            rank(one).cmp(&rank(other)).then_with(|| other.count.cmp(&one.count))
        });
        let number =
            |severity: Severity| issues.iter().filter(|issue| issue.severity == severity).count() as u64;
        Self {
            errors: number(Severity::Error),
            warnings: number(Severity::Warning),
            notes: number(Severity::Note),
            issues,
            parity,
            forecast,
            ..Self::default()
        }
    }
}
