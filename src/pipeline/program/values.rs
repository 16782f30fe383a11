//! Values in and out of a program.

use chrono::DateTime;
use vrl::prelude::NotNan;
use vrl::value::{ObjectMap, Value as Vrl};

use crate::record::{Value, Zone, iso_8601};

/// A property of the contract: instants are timestamps, dates text such as `2024-02-29`.
pub(super) fn field(value: Option<&Value<'_>>) -> Vrl {
    match value {
        Some(Value::DateTime { seconds, nanos, .. }) => {
            DateTime::from_timestamp(*seconds, *nanos).map_or(Vrl::Null, Vrl::Timestamp)
        }
        Some(Value::List(items)) => Vrl::Array(items.iter().map(|item| field(Some(item))).collect()),
        Some(other) => raw(other),
        None => Vrl::Null,
    }
}

/// A property of the source: what VRL has no form for is what dead letters show, such as times in ISO 8601.
pub(super) fn raw(value: &Value<'_>) -> Vrl {
    match value {
        Value::Null => Vrl::Null,
        Value::Boolean(flag) => Vrl::Boolean(*flag),
        Value::Integer(number) => Vrl::Integer(*number),
        Value::Float(number) => float(*number),
        Value::String(text) => Vrl::from(text.as_ref()),
        Value::Bytes(bytes) => Vrl::from(bytes.as_ref()),
        Value::List(items) => Vrl::Array(items.iter().map(raw).collect()),
        Value::Point { srid, x, y, z } => {
            let number = |name: &str, number| (name.into(), float(number));
            let mut point = ObjectMap::from([number("x", *x), number("y", *y)]);
            point.insert("srid".into(), Vrl::Integer((*srid).into()));
            point.extend(z.map(|z| number("z", z)));
            Vrl::Object(point)
        }
        Value::Date(_)
        | Value::LocalTime(_)
        | Value::Time { .. }
        | Value::LocalDateTime { .. }
        | Value::DateTime { .. }
        | Value::Duration { .. } => iso_8601(value).map_or(Vrl::Null, Vrl::from),
    }
}

/// VRL has no float that is not a number: its name stands for it.
fn float(number: f64) -> Vrl {
    NotNan::new(number).map_or_else(|_| Vrl::from("NaN"), Vrl::Float)
}

/// A value that was assigned; its text and what is wrong with it where no property can hold it.
pub(super) fn assigned(value: Vrl) -> Result<Value<'static>, (String, &'static str)> {
    Ok(match value {
        Vrl::Null => Value::Null,
        Vrl::Boolean(flag) => Value::Boolean(flag),
        Vrl::Integer(number) => Value::Integer(number),
        Vrl::Float(number) => Value::Float(number.into_inner()),
        Vrl::Bytes(bytes) => match String::from_utf8(bytes.to_vec()) {
            Ok(text) => Value::text(text),
            Err(error) => return Err((String::from_utf8_lossy(error.as_bytes()).into(), "it is no UTF-8")),
        },
        Vrl::Timestamp(at) => Value::DateTime {
            seconds: at.timestamp(),
            nanos: at.timestamp_subsec_nanos(),
            zone: Zone::Offset(0),
        },
        Vrl::Array(items) => Value::List(items.into_iter().map(assigned).collect::<Result<_, _>>()?),
        other @ (Vrl::Object(_) | Vrl::Regex(_)) => {
            return Err((other.to_string(), "no property can hold it"));
        }
    })
}
