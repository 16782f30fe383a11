//! From [`Value`]s to neo4rs's values, exactly.
//!
//! The way back of `decode`: neo4rs makes dates and times only from chrono's, which end at the year 262142
//! while Neo4j's go to 999,999,999. Deserialising its `BoltType` from named parts has no such limit.

use neo4rs::{
    BoltDuration, BoltFloat, BoltInteger, BoltList, BoltNull, BoltPoint2D, BoltPoint3D, BoltString, BoltType,
};
use serde::de::value::{Error as PartError, MapDeserializer, StrDeserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, VariantAccess, Visitor,
};

use super::Parameter;
use crate::record::{Value, Zone};

/// How a statement takes a value: most as they are, those with a zone's name through `datetime()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Encoding {
    /// The parameter itself.
    AsIs,
    /// A zoned datetime with a zone's name: its parameter is the map that `datetime()` takes.
    DateTime,
    /// A list of such.
    DateTimes,
}

impl Encoding {
    /// How `value` has to be taken.
    pub fn of(value: &Value<'_>) -> Self {
        match value {
            Value::DateTime { zone: Zone::Named(_), .. } => Encoding::DateTime,
            // One is enough: `datetime()` also takes a datetime as it is.
            Value::List(items) if items.iter().any(|item| Encoding::of(item) != Encoding::AsIs) => {
                Encoding::DateTimes
            }
            _ => Encoding::AsIs,
        }
    }

    /// The Cypher expression for the value whose parameter is `operand` (`$p`, `r[3]`).
    pub fn expression(self, operand: &str) -> String {
        match self {
            Encoding::AsIs => operand.to_owned(),
            Encoding::DateTime => format!("datetime({operand})"),
            Encoding::DateTimes => format!("[x IN {operand} | datetime(x)]"),
        }
    }
}

pub(super) fn parameter(value: Value<'_>) -> Parameter {
    Parameter(bolt(value))
}

fn bolt(value: Value<'_>) -> BoltType {
    match value {
        Value::Null => BoltType::Null(BoltNull),
        Value::Boolean(truth) => BoltType::from(truth),
        Value::Integer(number) => BoltType::from(number),
        Value::Float(number) => BoltType::from(number),
        Value::String(text) => BoltType::String(BoltString { value: text.into_owned() }),
        Value::Bytes(bytes) => BoltType::from(bytes.into_owned()),
        Value::Date(days) => temporal("date", [("days", days)]),
        Value::LocalTime(nanos) => temporal("local_time", [("nano_seconds", nanos)]),
        Value::Time { nanos, offset_seconds } => {
            temporal("time", [("nano_seconds", nanos), ("tz_offset_seconds", offset_seconds.into())])
        }
        Value::LocalDateTime { seconds, nanos } => {
            temporal("local_date_time", [("seconds", seconds), ("nano_seconds", nanos.into())])
        }
        Value::DateTime { seconds, nanos, zone: Zone::Offset(offset) } => {
            // The legacy encoding counts the seconds of the local clock. Neo4j's years keep this far from overflow.
            let local = seconds.saturating_add(offset.into());
            temporal(
                "date_time",
                [("seconds", local), ("nano_seconds", nanos.into()), ("tz_offset_seconds", offset.into())],
            )
        }
        Value::DateTime { seconds, nanos, zone: Zone::Named(name) } => {
            let parts = [
                ("epochSeconds", BoltType::from(seconds)),
                ("nanosecond", BoltType::from(i64::from(nanos))),
                ("timezone", BoltType::String(BoltString { value: name.into_owned() })),
            ];
            BoltType::Map(parts.into_iter().map(|(name, part)| (BoltString::from(name), part)).collect())
        }
        Value::Duration { months, days, seconds, nanos } => {
            BoltType::Duration(BoltDuration::new(months.into(), days.into(), seconds.into(), nanos.into()))
        }
        Value::Point { srid, x, y, z } => point(srid, x, y, z),
        Value::List(items) => BoltType::List(BoltList { value: items.into_iter().map(bolt).collect() }),
    }
}

fn point(srid: i32, x: f64, y: f64, z: Option<f64>) -> BoltType {
    let (sr_id, x, y) = (BoltInteger::new(srid.into()), BoltFloat::new(x), BoltFloat::new(y));
    match z {
        None => BoltType::Point2D(BoltPoint2D { sr_id, x, y }),
        Some(z) => BoltType::Point3D(BoltPoint3D { sr_id, x, y, z: BoltFloat::new(z) }),
    }
}

fn temporal<const N: usize>(kind: &'static str, parts: [(&'static str, i64); N]) -> BoltType {
    // The names are neo4rs's own, held by the tests: this can't fail. Null instead of a panic would show there too.
    BoltType::deserialize(Temporal { kind, parts }).unwrap_or(BoltType::Null(BoltNull))
}

/// One variant of `BoltType` with its named parts, as a source to deserialise it from.
struct Temporal<const N: usize> {
    kind: &'static str,
    parts: [(&'static str, i64); N],
}

impl<'de, const N: usize> Deserializer<'de> for Temporal<N> {
    type Error = PartError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, PartError> {
        visitor.visit_enum(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, const N: usize> EnumAccess<'de> for Temporal<N> {
    type Error = PartError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), PartError> {
        let kind: StrDeserializer<'_, PartError> = self.kind.into_deserializer();
        Ok((seed.deserialize(kind)?, self))
    }
}

impl<'de, const N: usize> VariantAccess<'de> for Temporal<N> {
    type Error = PartError;

    fn unit_variant(self) -> Result<(), PartError> {
        Err(PartError::custom("a time has parts"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, PartError> {
        Err(PartError::custom("a time has named parts"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, PartError> {
        visitor.visit_map(MapDeserializer::new(self.parts.into_iter()))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, PartError> {
        self.tuple_variant(0, visitor)
    }
}
