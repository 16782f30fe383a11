//! Dates and instants from Neo4j's own types, from strings and from counts since 1970.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;

use super::date_time;
use crate::record::calendar::DAY_SECONDS;
use crate::record::{Value, Zone};

/// Seconds of 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
const FIRST_SECOND: i64 = -62_135_596_800;
const LAST_SECOND: i64 = 253_402_300_799;
/// From this absolute value on, an integer counts milliseconds.
const MILLISECONDS_FROM: u64 = 100_000_000_000;

type Converted = Result<Option<Value<'static>>, &'static str>;

/// The date as written, without a shift of zone.
pub(super) fn date(value: &Value<'_>) -> Converted {
    let days = match value {
        Value::Date(days) => *days,
        Value::LocalDateTime { seconds, .. } => seconds.div_euclid(DAY_SECONDS),
        Value::DateTime { seconds, zone, .. } => {
            let local = seconds.checked_add(utc_offset(*seconds, zone)?).ok_or(BEYOND)?;
            local.div_euclid(DAY_SECONDS)
        }
        Value::String(text) => date_time::parse(text).ok_or(NO_STRING)?.days,
        _ => return Err("it is neither a date nor a datetime"),
    };
    // The contract's dates have 32 bits, which is five million years.
    if i32::try_from(days).is_err() {
        return Err(BEYOND);
    }
    Ok(if matches!(value, Value::Date(_)) { None } else { Some(Value::Date(days)) })
}

/// The point in time, in UTC to the microsecond.
pub(super) fn instant(value: &Value<'_>) -> Converted {
    let (seconds, nanos) = match value {
        Value::DateTime { seconds, nanos, .. } | Value::LocalDateTime { seconds, nanos } => {
            (*seconds, *nanos)
        }
        Value::Integer(count) if count.unsigned_abs() >= MILLISECONDS_FROM => {
            let nanos = u32::try_from(count.rem_euclid(1000) * 1_000_000).unwrap_or(0);
            (count.div_euclid(1000), nanos)
        }
        Value::Integer(seconds) => (*seconds, 0),
        Value::String(text) => {
            let written = date_time::parse(text).ok_or(NO_STRING)?;
            let seconds =
                written.days * DAY_SECONDS + written.seconds - i64::from(written.offset.unwrap_or(0));
            (seconds, written.nanos)
        }
        _ => return Err("it is neither a datetime nor an integer"),
    };
    if !(FIRST_SECOND..=LAST_SECOND).contains(&seconds) {
        return Err("it is not within the years 1 to 9999");
    }
    let nanos = nanos / 1000 * 1000;
    Ok(Some(Value::DateTime { seconds, nanos, zone: Zone::Offset(0) }))
}

const BEYOND: &str = "it is beyond the calendar";
const NO_STRING: &str = "it is no date or time of ISO 8601 or RFC 2822 as they are taken here";

/// The last year of chrono-tz's tables. After it the rules of a zone go on; the tables stay at winter time.
const LAST_YEAR_OF_TABLES: i32 = 2099;

/// An instant that has the zone's offset of this one: of a year within the tables with the same days of the week, where
/// the zone still has summer and winter time at their end.
fn within_tables(zone: Tz, instant: NaiveDateTime) -> NaiveDateTime {
    if instant.year() <= LAST_YEAR_OF_TABLES {
        return instant;
    }
    let at_the_end = |month| {
        let day = NaiveDate::from_ymd_opt(LAST_YEAR_OF_TABLES, month, 1)?.and_hms_opt(0, 0, 0)?;
        Some(zone.offset_from_utc_datetime(&day).fix())
    };
    if at_the_end(1) == at_the_end(7) {
        return instant;
    }
    let calendar = |year| {
        Some((
            NaiveDate::from_ymd_opt(year, 1, 1)?.weekday(),
            NaiveDate::from_ymd_opt(year, 12, 31)?.ordinal(),
        ))
    };
    let alike = (LAST_YEAR_OF_TABLES - 27..=LAST_YEAR_OF_TABLES)
        .rev()
        .find(|year| calendar(*year) == calendar(instant.year()));
    alike.and_then(|year| instant.with_year(year)).unwrap_or(instant)
}

/// Seconds that a zone is ahead of UTC at an instant.
fn utc_offset(seconds: i64, zone: &Zone<'_>) -> Result<i64, &'static str> {
    match zone {
        Zone::Offset(offset) => Ok((*offset).into()),
        Zone::Named(name) => {
            let zone: Tz = name.parse().map_err(|_| "its zone is not known")?;
            let instant = DateTime::from_timestamp(seconds, 0).ok_or(BEYOND)?.naive_utc();
            Ok(zone.offset_from_utc_datetime(&within_tables(zone, instant)).fix().local_minus_utc().into())
        }
    }
}
