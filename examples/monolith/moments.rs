//! Dates, instants and durations in all the shapes that a monolith collects over the years.

use chrono::{DateTime, FixedOffset, NaiveDateTime, Utc};
use neo4rs::{BoltDuration, BoltMap, BoltType};

use crate::graph::Value;
use crate::plan::Random;

const ZONES: &[&str] = &["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"];

/// Noon of a day between 2008 and 2025. No clock changes at noon, so that it exists once in every zone.
fn noon(random: &mut Random) -> DateTime<Utc> {
    let first = 13_880; // 2008-01-02, in days since 1970
    at((first + random.below(6_500) as i64) * 86_400 + 43_200)
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

fn offset(hours: i32) -> FixedOffset {
    FixedOffset::east_opt(hours * 3600 + 1800).unwrap_or_else(|| chrono::Offset::fix(&Utc))
}

/// A day of publication: an RSS date, an ISO date or date-time, or one of Neo4j's own values.
pub fn publication(random: &mut Random) -> Value {
    let noon = noon(random);
    match random.below(10) {
        0..=2 => internet_date(random, noon).into(),
        3..=4 => noon.format("%Y-%m-%d").to_string().into(),
        5..=6 => iso(random, noon).into(),
        7 => noon.date_naive().into(),
        _ => native(random, noon),
    }
}

/// A moment of bookkeeping: seconds or milliseconds since 1970, text, or one of Neo4j's own values.
pub fn instant(random: &mut Random) -> Value {
    let noon = noon(random);
    match random.below(10) {
        0..=1 => noon.timestamp().into(),
        2..=3 => (noon.timestamp_millis() + random.below(1000) as i64).into(),
        4 => internet_date(random, noon).into(),
        5..=6 => iso(random, noon).into(),
        7 => noon.format("%Y-%m-%d").to_string().into(),
        _ => native(random, noon),
    }
}

/// A moment as text.
pub fn written(random: &mut Random) -> String {
    let noon = noon(random);
    iso(random, noon)
}

/// Neo4j's own: with a zone's name, with an offset, without either.
fn native(random: &mut Random, noon: DateTime<Utc>) -> Value {
    let with_fraction = noon + chrono::Duration::nanoseconds(random.below(1_000_000_000) as i64);
    match random.below(3) {
        0 => (with_fraction.naive_utc(), random.pick(ZONES)).into(),
        1 => with_fraction.with_timezone(&offset(random.below(23) as i32 - 12)).into(),
        _ => with_fraction.naive_utc().into(),
    }
}

/// ISO 8601, with every separator, precision and offset that is allowed.
fn iso(random: &mut Random, noon: DateTime<Utc>) -> String {
    let separator = random.pick(&["T", " "]);
    let time = random.pick(&["%H:%M", "%H:%M:%S", "%H:%M:%S.5", "%H:%M:%S.123456", "%H:%M:%S.123456789"]);
    let zone = random.pick(&["", "Z", "+02:00", "-0530", "+14:00"]);
    noon.format(&format!("%Y-%m-%d{separator}{time}{zone}")).to_string()
}

/// RFC 2822, as RSS feeds write it.
fn internet_date(random: &mut Random, noon: DateTime<Utc>) -> String {
    let day = random.pick(&["%a, %d %b %Y", "%a, %-d %b %Y", "%d %b %Y"]);
    let time = random.pick(&["%H:%M:%S", "%H:%M:%S", "%H:%M"]);
    let zone = random.pick(&["+0000", "-0700", "+0530", "GMT", "UT", "Z", "EST", "EDT", "CST", "PDT"]);
    noon.format(&format!("{day} {time} {zone}")).to_string()
}

/// A duration of up to four hours, as the feed or the transcriber had it.
pub fn duration(random: &mut Random) -> Value {
    let seconds = random.below(4 * 3600) as i64;
    let (minutes, rest) = (seconds / 60, seconds % 60);
    match random.below(8) {
        0..=1 => seconds.into(),
        2 => seconds.to_string().into(),
        3 => (seconds as f64).into(),
        4 => format!("{:02}:{:02}:{rest:02}", minutes / 60, minutes % 60).into(),
        5 => format!("{}:{:02}:{rest:02}", minutes / 60, minutes % 60).into(),
        6 => format!("{minutes}:{rest:02}").into(),
        _ => span(0, seconds / 86_400, seconds % 86_400, 0),
    }
}

/// A Neo4j duration.
pub fn span(months: i64, days: i64, seconds: i64, nanoseconds: i64) -> Value {
    BoltType::Duration(BoltDuration::new(months.into(), days.into(), seconds.into(), nanoseconds.into()))
}

/// A day and time without zone, as many seconds after 1970.
pub fn local(seconds: i64) -> NaiveDateTime {
    at(seconds).naive_utc()
}

/// The second half past two of a night on which the clocks were set back.
pub fn repeated_hour() -> Value {
    parsed_by_server("2023-10-29T02:30:00.250+01:00[Europe/Berlin]")
}

/// A datetime with offset and zone name. The driver would send local time and name, which is ambiguous in an
/// hour that is repeated, so the server makes it of a text.
fn parsed_by_server(text: &str) -> Value {
    let mut map = BoltMap::new();
    map.put("datetime".into(), text.into());
    BoltType::Map(map)
}
