//! What the gates report. Every type of it is part of the documented JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{BeforeAfter, Statistics};
use crate::verify::VerifyReport;

/// Whether a finding holds a migration up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The gate does not pass.
    Error,
    /// It should be looked at.
    Warning,
    /// Worth knowing.
    Note,
}

/// One thing that a gate found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The check, or the custom validator.
    pub check: String,
    /// Whether it counts.
    pub severity: Severity,
    /// The pipeline that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// How many records it is about.
    pub count: u64,
    /// What it means.
    pub message: String,
    /// What a custom validator's query returned first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<Json>,
}

impl Finding {
    /// A finding of a check, about nothing in particular.
    pub fn new(check: impl Into<String>, severity: Severity, count: u64, message: impl Into<String>) -> Self {
        let (check, message) = (check.into(), message.into());
        Self { check, severity, pipeline: None, count, message, samples: Vec::new() }
    }

    /// The same about a pipeline.
    pub fn of(mut self, pipeline: &str) -> Self {
        self.pipeline = Some(pipeline.to_owned());
        self
    }
}

/// Whether nothing among these is an error.
pub(super) fn passes(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.severity != Severity::Error)
}

/// What `validate-pre` reports.
#[derive(Debug, Clone, Serialize)]
pub struct PreReport {
    /// Whether a migration may begin.
    pub passed: bool,
    /// Where the statistics are kept.
    pub kept_in: String,
    /// What was found.
    pub findings: Vec<Finding>,
    /// The source, by type.
    pub statistics: Statistics,
}

impl PreReport {
    /// Passed where no finding is an error.
    pub fn new(kept_in: String, findings: Vec<Finding>, statistics: Statistics) -> Self {
        Self { passed: passes(&findings), kept_in, findings, statistics }
    }
}

/// What `validate-post` reports.
#[derive(Debug, Clone, Serialize)]
pub struct PostReport {
    /// Whether the migration stands.
    pub passed: bool,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What became of what the source had, by type.
    pub before_after: BeforeAfter,
    /// The comparison of the content.
    pub verify: VerifyReport,
}

impl PostReport {
    /// Passed where no finding is an error.
    pub fn new(findings: Vec<Finding>, before_after: BeforeAfter, verify: VerifyReport) -> Self {
        Self { passed: passes(&findings), findings, before_after, verify }
    }
}
