//! A statement with its parameters, built by moving what goes in.

use neo4rs::{BoltList, BoltMap, BoltNull, BoltString, BoltType, Query};

use super::filler;
use crate::record::Value;

/// Cypher text and its parameters.
#[derive(Clone)]
pub struct Statement {
    text: String,
    parameters: BoltMap,
}

impl Statement {
    /// A statement without parameters.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), parameters: BoltMap::new() }
    }

    /// Adds the parameter `$name`.
    pub fn param(mut self, name: impl Into<String>, value: impl Into<Parameter>) -> Self {
        self.parameters.put(BoltString::from(name.into()), value.into().0);
        self
    }

    /// The text, for messages and plans.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// As neo4rs takes it, for a server on this machine or elsewhere.
    pub(super) fn into_query(mut self, on_this_machine: bool) -> Query {
        if on_this_machine {
            let values = self.parameters.value.values();
            let bytes = values.fold(self.text.len(), |so_far, value| filler::bytes_of(value, so_far));
            if let Some(missing) = filler::missing_bytes(bytes) {
                self.parameters.put(BoltString::from("filler"), BoltType::from(" ".repeat(missing)));
            }
        }
        Query::new(self.text).with_params(self.parameters)
    }
}

impl std::fmt::Debug for Statement {
    /// The text only: parameters are the user's data and may be large.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Statement").field("text", &self.text).finish_non_exhaustive()
    }
}

/// A value on its way into a statement.
///
/// A zoned datetime with a zone's *name* becomes the map that Cypher's `datetime()` takes, since Bolt 4.4 can't
/// say which of two repeated hours is meant: see [`super::Encoding`].
#[derive(Clone)]
#[repr(transparent)]
pub struct Parameter(pub(super) BoltType);

impl Parameter {
    /// Null.
    pub fn null() -> Self {
        Self(BoltType::Null(BoltNull))
    }

    /// A list. Rows are lists of lists: shorter to write and to read than maps.
    pub fn list(items: Vec<Parameter>) -> Self {
        // The same layout, so the vector's memory is kept.
        Self(BoltType::List(BoltList { value: items.into_iter().map(|item| item.0).collect() }))
    }

    /// A map.
    pub fn map(entries: impl IntoIterator<Item = (String, Parameter)>) -> Self {
        let entries = entries.into_iter().map(|(name, value)| (BoltString::from(name), value.0));
        Self(BoltType::Map(entries.collect()))
    }
}

impl From<&str> for Parameter {
    fn from(text: &str) -> Self {
        Self(BoltType::from(text))
    }
}

impl From<String> for Parameter {
    fn from(text: String) -> Self {
        Self(BoltType::from(text))
    }
}

impl From<i64> for Parameter {
    fn from(number: i64) -> Self {
        Self(BoltType::from(number))
    }
}

impl From<i32> for Parameter {
    fn from(number: i32) -> Self {
        Self::from(i64::from(number))
    }
}

impl From<u32> for Parameter {
    fn from(number: u32) -> Self {
        Self::from(i64::from(number))
    }
}

impl From<f64> for Parameter {
    fn from(number: f64) -> Self {
        Self(BoltType::from(number))
    }
}

impl From<bool> for Parameter {
    fn from(truth: bool) -> Self {
        Self(BoltType::from(truth))
    }
}

impl<T: Into<Parameter>> From<Option<T>> for Parameter {
    fn from(value: Option<T>) -> Self {
        value.map_or_else(Self::null, Into::into)
    }
}

impl<T: Into<Parameter>> From<Vec<T>> for Parameter {
    fn from(items: Vec<T>) -> Self {
        Self(BoltType::List(BoltList { value: items.into_iter().map(|item| item.into().0).collect() }))
    }
}

impl From<Value<'_>> for Parameter {
    fn from(value: Value<'_>) -> Self {
        super::encode::parameter(value)
    }
}
