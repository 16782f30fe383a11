//! What `verify` counts while it compares both graphs.

use prometheus::IntCounter;

use super::families::Families;

/// What is wrong with a record of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    /// The target has not got it.
    Missing,
    /// Only the target has it.
    Extra,
    /// Both have it, and they differ.
    Different,
}

impl Mismatch {
    const ALL: [Mismatch; 3] = [Mismatch::Missing, Mismatch::Extra, Mismatch::Different];

    fn as_str(self) -> &'static str {
        match self {
            Mismatch::Missing => "missing",
            Mismatch::Extra => "extra",
            Mismatch::Different => "different",
        }
    }
}

/// The handles of one pipeline. Cheap to clone.
#[derive(Debug, Clone)]
pub struct VerifyMetrics {
    compared: IntCounter,
    mismatches: [IntCounter; Mismatch::ALL.len()],
}

impl VerifyMetrics {
    pub(super) fn new(all: &Families, pipeline: &str) -> Self {
        Self {
            compared: all.verified.with_label_values(&[pipeline]),
            mismatches: Mismatch::ALL
                .map(|kind| all.mismatches.with_label_values(&[pipeline, kind.as_str()])),
        }
    }

    /// Records were compared.
    pub fn compared(&self, records: u64) {
        self.compared.inc_by(records);
    }

    /// Records do not agree.
    pub fn mismatched(&self, kind: Mismatch, records: u64) {
        self.mismatches[kind as usize].inc_by(records);
    }
}
