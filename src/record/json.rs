//! Property values as people read them: JSON, with ISO 8601 for times, shortened where they are long.

use serde_json::{Value as Json, json};

use super::calendar::{CivilDate, DAY_SECONDS};
use super::{Value, Zone};

/// Text longer than this many code points is cut by [`value_to_short_json`].
pub const SHORT_TEXT: usize = 200;
/// Lists longer than this many elements are cut by [`value_to_short_json`].
pub const SHORT_LIST: usize = 16;

/// A value as JSON, whole. What JSON has no form for becomes text: times in ISO 8601, bytes in hexadecimal,
/// floats that are not finite by name.
pub fn value_to_json(value: &Value<'_>) -> Json {
    to_json(value, None)
}

/// A value as JSON, long text and long lists cut with a remark on what is missing.
pub fn value_to_short_json(value: &Value<'_>) -> Json {
    to_json(value, Some((SHORT_TEXT, SHORT_LIST)))
}

/// The first code points of a text, with a remark if that is not all.
pub fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => {
            let head = text.get(..end).unwrap_or_default();
            format!("{head}… ({} characters)", text.chars().count())
        }
        None => text.to_owned(),
    }
}

fn to_json(value: &Value<'_>, limits: Option<(usize, usize)>) -> Json {
    let (text_limit, list_limit) = limits.unwrap_or((usize::MAX, usize::MAX));
    match value {
        Value::Null => Json::Null,
        Value::Boolean(v) => Json::Bool(*v),
        Value::Integer(v) => json!(v),
        Value::Float(v) => float(*v),
        Value::String(text) if limits.is_none() => Json::String(text.as_ref().to_owned()),
        Value::String(text) => Json::String(shorten(text, text_limit)),
        Value::Bytes(bytes) => Json::String(hexadecimal(bytes, text_limit / 2)),
        Value::Point { srid, x, y, z } => point(*srid, *x, *y, *z),
        Value::List(items) => {
            let mut list: Vec<Json> =
                items.iter().take(list_limit).map(|item| to_json(item, limits)).collect();
            if items.len() > list.len() {
                list.push(Json::String(format!("… ({} elements)", items.len())));
            }
            Json::Array(list)
        }
        Value::Date(_)
        | Value::LocalTime(_)
        | Value::Time { .. }
        | Value::LocalDateTime { .. }
        | Value::DateTime { .. }
        | Value::Duration { .. } => Json::String(iso_8601(value).unwrap_or_default()),
    }
}

fn float(number: f64) -> Json {
    match serde_json::Number::from_f64(number) {
        Some(number) => Json::Number(number),
        None if number.is_nan() => json!("NaN"),
        None if number > 0.0 => json!("Infinity"),
        None => json!("-Infinity"),
    }
}

fn point(srid: i32, x: f64, y: f64, z: Option<f64>) -> Json {
    let mut point = json!({ "srid": srid, "x": float(x), "y": float(y) });
    if let (Some(z), Some(fields)) = (z, point.as_object_mut()) {
        fields.insert("z".to_owned(), float(z));
    }
    point
}

fn hexadecimal(bytes: &[u8], limit: usize) -> String {
    let digits: String = bytes.iter().take(limit).map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > limit { format!("0x{digits}… ({} bytes)", bytes.len()) } else { format!("0x{digits}") }
}

/// The ISO 8601 text of a date, a time or a duration; nothing for other values.
///
/// An instant in a named zone is written in UTC with the name behind it, which needs no table of zones and
/// leaves no hour ambiguous.
pub fn iso_8601(value: &Value<'_>) -> Option<String> {
    Some(match value {
        Value::Date(days) => date(*days),
        Value::LocalTime(nanos) => time_of_day(*nanos),
        Value::Time { nanos, offset_seconds } => {
            format!("{}{}", time_of_day(*nanos), offset(*offset_seconds))
        }
        Value::LocalDateTime { seconds, nanos } => date_time(*seconds, *nanos),
        Value::DateTime { seconds, nanos, zone: Zone::Offset(zone) } => {
            format!("{}{}", date_time(seconds.saturating_add((*zone).into()), *nanos), offset(*zone))
        }
        Value::DateTime { seconds, nanos, zone: Zone::Named(zone) } => {
            format!("{}Z[{zone}]", date_time(*seconds, *nanos))
        }
        Value::Duration { months, days, seconds, nanos } => duration(*months, *days, *seconds, *nanos),
        _ => return None,
    })
}

fn date(days: i64) -> String {
    let CivilDate { year, month, day } = CivilDate::from_days(days);
    let sign = match year {
        0..=9999 => "",
        ..0 => "-",
        _ => "+",
    };
    format!("{sign}{:04}-{month:02}-{day:02}", year.unsigned_abs())
}

fn date_time(seconds: i64, nanos: u32) -> String {
    let of_day = seconds.rem_euclid(DAY_SECONDS);
    let nanos = of_day.saturating_mul(1_000_000_000).saturating_add(nanos.into());
    format!("{}T{}", date(seconds.div_euclid(DAY_SECONDS)), time_of_day(nanos))
}

fn time_of_day(nanos: i64) -> String {
    let seconds = nanos.div_euclid(1_000_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hour:02}:{minute:02}:{second:02}{}", fraction(nanos.rem_euclid(1_000_000_000)))
}

