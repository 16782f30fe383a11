//! Ends of derived relationships: whether a pair that is not there should be.

use std::collections::HashSet;

use super::Shared;
use super::plan::Compared;
use crate::checkpoint::{LastKey, SourceShape};
use crate::error::Result;
use crate::neo4j::ReadOnlyGraph;

/// Missing nodes that are remembered: 16 bytes each. Of more than these, any may be missing.
const MOST_MISSING: usize = 500_000;

/// Nodes that are expected in the target and not there.
#[derive(Debug, Default)]
pub(super) struct Absent {
    nodes: HashSet<u128>,
    overflowed: bool,
}

impl Absent {
    /// Remembers one, by its digest as an end.
    pub(super) fn add_missing(&mut self, end: u128) {
        if self.nodes.len() < MOST_MISSING {
            self.nodes.insert(end);
        } else {
            self.overflowed = true;
        }
    }

    /// Of derived pairs that are not there, whether each should be: it should not where an end is not there either, and
    /// is no node that is expected.
    pub(super) async fn are_expected(
        &self,
        shared: &Shared,
        compared: &Compared,
        pairs: &[(LastKey, [u128; 2])],
    ) -> Result<Vec<bool>> {
        let SourceShape::Relationship { start_label, start_key, end_label, end_key, .. } =
            &compared.subject.shape
        else {
            return Ok(vec![true; pairs.len()]);
        };
        let mut expected = vec![true; pairs.len()];
        for (at, (label, key)) in [(start_label, start_key), (end_label, end_key)].into_iter().enumerate() {
            let ends: Vec<&str> = pairs.iter().map(|(key, _)| end_of(key, at)).collect();
            let there = exist(&shared.target.read_only(), label, key, &ends).await?;
            // What of the others is missing was found only where they are compared. Elsewhere the source tells: what of it
            // is not expected is out already.
            let known = match &shared.source {
                Some(source) if !shared.compared_labels.contains(label.as_str()) => {
                    exist(source, label, key, &ends).await?
                }
                _ => vec![false; ends.len()],
            };
            for (index, (_, digests)) in pairs.iter().enumerate() {
                let missing = self.overflowed || digests.get(at).is_some_and(|end| self.nodes.contains(end));
                expected[index] &= missing || there[index] || known[index];
            }
        }
        Ok(expected)
    }
}

fn end_of(key: &LastKey, at: usize) -> &str {
    match key {
        LastKey::Relationship { start, end } => [start.as_str(), end.as_str()][at],
        LastKey::Node(key) => key,
    }
}

/// Which of these keys nodes of a label have, in their order.
async fn exist(graph: &ReadOnlyGraph, label: &str, key: &str, keys: &[&str]) -> Result<Vec<bool>> {
    let found = graph.keys_among(label, key, keys.iter().copied()).await?;
    Ok(keys.iter().map(|key| found.contains(*key)).collect())
}
