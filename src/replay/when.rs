//! Points in time as people type them. Pure.

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, SecondsFormat, Utc};

/// Reads a date-time: RFC 3339, seconds and milliseconds optional, a space in place of the `T`; without a zone it is
/// UTC, and a date alone is its midnight.
///
/// Errors: what is expected, in words.
pub fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    let text = text.trim();
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Ok(date.and_hms_opt(0, 0, 0).unwrap_or_default().and_utc());
    }
    for format in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"] {
        if let Ok(at) = NaiveDateTime::parse_from_str(text, format) {
            return Ok(at.and_utc());
        }
        // `%z` takes an offset with or without a colon, but no `Z`.
        let zoned = text.strip_suffix(['Z', 'z']).map(|text| format!("{text}+0000"));
        let zoned = DateTime::parse_from_str(zoned.as_deref().unwrap_or(text), &format!("{format}%z"));
        if let Ok(at) = zoned {
            return Ok(at.to_utc());
        }
    }
    Err("expected a date-time such as 2026-01-31T12:00:00.000Z, 2026-01-31 12:00:00+01:00 or, in UTC, \
         2026-01-31 12:00:00"
        .to_owned())
}

/// An instant as it is told: to the millisecond, in UTC.
pub fn told(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Reads a duration: ISO 8601 of days, hours, minutes and seconds (`P7D`, `PT1H30M`), also without the letters P and T
/// (`7d`, `1h30m`).
///
/// Errors: what is expected, in words.
pub fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected a duration such as P7D, PT1H30M, 90s or 1d12h".to_owned();
    let letters = text.trim().to_ascii_uppercase();
    let (strict, letters) = match letters.strip_prefix('P') {
        Some(rest) => (true, rest),
        None => (false, letters.as_str()),
    };
    let (days, times) = match letters.split_once('T') {
        Some((days, times)) if !times.is_empty() => (days, Some(times)),
        Some(_) => return Err(expected()),
        None => (letters, None),
    };
    let mut total = Duration::zero();
    let mut units = parts(days).ok_or_else(expected)?;
    if strict && units.iter().any(|(_, unit)| !"DW".contains(*unit)) {
        // M is a month before the T, and a month has no length.
        return Err(expected());
    }
    if let Some(times) = times {
        let times = parts(times).ok_or_else(expected)?;
        if times.iter().any(|(_, unit)| !"HMS".contains(*unit)) {
            return Err(expected());
        }
        units.extend(times);
    }
    if units.is_empty() {
        return Err(expected());
    }
    for (number, unit) in units {
        let seconds = match unit {
            'W' => 604_800,
            'D' => 86_400,
            'H' => 3_600,
            'M' => 60,
            'S' => 1,
            _ => return Err(expected()),
        };
        let part = number.checked_mul(seconds).and_then(Duration::try_seconds).ok_or_else(expected)?;
        total = total.checked_add(&part).ok_or_else(expected)?;
    }
    Ok(total)
}

/// Numbers with the letters behind them.
fn parts(text: &str) -> Option<Vec<(i64, char)>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|char: char| !char.is_ascii_digit())?;
        let unit = rest[end..].chars().next()?;
        parts.push((rest[..end].parse().ok()?, unit));
        rest = &rest[end + unit.len_utf8()..];
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_a_zone_it_is_utc_and_milliseconds_are_optional() {
        for (text, expected) in [
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z"),
            ("2026-01-31T12:00:00.25Z", "2026-01-31T12:00:00.250Z"),
            ("2026-01-31T12:00:00.123+01:00", "2026-01-31T11:00:00.123Z"),
            ("2026-01-31T12:00:00-0530", "2026-01-31T17:30:00.000Z"),
            ("2026-01-31 12:00:00", "2026-01-31T12:00:00.000Z"),
            ("2026-01-31 12:00", "2026-01-31T12:00:00.000Z"),
            ("2026-01-31T12:00:00.999", "2026-01-31T12:00:00.999Z"),
            ("2026-01-31", "2026-01-31T00:00:00.000Z"),
            ("2026-01-31T12:00:00.123456Z", "2026-01-31T12:00:00.123Z"),
        ] {
            assert_eq!(instant(text).map(told), Ok(expected.to_owned()), "{text}");
        }
        for text in
            ["", "yesterday", "2026-02-30", "2026-01-31T25:00:00Z", "12:00:00", "2026-01-31T12:00:00+"]
        {
            assert!(instant(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_iso_8601_or_shorter() {
        for (text, seconds) in [
            ("P1D", 86_400),
            ("P1W", 604_800),
            ("PT1H30M", 5_400),
            ("P2DT3H4M5S", 183_845),
            ("90s", 90),
            ("1d12h", 129_600),
            ("5m", 300),
            ("PT0S", 0),
        ] {
            assert_eq!(duration(text).map(|found| found.num_seconds()), Ok(seconds), "{text}");
        }
        for text in ["", "P", "PT", "P1", "1", "P1M", "1y", "-P1D", "PT1D", "P99999999999999D", "é1s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_told_reads_back(millis in -60_000_000_000_000i64..250_000_000_000_000) {
            let at = DateTime::from_timestamp_millis(millis).unwrap();
            prop_assert_eq!(instant(&told(at)), Ok(at));
        }

        #[test]
        fn nothing_typed_panics(text in "\\PC{0,20}") {
            let _ = (instant(&text), duration(&text));
        }
    }
}
