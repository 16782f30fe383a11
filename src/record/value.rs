//! What a property can hold: every type that Neo4j stores, none that it does not.

use std::borrow::Cow;

/// A property value. Text and bytes borrow from the message they were read from wherever possible.
///
/// Times are kept as Neo4j keeps them, so that what is not converted comes out as it went in.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Absent. Neo4j does not tell null from absent, neither does Regraft.
    Null,
    /// A boolean.
    Boolean(bool),
    /// A 64-bit integer.
    Integer(i64),
    /// A 64-bit float, not a number and infinities included.
    Float(f64),
    /// Text.
    String(Cow<'a, str>),
    /// A byte array.
    Bytes(Cow<'a, [u8]>),
    /// A date, as days since 1970-01-01.
    Date(i64),
    /// A time of day without zone, as nanoseconds since midnight.
    LocalTime(i64),
    /// A time of day with an offset.
    Time {
        /// Nanoseconds since local midnight.
        nanos: i64,
        /// Offset from UTC in seconds.
        offset_seconds: i32,
    },
    /// A date and time without zone.
    LocalDateTime {
        /// Seconds since 1970-01-01T00:00:00 on the local clock.
        seconds: i64,
        /// Nanoseconds within the second.
        nanos: u32,
    },
    /// An instant with its zone.
    DateTime {
        /// Seconds since 1970-01-01T00:00:00Z.
        seconds: i64,
        /// Nanoseconds within the second.
        nanos: u32,
        /// How it was written.
        zone: Zone<'a>,
    },
    /// A duration; its four parts are independent, as in Neo4j.
    Duration {
        /// Calendar months.
        months: i64,
        /// Calendar days.
        days: i64,
        /// Seconds.
        seconds: i64,
        /// Nanoseconds, 0 to 999,999,999.
        nanos: i32,
    },
    /// A point in one of Neo4j's four coordinate systems.
    Point {
        /// Spatial reference: 4326, 4979, 7203 or 9157.
        srid: i32,
        /// x or longitude.
        x: f64,
        /// y or latitude.
        y: f64,
        /// z or height, in three dimensions.
        z: Option<f64>,
    },
    /// A list.
    List(Vec<Value<'a>>),
}

/// The zone of an instant.
#[derive(Debug, Clone, PartialEq)]
pub enum Zone<'a> {
    /// Offset from UTC in seconds.
    Offset(i32),
    /// A name such as `Europe/Berlin`.
    Named(Cow<'a, str>),
}

/// The types of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "they are those of the values")]
pub enum ValueType {
    Null,
    Boolean,
    Integer,
    Float,
    String,
    Bytes,
    Date,
    LocalTime,
    Time,
    LocalDateTime,
    DateTime,
    Duration,
    Point,
    List,
}

impl ValueType {
    /// The name as a message shows it: Cypher's, in lower case where people write it so.
    pub fn as_str(self) -> &'static str {
        match self {
            ValueType::Null => "null",
            ValueType::Boolean => "boolean",
            ValueType::Integer => "integer",
            ValueType::Float => "float",
            ValueType::String => "string",
            ValueType::Bytes => "bytes",
            ValueType::Date => "date",
            ValueType::LocalTime => "local time",
            ValueType::Time => "zoned time",
            ValueType::LocalDateTime => "local datetime",
            ValueType::DateTime => "zoned datetime",
            ValueType::Duration => "duration",
            ValueType::Point => "point",
            ValueType::List => "list",
        }
    }
}

impl<'a> Value<'a> {
    /// Text that lives as long as its owner.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Value::String(text.into())
    }

    /// Whether it is absent.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The key that this value is: a string that is not blank. Nothing else identifies an entity.
    pub fn as_key(&self) -> Option<&str> {
        self.as_str().filter(|text| !text.trim().is_empty())
    }

    /// A copy that borrows the text and bytes of this value; only lists are allocated.
    pub fn reborrow(&self) -> Value<'_> {
        match self {
            Value::Null => Value::Null,
            Value::Boolean(v) => Value::Boolean(*v),
            Value::Integer(v) => Value::Integer(*v),
            Value::Float(v) => Value::Float(*v),
            Value::String(v) => Value::String(Cow::Borrowed(v)),
            Value::Bytes(v) => Value::Bytes(Cow::Borrowed(v)),
            Value::Date(v) => Value::Date(*v),
            Value::LocalTime(v) => Value::LocalTime(*v),
            Value::Time { nanos, offset_seconds } => {
                Value::Time { nanos: *nanos, offset_seconds: *offset_seconds }
            }
            Value::LocalDateTime { seconds, nanos } => {
                Value::LocalDateTime { seconds: *seconds, nanos: *nanos }
            }
            Value::DateTime { seconds, nanos, zone } => {
                let zone = match zone {
                    Zone::Offset(offset) => Zone::Offset(*offset),
                    Zone::Named(name) => Zone::Named(Cow::Borrowed(name)),
                };
                Value::DateTime { seconds: *seconds, nanos: *nanos, zone }
            }
            Value::Duration { months, days, seconds, nanos } => {
                Value::Duration { months: *months, days: *days, seconds: *seconds, nanos: *nanos }
            }
            Value::Point { srid, x, y, z } => Value::Point { srid: *srid, x: *x, y: *y, z: *z },
            Value::List(items) => Value::List(items.iter().map(Value::reborrow).collect()),
        }
    }

    /// The type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Value::Null => ValueType::Null,
            Value::Boolean(_) => ValueType::Boolean,
            Value::Integer(_) => ValueType::Integer,
            Value::Float(_) => ValueType::Float,
            Value::String(_) => ValueType::String,
            Value::Bytes(_) => ValueType::Bytes,
            Value::Date(_) => ValueType::Date,
            Value::LocalTime(_) => ValueType::LocalTime,
            Value::Time { .. } => ValueType::Time,
            Value::LocalDateTime { .. } => ValueType::LocalDateTime,
            Value::DateTime { .. } => ValueType::DateTime,
            Value::Duration { .. } => ValueType::Duration,
            Value::Point { .. } => ValueType::Point,
            Value::List(_) => ValueType::List,
        }
    }

    /// The type's name as a message shows it.
    pub fn type_name(&self) -> &'static str {
        self.value_type().as_str()
    }

    /// A copy that borrows nothing, for what outlives the message (dead letters, tests).
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Boolean(v) => Value::Boolean(v),
            Value::Integer(v) => Value::Integer(v),
            Value::Float(v) => Value::Float(v),
            Value::String(v) => Value::String(Cow::Owned(v.into_owned())),
            Value::Bytes(v) => Value::Bytes(Cow::Owned(v.into_owned())),
            Value::Date(v) => Value::Date(v),
            Value::LocalTime(v) => Value::LocalTime(v),
            Value::Time { nanos, offset_seconds } => Value::Time { nanos, offset_seconds },
            Value::LocalDateTime { seconds, nanos } => Value::LocalDateTime { seconds, nanos },
            Value::DateTime { seconds, nanos, zone } => {
                let zone = match zone {
                    Zone::Offset(offset) => Zone::Offset(offset),
                    Zone::Named(name) => Zone::Named(Cow::Owned(name.into_owned())),
                };
                Value::DateTime { seconds, nanos, zone }
            }
            Value::Duration { months, days, seconds, nanos } => {
                Value::Duration { months, days, seconds, nanos }
            }
            Value::Point { srid, x, y, z } => Value::Point { srid, x, y, z },
            Value::List(items) => Value::List(items.into_iter().map(Value::into_owned).collect()),
        }
    }
}
