//! What each conversion takes and what it refuses, in tables, and the laws that hold for all values.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::record::{Zone, iso_8601};

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
fn a_date_is_the_date_as_written() {
    let leap_day = Value::Date(19_782);
    let written = [
        "2024-02-29",
        "2024-02-29T23:59",
        "2024-02-29 00:00:00",
        "2024-02-29T12:00:59.123456789Z",
        "2024-02-29T23:30:00-12:00",
        "2024-02-29 00:30+1400",
        "Thu, 29 Feb 2024 23:59:59 -0800",
        "29 Feb 2024 00:00 EST",
    ];
    takes("date", texts(written).into_iter().map(|text| (text, leap_day.clone())));
    takes(
        "date",
        [
            (Value::Date(-1), Value::Date(-1)),
            (Value::LocalDateTime { seconds: -1, nanos: 0 }, Value::Date(-1)),
            (Value::DateTime { seconds: 82_800, nanos: 0, zone: Zone::Offset(3600) }, Value::Date(1)),
            (Value::DateTime { seconds: 0, nanos: 0, zone: Zone::Offset(-1) }, Value::Date(-1)),
            // 22:30 UTC on 2024-03-30 is still that day in Berlin, in summer it would be the next.
            (in_zone(1_711_837_800, "Europe/Berlin"), Value::Date(19_812)),
            (in_zone(1_719_786_600, "Europe/Berlin"), Value::Date(19_905)),
            (Value::text("5 Mar 2024 10:00 GMT"), Value::Date(19_787)),
            (Value::text("0000-01-01"), Value::Date(-719_528)),
        ],
    );
    refuses("date", [in_zone(0, "Mars/Olympus"), in_zone(i64::MAX, "Europe/Berlin")]);
    refuses("date", [Value::Integer(0), Value::Float(0.0), Value::LocalTime(0), Value::Boolean(true)]);
    refuses(
        "date",
        [Value::Date(i64::from(i32::MAX) + 1), Value::LocalDateTime { seconds: i64::MAX, nanos: 0 }],
    );
}

#[test]
fn only_the_two_standards_are_dates() {
    let almost_iso_8601 = [
        "",
        " ",
        "2024",
        "2024-02",
        "2024-2-29",
        "24-02-29",
        "2024-02-30",
        "2023-02-29",
        "2024-13-01",
        "2024-00-10",
        "2024-01-00",
        "20240229",
        "2024-060",
        "2024-W09-4",
        "2024/02/29",
        "+2024-02-29",
        "-2024-02-29",
        "02024-02-29",
        " 2024-02-29",
        "2024-02-29 ",
        "2024-02-29T",
        "2024-02-29Z",
        "2024-02-29T10",
        "2024-02-29T1000",
        "2024-02-29t10:00",
        "2024-02-29  10:00",
        "2024-02-29T10:00z",
        "2024-02-29T24:00",
        "2024-02-29T10:60",
        "2024-02-29T10:00:60",
        "2024-02-29T10:00:00.",
        "2024-02-29T10:00:00,5",
        "2024-02-29T10:00.5",
        "2024-02-29T10:00:00.1234567890",
        "2024-02-29T1:00",
        "2024-02-29T10:00 Z",
        "2024-02-29T10:00+1",
        "2024-02-29T10:00+01",
        "2024-02-29T10:00+01:0",
        "2024-02-29T10:00+24:00",
        "2024-02-29T10:00+01:60",
        "2024-02-29T10:00Z+01:00",
        "2024-02-29T10:00+01:00[Europe/Berlin]",
        "2024-02-29T10:00 GMT",
        "٢٠٢٤-02-29",
        "2024-02-29\n",
    ];
    let almost_rfc_2822 = [
        "Wed, 29 Feb 2024 10:00 GMT",
        "Thu 29 Feb 2024 10:00 GMT",
        "Thu,29 Feb 2024 10:00 GMT",
        "thu, 29 Feb 2024 10:00 GMT",
        "Thursday, 29 Feb 2024 10:00 GMT",
        "29 feb 2024 10:00 GMT",
        "29 February 2024 10:00 GMT",
        "30 Feb 2024 10:00 GMT",
        "29 Feb 24 10:00 GMT",
        "029 Feb 2024 10:00 GMT",
        "29  Feb 2024 10:00 GMT",
        "29 Feb 2024",
        "29 Feb 2024 10:00",
        "29 Feb 2024 10:00 ",
        "29 Feb 2024 10 GMT",
        "29 Feb 2024 24:00 GMT",
        "29 Feb 2024 10:00:60 GMT",
        "29 Feb 2024 10:00:00.5 GMT",
        "29 Feb 2024 1:00 GMT",
        "29 Feb 2024 10:00 CET",
        "29 Feb 2024 10:00 gmt",
        "29 Feb 2024 10:00 UTC",
        "29 Feb 2024 10:00 A",
        "29 Feb 2024 10:00 +01:00",
        "29 Feb 2024 10:00 +100",
        "29 Feb 2024 10:00 +2400",
        "29 Feb 2024 10:00GMT",
        "29 Feb 2024 10:00 GMT ",
        "29 Feb 2024 10:00 GMT (London)",
        "0 Feb 2024 10:00 GMT",
        "Mon, ",
        "ürz",
    ];
    for name in ["date", "instant"] {
        refuses(name, texts(almost_iso_8601));
        refuses(name, texts(almost_rfc_2822));
    }
}

