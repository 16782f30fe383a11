//! The statements that extraction reads with. Each returns one list column: a row's field names would be
//! copied for every row otherwise.
//!
//! Node rows: `[key, elementId, labels, properties, lookups]`; relationship rows:
//! `[start key, end key, elementId, properties]`.

use crate::checkpoint::SourceShape;
use crate::error::Result;
use crate::neo4j::{Quoted, between, quote};

/// What a pipeline reads, with every name quoted.
#[derive(Debug, Clone)]
pub(super) enum Reading {
    /// Nodes of a label.
    Node {
        label: Quoted,
        key: Quoted,
        /// Expressions on `n`, in the order of the pipeline's lookups.
        lookups: Vec<String>,
    },
    /// Relationships of a type between two labels.
    Relationship { kind: Quoted, start: (Quoted, Quoted), end: (Quoted, Quoted) },
}

/// Which rows a statement asks for. Each names the parameters that it takes beside `$limit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Selection {
    /// Key at or after `$key` (node) or start key at or after `$key` (relationship).
    From,
    /// Key after `$key`.
    After,
    /// Relationships of the start `$start` with an end at or after `$end`.
    RestFrom,
    /// Relationships of the start `$start` with an end after `$end`.
    RestAfter,
    /// Rows whose key is no string, element id after `$element_id`. Absent keys are named apart: the negation of
    /// `IS :: STRING NOT NULL` alone leaves them out where the planner takes an index for it (Neo4j 5.26).
    Unkeyed,
}

impl Reading {
    /// The reading of a shape, with names and expressions of its lookups.
    pub(super) fn of(shape: &SourceShape, lookups: &[(String, String)]) -> Result<Self> {
        Ok(match shape {
            SourceShape::Node { label, key } => Reading::Node {
                label: quote(label)?,
                key: quote(key)?,
                lookups: lookups.iter().map(|(_, expression)| expression.clone()).collect(),
            },
            SourceShape::Relationship { relationship_type, start_label, start_key, end_label, end_key } => {
                Reading::Relationship {
                    kind: quote(relationship_type)?,
                    start: (quote(start_label)?, quote(start_key)?),
                    end: (quote(end_label)?, quote(end_key)?),
                }
            }
        })
    }

    /// The statement for a selection. `limited` adds `LIMIT $limit`: pages where an index serves the key, one
    /// sorted scan where none does.
    pub(super) fn statement(&self, selection: Selection, limited: bool) -> String {
        let limit = if limited { " LIMIT $limit" } else { "" };
        match self {
            Reading::Node { label, key, lookups } => node(label, key, lookups, selection, limit),
            Reading::Relationship { kind, start, end } => relationship(kind, start, end, selection, limit),
        }
    }

    /// The row whose element id is `$element_id`.
    pub(super) fn single(&self) -> String {
        match self {
            Reading::Node { label, key, lookups } => {
                format!(
                    "MATCH (n:{label}) WHERE elementId(n) = $element_id RETURN {}",
                    node_row(key, lookups)
                )
            }
            Reading::Relationship { kind, start, end } => {
                let row = relationship_row(&start.1, &end.1);
                let (start, end) = (&start.0, &end.0);
                format!(
                    "MATCH (a:{start})-[r:{kind}]->(b:{end}) WHERE elementId(r) = $element_id RETURN {row}"
                )
            }
        }
    }

    /// The statement for rows with one of the keys `$keys` (of relationships, pairs of start and end), in their order.
    pub(super) fn among(&self) -> String {
        match self {
            Reading::Node { label, key, lookups } => format!(
                "MATCH (n:{label}) WHERE n.{key} IN $keys WITH n ORDER BY n.{key} RETURN {} ORDER BY n.{key}",
                node_row(key, lookups)
            ),
            Reading::Relationship { kind, start: (start, start_key), end: (end, end_key) } => format!(
                "UNWIND $keys AS k MATCH (a:{start} {{{start_key}: k[0]}}) MATCH (b:{end} {{{end_key}: k[1]}}) \
                 {} RETURN {} ORDER BY a.{start_key}, b.{end_key}",
                between("r", kind),
                relationship_row(start_key, end_key)
            ),
        }
    }

