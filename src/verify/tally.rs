//! What became of the source's records, counted. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::Reason;

/// Counts of the rows of one pipeline's source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCounts {
    /// Rows read.
    pub read: u64,
    /// Records that the target is expected to have.
    pub expected: u64,
    /// Parallel relationships that another one stands for.
    pub merged: u64,
    /// Those that are not expected, by the reason of their dead letter.
    pub dead_letters: BTreeMap<Reason, u64>,
}

impl SourceCounts {
    /// Counts one that is not expected.
    pub(super) fn dead_letter(&mut self, reason: Reason) {
        *self.dead_letters.entry(reason).or_default() += 1;
    }
}

/// Counts of the records that other pipelines derive for one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EmittedCounts {
    /// All of them, however often one is derived.
    pub total: u64,
    /// Different relationships among them that the target is expected to have.
    pub expected: u64,
    /// Those that are not expected, by the reason of their dead letter.
    pub dead_letters: BTreeMap<Reason, u64>,
}
