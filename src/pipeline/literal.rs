//! Values written in a pipeline file: typed ones (defaults, expectations) and Neo4j's own (what a test gives).

use super::contract::Type;
use super::convert::{Conversion, date_time};
use super::diagnostics::Reporter;
use super::document::{Kind, Node};
use crate::record::calendar::DAY_SECONDS;
use crate::record::{Value, Zone};

/// A value of the contract's type, dates and instants in ISO 8601. Reports anything else.
pub(super) fn typed(node: &Node, of: &Type, reporter: &mut Reporter<'_>) -> Option<Value<'static>> {
    let value = if node.tag.is_none() { typed_value(node, of) } else { None };
    if value.is_none() {
        let advice = match of {
            Type::Date => "write a date such as 2024-02-29".to_owned(),
            Type::Instant => "write an instant such as 2024-02-29T12:00:00Z".to_owned(),
            Type::String => "write text, in quotes if it looks like a number".to_owned(),
            Type::List(item) => format!("write a list whose every element is {item}"),
            other => format!("write {other}"),
        };
        reporter.report(node.span, format!("this is no {of}"), advice);
    }
    value
}

fn typed_value(node: &Node, of: &Type) -> Option<Value<'static>> {
    match (of, &node.kind) {
        (Type::String, Kind::Text(text)) => Some(Value::text(text.clone())),
        (Type::Int, Kind::Integer(number)) => Some(Value::Integer(*number)),
        (Type::Float, Kind::Float(number)) if number.is_finite() => Some(Value::Float(*number)),
        #[expect(clippy::cast_precision_loss, reason = "whoever writes 1 for a float means 1.0")]
        (Type::Float, Kind::Integer(number)) => Some(Value::Float(*number as f64)),
        (Type::Bool, Kind::Bool(flag)) => Some(Value::Boolean(*flag)),
        (Type::Date | Type::Instant | Type::Enum(_), Kind::Text(text)) => {
            let conversion = Conversion::from(of);
            conversion.apply(Value::text(text.clone())).ok().map(Value::into_owned)
        }
        (Type::List(item), Kind::List(items)) => {
            items.iter().map(|node| typed_value(node, item)).collect::<Option<_>>().map(Value::List)
        }
        _ => None,
    }
}

const TAGS: &str = "`!date`, `!local_time`, `!zoned_time`, `!local_datetime`, `!zoned_datetime`, `!duration`, \
    `!point` or `!bytes`";

/// A value as Neo4j stores it: what YAML has by itself, the other types by a tag. Reports anything else.
pub(super) fn native(node: &Node, reporter: &mut Reporter<'_>) -> Option<Value<'static>> {
    let Some(tag) = &node.tag else {
        return match &node.kind {
            Kind::Null => Some(Value::Null),
            Kind::Bool(flag) => Some(Value::Boolean(*flag)),
            Kind::Integer(number) => Some(Value::Integer(*number)),
            Kind::Float(number) => Some(Value::Float(*number)),
            Kind::Text(text) => Some(Value::text(text.clone())),
            Kind::List(items) => {
                let items: Vec<_> = items.iter().map(|item| native(item, reporter)).collect();
                items.into_iter().collect::<Option<_>>().map(Value::List)
            }
            Kind::Map(_) => {
                let advice = format!("write a value; other types have a tag: {TAGS}");
                reporter.report(node.span, "Neo4j stores no maps in a property", advice);
                None
            }
        };
    };
    let (value, form) = match (tag.as_str(), &node.kind) {
        ("!bytes", _) => (bytes(node), "a list of bytes such as [0xca, 0xfe]"),
        ("!point", _) => (point(node), "{srid: 4326, x: 13.4, y: 52.5}, with z in three dimensions"),
        (_, Kind::Text(text)) => tagged(tag, text),
        _ => tagged(tag, ""),
    };
    if value.is_none() {
        reporter.report(node.span, format!("no value of `{tag}`"), format!("write {form}"));
    }
    value
}

fn tagged(tag: &str, text: &str) -> (Option<Value<'static>>, &'static str) {
    match tag {
        "!date" => (date(text), "a date such as 2024-02-29"),
        "!local_time" => (local_time(text), "a time such as 12:00:00.5"),
        "!zoned_time" => (zoned_time(text), "a time with its offset such as 12:00:00+01:00"),
        "!local_datetime" => (local_datetime(text), "a datetime such as 2024-02-29T12:00:00"),
        "!zoned_datetime" => (
            zoned_datetime(text),
            "2024-02-29T12:00:00+01:00, with [Europe/Berlin] behind it for a named zone",
        ),
        "!duration" => (duration(text), "a duration such as P1Y2M3DT4H5M6.7S"),
        _ => (None, TAGS),
    }
}

fn date(text: &str) -> Option<Value<'static>> {
    let written = date_time::parse(text).filter(|written| !written.has_time)?;
    Some(Value::Date(written.days))
}

