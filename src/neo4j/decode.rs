//! From neo4rs's values to [`Cell`]s, exactly and without a second copy of text.
//!
//! neo4rs keeps the parts of dates, times and durations to itself, and its conversions go through chrono, which
//! ends at the year 262142 and has no months in its durations. But it lets a value be deserialised from the
//! variants of its own `BoltType`, with all parts as they came over the wire. That is what is done here. The
//! version of neo4rs is pinned; the tests of this folder hold what is relied upon.

use std::any::type_name;
use std::borrow::Cow;
use std::fmt;

use neo4rs::BoltType;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

use super::Cell;
use super::parts::{Duration, Parts, Point, narrow, out_of_range, value};
use crate::record::Value;

/// The items of a row's one column.
pub(super) struct Cells<'a>(pub(super) Vec<Cell<'a>>);

impl<'de> Deserialize<'de> for Cells<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;

        impl<'de> Visitor<'de> for Items {
            type Value = Cells<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one column that is a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Cells<'de>, A::Error> {
                let mut cells = Vec::with_capacity(seq.size_hint().unwrap_or(0));
                while let Some(cell) = seq.next_element()? {
                    cells.push(cell);
                }
                Ok(Cells(cells))
            }
        }

        deserializer.deserialize_seq(Items)
    }
}

impl<'de> Deserialize<'de> for Cell<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // This name is the password to the variants.
        deserializer.deserialize_enum(type_name::<BoltType>(), &[], Variants)
    }
}

struct Variants;

impl<'de> Visitor<'de> for Variants {
    type Value = Cell<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of Neo4j")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Cell<'de>, A::Error> {
        let (kind, variant) = data.variant_seed(KindName)?;
        match kind {
            Kind::Plain => variant.tuple_variant(1, Plain),
            Kind::Point2D => variant.tuple_variant(3, Point),
            Kind::Point3D => variant.tuple_variant(4, Point),
            Kind::Duration => variant.tuple_variant(1, Duration),
            Kind::Date => Ok(value(Value::Date(variant.tuple_variant(1, Parts)?.days))),
            Kind::LocalTime => Ok(value(Value::LocalTime(variant.tuple_variant(1, Parts)?.nanos))),
            Kind::Time => {
                let parts = variant.tuple_variant(1, Parts)?;
                Ok(value(Value::Time { nanos: parts.nanos, offset_seconds: narrow(parts.offset)? }))
            }
            Kind::LocalDateTime => {
                let parts = variant.tuple_variant(1, Parts)?;
                Ok(value(Value::LocalDateTime { seconds: parts.seconds, nanos: narrow(parts.nanos)? }))
            }
            Kind::DateTime => {
                let parts = variant.tuple_variant(1, Parts)?;
                // The legacy encoding counts the seconds of the local clock.
                let seconds = parts.seconds.checked_sub(parts.offset).ok_or_else(out_of_range)?;
                let zone = crate::record::Zone::Offset(narrow(parts.offset)?);
                Ok(value(Value::DateTime { seconds, nanos: narrow(parts.nanos)?, zone }))
            }
            Kind::DateTimeZoneId => Ok(Cell::Reread),
            Kind::Element => Err(A::Error::custom("a node, relationship or path where a value is expected")),
        }
    }
}

/// The variants of `BoltType`, as far as they are read differently.
enum Kind {
    Plain,
    Point2D,
    Point3D,
    Duration,
    Date,
    Time,
    LocalTime,
    DateTime,
    LocalDateTime,
    DateTimeZoneId,
    Element,
}

struct KindName;

impl<'de> DeserializeSeed<'de> for KindName {
    type Value = Kind;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for KindName {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a variant of BoltType")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Kind, E> {
        Ok(match name {
            "string" | "integer" | "float" | "boolean" | "null" | "list" | "map" | "bytes" => Kind::Plain,
            "point2_d" => Kind::Point2D,
            "point3_d" => Kind::Point3D,
            "duration" => Kind::Duration,
            "date" => Kind::Date,
            "time" => Kind::Time,
            "local_time" => Kind::LocalTime,
            "date_time" => Kind::DateTime,
            "local_date_time" => Kind::LocalDateTime,
            "date_time_zone_id" => Kind::DateTimeZoneId,
            "node" | "relation" | "unbounded_relation" | "path" => Kind::Element,
            other => return Err(E::custom(format!("unknown variant {other}"))),
        })
    }
}

/// What serde's own data model can say.
struct Plain;

impl<'de> Visitor<'de> for Plain {
    type Value = Cell<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plain value")
    }

    fn visit_unit<E: Error>(self) -> Result<Cell<'de>, E> {
        Ok(Cell::NULL)
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Cell<'de>, E> {
        Ok(value(Value::Boolean(truth)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Cell<'de>, E> {
        Ok(value(Value::Integer(number)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Cell<'de>, E> {
        Ok(value(Value::Float(number)))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Cell<'de>, E> {
        Ok(value(Value::String(Cow::Borrowed(text))))
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Cell<'de>, E> {
        Ok(value(Value::Bytes(Cow::Borrowed(bytes))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Cell<'de>, A::Error> {
        let mut values = Vec::with_capacity(seq.size_hint().unwrap_or(0));
        while let Some(cell) = seq.next_element()? {
            match cell {
                Cell::Value(value) => values.push(value),
                other => return mixed_list(values, other, seq),
            }
        }
        Ok(value(Value::List(values)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell<'de>, A::Error> {
        let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(0));
        while let Some((name, cell)) = map.next_entry::<&'de str, Cell<'de>>()? {
            entries.push((Cow::Borrowed(name), cell));
        }
        // neo4rs holds maps as hash maps: their order is another one each time.
        entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Cell::Map(entries))
    }
}

/// The rest of a list once something came that is no value. One item to be read again makes it the whole list.
fn mixed_list<'de, A: SeqAccess<'de>>(
    values: Vec<Value<'de>>,
    first: Cell<'de>,
    mut seq: A,
) -> Result<Cell<'de>, A::Error> {
    let mut cells: Vec<Cell<'de>> = values.into_iter().map(Cell::Value).collect();
    cells.push(first);
    while let Some(cell) = seq.next_element()? {
        cells.push(cell);
    }
    if cells.iter().all(|cell| matches!(cell, Cell::Value(_) | Cell::Reread)) {
        return Ok(Cell::Reread);
    }
    Ok(Cell::List(cells))
}
