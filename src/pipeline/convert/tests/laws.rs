//! Laws that hold for all values.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::record::iso_8601;

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