fn local_datetime(text: &str) -> Option<Value<'static>> {
    let written = date_time::parse(text).filter(|written| written.has_time && written.offset.is_none())?;
    let seconds = written.days * DAY_SECONDS + written.seconds;
    Some(Value::LocalDateTime { seconds, nanos: written.nanos })
}

fn zoned_datetime(text: &str) -> Option<Value<'static>> {
    let (text, name) = match text.strip_suffix(']').and_then(|text| text.split_once('[')) {
        Some((text, name)) => (text, Some(name.to_owned())),
        None => (text, None),
    };
    let written = date_time::parse(text)?;
    let offset = written.offset?;
    let seconds = written.days * DAY_SECONDS + written.seconds - i64::from(offset);
    let zone = name.map_or(Zone::Offset(offset), |name| Zone::Named(name.into()));
    Some(Value::DateTime { seconds, nanos: written.nanos, zone })
}

/// A time is read as that of some day.
fn time(text: &str) -> Option<(i64, Option<i32>)> {
    let written = date_time::parse(&format!("1970-01-01T{text}"))?;
    Some((written.seconds * 1_000_000_000 + i64::from(written.nanos), written.offset))
}

fn local_time(text: &str) -> Option<Value<'static>> {
    time(text).filter(|(_, offset)| offset.is_none()).map(|(nanos, _)| Value::LocalTime(nanos))
}

fn zoned_time(text: &str) -> Option<Value<'static>> {
    let (nanos, offset) = time(text)?;
    Some(Value::Time { nanos, offset_seconds: offset? })
}

/// `P[nY][nM][nW][nD][T[nH][nM][n[.n]S]]`, every part with its own sign.
fn duration(text: &str) -> Option<Value<'static>> {
    let text = text.strip_prefix('P')?;
    let (calendar, clock) = text.split_once('T').unwrap_or((text, ""));
    let (mut months, mut days, mut nanos) = (0i64, 0i64, 0i128);
    for (amount, unit) in parts(calendar)? {
        let amount: i64 = amount.parse().ok()?;
        match unit {
            'Y' => months = months.checked_add(amount.checked_mul(12)?)?,
            'M' => months = months.checked_add(amount)?,
            'W' => days = days.checked_add(amount.checked_mul(7)?)?,
            'D' => days = days.checked_add(amount)?,
            _ => return None,
        }
    }
    for (amount, unit) in parts(clock)? {
        let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
        let sign = if whole.starts_with('-') { -1 } else { 1 };
        let fraction: i128 = format!("{fraction:0<9}").parse().ok()?;
        let second = match unit {
            'H' => 3600,
            'M' => 60,
            'S' => 1,
            _ => return None,
        };
        nanos += second * (i128::from(whole.parse::<i64>().ok()?) * 1_000_000_000 + sign * fraction);
    }
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).ok()?;
    Some(Value::Duration {
        months,
        days,
        seconds,
        nanos: i32::try_from(nanos.rem_euclid(1_000_000_000)).ok()?,
    })
}

/// Amounts, each with the letter behind it.
fn parts(text: &str) -> Option<Vec<(&str, char)>> {
    let pieces = text.split_inclusive(|symbol: char| symbol.is_ascii_alphabetic());
    pieces.map(|piece| Some((piece.get(..piece.len() - 1)?, piece.chars().last()?))).collect()
}

fn bytes(node: &Node) -> Option<Value<'static>> {
    let Kind::List(items) = &node.kind else { return None };
    let byte = |node: &Node| match node.kind {
        Kind::Integer(number) => u8::try_from(number).ok(),
        _ => None,
    };
    Some(Value::Bytes(items.iter().map(byte).collect::<Option<Vec<u8>>>()?.into()))
}