#[test]
fn an_instant_is_a_point_in_time_in_utc() {
    let noon = 1_709_208_000; // 2024-02-29T12:00:00Z
    let written = [
        "2024-02-29T12:00",
        "2024-02-29 12:00:00Z",
        "2024-02-29T12:00:00.0000009",
        "2024-02-29T13:30:00+01:30",
        "2024-02-29T13:30:00+0130",
        "2024-02-29 00:00-12:00",
        "Thu, 29 Feb 2024 12:00 GMT",
        "Thu, 29 Feb 2024 12:00:00 UT",
        "29 Feb 2024 12:00 Z",
        "29 Feb 2024 07:00 EST",
        "29 Feb 2024 08:00:00 EDT",
        "29 Feb 2024 06:00 CST",
        "29 Feb 2024 07:00 CDT",
        "29 Feb 2024 05:00 MST",
        "29 Feb 2024 06:00 MDT",
        "29 Feb 2024 04:00 PST",
        "29 Feb 2024 05:00 PDT",
        "1 Mar 2024 02:00 +1400",
        "29 Feb 2024 12:00 -0000",
    ];
    takes("instant", texts(written).into_iter().map(|text| (text, at(noon, 0))));
    takes(
        "instant",
        [
            (Value::text("2024-02-29"), at(noon - 43_200, 0)),
            (Value::text("1969-12-31T23:59:59.9999999"), at(-1, 999_999_000)),
            (Value::LocalDateTime { seconds: -1, nanos: 999_999_999 }, at(-1, 999_999_000)),
            (Value::DateTime { seconds: 5, nanos: 1_999, zone: Zone::Offset(-3600) }, at(5, 1_000)),
            (in_zone(5, "Mars/Olympus"), at(5, 0)),
            (Value::Integer(0), at(0, 0)),
            (Value::Integer(-1), at(-1, 0)),
            (Value::Integer(99_999_999_999), at(99_999_999_999, 0)),
            (Value::Integer(100_000_000_000), at(100_000_000, 0)),
            (Value::Integer(-100_000_000_001), at(-100_000_001, 999_000_000)),
            (Value::Integer(253_402_300_799_999), at(253_402_300_799, 999_000_000)),
            (Value::Integer(-62_135_596_800_000), at(-62_135_596_800, 0)),
            (Value::text("0001-01-01"), at(-62_135_596_800, 0)),
            (Value::text("9999-12-31T23:59:59.999999999Z"), at(253_402_300_799, 999_999_000)),
            (Value::text("10 Jan 0001 00:00 GMT"), at(-62_134_819_200, 0)),
        ],
    );
    refuses(
        "instant",
        texts(["0000-12-31", "0001-01-01T00:00+00:01", "9999-12-31T23:59-00:01", "1709208000"]),
    );
    refuses("instant", [253_402_300_800_000, -62_135_596_800_001, -62_135_596_801].map(Value::Integer));
    refuses("instant", [i64::MIN, i64::MAX].map(Value::Integer));
    refuses("instant", [at(-62_135_596_801, 0), Value::LocalDateTime { seconds: 253_402_300_800, nanos: 0 }]);
    refuses("instant", [Value::Float(0.0), Value::Date(0), Value::LocalTime(0), Value::Boolean(true)]);
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

fn anything() -> impl Strategy<Value = Value<'static>> {
    let near = prop_oneof![any::<i64>(), -300_000_000_000_000i64..300_000_000_000_000, -100i64..100];
    let scalar = prop_oneof![
        any::<bool>().prop_map(Value::Boolean),
        near.clone().prop_map(Value::Integer),
        any::<f64>().prop_map(Value::Float),
        (-1e6f64..1e6).prop_map(|number| Value::Float(number.round())),
        "\\PC{0,12}|[+-]?[0-9]{1,19}|[0-9]{0,3}:[0-5][0-9](:[0-5][0-9])?|[Tt]rue".prop_map(Value::text),
        "[0-9]{4}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,9})?)?(Z|[+-][01][0-9]:?[0-5][0-9])?)?"
            .prop_map(Value::text),
        near.clone().prop_map(Value::Date),
        (near.clone(), 0u32..1_000_000_000)
            .prop_map(|(seconds, nanos)| Value::LocalDateTime { seconds, nanos }),
        (near.clone(), 0u32..1_000_000_000, -64_800i32..64_800).prop_map(|(seconds, nanos, offset)| {
            Value::DateTime { seconds, nanos, zone: Zone::Offset(offset) }
        }),
        near.prop_map(|seconds| in_zone(seconds, "America/New_York")),
        (0i64..2, any::<i64>(), any::<i64>(), 0i32..2)
            .prop_map(|(months, days, seconds, nanos)| duration(months, days, seconds, nanos)),
    ];
    prop_oneof![3 => scalar.clone(), 1 => vec(scalar, 0..4).prop_map(Value::List)]
}

