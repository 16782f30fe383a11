//! A contract: the properties that a node or relationship has in the target, in the order of their slots.
//!
//! Written as an Avro record (`schemas/contracts/<name>.avsc`), of whose types only those are taken that
//! Neo4j stores.

mod datum;
mod evolution;
mod fingerprint;
#[cfg(test)]
mod oracle;
mod parse;

use std::fmt;

use apache_avro::Schema;
use serde::Serialize;

use crate::record::Value;

pub use datum::DatumError;
pub use evolution::Incompatible;

/// A compiled contract.
#[derive(Debug, Clone)]
pub struct Contract {
    name: Box<str>,
    fields: Box<[Field]>,
    fingerprint: u64,
    schema: Schema,
    text: Box<str>,
}

/// A property of the contract.
#[derive(Debug, Clone, Serialize)]
pub struct Field {
    /// The property's name in the target.
    pub name: Box<str>,
    /// Its type.
    #[serde(rename = "type")]
    pub field_type: Type,
    /// Whether and how it can be absent.
    pub null: NullBranch,
    /// What it is where the source has nothing for it; never null.
    #[serde(serialize_with = "default_as_json", skip_serializing_if = "Option::is_none")]
    pub default: Option<Value<'static>>,
}

/// Which branch of the field's union is null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NullBranch {
    /// There is no union: the property is required.
    None,
    /// `["null", T]`.
    First,
    /// `[T, "null"]`.
    Second,
}

/// The types of the target's properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// Text.
    String,
    /// A 64-bit integer; Avro's `long`.
    Int,
    /// A 64-bit float; Avro's `double`.
    Float,
    /// A boolean.
    Bool,
    /// A date without time and zone.
    Date,
    /// A point in time, to the microsecond; Avro's `timestamp-micros`.
    Instant,
    /// One of some symbols.
    Enum(Box<[Box<str>]>),
    /// A list of one of the other types.
    List(Box<Type>),
}

impl Field {
    /// Whether the property may be absent in the target.
    pub fn is_nullable(&self) -> bool {
        self.null != NullBranch::None
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::String => f.write_str("string"),
            Type::Int => f.write_str("int"),
            Type::Float => f.write_str("float"),
            Type::Bool => f.write_str("bool"),
            Type::Date => f.write_str("date"),
            Type::Instant => f.write_str("instant"),
            Type::Enum(symbols) => write!(f, "one of {}", symbols.join(", ")),
            Type::List(item) => write!(f, "list<{item}>"),
        }
    }
}

impl Contract {
    /// The name: that of its file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The properties, in the order of the slots of a row.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Slot and field of a property.
    pub fn field(&self, name: &str) -> Option<(usize, &Field)> {
        self.fields.iter().enumerate().find(|(_, field)| field.name.as_ref() == name)
    }

    /// What the writer of a datum is recognised by: CRC-64-AVRO of the canonical form, instants told apart
    /// from integers.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The Avro schema.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The text of the file, to be kept where old records have to be read.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// For a digest: what JSON has no form for becomes text.
pub(super) fn default_as_json<S: serde::Serializer>(
    value: &Option<Value<'static>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value.as_ref().map(crate::record::value_to_json).serialize(serializer)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::pipeline::diagnostics::SourceFile;

    /// A contract with these fields, given as JSON.
    pub(crate) fn contract(fields: &str) -> Contract {
        let text = format!(r#"{{"type": "record", "name": "Thing", "fields": [{fields}]}}"#);
        let file = SourceFile::new("thing.avsc", text);
        Contract::read(&file, &mut Vec::new()).expect("a contract")
    }
}
