//! What points, durations and times are made of, as neo4rs hands it out.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::Cell;
use crate::record::Value;

pub(super) fn value(value: Value<'_>) -> Cell<'_> {
    Cell::Value(value)
}

pub(super) fn out_of_range<E: Error>() -> E {
    E::custom("a part of a time is out of range")
}

pub(super) fn narrow<T: TryFrom<i64>, E: Error>(part: i64) -> Result<T, E> {
    T::try_from(part).map_err(|_| out_of_range())
}

/// Reference system, x, y and perhaps z.
pub(super) struct Point;

impl<'de> Visitor<'de> for Point {
    type Value = Cell<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a point")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Cell<'de>, A::Error> {
        let missing = || A::Error::custom("a part of a point is missing");
        let srid = narrow(seq.next_element()?.ok_or_else(missing)?)?;
        let x = seq.next_element()?.ok_or_else(missing)?;
        let y = seq.next_element()?.ok_or_else(missing)?;
        Ok(value(Value::Point { srid, x, y, z: seq.next_element()? }))
    }
}

/// Months, days, seconds, nanoseconds.
pub(super) struct Duration;

impl<'de> Visitor<'de> for Duration {
    type Value = Cell<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Cell<'de>, A::Error> {
        let mut next =
            || seq.next_element::<i64>()?.ok_or_else(|| A::Error::custom("a part of a duration is missing"));
        let (months, days, seconds, nanos) = (next()?, next()?, next()?, next()?);
        Ok(value(Value::Duration { months, days, seconds, nanos: narrow(nanos)? }))
    }
}

/// The named parts of dates and times; each type has some of them.
pub(super) struct Parts;

#[derive(Default)]
pub(super) struct TimeParts {
    pub days: i64,
    pub seconds: i64,
    pub nanos: i64,
    pub offset: i64,
}

impl<'de> Visitor<'de> for Parts {
    type Value = TimeParts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the parts of a date or time")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TimeParts, A::Error> {
        let mut parts = TimeParts::default();
        while let Some(part) = map.next_key_seed(PartName)? {
            *part(&mut parts) = map.next_value()?;
        }
        Ok(parts)
    }
}

struct PartName;

impl<'de> DeserializeSeed<'de> for PartName {
    type Value = fn(&mut TimeParts) -> &mut i64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for PartName {
    type Value = fn(&mut TimeParts) -> &mut i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a part")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(match name {
            "days" => |parts| &mut parts.days,
            "seconds" => |parts| &mut parts.seconds,
            "nano_seconds" => |parts| &mut parts.nanos,
            "tz_offset_seconds" => |parts| &mut parts.offset,
            other => return Err(E::custom(format!("unknown part {other}"))),
        })
    }
}
