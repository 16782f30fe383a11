//! Conversions: what a property of the source becomes where the contract asks for a type. No leniency: what is
//! not listed here is a mismatch.

pub(super) mod date_time;
mod number;
mod temporal;

use std::fmt;

use serde::Serialize;

use super::contract::Type;
use crate::record::Value;

/// How a source value becomes one of the contract's type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conversion {
    /// Text stays text.
    String,
    /// Integers, floats without fraction, strings of digits.
    Int,
    /// What [`Conversion::Int`] takes, clock durations such as `1:02:03`, Neo4j durations; in seconds.
    DurationSeconds,
    /// Integers, finite floats, decimal strings.
    Float,
    /// Booleans and their names.
    Bool,
    /// Dates and what has a date, as written.
    Date,
    /// Points in time, in UTC to the microsecond.
    Instant,
    /// One of the symbols.
    Enum {
        /// The symbols.
        symbols: Box<[Box<str>]>,
        /// Whether text is lower-cased first.
        lowercase: bool,
        /// Which symbol stands for any other text.
        otherwise: Option<Box<str>>,
    },
    /// Every element of a list.
    List(Box<Conversion>),
}

/// A value that can't be converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Which element of a list it is, from 0.
    pub element: Option<usize>,
    /// What the value is not.
    pub why: &'static str,
}

impl From<&Type> for Conversion {
    fn from(of: &Type) -> Self {
        match of {
            Type::String => Conversion::String,
            Type::Int => Conversion::Int,
            Type::Float => Conversion::Float,
            Type::Bool => Conversion::Bool,
            Type::Date => Conversion::Date,
            Type::Instant => Conversion::Instant,
            Type::Enum(symbols) => {
                Conversion::Enum { symbols: symbols.clone(), lowercase: false, otherwise: None }
            }
            Type::List(item) => Conversion::List(Box::new(item.as_ref().into())),
        }
    }
}

impl Conversion {
    /// Converts a value that is not null, in place where it stays what it is. A value that can't be converted
    /// comes back whole, for the report.
    pub fn apply<'a>(&'a self, mut value: Value<'a>) -> Result<Value<'a>, (Value<'a>, Mismatch)> {
        let converted = match (self, &mut value) {
            (Conversion::List(item), Value::List(items)) => item.each(items).map(|()| None),
            (Conversion::List(_), _) => Err(Mismatch { element: None, why: "it is no list" }),
            (conversion, value) => conversion.scalar(value).map_err(|why| Mismatch { element: None, why }),
        };
        match converted {
            Ok(None) => Ok(value),
            Ok(Some(new)) => Ok(new),
            Err(mismatch) => Err((value, mismatch)),
        }
    }

    /// Converts the elements of a list, all or none.
    fn each<'a>(&'a self, items: &mut [Value<'a>]) -> Result<(), Mismatch> {
        let mut changes = false;
        for (position, item) in items.iter().enumerate() {
            let converted = self.scalar(item).map_err(|why| Mismatch { element: Some(position), why })?;
            changes |= converted.is_some();
        }
        if changes {
            for item in items {
                if let Ok(Some(new)) = self.scalar(item) {
                    *item = new;
                }
            }
        }
        Ok(())
    }

    /// What a value becomes; nothing where it stays what it is.
    fn scalar<'c>(&'c self, value: &Value<'_>) -> Result<Option<Value<'c>>, &'static str> {
        match self {
            Conversion::String => match value {
                Value::String(_) => Ok(None),
                _ => Err("it is no string"),
            },
            Conversion::Bool => boolean(value),
            Conversion::Int => number::int(value),
            Conversion::DurationSeconds => number::duration_seconds(value),
            Conversion::Float => number::float(value),
            Conversion::Date => temporal::date(value),
            Conversion::Instant => temporal::instant(value),
            Conversion::Enum { symbols, lowercase, otherwise } => {
                symbol(value, symbols, *lowercase, otherwise.as_deref())
            }
            // A contract has no lists of lists.
            Conversion::List(_) => Err("it is within a list"),
        }
    }
}

impl fmt::Display for Conversion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Conversion::String => f.write_str("string"),
            Conversion::Int => f.write_str("int"),
            Conversion::DurationSeconds => f.write_str("duration in seconds"),
            Conversion::Float => f.write_str("float"),
            Conversion::Bool => f.write_str("bool"),
            Conversion::Date => f.write_str("date"),
            Conversion::Instant => f.write_str("instant"),
            Conversion::Enum { symbols, .. } => write!(f, "one of {}", symbols.join(", ")),
            Conversion::List(item) => write!(f, "list<{item}>"),
        }
    }
}

fn boolean(value: &Value<'_>) -> Result<Option<Value<'static>>, &'static str> {
    match value {
        Value::Boolean(_) => Ok(None),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Some(Value::Boolean(true))),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(Some(Value::Boolean(false))),
        _ => Err("it is neither a boolean nor `true` or `false`"),
    }
}

fn symbol<'c>(
    value: &Value<'_>,
    symbols: &'c [Box<str>],
    lowercase: bool,
    otherwise: Option<&'c str>,
) -> Result<Option<Value<'c>>, &'static str> {
    let text = value.as_str().ok_or("it is no string")?;
    let find = |text: &str| symbols.iter().find(|symbol| symbol.as_ref() == text);
    // Symbols are lower-case where texts are lower-cased, so one that is found stays what it is.
    if find(text).is_some() {
        return Ok(None);
    }
    let lowered = if lowercase { find(&text.to_lowercase()) } else { None };
    let found = lowered.map(AsRef::as_ref).or(otherwise);
    found.map(|symbol| Some(Value::text(symbol))).ok_or("it is none of the symbols")
}

#[cfg(test)]
mod tests;
