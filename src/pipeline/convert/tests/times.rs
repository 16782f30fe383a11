//! Dates and instants: what they are taken from, and what is no date.

use super::*;

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
            // The same beyond the tables of the zones, in summer and in winter.
            (in_zone(5_695_914_600, "Europe/Berlin"), Value::Date(65_925)),
            (in_zone(5_682_958_200, "Europe/Berlin"), Value::Date(65_775)),
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
