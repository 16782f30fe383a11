//! What no pipeline covers: counted for the report, never read.

use std::collections::BTreeMap;

use crate::checkpoint::SourceShape;
use crate::error::Result;
use crate::neo4j::{Cell, SourceGraph, Statement, quote};

/// What the pipelines declare, whichever of them are selected.
#[derive(Debug, Clone, Default)]
pub struct Declared {
    labels: Vec<String>,
    /// Labels of start and end, by relationship type.
    relationships: BTreeMap<String, Vec<(String, String)>>,
}

impl Declared {
    /// Whether a relationship type is declared, between whatever ends.
    pub fn has_type(&self, kind: &str) -> bool {
        self.relationships.contains_key(kind)
    }
}

/// What is there beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uncovered {
    /// Nodes without a declared label, by the labels that they have; the most first.
    pub nodes: Vec<(Vec<String>, u64)>,
    /// Relationships of a type that is not declared, or between ends that are not; the most first.
    pub relationships: Vec<(String, u64)>,
}

impl FromIterator<SourceShape> for Declared {
    fn from_iter<I: IntoIterator<Item = SourceShape>>(shapes: I) -> Self {
        let mut declared = Declared::default();
        for shape in shapes {
            match shape {
                SourceShape::Node { label, .. } => declared.labels.push(label),
                SourceShape::Relationship { relationship_type, start_label, end_label, .. } => {
                    let ends = declared.relationships.entry(relationship_type).or_default();
                    ends.push((start_label, end_label));
                }
            }
        }
        declared
    }
}

/// Counts it: nodes by one scan of them, relationships from the server's counts where these can tell.
pub async fn uncovered(source: &SourceGraph, declared: &Declared) -> Result<Uncovered> {
    let mut found = Uncovered::default();
    for row in source.rows(Statement::new(nodes_beside(&declared.labels)?)).await? {
        let labels = row.first().and_then(Cell::as_texts).unwrap_or_default();
        let labels = labels.into_iter().map(str::to_owned).collect();
        found.nodes.push((labels, row.get(1).map_or(0, number)));
    }
    let types = "CALL db.relationshipTypes() YIELD relationshipType RETURN [relationshipType] AS row";
    for row in source.rows(Statement::new(types)).await? {
        let Some(kind) = row.first().and_then(Cell::as_str) else { continue };
        let ends = declared.relationships.get(kind).map(Vec::as_slice).unwrap_or_default();
        let beside = relationships_beside(source, kind, ends).await?;
        if beside > 0 {
            found.relationships.push((kind.to_owned(), beside));
        }
    }
    found.relationships.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    Ok(found)
}

/// The element ids of some nodes with exactly these labels.
pub async fn examples_beside(source: &SourceGraph, labels: &[String]) -> Result<Vec<String>> {
    let quoted = labels.iter().map(|label| Ok(format!(":{}", quote(label)?)));
    let quoted: String = quoted.collect::<Result<_>>()?;
    let text = format!(
        "MATCH (n{quoted}) WHERE size(labels(n)) = {} RETURN ['elementId ' + elementId(n)] AS row LIMIT 5",
        labels.len()
    );
    let rows = source.rows(Statement::new(text)).await?;
    Ok(rows.iter().filter_map(|row| Some(row.first()?.as_str()?.to_owned())).collect())
}

async fn relationships_beside(source: &SourceGraph, kind: &str, ends: &[(String, String)]) -> Result<u64> {
    let all = count(source, &all_of(kind)?).await?;
    if all == 0 || ends.is_empty() {
        return Ok(all);
    }
    // Where all of a type start at the label and all end at the other, none is left: both counts are at hand.
    if let [(start, end)] = ends
        && count(source, &starting_at(kind, start)?).await? == all
        && count(source, &ending_at(kind, end)?).await? == all
    {
        return Ok(0);
    }
    count(source, &between_others(kind, ends)?).await
}

fn nodes_beside(labels: &[String]) -> Result<String> {
    let has = labels.iter().map(|label| Ok(format!("n:{}", quote(label)?))).collect::<Result<Vec<_>>>()?;
    let has = if has.is_empty() { "false".to_owned() } else { has.join(" OR ") };
    Ok(format!(
        "MATCH (n) WHERE NOT ({has}) WITH labels(n) AS labels, count(n) AS number \
         RETURN [labels, number] AS row ORDER BY number DESC"
    ))
}

