//! Contracts change: which older records a contract can still read, and how.

use std::borrow::Cow;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use apache_avro::types::Value as Avro;

use super::datum::instant;
use super::{Contract, DatumError, Field, Type};
use crate::record::{Row, Value};

/// Why records of an older contract can't be read with a newer one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("records written under an older contract `{contract}` can't be read: {what}")]
pub struct Incompatible {
    contract: Box<str>,
    what: String,
    advice: &'static str,
}

impl Incompatible {
    /// What to do about it.
    pub fn advice(&self) -> &str {
        self.advice
    }
}

impl Contract {
    /// Whether every record that `writer` wrote can be read as this contract's, without a change of meaning.
    ///
    /// Stricter than Avro, which reads a number as an instant and a date as a number.
    pub fn can_read(&self, writer: &Contract) -> Result<(), Incompatible> {
        let refuse = |what: String, advice| Incompatible { contract: self.name().into(), what, advice };
        for field in self.fields() {
            match writer.field(&field.name) {
                Some((_, old)) => same_meaning(old, field).map_err(|(what, advice)| refuse(what, advice))?,
                None if field.default.is_none() && !field.is_nullable() => {
                    let what = format!("the property `{}` is new and required", field.name);
                    return Err(refuse(
                        what,
                        "give it a default, or make it nullable with `null` as default",
                    ));
                }
                None => {}
            }
        }
        // Names, and whatever else Avro asks for.
        match SchemaCompatibility::can_read(writer.schema(), self.schema()) {
            Ok(Compatibility::Full) => Ok(()),
            Ok(Compatibility::Partial) => {
                Err(refuse("not all of them fit".to_owned(), "undo the change, or replay from the raw topic"))
            }
            Err(error) => Err(refuse(error.to_string(), "undo the change, or replay from the raw topic")),
        }
    }

    /// The row of a datum that an older contract wrote, through Avro's schema resolution. The slow path.
    pub fn decode_with(&self, writer: &Schema, datum: &[u8]) -> Result<Row<'static>, DatumError> {
        let refuse = |error: apache_avro::Error| DatumError::new(self, None, error.to_string());
        let reader =
            GenericDatumReader::builder(writer).reader_schema(self.schema()).build().map_err(refuse)?;
        let mut bytes = datum;
        let Avro::Record(resolved) = reader.read_value(&mut bytes).map_err(refuse)? else {
            return Err(DatumError::new(self, None, "the datum is no record"));
        };
        if !bytes.is_empty() || resolved.len() != self.fields().len() {
            return Err(DatumError::new(self, None, "the datum is not one of its writer's"));
        }
        let slots = self.fields().iter().zip(resolved);
        slots
            .map(|(field, (_, value))| {
                from_avro(&field.field_type, value)
                    .ok_or_else(|| DatumError::new(self, Some(field), "a value of another type"))
            })
            .collect()
    }
}

fn same_meaning(old: &Field, new: &Field) -> Result<(), (String, &'static str)> {
    if old.is_nullable() && !new.is_nullable() {
        let what = format!("the property `{}` could be absent and is required now", new.name);
        return Err((what, "leave it nullable, or replay from the raw topic"));
    }
    if same_type(&old.field_type, &new.field_type) {
        return Ok(());
    }
    let what = format!("the property `{}` was {} and is {} now", new.name, old.field_type, new.field_type);
    Err((what, "give the new type a new property, or replay from the raw topic"))
}

fn same_type(old: &Type, new: &Type) -> bool {
    match (old, new) {
        (Type::Int, Type::Float) => true,
        (Type::Enum(old), Type::Enum(new)) => old.iter().all(|symbol| new.contains(symbol)),
        (Type::List(old), Type::List(new)) => same_type(old, new),
        (old, new) => old == new,
    }
}

fn from_avro(of: &Type, value: Avro) -> Option<Value<'static>> {
    Some(match (of, value) {
        (of, Avro::Union(_, inner)) => from_avro(of, *inner)?,
        (_, Avro::Null) => Value::Null,
        (Type::String, Avro::String(text)) => Value::String(Cow::Owned(text)),
        (Type::Enum(_), Avro::Enum(_, symbol)) => Value::String(Cow::Owned(symbol)),
        (Type::Int, Avro::Long(number)) => Value::Integer(number),
        (Type::Float, Avro::Double(number)) => Value::Float(number),
        (Type::Bool, Avro::Boolean(flag)) => Value::Boolean(flag),
        (Type::Date, Avro::Date(days)) => Value::Date(days.into()),
        (Type::Instant, Avro::TimestampMicros(micros)) => instant(micros),
        (Type::List(item), Avro::Array(values)) => {
            Value::List(values.into_iter().map(|value| from_avro(item, value)).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::contract::tests::contract;

    const OLD: &str = r#"
        {"name": "id", "type": "string"},
        {"name": "gone", "type": "boolean"},
        {"name": "count", "type": "long"},
        {"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["b", "a"]}}"#;

    #[test]
    fn an_older_record_is_read_by_name_with_defaults_for_what_is_new() {
        let old = contract(OLD);
        let new = contract(
            r#"{"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["a", "b", "c"]}},
            {"name": "count", "type": ["null", "double"], "default": null},
            {"name": "tags", "type": {"type": "array", "items": "string"}, "default": ["x"]},
            {"name": "until", "type": ["null", {"type": "int", "logicalType": "date"}], "default": null},
            {"name": "since", "type": {"type": "long", "logicalType": "timestamp-micros"}, "default": 1500000},
            {"name": "level", "type": ["string", "null"], "default": "low"},
            {"name": "id", "type": "string"}"#,
        );
        assert_eq!(new.can_read(&old), Ok(()));
        let row = [Value::text("ü"), Value::Boolean(true), Value::Integer(7), Value::text("b")];
        let mut datum = Vec::new();
        old.encode(&row, &mut datum).unwrap();
        let read = new.decode_with(old.schema(), &datum).unwrap();
        let expected = [
            Value::text("b"),
            Value::Float(7.0),
            Value::List(vec![Value::text("x")]),
            Value::Null,
            instant(1_500_000),
            Value::text("low"),
            Value::text("ü"),
        ];
        assert_eq!(read, expected);
        datum.push(0);
        assert!(new.decode_with(old.schema(), &datum).is_err());
    }

    #[test]
    fn a_change_of_meaning_is_refused_by_name() {
        let cases = [
            (r#"{"name": "id", "type": "long"}"#, "`id` was string and is int now"),
            (r#"{"name": "new", "type": "long"}"#, "`new` is new and required"),
            (
                r#"{"name": "count", "type": {"type": "long", "logicalType": "timestamp-micros"}}"#,
                "`count` was int and is instant now",
            ),
            (
                r#"{"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["a"]}}"#,
                "`kind` was one of b, a",
            ),
            (
                r#"{"name": "kind", "type": {"type": "enum", "name": "Other", "symbols": ["a", "b"]}}"#,
                "can't be read",
            ),
        ];
        let old = contract(OLD);
        for (fields, expected) in cases {
            let said = contract(fields).can_read(&old).unwrap_err().to_string();
            assert!(said.contains(expected), "{said}");
        }
        let nullable = contract(r#"{"name": "a", "type": ["null", "long"], "default": null}"#);
        let required = contract(r#"{"name": "a", "type": "long"}"#);
        assert!(required.can_read(&nullable).is_err());
        assert!(nullable.can_read(&required).is_ok());
    }
}