    /// A plain count of all rows, keyed or not.
    pub(super) fn count(&self) -> String {
        match self {
            Reading::Node { label, .. } => format!("MATCH (n:{label}) RETURN [count(n)] AS row"),
            Reading::Relationship { kind, start: (start, _), end: (end, _) } => {
                format!("MATCH (:{start})-[r:{kind}]->(:{end}) RETURN [count(r)] AS row")
            }
        }
    }
}

fn node_row(key: &Quoted, lookups: &[String]) -> String {
    let lookups = lookups.iter().map(|expression| format!("({expression})")).collect::<Vec<_>>().join(", ");
    format!("[n.{key}, elementId(n), labels(n), properties(n), [{lookups}]] AS row")
}

fn relationship_row(start_key: &Quoted, end_key: &Quoted) -> String {
    format!("[a.{start_key}, b.{end_key}, elementId(r), properties(r)] AS row")
}

fn node(label: &Quoted, key: &Quoted, lookups: &[String], selection: Selection, limit: &str) -> String {
    let row = node_row(key, lookups);
    match selection {
        // Nothing but `n` is in scope where lookups stand: they name their own variables as they like.
        Selection::Unkeyed => format!(
            "MATCH (n:{label}) WHERE (n.{key} IS NULL OR NOT n.{key} IS :: STRING) AND elementId(n) > $element_id \
             WITH n ORDER BY elementId(n){limit} RETURN {row} ORDER BY elementId(n)"
        ),
        keyed => {
            let operator = if matches!(keyed, Selection::From) { ">=" } else { ">" };
            format!(
                "MATCH (n:{label}) WHERE n.{key} {operator} $key WITH n ORDER BY n.{key}{limit} \
                 RETURN {row} ORDER BY n.{key}"
            )
        }
    }
}

fn relationship(
    kind: &Quoted,
    (start, start_key): &(Quoted, Quoted),
    (end, end_key): &(Quoted, Quoted),
    selection: Selection,
    limit: &str,
) -> String {
    let pattern = format!("MATCH (a:{start})-[r:{kind}]->(b:{end})");
    let row = relationship_row(start_key, end_key);
    let keyed_end = format!("b.{end_key} IS :: STRING NOT NULL");
    let ordered = format!(
        "WITH a, r, b ORDER BY a.{start_key}, b.{end_key}{limit} RETURN {row} ORDER BY a.{start_key}, b.{end_key}"
    );
    match selection {
        Selection::From => format!("{pattern} WHERE a.{start_key} >= $key AND {keyed_end} {ordered}"),
        Selection::After => format!("{pattern} WHERE a.{start_key} > $key AND {keyed_end} {ordered}"),
        Selection::RestFrom => {
            format!("{pattern} WHERE a.{start_key} = $start AND b.{end_key} >= $end {ordered}")
        }
        Selection::RestAfter => {
            format!("{pattern} WHERE a.{start_key} = $start AND b.{end_key} > $end {ordered}")
        }
        Selection::Unkeyed => format!(
            "{pattern} WHERE a.{start_key} IS NULL OR b.{end_key} IS NULL \
               OR NOT a.{start_key} IS :: STRING OR NOT b.{end_key} IS :: STRING \
             WITH a, r, b, elementId(r) AS e WHERE e > $element_id WITH a, r, b, e ORDER BY e{limit} \
             RETURN {row} ORDER BY e"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neo4j::quote;

    #[test]
    fn lookups_may_name_their_variables_as_they_like() {
        let lookups = vec!["COLLECT { MATCH (e)-->(n) RETURN e.id LIMIT 1 }[0]".to_owned()];
        let reading = Reading::Node { label: quote("A").unwrap(), key: quote("id").unwrap(), lookups };
        for selection in [Selection::From, Selection::After, Selection::Unkeyed] {
            let text = reading.statement(selection, true);
            let around = text.replace("RETURN e.id", "");
            assert!(!around.contains(" AS e") && !around.contains(" e."), "{text}");
            assert_eq!(around.matches(" AS ").count(), 1, "only the row has a name of its own: {text}");
        }
    }
}
