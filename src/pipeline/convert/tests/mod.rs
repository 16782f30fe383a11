//! What each conversion takes and what it refuses, in tables.

mod laws;
mod times;

use super::*;
use crate::record::Zone;

fn of(name: &str) -> Conversion {
    match name {
        "string" => Conversion::String,
        "int" => Conversion::Int,
        "duration" => Conversion::DurationSeconds,
        "float" => Conversion::Float,
        "bool" => Conversion::Bool,
        "date" => Conversion::Date,
        "instant" => Conversion::Instant,
        "enum" => Conversion::Enum {
            symbols: ["red".into(), "blue".into(), "other".into()].into(),
            lowercase: false,
            otherwise: None,
        },
        _ => panic!("no conversion {name}"),
    }
}

fn converted(name: &str, value: Value<'static>) -> Option<Value<'static>> {
    of(name).apply(value).ok().map(Value::into_owned)
}

fn takes<'a>(conversion: &str, cases: impl IntoIterator<Item = (Value<'a>, Value<'a>)>) {
    let conversion = of(conversion);
    for (value, expected) in cases {
        let shown = format!("{value:?} as {conversion}");
        let converted = conversion.apply(value.into_owned()).unwrap_or_else(|e| panic!("{shown}: {e:?}"));
        assert_eq!(format!("{converted:?}"), format!("{:?}", expected.into_owned()), "{shown}");
    }
}

fn refuses<'a>(conversion: &str, values: impl IntoIterator<Item = Value<'a>>) {
    let conversion = of(conversion);
    for value in values {
        let refused = conversion.apply(value.clone().into_owned());
        let (whole, _) = refused.expect_err(&format!("{value:?} as {conversion}"));
        assert_eq!(format!("{whole:?}"), format!("{value:?}"), "comes back whole");
    }
}

fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<Value<'a>> {
    texts.into_iter().map(Value::text).collect()
}

fn at(seconds: i64, nanos: u32) -> Value<'static> {
    Value::DateTime { seconds, nanos, zone: Zone::Offset(0) }
}

fn in_zone(seconds: i64, zone: &'static str) -> Value<'static> {
    Value::DateTime { seconds, nanos: 0, zone: Zone::Named(zone.into()) }
}

fn duration(months: i64, days: i64, seconds: i64, nanos: i32) -> Value<'static> {
    Value::Duration { months, days, seconds, nanos }
}

const POINT: Value<'static> = Value::Point { srid: 7203, x: 1.0, y: 2.0, z: None };

#[test]
fn string_is_a_string() {
    takes("string", texts(["", " ", "ü\r\n"]).into_iter().map(|text| (text.clone(), text)));
    refuses("string", [Value::Integer(1), Value::Float(1.0), Value::Boolean(true), Value::Date(0), POINT]);
    refuses("string", [Value::List(vec![Value::text("a")]), Value::Bytes(vec![1].into())]);
}

#[test]
fn int_is_a_whole_number() {
    let exact = 9_007_199_254_740_992i64;
    takes(
        "int",
        [
            (Value::Integer(i64::MIN), Value::Integer(i64::MIN)),
            (Value::Float(-0.0), Value::Integer(0)),
            (Value::Float(3.0), Value::Integer(3)),
            (Value::Float(9_007_199_254_740_992.0), Value::Integer(exact)),
            (Value::Float(-9_007_199_254_740_992.0), Value::Integer(-exact)),
            (Value::text("+007"), Value::Integer(7)),
            (Value::text("-0"), Value::Integer(0)),
            (Value::text("9223372036854775807"), Value::Integer(i64::MAX)),
            (Value::text("-9223372036854775808"), Value::Integer(i64::MIN)),
        ],
    );
    refuses("int", [0.5, 9_007_199_254_740_994.0, f64::NAN, f64::INFINITY].map(Value::Float));
    refuses("int", texts(["", "+", "-", " 1", "1 ", "1.0", "1e3", "0x1", "1_000", "--1", "१", "٣", "1:00"]));
    refuses("int", texts(["9223372036854775808", "-9223372036854775809"]));
    refuses("int", [Value::Boolean(true), Value::List(vec![Value::Integer(1)]), duration(0, 0, 1, 0)]);
}

#[test]
fn duration_is_seconds() {
    takes(
        "duration",
        [
            (Value::Integer(-5), Value::Integer(-5)),
            (Value::Float(90.0), Value::Integer(90)),
            (Value::text("90"), Value::Integer(90)),
            (Value::text("01:02:03"), Value::Integer(3723)),
            (Value::text("1:02:03"), Value::Integer(3723)),
            (Value::text("100:00:00"), Value::Integer(360_000)),
            (Value::text("0:00"), Value::Integer(0)),
            (Value::text("75:30"), Value::Integer(4530)),
            (duration(0, 1, 90, 0), Value::Integer(86_490)),
            (duration(0, 0, -90, 0), Value::Integer(-90)),
        ],
    );
    refuses("duration", texts(["", ":30", "1:2", "1:60", "1:2:03", "1:60:00", "1:00:60", "1:00:00:00"]));
    refuses("duration", texts(["-1:00", "+1:00", "1:00 ", "1:0a", "1h", "PT1H", "1:00.5", "1:+5", "१:00"]));
    refuses("duration", texts(["9223372036854775807:00", "1.5"]));
    refuses("duration", [duration(1, 0, 0, 0), duration(0, 0, 1, 1), duration(0, i64::MAX, 0, 0)]);
    refuses("duration", [Value::Float(0.5), Value::Boolean(true), Value::LocalTime(0)]);
}

