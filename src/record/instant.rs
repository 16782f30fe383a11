//! Instants as people type and read them, to the millisecond, as brokers count.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, SecondsFormat, TimeZone, Utc};

/// Milliseconds since 1970 of `YYYY-MM-DD`, or of that with `T` or a space and `HH:MM[:SS[.fraction]]`, and perhaps
/// `Z`, ` UTC` or an offset (`+02:00`, `+0200`, `+02`). Without one it is UTC. Finer than a millisecond is cut off.
pub fn parse_instant(text: &str) -> Option<i64> {
    let text = text.trim();
    let (text, offset) = match text.strip_suffix(" UTC").or_else(|| text.strip_suffix('Z')) {
        Some(rest) => (rest, 0),
        None => offset_of(text)?,
    };
    let written = match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Ok(date) if text.len() == 10 => date.and_hms_opt(0, 0, 0)?,
        _ => date_time(text)?,
    };
    let zone = FixedOffset::east_opt(offset)?;
    Some(zone.from_local_datetime(&written).single()?.with_timezone(&Utc).timestamp_millis())
}

/// `2026-01-31T12:00:00.123Z`; a number where no calendar has such a year.
pub fn instant_text(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms)
        .map_or_else(|| ms.to_string(), |at| at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

fn date_time(text: &str) -> Option<NaiveDateTime> {
    let separated = text.as_bytes().get(10).is_some_and(|separator| b"T ".contains(separator));
    let (date, time) = (text.get(..10)?, text.get(11..)?);
    let digits =
        time.split(['.', ':']).all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    if !separated || !digits || time.len() < 5 {
        return None;
    }
    let joined = format!("{date}T{time}");
    ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(&joined, format).ok())
}

/// What stands before an offset, and its seconds.
fn offset_of(text: &str) -> Option<(&str, i32)> {
    // A date alone has dashes of its own.
    let Some(at) = text.rfind(['+', '-']).filter(|at| *at > 10) else { return Some((text, 0)) };
    let (rest, offset) = text.split_at_checked(at)?;
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let digits: String = offset.get(1..)?.chars().filter(|char| *char != ':').collect();
    let number = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i32>().ok();
    let (hours, minutes) = match digits.len() {
        2 => (number(0..2)?, 0),
        4 => (number(0..2)?, number(2..4)?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some((rest, sign * (hours * 3600 + minutes * 60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_utc_unless_an_offset_is_given() {
        let noon = 1_769_860_800_000;
        for text in [
            "2026-01-31 12:00:00",
            "2026-01-31T12:00",
            "2026-01-31T12:00:00Z",
            "2026-01-31 12:00:00 UTC",
            "2026-01-31 12:00:00.000 UTC",
            "2026-01-31T13:00:00+01:00",
            "2026-01-31 06:30-0530",
            "2026-01-31T14:00:00+02",
            " 2026-01-31 12:00:00.0009 ",
        ] {
            assert_eq!(parse_instant(text), Some(noon), "{text}");
        }
        assert_eq!(parse_instant("2026-01-31"), Some(noon - 43_200_000));
        assert_eq!(parse_instant("2026-01-31 12:00:00.123456"), Some(noon + 123));
        assert_eq!(instant_text(noon + 7), "2026-01-31T12:00:00.007Z");
    }

    #[test]
    fn what_is_no_instant_is_none() {
        for text in [
            "",
            "yesterday",
            "2026-02-29",
            "2026-01-31 24:01",
            "2026-01-31 12",
            "2026-01-31 12:0",
            "2026-01-31 12:00:00 CET",
            "2026-01-31T12:00:00+1",
            "2026-01-31T12:00:00+25:00",
            "31.01.2026",
            "2026-01-31x12:00",
            "2026-01-31 12:00:-1",
        ] {
            assert_eq!(parse_instant(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_printed_can_be_typed() {
        for ms in [0, 1, 1_769_860_800_123, -1] {
            assert_eq!(parse_instant(&instant_text(ms)), Some(ms));
        }
    }
}
