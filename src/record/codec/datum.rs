//! Avro's primitive encodings, and that of a property value.

use std::borrow::Cow;

use super::Undecodable;
use crate::record::{Property, Value, Zone};

/// Appends Avro's binary form to a buffer that its owner reuses.
pub struct Writer<'b> {
    out: &'b mut Vec<u8>,
}

impl<'b> Writer<'b> {
    /// Appends to `out`.
    pub fn new(out: &'b mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Bytes as they are: what Avro calls fixed.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// int and long: zigzag, seven bits a byte.
    pub fn long(&mut self, value: i64) {
        let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
        while rest >= 0x80 {
            self.out.push((rest as u8 & 0x7F) | 0x80);
            rest >>= 7;
        }
        self.out.push(rest as u8);
    }

    /// A length or count.
    pub fn length(&mut self, length: usize) {
        // Nothing in memory is longer than an i64 can say.
        self.long(i64::try_from(length).unwrap_or(i64::MAX));
    }

    /// boolean.
    pub fn boolean(&mut self, value: bool) {
        self.out.push(u8::from(value));
    }

    /// double.
    pub fn double(&mut self, value: f64) {
        self.raw(&value.to_le_bytes());
    }

    /// string and bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.raw(bytes);
    }

    /// An array as one block.
    pub fn array<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        if !items.is_empty() {
            self.length(items.len());
            items.iter().for_each(|each| item(self, each));
        }
        self.out.push(0);
    }

    /// An array of text.
    pub fn texts(&mut self, texts: &[Cow<'_, str>]) {
        self.array(texts, |out, text| out.bytes(text.as_bytes()));
    }

    /// An array of properties.
    pub fn properties(&mut self, properties: &[Property<'_>]) {
        self.array(properties, |out, (name, value)| {
            out.bytes(name.as_bytes());
            out.value(value);
        });
    }

    /// A property value, as the union `Value` of the schemas.
    pub fn value(&mut self, value: &Value<'_>) {
        match value {
            Value::Null => self.long(0),
            Value::Boolean(v) => {
                self.long(1);
                self.boolean(*v);
            }
            Value::Integer(v) => self.longs(2, &[*v]),
            Value::Float(v) => {
                self.long(3);
                self.double(*v);
            }
            Value::String(v) => {
                self.long(4);
                self.bytes(v.as_bytes());
            }
            Value::Bytes(v) => {
                self.long(5);
                self.bytes(v);
            }
            Value::Date(days) => self.longs(6, &[*days]),
            Value::LocalTime(nanos) => self.longs(7, &[*nanos]),
            Value::Time { nanos, offset_seconds } => self.longs(8, &[*nanos, i64::from(*offset_seconds)]),
            Value::LocalDateTime { seconds, nanos } => self.longs(9, &[*seconds, i64::from(*nanos)]),
            Value::DateTime { seconds, nanos, zone } => {
                self.longs(10, &[*seconds, i64::from(*nanos)]);
                match zone {
                    Zone::Offset(offset) => self.longs(0, &[i64::from(*offset)]),
                    Zone::Named(name) => {
                        self.long(1);
                        self.bytes(name.as_bytes());
                    }
                }
            }
            Value::Duration { months, days, seconds, nanos } => {
                self.longs(11, &[*months, *days, *seconds, i64::from(*nanos)]);
            }
            Value::Point { srid, x, y, z } => {
                self.longs(12, &[i64::from(*srid)]);
                self.double(*x);
                self.double(*y);
                match z {
                    None => self.long(0),
                    Some(z) => {
                        self.long(1);
                        self.double(*z);
                    }
                }
            }
            Value::List(items) => {
                self.long(13);
                self.array(items, Self::value);
            }
        }
    }

    fn longs(&mut self, branch: i64, values: &[i64]) {
        self.long(branch);
        values.iter().for_each(|value| self.long(*value));
    }
}

/// Reads Avro's binary form; text and bytes borrow from it. Never panics, whatever the bytes are.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// How deep lists may nest before the bytes are taken for no record. Neo4j stores no nested lists at all.
const DEEPEST_LIST: u8 = 4;

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Undecodable> {
        let taken = self.at.checked_add(count).and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| self.wrong(&format!("{count} more bytes")))?;
        self.at += count;
        Ok(taken)
    }

    /// The next bytes as an array.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Undecodable> {
        let mut fixed = [0; N];
        fixed.copy_from_slice(self.take(N)?);
        Ok(fixed)
    }

    /// int and long.
    pub fn long(&mut self) -> Result<i64, Undecodable> {
        let mut value: u64 = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.fixed::<1>()?[0];
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()));
            }
        }
        Err(self.wrong("a number of at most ten bytes"))
    }

    /// A long that fits the type asked for.
    pub fn number<T: TryFrom<i64>>(&mut self) -> Result<T, Undecodable> {
        let value = self.long()?;
        T::try_from(value).map_err(|_| self.wrong(&format!("a number in range instead of {value}")))
    }

    /// boolean.
    pub fn boolean(&mut self) -> Result<bool, Undecodable> {
        match self.fixed::<1>()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(self.wrong("a boolean")),
        }
    }

    /// double.
    pub fn double(&mut self) -> Result<f64, Undecodable> {
        self.fixed().map(f64::from_le_bytes)
    }

    /// bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], Undecodable> {
        let length = self.number()?;
        self.take(length)
    }

    /// string.
    pub fn text(&mut self) -> Result<&'a str, Undecodable> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| self.wrong("text in UTF-8"))
    }

    /// An array, in as many blocks as its writer chose.
    pub fn array<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, Undecodable>,
    ) -> Result<Vec<T>, Undecodable> {
        let mut items = Vec::new();
        loop {
            let mut count = self.long()?;
            if count == 0 {
                return Ok(items);
            }
            if count < 0 {
                count = count.checked_neg().ok_or_else(|| self.wrong("a block's count"))?;
                self.long()?;
            }
            // An item takes at least a byte, so no count can ask for more memory than the message has.
            let count = usize::try_from(count).ok().filter(|count| *count <= self.bytes.len());
            let count = count.ok_or_else(|| self.wrong("a block's count"))?;
            items.reserve(count);
            for _ in 0..count {
                items.push(item(self)?);
            }
        }
    }

    /// An array of text.
    pub fn texts(&mut self) -> Result<Vec<Cow<'a, str>>, Undecodable> {
        self.array(|reader| reader.text().map(Cow::Borrowed))
    }

    /// An array of properties.
    pub fn properties(&mut self) -> Result<Vec<Property<'a>>, Undecodable> {
        self.array(|reader| Ok((Cow::Borrowed(reader.text()?), reader.value()?)))
    }

    /// A property value.
    pub fn value(&mut self) -> Result<Value<'a>, Undecodable> {
        self.value_within(DEEPEST_LIST)
    }

    fn value_within(&mut self, depth: u8) -> Result<Value<'a>, Undecodable> {
        Ok(match self.long()? {
            0 => Value::Null,
            1 => Value::Boolean(self.boolean()?),
            2 => Value::Integer(self.long()?),
            3 => Value::Float(self.double()?),
            4 => Value::String(Cow::Borrowed(self.text()?)),
            5 => Value::Bytes(Cow::Borrowed(self.bytes()?)),
            6 => Value::Date(self.long()?),
            7 => Value::LocalTime(self.long()?),
            8 => Value::Time { nanos: self.long()?, offset_seconds: self.number()? },
            9 => Value::LocalDateTime { seconds: self.long()?, nanos: self.number()? },
            10 => Value::DateTime { seconds: self.long()?, nanos: self.number()?, zone: self.zone()? },
            11 => Value::Duration {
                months: self.long()?,
                days: self.long()?,
                seconds: self.long()?,
                nanos: self.number()?,
            },
            12 => Value::Point {
                srid: self.number()?,
                x: self.double()?,
                y: self.double()?,
                z: self.optional_double()?,
            },
            13 if depth > 0 => Value::List(self.array(|reader| reader.value_within(depth - 1))?),
            branch => return Err(self.wrong(&format!("a property value instead of branch {branch}"))),
        })
    }

    fn zone(&mut self) -> Result<Zone<'a>, Undecodable> {
        match self.long()? {
            0 => Ok(Zone::Offset(self.number()?)),
            1 => Ok(Zone::Named(Cow::Borrowed(self.text()?))),
            branch => Err(self.wrong(&format!("a zone instead of branch {branch}"))),
        }
    }

    fn optional_double(&mut self) -> Result<Option<f64>, Undecodable> {
        match self.long()? {
            0 => Ok(None),
            1 => self.double().map(Some),
            branch => Err(self.wrong(&format!("null or a double instead of branch {branch}"))),
        }
    }

    /// All bytes were read: what follows a datum belongs to nobody.
    pub fn end(self) -> Result<(), Undecodable> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.wrong("the end")) }
    }

    /// What was expected where.
    pub fn wrong(&self, expected: &str) -> Undecodable {
        Undecodable { message: format!("expected {expected} at byte {} of {}", self.at, self.bytes.len()) }
    }
}
