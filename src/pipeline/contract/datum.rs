//! Row ⇄ Avro datum of the contract: by position, text and symbols borrowed, only lists allocated.

use std::borrow::Cow;

use super::{Contract, Field, NullBranch, Type};
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
        for (field, value) in self.fields().iter().zip(row) {
            encode_field(field, value, out).ok_or_else(|| {
                let what = format!("{} where {} is due", value.type_name(), field.field_type);
                DatumError::new(self, Some(field), what)
            })?;
        }
        Ok(())
    }

    /// The row of a datum that this very contract wrote.
    pub fn decode<'a>(&'a self, datum: &'a [u8]) -> Result<Row<'a>, DatumError> {
        let mut reader = Reader { bytes: datum };
        let mut row = Vec::with_capacity(self.fields().len());
        for field in self.fields() {
            let value = decode_field(field, &mut reader);
            row.push(value.map_err(|what| DatumError::new(self, Some(field), what))?);
        }
        if !reader.bytes.is_empty() {
            return Err(DatumError::new(self, None, "bytes follow its end"));
        }
        Ok(row)
    }
}

/// Microseconds since 1970 as the value they are in a row.
pub(super) fn instant(micros: i64) -> Value<'static> {
    let nanos = u32::try_from(micros.rem_euclid(1_000_000) * 1000).unwrap_or(0);
    Value::DateTime { seconds: micros.div_euclid(1_000_000), nanos, zone: Zone::Offset(0) }
}

fn encode_field(field: &Field, value: &Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    match (field.null, value) {
        (NullBranch::None, value) => return encode_value(&field.field_type, value, out),
        (NullBranch::First, Value::Null) => long(0, out),
        (NullBranch::Second, Value::Null) => long(1, out),
        (NullBranch::First, value) => {
            long(1, out);
            return encode_value(&field.field_type, value, out);
        }
        (NullBranch::Second, value) => {
            long(0, out);
            return encode_value(&field.field_type, value, out);
        }
    }
    Some(())
}

fn encode_value(of: &Type, value: &Value<'_>, out: &mut Vec<u8>) -> Option<()> {
    match (of, value) {
        (Type::String, Value::String(text)) => {
            length(text.len(), out)?;
            out.extend_from_slice(text.as_bytes());
        }
        (Type::Int, Value::Integer(number)) => long(*number, out),
        (Type::Float, Value::Float(number)) => out.extend_from_slice(&number.to_le_bytes()),
        (Type::Bool, Value::Boolean(flag)) => out.push(u8::from(*flag)),
        (Type::Date, Value::Date(days)) => long(i32::try_from(*days).ok()?.into(), out),
        (Type::Instant, Value::DateTime { seconds, nanos, .. }) => {
            let micros = seconds.checked_mul(1_000_000)?.checked_add((nanos / 1000).into())?;
            long(micros, out);
        }
        (Type::Enum(symbols), Value::String(text)) => {
            length(symbols.iter().position(|symbol| symbol.as_ref() == text)?, out)?;
        }
        (Type::List(item), Value::List(values)) => {
            if !values.is_empty() {
                length(values.len(), out)?;
            }
            for value in values {
                encode_value(item, value, out)?;
            }
            long(0, out);
        }
        _ => return None,
    }
    Some(())
}

fn length(length: usize, out: &mut Vec<u8>) -> Option<()> {
    long(i64::try_from(length).ok()?, out);
    Some(())
}

/// Zigzag, then seven bits a byte, the lowest first.
#[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "bits are moved, not numbers")]
fn long(number: i64, out: &mut Vec<u8>) {
    let mut bits = ((number << 1) ^ (number >> 63)) as u64;
    while bits >= 0x80 {
        out.push(bits as u8 | 0x80);
        bits >>= 7;
    }
    out.push(bits as u8);
}

fn decode_field<'a>(field: &'a Field, reader: &mut Reader<'a>) -> Result<Value<'a>, &'static str> {
    let branch = match field.null {
        NullBranch::None => return decode_value(&field.field_type, reader),
        NullBranch::First | NullBranch::Second => reader.long()?,
    };
    match (branch, field.null) {
        (0, NullBranch::First) | (1, NullBranch::Second) => Ok(Value::Null),
        (0 | 1, _) => decode_value(&field.field_type, reader),
        _ => Err("no such branch of the union"),
    }
}

fn decode_value<'a>(of: &'a Type, reader: &mut Reader<'a>) -> Result<Value<'a>, &'static str> {
    Ok(match of {
        Type::String => Value::String(Cow::Borrowed(reader.text()?)),
        Type::Int => Value::Integer(reader.long()?),
        Type::Float => Value::Float(reader.double()?),
        Type::Bool => match reader.take(1)? {
            [0] => Value::Boolean(false),
            [1] => Value::Boolean(true),
            _ => return Err("no boolean"),
        },
        Type::Date => Value::Date(i32::try_from(reader.long()?).map_err(|_| "a date beyond 32 bits")?.into()),
        Type::Instant => instant(reader.long()?),
        Type::Enum(symbols) => {
            let position = usize::try_from(reader.long()?).ok();
            let symbol = position.and_then(|position| symbols.get(position)).ok_or("no such symbol")?;
            Value::String(Cow::Borrowed(symbol))
        }
        Type::List(item) => {
            let mut items = Vec::new();
            while let Some(count) = reader.block()? {
                // An element has at least one byte, so a lying count reserves no more than the datum's size.
                items.reserve(count.min(reader.bytes.len()));
                for _ in 0..count {
                    items.push(decode_value(item, reader)?);
                }
            }
            Value::List(items)
        }
    })
}

/// What is left of a datum.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or("the datum ends early")?;
        self.bytes = rest;
        Ok(taken)
    }

    #[expect(clippy::cast_possible_wrap, reason = "bits are moved, not numbers")]
    fn long(&mut self) -> Result<i64, &'static str> {
        let mut bits = 0u64;
        for (position, byte) in self.bytes.iter().enumerate().take(10) {
            let part = u64::from(byte & 0x7f);
            if position == 9 && part > 1 {
                break;
            }
            bits |= part << (7 * position);
            if byte & 0x80 == 0 {
                self.take(position + 1)?;
                return Ok((bits >> 1) as i64 ^ -((bits & 1) as i64));
            }
        }
        Err("no integer")
    }

    fn double(&mut self) -> Result<f64, &'static str> {
        let bytes = self.take(8)?.first_chunk().ok_or("the datum ends early")?;
        Ok(f64::from_le_bytes(*bytes))
    }

    fn text(&mut self) -> Result<&'a str, &'static str> {
        let length = usize::try_from(self.long()?).map_err(|_| "a text of negative length")?;
        std::str::from_utf8(self.take(length)?).map_err(|_| "text that is not UTF-8")
    }

    /// Elements of the next block; none at the end. A negative count is followed by the block's size.
    fn block(&mut self) -> Result<Option<usize>, &'static str> {
        let count = self.long()?;
        if count < 0 {
            self.long()?;
        }
        let count = usize::try_from(count.unsigned_abs()).map_err(|_| "a block beyond memory")?;
        Ok((count > 0).then_some(count))
    }
}
