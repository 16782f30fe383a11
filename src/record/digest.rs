//! Canonical bytes of values, and the 128-bit digests that contents are compared by.
//!
//! Two values have the same bytes exactly where Neo4j stores the same: types differ (1 is not 1.0), so do 0.0 and
//! -0.0, and a zoned datetime is its instant together with its zone as stored. Only NaN has many bit patterns and
//! one form here. No value's bytes begin another one's, so that a sequence of them has one reading.

use xxhash_rust::xxh3::xxh3_128;

use super::{Value, Zone};

/// Collects values, then gives their digest. Reused from record to record.
#[derive(Debug, Default)]
pub struct Canonical {
    bytes: Vec<u8>,
}

impl Canonical {
    /// Begins anew.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// XXH3-128 of what was collected.
    pub fn digest(&self) -> u128 {
        xxh3_128(&self.bytes)
    }

    /// Adds text that is no value: a key, a name.
    pub fn text(&mut self, text: &str) {
        self.length(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Adds a truth that is no value.
    pub fn flag(&mut self, truth: bool) {
        self.bytes.push(u8::from(truth));
    }

    /// Adds a number of things that follow.
    pub fn length(&mut self, length: usize) {
        self.bytes.extend_from_slice(&(length as u64).to_le_bytes());
    }

    /// Adds a value.
    pub fn value(&mut self, value: &Value<'_>) {
        match value {
            Value::Null => self.tag(0),
            Value::Boolean(truth) => {
                self.tag(1);
                self.flag(*truth);
            }
            Value::Integer(number) => self.numbers(2, &[*number]),
            Value::Float(number) => {
                self.tag(3);
                self.float(*number);
            }
            Value::String(text) => {
                self.tag(4);
                self.text(text);
            }
            Value::Bytes(bytes) => {
                self.tag(5);
                self.length(bytes.len());
                self.bytes.extend_from_slice(bytes);
            }
            Value::Date(days) => self.numbers(6, &[*days]),
            Value::LocalTime(nanos) => self.numbers(7, &[*nanos]),
            Value::Time { nanos, offset_seconds } => self.numbers(8, &[*nanos, (*offset_seconds).into()]),
            Value::LocalDateTime { seconds, nanos } => self.numbers(9, &[*seconds, (*nanos).into()]),
            Value::DateTime { seconds, nanos, zone: Zone::Offset(offset) } => {
                self.numbers(10, &[*seconds, (*nanos).into(), (*offset).into()]);
            }
            Value::DateTime { seconds, nanos, zone: Zone::Named(name) } => {
                self.numbers(11, &[*seconds, (*nanos).into()]);
                self.text(name);
            }
            Value::Duration { months, days, seconds, nanos } => {
                self.numbers(12, &[*months, *days, *seconds, (*nanos).into()]);
            }
            Value::Point { srid, x, y, z } => {
                self.numbers(13, &[(*srid).into()]);
                self.float(*x);
                self.float(*y);
                self.flag(z.is_some());
                z.iter().for_each(|z| self.float(*z));
            }
            Value::List(items) => {
                self.tag(14);
                self.length(items.len());
                items.iter().for_each(|item| self.value(item));
            }
        }
    }

    fn tag(&mut self, tag: u8) {
        self.bytes.push(tag);
    }

    fn numbers(&mut self, tag: u8, numbers: &[i64]) {
        self.tag(tag);
        numbers.iter().for_each(|number| self.bytes.extend_from_slice(&number.to_le_bytes()));
    }

    fn float(&mut self, number: f64) {
        let bits = if number.is_nan() { f64::NAN.to_bits() } else { number.to_bits() };
        self.bytes.extend_from_slice(&bits.to_le_bytes());
    }
}

/// Whether Neo4j stores the same for both.
pub fn stored_alike(one: &Value<'_>, other: &Value<'_>) -> bool {
    let bytes = |value| {
        let mut canonical = Canonical::default();
        canonical.value(value);
        canonical.bytes
    };
    bytes(one) == bytes(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of which no two are stored alike.
    fn different() -> Vec<Value<'static>> {
        let at = |zone| Value::DateTime { seconds: 1, nanos: 0, zone };
        let scalars = vec![
            Value::Boolean(false),
            Value::Boolean(true),
            Value::Integer(0),
            Value::Integer(1),
            Value::Float(0.0),
            Value::Float(-0.0),
            Value::Float(1.0),
            Value::Float(f64::from_bits(1.0f64.to_bits() + 1)),
            Value::Float(f64::NAN),
            Value::Float(f64::INFINITY),
            Value::text(""),
            Value::text("1"),
            Value::text("é"),
            Value::text("e\u{301}"),
            Value::Date(1),
            Value::LocalTime(1),
            Value::Time { nanos: 1, offset_seconds: 0 },
            Value::Time { nanos: 1, offset_seconds: 1 },
            Value::LocalDateTime { seconds: 1, nanos: 0 },
            at(Zone::Offset(0)),
            at(Zone::Offset(3600)),
            at(Zone::Named("UTC".into())),
            at(Zone::Named("Europe/Berlin".into())),
            Value::Duration { months: 1, days: 0, seconds: 0, nanos: 0 },
            Value::Duration { months: 0, days: 30, seconds: 0, nanos: 0 },
            Value::Duration { months: 0, days: 0, seconds: 2_592_000, nanos: 0 },
            Value::Point { srid: 7203, x: 1.0, y: 2.0, z: None },
            Value::Point { srid: 4326, x: 1.0, y: 2.0, z: None },
            Value::Point { srid: 9157, x: 1.0, y: 2.0, z: Some(0.0) },
        ];
        let lists = scalars.iter().map(|value| Value::List(vec![value.clone()]));
        let twice = scalars.iter().map(|value| Value::List(vec![value.clone(), value.clone()]));
        let rest = vec![
            Value::Null,
            Value::List(vec![]),
            Value::Bytes(vec![].into()),
            Value::Bytes(vec![49].into()),
        ];
        lists.chain(twice).chain(rest).chain(scalars.iter().cloned()).collect()
    }

    #[test]
    fn what_is_stored_otherwise_has_another_digest() {
        let values = different();
        for (at, one) in values.iter().enumerate() {
            for (other_at, other) in values.iter().enumerate() {
                assert_eq!(stored_alike(one, other), at == other_at, "{one:?} and {other:?}");
            }
        }
        let other_nan = Value::Float(f64::from_bits(f64::NAN.to_bits() ^ 1));
        assert!(stored_alike(&other_nan, &Value::Float(f64::NAN)));
    }

    #[test]
    fn where_one_text_ends_and_the_next_begins_counts() {
        let digest = |texts: &[&str]| {
            let mut canonical = Canonical::default();
            texts.iter().for_each(|text| canonical.text(text));
            canonical.digest()
        };
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["a", ""]), digest(&["a"]));
    }

    /// Digests are kept from one start to the next while a comparison is interrupted.
    #[test]
    fn digests_are_those_of_the_first_release() {
        let mut canonical = Canonical::default();
        canonical.text("key");
        different().iter().for_each(|value| canonical.value(value));
        assert_eq!(format!("{:032x}", canonical.digest()), "196228ef197c1edb4d77bcaad23869b0");
    }
}
