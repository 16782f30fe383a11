//! Statistics of a type in a graph. The server counts: no row comes here, and memory grows with the number of property
//! names alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::neo4j::{Cell, ReadOnlyGraph, Statement, quote};
use crate::pipeline::Source;
use crate::record::{Value, value_to_short_json};

/// The types of a graph at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Of this layout: 1.
    pub format: u32,
    /// The name that they are kept under.
    pub name: String,
    /// When they were taken (RFC 3339, UTC).
    pub taken_at: String,
    /// Regraft's version.
    pub regraft: String,
    /// By pipeline.
    pub types: BTreeMap<String, TypeStatistics>,
}

/// One type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TypeStatistics {
    /// Label or relationship type.
    #[serde(rename = "type")]
    pub entity_type: String,
    /// Nodes or relationships.
    pub count: u64,
    /// Nodes whose key is absent, blank or no string.
    pub without_key: u64,
    /// By name, one for each type of value that the property has.
    pub properties: BTreeMap<String, Vec<PropertyStatistics>>,
    /// Relationships that the nodes have.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub degrees: Option<Degrees>,
}

/// Values of one type under one name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PropertyStatistics {
    /// The type as the server calls it, such as `LIST<FLOAT>`.
    #[serde(rename = "type")]
    pub value_type: String,
    /// How many have it.
    pub count: u64,
    /// The smallest value as text, of texts their first characters; none of lists.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub min: Option<String>,
    /// The largest.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max: Option<String>,
    /// Fewest characters of a text, or elements of a list.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub shortest: Option<u64>,
    /// Most of them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub longest: Option<u64>,
}

/// How many relationships the nodes of a label have.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Degrees {
    /// Fewest.
    pub min: u64,
    /// Most.
    pub max: u64,
    /// On average.
    pub mean: f64,
}

/// Takes the statistics of one type, in read transactions.
pub async fn take(graph: &ReadOnlyGraph, source: &Source) -> Result<TypeStatistics> {
    let matched = matched(source)?;
    let rows = |text: String| async move { graph.rows(Statement::new(text)).await };
    let counted = rows(format!("{matched} RETURN [count(x)] AS row")).await?;
    let mut taken = TypeStatistics {
        entity_type: source.entity_type().to_owned(),
        count: number(&counted, 0).unwrap_or(0),
        ..TypeStatistics::default()
    };
    for row in rows(format!("{matched} {PROPERTIES}")).await? {
        let (name, of) = property(row);
        taken.properties.entry(name).or_default().push(of);
    }
    if let Source::Node { key, .. } = source {
        let key = quote(key)?;
        let unusable = format!(
            "{matched} WHERE CASE WHEN x.{key} IS :: STRING NOT NULL THEN trim(x.{key}) = '' ELSE true END \
             RETURN [count(x)] AS row"
        );
        taken.without_key = number(&rows(unusable).await?, 0).unwrap_or(0);
        let degrees = format!(
            "{matched} WITH COUNT {{ (x)--() }} AS d RETURN [min(d), max(d), toFloat(avg(d))] AS row"
        );
        taken.degrees = degrees_of(rows(degrees).await?);
    }
    Ok(taken)
}

const PROPERTIES: &str = "UNWIND keys(x) AS k WITH k, x[k] AS v \
    WITH k, v, replace(valueType(v), ' NOT NULL', '') AS t \
    WITH k, v, t, t STARTS WITH 'LIST' AS l, t = 'STRING' AS s \
    WITH k, t, count(*) AS n, \
      min(CASE WHEN l THEN null WHEN s THEN left(v, 60) ELSE v END) AS lo, \
      max(CASE WHEN l THEN null WHEN s THEN left(v, 60) ELSE v END) AS hi, \
      min(CASE WHEN l OR s THEN size(v) END) AS short, max(CASE WHEN l OR s THEN size(v) END) AS long \
    RETURN [k, t, n, toStringOrNull(lo), toStringOrNull(hi), short, long] AS row ORDER BY k, t";

fn matched(source: &Source) -> Result<String> {
    Ok(match source {
        Source::Node { label, .. } => format!("MATCH (x:{})", quote(label)?),
        Source::Relationship { relationship_type, start, end } => format!(
            "MATCH (:{})-[x:{}]->(:{})",
            quote(&start.label)?,
            quote(relationship_type)?,
            quote(&end.label)?
        ),
    })
}

fn property(row: Vec<Cell<'static>>) -> (String, PropertyStatistics) {
    let text = |at: usize| row.get(at).and_then(Cell::as_str).map(str::to_owned);
    let whole = |at: usize| row.get(at).and_then(Cell::as_i64).and_then(|found| u64::try_from(found).ok());
    let of = PropertyStatistics {
        value_type: text(1).unwrap_or_default(),
        count: whole(2).unwrap_or(0),
        min: text(3),
        max: text(4),
        shortest: whole(5),
        longest: whole(6),
    };
    (text(0).unwrap_or_default(), of)
}

fn number(rows: &[Vec<Cell<'static>>], at: usize) -> Option<u64> {
    u64::try_from(rows.first()?.get(at)?.as_i64()?).ok()
}

/// Nothing where there are no nodes.
fn degrees_of(rows: Vec<Vec<Cell<'static>>>) -> Option<Degrees> {
    let (min, max) = (number(&rows, 0)?, number(&rows, 1)?);
    match rows.into_iter().next()?.pop()?.into_value()? {
        Value::Float(mean) => Some(Degrees { min, max, mean }),
        _ => None,
    }
}

/// A cell as JSON, long texts and lists cut; null where it is neither value nor list.
pub(super) fn cell_to_json(cell: Cell<'static>) -> serde_json::Value {
    match cell {
        Cell::Value(value) => value_to_short_json(&value),
        other => {
            let items = other.into_list().unwrap_or_default();
            serde_json::Value::Array(items.into_iter().take(16).map(cell_to_json).collect())
        }
    }
}
