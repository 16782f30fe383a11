//! Row ⇄ Avro datum of the contract: by position, text and symbols borrowed, only lists allocated.

use std::borrow::Cow;

use super::{Contract, Field, NullBranch, Type};
use crate::record::codec::{Reader, Undecodable, Writer};
use crate::record::{Row, Value, Zone};

/// A datum that is not one of the contract, or a row that does not fit it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} of the contract `{contract}`: {what}", field.as_deref().unwrap_or("the record"))]
pub struct DatumError {
    contract: Box<str>,
    field: Option<Box<str>>,
    what: Cow<'static, str>,
}

impl DatumError {
    pub(super) fn new(
        contract: &Contract,
        field: Option<&Field>,
        what: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            contract: contract.name().into(),
            field: field.map(|field| field.name.clone()),
            what: what.into(),
        }
    }
}

impl Contract {
    /// Appends the row's datum to `out`.
    ///
    /// On an error `out` may end in a part of the datum; the caller cuts it off.
    pub fn encode(&self, row: &[Value<'_>], out: &mut Vec<u8>) -> Result<(), DatumError> {
        if row.len() != self.fields().len() {
            return Err(DatumError::new(self, None, "the row has another number of slots"));
        }
        let mut writer = Writer::new(out);
        for (field, value) in self.fields().iter().zip(row) {
            encode_field(field, value, &mut writer).ok_or_else(|| {
                let what = format!("{} where {} is due", value.type_name(), field.field_type);
                DatumError::new(self, Some(field), what)
            })?;
        }
        Ok(())
    }

    /// The row of a datum that this very contract wrote.
    pub fn decode<'a>(&'a self, datum: &'a [u8]) -> Result<Row<'a>, DatumError> {
        let mut reader = Reader::new(datum);
        let mut row = Vec::with_capacity(self.fields().len());
        for field in self.fields() {
            let value = decode_field(field, &mut reader);
            row.push(value.map_err(|error| DatumError::new(self, Some(field), error.message))?);
        }
        reader.end().map_err(|error| DatumError::new(self, None, error.message))?;
        Ok(row)
    }
}

/// Microseconds since 1970 as the value they are in a row.
pub(super) fn instant(micros: i64) -> Value<'static> {
    let nanos = u32::try_from(micros.rem_euclid(1_000_000) * 1000).unwrap_or(0);
    Value::DateTime { seconds: micros.div_euclid(1_000_000), nanos, zone: Zone::Offset(0) }
}

fn encode_field(field: &Field, value: &Value<'_>, out: &mut Writer<'_>) -> Option<()> {
    match (field.null, value.is_null()) {
        (NullBranch::None, _) => {}
        (NullBranch::First, true) | (NullBranch::Second, false) => out.long(0),
        (NullBranch::First, false) | (NullBranch::Second, true) => out.long(1),
    }
    if value.is_null() && field.is_nullable() {
        return Some(());
    }
    encode_value(&field.field_type, value, out)
}

fn encode_value(of: &Type, value: &Value<'_>, out: &mut Writer<'_>) -> Option<()> {
    match (of, value) {
        (Type::String, Value::String(text)) => out.bytes(text.as_bytes()),
        (Type::Int, Value::Integer(number)) => out.long(*number),
        (Type::Float, Value::Float(number)) => out.double(*number),
        (Type::Bool, Value::Boolean(flag)) => out.boolean(*flag),
        (Type::Date, Value::Date(days)) => out.long(i32::try_from(*days).ok()?.into()),
        (Type::Instant, Value::DateTime { seconds, nanos, .. }) => {
            out.long(seconds.checked_mul(1_000_000)?.checked_add((nanos / 1000).into())?);
        }
        (Type::Enum(symbols), Value::String(text)) => {
            out.length(symbols.iter().position(|symbol| symbol.as_ref() == text)?);
        }
        (Type::List(item), Value::List(values)) => {
            if !values.is_empty() {
                out.length(values.len());
            }
            for value in values {
                encode_value(item, value, out)?;
            }
            out.long(0);
        }
        _ => return None,
    }
    Some(())
}

fn decode_field<'a>(field: &'a Field, reader: &mut Reader<'a>) -> Result<Value<'a>, Undecodable> {
    let branch = match field.null {
        NullBranch::None => return decode_value(&field.field_type, reader),
        NullBranch::First | NullBranch::Second => reader.long()?,
    };
    match (branch, field.null) {
        (0, NullBranch::First) | (1, NullBranch::Second) => Ok(Value::Null),
        (0 | 1, _) => decode_value(&field.field_type, reader),
        _ => Err(reader.wrong("branch 0 or 1 of the union")),
    }
}

fn decode_value<'a>(of: &'a Type, reader: &mut Reader<'a>) -> Result<Value<'a>, Undecodable> {
    Ok(match of {
        Type::String => Value::String(Cow::Borrowed(reader.text()?)),
        Type::Int => Value::Integer(reader.long()?),
        Type::Float => Value::Float(reader.double()?),
        Type::Bool => Value::Boolean(reader.boolean()?),
        Type::Date => Value::Date(reader.number::<i32>()?.into()),
        Type::Instant => instant(reader.long()?),
        Type::Enum(symbols) => {
            let position: usize = reader.number()?;
            let symbol = symbols.get(position).ok_or_else(|| reader.wrong("a symbol of the enum"))?;
            Value::String(Cow::Borrowed(symbol))
        }
        Type::List(item) => Value::List(reader.array(|reader| decode_value(item, reader))?),
    })
}
