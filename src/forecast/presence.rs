//! What is there: labels of the target and how they can be looked into, and the ends of relationships.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::error::Result;
use crate::neo4j::catalog::Inventory;
use crate::neo4j::{Cell, Parameter, ReadOnlyGraph, Statement, quote};
use crate::pipeline::{End, Pipeline, Pipelines, Source};

/// How a label of the target can be looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It has no node, and its keys have no constraint.
    Empty,
    /// It has nodes, and its keys no constraint: each look would be a scan.
    Unkeyed,
    /// Its keys are unique.
    Keyed,
}

/// The declared labels in the target.
#[derive(Debug)]
pub(super) struct Presence {
    states: BTreeMap<Box<str>, State>,
    /// Labels without a node.
    empty: HashSet<Box<str>>,
}

/// What the target has of a pair of keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) start: bool,
    pub(super) end: bool,
    pub(super) relationship: bool,
}

impl Presence {
    /// Reads it: one count for each label, which the server has at hand.
    pub(super) async fn read(
        target: &ReadOnlyGraph,
        pipelines: &Pipelines,
        inventory: &Inventory,
    ) -> Result<Self> {
        let (mut states, mut empty) = (BTreeMap::new(), HashSet::new());
        for pipeline in pipelines.all() {
            let Source::Node { label, key } = pipeline.source() else { continue };
            let count = Statement::new(format!("MATCH (n:{}) RETURN [count(n)] AS row", quote(label)?));
            let rows = target.rows(count).await?;
            let is_empty = rows.first().and_then(|row| row.first()).and_then(Cell::as_i64) == Some(0);
            if is_empty {
                empty.insert(label.clone());
            }
            let state = match (inventory.has_key_constraint(label, key), is_empty) {
                (true, _) => State::Keyed,
                (false, true) => State::Empty,
                (false, false) => State::Unkeyed,
            };
            states.insert(label.clone(), state);
        }
        Ok(Self { states, empty })
    }

    /// How the label can be looked into.
    pub(super) fn of(&self, label: &str) -> State {
        self.states.get(label).copied().unwrap_or(State::Empty)
    }

    /// Labels of these that are not looked into.
    pub(super) fn untried(&self, pipelines: &[Arc<Pipeline>]) -> Vec<String> {
        let labels = pipelines.iter().map(|pipeline| pipeline.source().entity_type());
        labels.filter(|label| self.of(label) != State::Keyed).map(str::to_owned).collect()
    }

    /// What the target has of pairs of keys, in their order. Labels that can't be looked into count as empty.
    pub(super) async fn pairs(
        &self,
        target: &ReadOnlyGraph,
        pipeline: &Pipeline,
        pairs: &[(String, String)],
    ) -> Result<Vec<Pair>> {
        let mut found = vec![Pair::default(); pairs.len()];
        let Source::Relationship { relationship_type, start, end } = pipeline.source() else {
            return Ok(found);
        };
        let has = |end: &End| self.of(&end.label) == State::Keyed && !self.empty.contains(&end.label);
        if pairs.is_empty() || !(has(start) || has(end)) {
            return Ok(found);
        }
        let matched = |variable: &str, end: &End, cell: u8| -> Result<String> {
            if !has(end) {
                return Ok(format!("WITH *, null AS {variable}"));
            }
            let (label, key) = (quote(&end.label)?, quote(&end.key)?);
            Ok(format!("OPTIONAL MATCH ({variable}:{label} {{{key}: r[{cell}]}})"))
        };
        let exists = match has(start) && has(end) {
            true => format!(
                "a IS NOT NULL AND b IS NOT NULL AND EXISTS {{ (a)-[:{}]->(b) }}",
                quote(relationship_type)?
            ),
            false => "false".to_owned(),
        };
        let text = format!(
            "UNWIND range(0, size($rows) - 1) AS i WITH i, $rows[i] AS r {} {} \
             RETURN [i, a IS NOT NULL, b IS NOT NULL, {exists}] AS row",
            matched("a", start, 0)?,
            matched("b", end, 1)?
        );
        let rows = pairs.iter().map(|(start, end)| {
            Parameter::list(vec![Parameter::from(start.as_str()), Parameter::from(end.as_str())])
        });
        let statement = Statement::new(text).param("rows", Parameter::list(rows.collect()));
        for row in target.rows(statement).await? {
            let at = row.first().and_then(Cell::as_i64).and_then(|at| usize::try_from(at).ok());
            let Some(pair) = at.and_then(|at| found.get_mut(at)) else { continue };
            let is = |cell: usize| row.get(cell).and_then(Cell::as_bool).unwrap_or(false);
            pair.start |= is(1);
            pair.end |= is(2);
            pair.relationship |= is(3);
        }
        Ok(found)
    }
}

/// Which of these keys nodes of the source have.
pub(super) async fn keys_of_source(
    source: &ReadOnlyGraph,
    end: &End,
    keys: HashSet<&str>,
) -> Result<HashSet<String>> {
    source.keys_among(&end.label, &end.key, keys.into_iter()).await
}