proptest! {
    #[test]
    fn what_was_converted_stays_what_it_is(value in anything()) {
        for name in ["string", "int", "duration", "float", "bool", "date", "instant", "enum"] {
            for conversion in [of(name), Conversion::List(Box::new(of(name)))] {
                match conversion.apply(value.clone()) {
                    Ok(once) => prop_assert_eq!(conversion.apply(once.clone()).unwrap(), once),
                    Err((whole, _)) => prop_assert_eq!(format!("{whole:?}"), format!("{value:?}")),
                }
            }
        }
    }

    #[test]
    fn integers_come_back_from_their_digits(number in any::<i64>()) {
        let text = number.to_string();
        prop_assert_eq!(converted("int", Value::text(text)), Some(Value::Integer(number)));
    }

    #[test]
    fn finite_floats_come_back_from_their_digits(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
        for text in [format!("{number}"), format!("{number:e}")] {
            let Some(Value::Float(back)) = converted("float", Value::text(text)) else { panic!("{number}") };
            prop_assert_eq!(back.to_bits(), number.to_bits());
        }
    }

    #[test]
    fn dates_and_instants_come_back_from_iso_8601(
        seconds in -62_135_596_800i64..=253_402_300_799, micros in 0u32..1_000_000, minutes in -839i32..=839,
    ) {
        let value = Value::DateTime { seconds, nanos: micros * 1000, zone: Zone::Offset(minutes * 60) };
        let local = seconds + i64::from(minutes) * 60;
        prop_assume!((-62_135_596_800..=253_402_300_799).contains(&local));
        let text = iso_8601(&value).unwrap();
        prop_assert_eq!(converted("instant", Value::text(text.clone())), Some(at(seconds, micros * 1000)));
        let date = Some(Value::Date(local.div_euclid(86_400)));
        prop_assert_eq!(&converted("date", Value::text(text)), &date);
        prop_assert_eq!(converted("date", value), date);
    }

    #[test]
    fn clock_durations_add_up(hours in 0i64..1_000_000, minutes in 0i64..60, seconds in 0i64..60) {
        let long = Value::text(format!("{hours}:{minutes:02}:{seconds:02}"));
        let short = Value::text(format!("{}:{seconds:02}", hours * 60 + minutes));
        let expected = Some(Value::Integer(hours * 3600 + minutes * 60 + seconds));
        prop_assert_eq!(&converted("duration", long), &expected);
        prop_assert_eq!(&converted("duration", short), &expected);
    }
}
