//! Ends of derived relationships: whether a pair that is not there should be.

use std::collections::HashSet;

use super::Shared;
use super::plan::Compared;
use crate::checkpoint::{LastKey, SourceShape};
use crate::error::Result;
use crate::neo4j::{Cell, Parameter, Statement, quote};

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
        let parameters = pairs.iter().map(|(key, _)| match key {
            LastKey::Relationship { start, end } => {
                Parameter::list(vec![start.as_str().into(), end.as_str().into()])
            }
            LastKey::Node(_) => Parameter::null(),
        });
        let text = format!(
            "UNWIND range(0, size($pairs) - 1) AS i WITH i, $pairs[i] AS p \
             RETURN [i, EXISTS {{ (a:{} {{{}: p[0]}}) }}, EXISTS {{ (b:{} {{{}: p[1]}}) }}] AS row ORDER BY i",
            quote(start_label)?,
            quote(start_key)?,
            quote(end_label)?,
            quote(end_key)?
        );
        let statement = Statement::new(text).param("pairs", Parameter::list(parameters.collect()));
        let rows = shared.target.read_only().rows(statement).await?;
        let there = |row: &Vec<Cell<'_>>, at: usize| row.get(at).and_then(Cell::as_bool).unwrap_or(false);
        let expected = |(row, (_, ends)): (&Vec<Cell<'_>>, &(LastKey, [u128; 2]))| {
            ends.iter()
                .enumerate()
                .all(|(at, end)| there(row, at + 1) || self.overflowed || self.nodes.contains(end))
        };
        Ok(rows.iter().zip(pairs).map(expected).collect())
    }
}
