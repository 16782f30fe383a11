//! What comes back from a statement, as close to the wire as neo4rs lets it be read.

use std::borrow::Cow;

use crate::error::{Cause, Error, Result};
use crate::record::Value;

/// One item of a row. Text and bytes borrow from the [`super::Row`] that they came in.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// A property value, or a list of nothing but such.
    Value(Value<'a>),
    /// A list with something in it that is no property value.
    List(Vec<Cell<'a>>),
    /// A map, sorted by name (`properties(n)`, or a literal one).
    Map(Vec<(Cow<'a, str>, Cell<'a>)>),
    /// A zoned datetime with a zone's name, or a list with such: Bolt 4.4 sends the local time, which an hour that a
    /// clock change repeats makes ambiguous, and by rules that may be newer than ours. Read it again with
    /// [`super::exact`].
    Reread,
}

impl<'a> Cell<'a> {
    /// Null.
    pub const NULL: Cell<'static> = Cell::Value(Value::Null);

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Cell::Value(Value::Null))
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Cell::Value(value) => value.as_str(),
            _ => None,
        }
    }

    /// The integer, if it is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Cell::Value(Value::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Cell::Value(Value::Boolean(truth)) => Some(*truth),
            _ => None,
        }
    }

    /// The texts, if it is a list of nothing but text.
    pub fn as_texts(&self) -> Option<Vec<&str>> {
        match self {
            Cell::Value(Value::List(items)) => items.iter().map(Value::as_str).collect(),
            _ => None,
        }
    }

    /// The value, if it is one and was read exactly.
    pub fn into_value(self) -> Option<Value<'a>> {
        match self {
            Cell::Value(value) => Some(value),
            _ => None,
        }
    }

    /// The map, if it is one.
    pub fn into_map(self) -> Option<Vec<(Cow<'a, str>, Cell<'a>)>> {
        match self {
            Cell::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items, if it is a list of any kind.
    pub fn into_list(self) -> Option<Vec<Cell<'a>>> {
        match self {
            Cell::List(items) => Some(items),
            Cell::Value(Value::List(items)) => Some(items.into_iter().map(Cell::Value).collect()),
            _ => None,
        }
    }

    /// A copy that borrows nothing.
    pub fn into_owned(self) -> Cell<'static> {
        match self {
            Cell::Value(value) => Cell::Value(value.into_owned()),
            Cell::List(items) => Cell::List(items.into_iter().map(Cell::into_owned).collect()),
            Cell::Map(entries) => Cell::Map(
                entries
                    .into_iter()
                    .map(|(name, cell)| (Cow::Owned(name.into_owned()), cell.into_owned()))
                    .collect(),
            ),
            Cell::Reread => Cell::Reread,
        }
    }
}

/// A row as it was received. Statements return **one column that is a list**: neo4rs copies the name of every
/// column for every row.
#[derive(Debug)]
pub struct Row {
    pub(super) row: neo4rs::Row,
    pub(super) column: std::sync::Arc<str>,
}

impl Row {
    /// The items of the one column, read in place.
    pub fn cells(&self) -> Result<Vec<Cell<'_>>> {
        self.row.get::<super::decode::Cells<'_>>(&self.column).map(|cells| cells.0).map_err(unreadable)
    }

    /// The one column, whatever it is, copied.
    pub fn into_value(self) -> Result<Cell<'static>> {
        self.row.get::<Cell<'_>>(&self.column).map(Cell::into_owned).map_err(unreadable)
    }

    /// The items of the one column, copied.
    pub fn into_cells(self) -> Result<Vec<Cell<'static>>> {
        Ok(self.cells()?.into_iter().map(Cell::into_owned).collect())
    }
}

fn unreadable(error: neo4rs::DeError) -> Error {
    Error::new(Cause::Definition, "read a row that the server sent")
        .source(error)
        .what_to_do("a statement returns one list of property values, maps and lists, and no node")
}