#[test]
fn float_is_a_finite_number() {
    takes(
        "float",
        [
            (Value::Float(-0.0), Value::Float(-0.0)),
            (Value::Integer(3), Value::Float(3.0)),
            (Value::Integer(i64::MAX), Value::Float(9_223_372_036_854_775_807.0)),
            (Value::text("1"), Value::Float(1.0)),
            (Value::text("-0"), Value::Float(-0.0)),
            (Value::text("+.5"), Value::Float(0.5)),
            (Value::text("1.5E-3"), Value::Float(0.0015)),
            (Value::text("007.50e+2"), Value::Float(750.0)),
            (Value::text("1e-999"), Value::Float(0.0)),
        ],
    );
    refuses("float", [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(Value::Float));
    refuses(
        "float",
        texts(["", ".", "1.", "+", "e5", "1e", "1e+", ".e1", "1.5.2", " 1", "1 ", "1,5", "1_0"]),
    );
    refuses("float", texts(["inf", "NaN", "infinity", "0x1p3", "1e999", "-1e999", "१", "1f"]));
    refuses("float", [Value::Boolean(false), Value::Date(1), POINT]);
}

#[test]
fn bool_is_a_boolean_or_its_name() {
    let yes = Value::Boolean(true);
    takes("bool", texts(["true", "TRUE", "tRuE"]).into_iter().map(|text| (text, yes.clone())));
    takes("bool", [(Value::text("False"), Value::Boolean(false)), (yes.clone(), yes)]);
    refuses("bool", texts(["", "yes", "1", "t", " true", "true "]));
    refuses("bool", [Value::Integer(1), Value::Float(0.0)]);
}

#[test]
fn an_enum_is_one_of_its_symbols() {
    takes("enum", [(Value::text("red"), Value::text("red"))]);
    refuses("enum", texts(["Red", "", " red", "green"]));
    refuses("enum", [Value::Integer(0), Value::Boolean(true)]);
    let symbols: Box<[Box<str>]> = ["red".into(), "straße".into(), "other".into()].into();
    let lowered = Conversion::Enum { symbols: symbols.clone(), lowercase: true, otherwise: None };
    assert_eq!(lowered.apply(Value::text("RED")), Ok(Value::text("red")));
    assert_eq!(lowered.apply(Value::text("STRAßE")), Ok(Value::text("straße")));
    assert!(lowered.apply(Value::text("STRASSE")).is_err());
    let open = Conversion::Enum { symbols, lowercase: true, otherwise: Some("other".into()) };
    for text in ["green", "Other", "", "OTHER "] {
        assert_eq!(open.apply(Value::text(text)), Ok(Value::text("other")), "{text}");
    }
    assert!(open.apply(Value::Integer(1)).is_err());
}

#[test]
fn lower_casing_is_unicodes() {
    let symbols: Box<[Box<str>]> = ["ὀδυσσεύς".into(), "i\u{307}".into()].into();
    let lowered = Conversion::Enum { symbols, lowercase: true, otherwise: None };
    assert!(lowered.apply(Value::text("ὈΔΥΣΣΕΎΣ")).is_ok(), "a final sigma");
    assert!(lowered.apply(Value::text("İ")).is_ok(), "a dotted capital");
}

#[test]
fn a_list_converts_every_element_or_none() {
    let floats = Conversion::List(Box::new(Conversion::Float));
    let mixed = vec![Value::Float(0.5), Value::Integer(1), Value::text("2")];
    let converted = floats.apply(Value::List(mixed)).unwrap();
    assert_eq!(converted, Value::List(vec![Value::Float(0.5), Value::Float(1.0), Value::Float(2.0)]));
    assert_eq!(floats.apply(Value::List(vec![])), Ok(Value::List(vec![])));
    let bad = Value::List(vec![Value::Integer(1), Value::text("x")]);
    let (whole, mismatch) = floats.apply(bad.clone()).unwrap_err();
    assert_eq!(whole, bad, "the first element is still an integer");
    assert_eq!(mismatch.element, Some(1));
    for no_list in [Value::Float(1.0), Value::text("[1.0]"), Value::Bytes(vec![1].into()), POINT] {
        assert_eq!(floats.apply(no_list).unwrap_err().1.element, None);
    }
    let with_null = Value::List(vec![Value::Null]);
    assert!(floats.apply(with_null).is_err(), "Neo4j has no null in a list");
}