fn all_of(kind: &str) -> Result<String> {
    Ok(format!("MATCH ()-[r:{}]->() RETURN [count(r)] AS row", quote(kind)?))
}

fn starting_at(kind: &str, label: &str) -> Result<String> {
    Ok(format!("MATCH (:{})-[r:{}]->() RETURN [count(r)] AS row", quote(label)?, quote(kind)?))
}

fn ending_at(kind: &str, label: &str) -> Result<String> {
    Ok(format!("MATCH ()-[r:{}]->(:{}) RETURN [count(r)] AS row", quote(kind)?, quote(label)?))
}

fn between_others(kind: &str, ends: &[(String, String)]) -> Result<String> {
    let declared = ends.iter().map(|(start, end)| Ok(format!("(a:{} AND b:{})", quote(start)?, quote(end)?)));
    let declared = declared.collect::<Result<Vec<_>>>()?.join(" OR ");
    Ok(format!("MATCH (a)-[r:{}]->(b) WHERE NOT ({declared}) RETURN [count(r)] AS row", quote(kind)?))
}

async fn count(source: &SourceGraph, query: &str) -> Result<u64> {
    let rows = source.rows(Statement::new(query)).await?;
    Ok(rows.first().and_then(|row| row.first()).map_or(0, number))
}

fn number(cell: &Cell<'_>) -> u64 {
    cell.as_i64().and_then(|number| u64::try_from(number).ok()).unwrap_or(0)
}

impl Uncovered {
    /// One sentence, or nothing where nothing is left out.
    pub fn sentence(&self) -> Option<String> {
        let named = |labels: &Vec<String>| match labels.as_slice() {
            [] => "no label".to_owned(),
            labels => labels.join(":"),
        };
        let nodes: Vec<_> = self.nodes.iter().map(|(labels, number)| (named(labels), *number)).collect();
        let parts: Vec<String> = [
            part(&nodes, "node without a declared label", "nodes without a declared label"),
            part(
                &self.relationships,
                "relationship of a type or between labels that none declares",
                "relationships of types or between labels that none declares",
            ),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!parts.is_empty()).then(|| format!("no pipeline covers, and so nothing read: {}", parts.join("; ")))
    }
}

/// How many kinds are named.
const NAMED: usize = 5;

fn part(kinds: &[(String, u64)], one: &str, several: &str) -> Option<String> {
    let all: u64 = kinds.iter().map(|(_, number)| number).sum();
    let mut named: Vec<String> =
        kinds.iter().take(NAMED).map(|(kind, number)| format!("{kind} {number}")).collect();
    if kinds.len() > NAMED {
        named.push("…".to_owned());
    }
    let what = if all == 1 { one } else { several };
    (all > 0).then(|| format!("{all} {what} ({})", named.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_no_label_is_a_statement_too() {
        assert_eq!(
            nodes_beside(&["A`b".to_owned(), "C".to_owned()]).unwrap(),
            "MATCH (n) WHERE NOT (n:`A``b` OR n:`C`) WITH labels(n) AS labels, count(n) AS number \
             RETURN [labels, number] AS row ORDER BY number DESC"
        );
        assert!(nodes_beside(&[]).unwrap().contains("NOT (false)"));
        assert_eq!(
            between_others("T", &[("A".to_owned(), "B".to_owned()), ("C".to_owned(), "D".to_owned())])
                .unwrap(),
            "MATCH (a)-[r:`T`]->(b) WHERE NOT ((a:`A` AND b:`B`) OR (a:`C` AND b:`D`)) RETURN [count(r)] AS row"
        );
    }

    #[test]
    fn people_get_a_sentence_or_nothing() {
        let mut found =
            Uncovered { nodes: vec![(vec![], 2), (vec!["Log".to_owned()], 1)], ..Uncovered::default() };
        assert_eq!(
            found.sentence().unwrap(),
            "no pipeline covers, and so nothing read: 3 nodes without a declared label (no label 2, Log 1)"
        );
        found = Uncovered { relationships: vec![("T".to_owned(), 1)], ..Uncovered::default() };
        assert!(
            found
                .sentence()
                .unwrap()
                .ends_with("1 relationship of a type or between labels that none declares (T 1)")
        );
        assert_eq!(Uncovered::default().sentence(), None);
    }
}