fn point(node: &Node) -> Option<Value<'static>> {
    let Kind::Map(entries) = &node.kind else { return None };
    let number = |name: &str| {
        let (_, node) = entries.iter().find(|(key, _)| key.name == name)?;
        match typed_value(node, &Type::Float)? {
            Value::Float(number) => Some(number),
            _ => None,
        }
    };
    let srid = number("srid").and_then(|srid| match srid {
        4326.0 => Some(4326),
        4979.0 => Some(4979),
        7203.0 => Some(7203),
        9157.0 => Some(9157),
        _ => None,
    })?;
    Some(Value::Point { srid, x: number("x")?, y: number("y")?, z: number("z") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::diagnostics::SourceFile;
    use crate::record::iso_8601;

    fn read(text: &str) -> (Option<Value<'static>>, usize) {
        let file = SourceFile::new("x.yaml", text);
        let mut problems = Vec::new();
        let mut reporter = Reporter::new(&file, &mut problems);
        let node = Node::read(&file, &mut reporter).expect("YAML");
        let value = native(&node, &mut reporter);
        (value, problems.len())
    }

    #[test]
    fn every_type_of_neo4j_can_be_written() {
        let cases = [
            ("~", Value::Null),
            ("true", Value::Boolean(true)),
            ("-7", Value::Integer(-7)),
            ("1.5", Value::Float(1.5)),
            ("\"7\"", Value::text("7")),
            ("2024-02-29", Value::text("2024-02-29")),
            ("[1, a]", Value::List(vec![Value::Integer(1), Value::text("a")])),
            ("!date 1970-01-02", Value::Date(1)),
            ("!local_time 00:00:01.5", Value::LocalTime(1_500_000_000)),
            ("!zoned_time 00:00-01:00", Value::Time { nanos: 0, offset_seconds: -3600 }),
            ("!local_datetime 1970-01-01T00:00:01", Value::LocalDateTime { seconds: 1, nanos: 0 }),
            (
                "!zoned_datetime 1970-01-01T01:00+01:00",
                Value::DateTime { seconds: 0, nanos: 0, zone: Zone::Offset(3600) },
            ),
            (
                "!zoned_datetime 1970-01-01T01:00+01:00[Europe/Berlin]",
                Value::DateTime { seconds: 0, nanos: 0, zone: Zone::Named("Europe/Berlin".into()) },
            ),
            ("!bytes [0xca, 254]", Value::Bytes(vec![0xca, 0xfe].into())),
            ("!bytes []", Value::Bytes(vec![].into())),
            (
                "!duration P1Y-2M1W3DT1H1M-1.5S",
                Value::Duration { months: 10, days: 10, seconds: 3658, nanos: 500_000_000 },
            ),
            ("!duration PT0S", Value::Duration { months: 0, days: 0, seconds: 0, nanos: 0 }),
            (
                "!point {srid: 9157, x: 1, y: 2.5, z: 3}",
                Value::Point { srid: 9157, x: 1.0, y: 2.5, z: Some(3.0) },
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), (Some(expected), 0), "{text}");
        }
        assert!(matches!(read(".nan").0, Some(Value::Float(number)) if number.is_nan()));
    }

    #[test]
    fn anything_else_is_reported() {
        for text in [
            "{a: 1}",
            "!date 2024-02-30",
            "!date 2024-02-29T10:00",
            "!zoned_datetime 2024-02-29T10:00",
            "!local_datetime 2024-02-29T10:00Z",
            "!local_time 10:00Z",
            "!zoned_time 10:00",
            "!duration 1H",
            "!duration P1X",
            "!bytes [256]",
            "!bytes cafe",
            "!point {x: 1, y: 2}",
            "!instant 2024-02-29",
            "[!date x]",
        ] {
            assert_eq!(read(text), (None, 1), "{text}");
        }
    }

    #[test]
    fn what_is_shown_can_be_written() {
        let value = read("!duration P14M-3DT-0.5S").0.unwrap();
        assert_eq!(iso_8601(&value).unwrap(), "P14M-3DT-0.5S");
    }
}