fn fraction(nanos: i64) -> String {
    match nanos {
        0 => String::new(),
        _ => format!(".{nanos:09}").trim_end_matches('0').to_owned(),
    }
}

fn offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let total = seconds.unsigned_abs();
    match (total, total % 60) {
        (0, _) => "Z".to_owned(),
        (_, 0) => format!("{sign}{:02}:{:02}", total / 3600, total / 60 % 60),
        (_, rest) => format!("{sign}{:02}:{:02}:{rest:02}", total / 3600, total / 60 % 60),
    }
}

/// The four parts of a duration are independent, so each is written as it is.
fn duration(months: i64, days: i64, seconds: i64, nanos: i32) -> String {
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let sign = if total < 0 { "-" } else { "" };
    let magnitude = total.unsigned_abs();
    let fraction = fraction(i64::try_from(magnitude % 1_000_000_000).unwrap_or(0));
    let mut text = String::from("P");
    for (amount, unit) in [(months, 'M'), (days, 'D')] {
        if amount != 0 {
            text.push_str(&format!("{amount}{unit}"));
        }
    }
    if total != 0 || text.len() == 1 {
        text.push_str(&format!("T{sign}{}{fraction}S", magnitude / 1_000_000_000));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        /// A dead letter's value is written once and read by whoever lists it.
        #[test]
        fn a_float_reads_back_as_itself(bits: u64) {
            let number = f64::from_bits(bits);
            if number.is_finite() {
                let text = value_to_json(&Value::Float(number)).to_string();
                let back: Json = serde_json::from_str(&text).unwrap();
                proptest::prop_assert_eq!(back.as_f64().map(f64::to_bits), Some(bits), "{}", text);
            }
        }
    }

    #[test]
    fn every_type_reads_well() {
        let zoned = |zone| Value::DateTime { seconds: 1_706_698_800, nanos: 120_000_000, zone };
        let cases = [
            (Value::Null, json!(null)),
            (Value::Boolean(true), json!(true)),
            (Value::Integer(i64::MIN), json!(i64::MIN)),
            (Value::Float(0.5), json!(0.5)),
            (Value::Float(f64::NAN), json!("NaN")),
            (Value::Float(f64::NEG_INFINITY), json!("-Infinity")),
            (Value::text("ü"), json!("ü")),
            (Value::Bytes(vec![0xca, 0xfe].into()), json!("0xcafe")),
            (Value::Date(0), json!("1970-01-01")),
            (Value::Date(-719_529), json!("-0001-12-31")),
            (Value::Date(3_652_059), json!("+11968-12-31")),
            (Value::LocalTime(3_661_000_000_001), json!("01:01:01.000000001")),
            (Value::Time { nanos: 0, offset_seconds: -5430 }, json!("00:00:00-01:30:30")),
            (Value::LocalDateTime { seconds: -1, nanos: 500_000_000 }, json!("1969-12-31T23:59:59.5")),
            (zoned(Zone::Offset(0)), json!("2024-01-31T11:00:00.12Z")),
            (zoned(Zone::Offset(3600)), json!("2024-01-31T12:00:00.12+01:00")),
            (zoned(Zone::Named("Europe/Berlin".into())), json!("2024-01-31T11:00:00.12Z[Europe/Berlin]")),
            (Value::Duration { months: 0, days: 0, seconds: 0, nanos: 0 }, json!("PT0S")),
            (
                Value::Duration { months: 14, days: -3, seconds: -1, nanos: 500_000_000 },
                json!("P14M-3DT-0.5S"),
            ),
            (
                Value::Point { srid: 9157, x: 1.0, y: 2.0, z: Some(f64::INFINITY) },
                json!({"srid": 9157, "x": 1.0, "y": 2.0, "z": "Infinity"}),
            ),
            (Value::List(vec![Value::Integer(1), Value::text("b")]), json!([1, "b"])),
        ];
        for (value, expected) in cases {
            assert_eq!(value_to_json(&value), expected, "{value:?}");
        }
    }

    proptest::proptest! {
        /// Not even one that no Neo4j would store.
        #[test]
        fn no_value_is_too_odd_to_show(a: i64, b: i64, c: i64, d: i32, e: u32) {
            let zone = || Zone::Offset(d);
            for value in [
                Value::Date(a),
                Value::LocalTime(a),
                Value::Time { nanos: a, offset_seconds: d },
                Value::LocalDateTime { seconds: a, nanos: e },
                Value::DateTime { seconds: a, nanos: e, zone: zone() },
                Value::Duration { months: a, days: b, seconds: c, nanos: d },
            ] {
                proptest::prop_assert!(value_to_json(&value).is_string());
            }
        }
    }

    #[test]
    fn long_values_say_what_is_missing() {
        assert_eq!(shorten("ääää", 4), "ääää");
        assert_eq!(shorten("äääää", 4), "ääää… (5 characters)");
        let list = Value::List(vec![Value::Integer(0); SHORT_LIST + 1]);
        let short = value_to_short_json(&list);
        assert_eq!(short.as_array().unwrap().len(), SHORT_LIST + 1);
        assert_eq!(short[SHORT_LIST], "… (17 elements)");
        assert_eq!(value_to_json(&list).as_array().unwrap().len(), SHORT_LIST + 1);
        let bytes = Value::Bytes(vec![1; 101].into());
        assert!(value_to_short_json(&bytes).as_str().unwrap().ends_with("01… (101 bytes)"));
    }
}
