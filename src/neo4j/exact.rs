//! Zoned datetimes with a zone's name, read exactly: in parts that Cypher takes apart itself.
//!
//! [`Cell::Reread`] says where this is needed. Properties are read again with
//! [`ReadOnlyGraph::reread`]; for any other expression, [`exactly`] wraps it and [`from_parts`] reads what comes back.

use super::{Cell, Parameter, ReadOnlyGraph, Statement};
use crate::error::{Cause, Error, Result};
use crate::record::{Value, Zone};

/// What a property belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// A node.
    Node,
    /// A relationship.
    Relationship,
}

/// One property of one node or relationship.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyOf {
    /// `elementId` of the node or relationship.
    pub element_id: String,
    /// Name of the property.
    pub property: String,
}

impl ReadOnlyGraph {
    /// Reads properties again, exactly: one value for each that is asked for, in the same order. Null where the
    /// property (or what it belonged to) is gone by now.
    pub async fn reread(&self, element: Element, wanted: Vec<PropertyOf>) -> Result<Vec<Value<'static>>> {
        let mut values = vec![Value::Null; wanted.len()];
        let wanted = wanted.into_iter().enumerate().map(|(index, wanted)| {
            let index = i64::try_from(index).unwrap_or(i64::MAX);
            Parameter::list(vec![index.into(), wanted.element_id.into(), wanted.property.into()])
        });
        let pattern = match element {
            Element::Node => "(e)",
            Element::Relationship => "()-[e]->()",
        };
        let text = format!(
            "UNWIND $wanted AS w MATCH {pattern} WHERE elementId(e) = w[1] WITH w[0] AS index, e[w[2]] AS value \
             RETURN [index, value, {}] AS row",
            exactly("value")
        );
        let statement = Statement::new(text).param("wanted", Parameter::list(wanted.collect()));
        for row in self.rows(statement).await? {
            let (index, value) = numbered(row).ok_or_else(|| unreadable(self))?;
            *values.get_mut(index).ok_or_else(|| unreadable(self))? = value;
        }
        Ok(values)
    }
}

fn unreadable(graph: &ReadOnlyGraph) -> Error {
    Error::new(Cause::Unexpected, format!("read zoned datetimes again from {}", graph.place()))
}

fn numbered(row: Vec<Cell<'static>>) -> Option<(usize, Value<'static>)> {
    let mut cells = row.into_iter();
    let index = usize::try_from(cells.next()?.as_i64()?).ok()?;
    let (value, parts) = (cells.next()?, cells.next()?);
    // The property may have become something else since it was first read.
    let value = match value {
        Cell::Reread => from_parts(parts)?,
        other => other.into_value()?,
    };
    Some((index, value))
}

/// A Cypher expression that gives the parts of `expression` where it is a zoned datetime or a list of such, and
/// null otherwise. Put it beside the expression itself, read it with [`from_parts`].
pub fn exactly(expression: &str) -> String {
    // `epochSeconds` is cut off towards zero, a second too late before 1970, and both overflow 292 million years from it
    // (Neo4j 5.26).
    let seconds = "CASE WHEN abs(x.year) < 200000000 THEN (x.epochMillis - x.millisecond) / 1000 \
                   ELSE duration.inSeconds(datetime({epochSeconds: 0}), x).seconds END";
    let parts = format!("[{seconds}, x.nanosecond, x.timezone, x.offset, x.offsetSeconds]");
    format!(
        "[v IN [{expression}] | CASE WHEN v IS :: ZONED DATETIME NOT NULL THEN [x IN [v] | {parts}][0] \
         WHEN v IS :: LIST<ZONED DATETIME> NOT NULL THEN [x IN v | {parts}] END][0]"
    )
}

/// The value that [`exactly`] took apart: a zoned datetime or a list of such.
pub fn from_parts(parts: Cell<'_>) -> Option<Value<'_>> {
    let items = match parts.into_value()? {
        Value::List(items) => items,
        _ => return None,
    };
    if !items.is_empty() && items.iter().all(|item| matches!(item, Value::List(_))) {
        return items.into_iter().map(instant).collect::<Option<_>>().map(Value::List);
    }
    instant(Value::List(items))
}

fn instant(parts: Value<'_>) -> Option<Value<'_>> {
    let Value::List(parts) = parts else {
        return None;
    };
    let parts: [Value<'_>; 5] = parts.try_into().ok()?;
    let [
        Value::Integer(seconds),
        Value::Integer(nanos),
        Value::String(zone),
        Value::String(offset),
        Value::Integer(by),
    ] = parts
    else {
        return None;
    };
    let zone = if zone == offset { Zone::Offset(i32::try_from(by).ok()?) } else { Zone::Named(zone) };
    Some(Value::DateTime { seconds, nanos: u32::try_from(nanos).ok()?, zone })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn parts(zone: &'static str, offset: &'static str, by: i64) -> Value<'static> {
        Value::List(vec![
            Value::Integer(1_761_442_200),
            Value::Integer(5),
            Value::String(Cow::Borrowed(zone)),
            Value::String(Cow::Borrowed(offset)),
            Value::Integer(by),
        ])
    }

    #[test]
    fn a_zone_that_is_its_offset_has_no_name() {
        let named = from_parts(Cell::Value(parts("Europe/Berlin", "+01:00", 3600))).unwrap();
        let zone = Zone::Named("Europe/Berlin".into());
        assert_eq!(named, Value::DateTime { seconds: 1_761_442_200, nanos: 5, zone });
        let list = Value::List(vec![parts("Z", "Z", 0), parts("+01:00", "+01:00", 3600)]);
        let Some(Value::List(items)) = from_parts(Cell::Value(list)) else { panic!("no list") };
        assert!(matches!(items[1], Value::DateTime { zone: Zone::Offset(3600), .. }));
        assert!(from_parts(Cell::NULL).is_none());
    }
}
