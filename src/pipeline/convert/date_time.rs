//! Dates and times as strings: a subset of ISO 8601 and one of RFC 2822, to the letter.

use crate::record::calendar::{CivilDate, weekday};

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Zone names of RFC 2822 with their hours from UTC.
const ZONES: [(&str, i32); 11] = [
    ("GMT", 0),
    ("UT", 0),
    ("Z", 0),
    ("EST", -5),
    ("EDT", -4),
    ("CST", -6),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
];

/// A date, perhaps with a time, perhaps with an offset, as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pipeline) struct Written {
    /// Days since 1970-01-01 on the writer's calendar.
    pub(in crate::pipeline) days: i64,
    /// Seconds since midnight on the writer's clock; 0 for a date alone.
    pub(in crate::pipeline) seconds: i64,
    /// Nanoseconds within the second.
    pub(in crate::pipeline) nanos: u32,
    /// Whether there was a time.
    pub(in crate::pipeline) has_time: bool,
    /// Seconds that the writer is ahead of UTC, where that is said.
    pub(in crate::pipeline) offset: Option<i32>,
}

/// Reads `YYYY-MM-DD`, that with `T` or a space and `HH:MM[:SS[.fraction]][Z|±HH:MM|±HHMM]`, or
/// `[Www, ]D Mon YYYY HH:MM[:SS] zone`.
pub(in crate::pipeline) fn parse(text: &str) -> Option<Written> {
    let mut cursor = Cursor { rest: text };
    let written = match text.as_bytes() {
        [_, _, _, _, b'-', ..] => iso_8601(&mut cursor)?,
        _ => rfc_2822(&mut cursor)?,
    };
    cursor.rest.is_empty().then_some(written)
}

fn iso_8601(cursor: &mut Cursor<'_>) -> Option<Written> {
    let year = cursor.digits(4, 4)?;
    cursor.expect('-')?;
    let month = cursor.digits(2, 2)?;
    cursor.expect('-')?;
    let days = CivilDate::new(year.into(), month, cursor.digits(2, 2)?)?.days();
    if cursor.rest.is_empty() {
        return Some(Written { days, seconds: 0, nanos: 0, has_time: false, offset: None });
    }
    cursor.expect('T').or_else(|| cursor.expect(' '))?;
    let (seconds, has_seconds) = time_of_day(cursor)?;
    let nanos = if has_seconds && cursor.expect('.').is_some() { cursor.fraction()? } else { 0 };
    let offset = match cursor.expect('Z') {
        Some(()) => Some(0),
        None if cursor.rest.is_empty() => None,
        None => Some(offset(cursor, true)?),
    };
    Some(Written { days, seconds, nanos, has_time: true, offset })
}

fn rfc_2822(cursor: &mut Cursor<'_>) -> Option<Written> {
    let day_name = cursor.one_of(&WEEKDAYS);
    if day_name.is_some() {
        cursor.expect(',')?;
        cursor.expect(' ')?;
    }
    let day = cursor.digits(1, 2)?;
    cursor.expect(' ')?;
    let month = u32::try_from(cursor.one_of(&MONTHS)?).ok()? + 1;
    cursor.expect(' ')?;
    let year = cursor.digits(4, 4)?;
    let days = CivilDate::new(year.into(), month, day)?.days();
    if day_name.is_some_and(|day_name| day_name != weekday(days)) {
        return None;
    }
    cursor.expect(' ')?;
    let (seconds, _) = time_of_day(cursor)?;
    cursor.expect(' ')?;
    let named = ZONES.iter().find(|(name, _)| *name == cursor.rest);
    let offset = match named {
        Some((_, hours)) => {
            cursor.rest = "";
            hours * 3600
        }
        None => offset(cursor, false)?,
    };
    Some(Written { days, seconds, nanos: 0, has_time: true, offset: Some(offset) })
}

/// `HH:MM[:SS]` as seconds, and whether there were seconds.
fn time_of_day(cursor: &mut Cursor<'_>) -> Option<(i64, bool)> {
    let hour = cursor.digits(2, 2).filter(|hour| *hour < 24)?;
    cursor.expect(':')?;
    let minute = cursor.digits(2, 2).filter(|minute| *minute < 60)?;
    let has_seconds = cursor.expect(':').is_some();
    let second = if has_seconds { cursor.digits(2, 2).filter(|second| *second < 60)? } else { 0 };
    Some((i64::from(hour * 3600 + minute * 60 + second), has_seconds))
}

/// `±HHMM`, or `±HH:MM` where a colon is allowed.
fn offset(cursor: &mut Cursor<'_>, colon: bool) -> Option<i32> {
    let sign = if cursor.expect('+').is_some() { 1 } else { cursor.expect('-').map(|()| -1)? };
    let hours = cursor.digits(2, 2).filter(|hours| *hours < 24)?;
    if colon {
        let _ = cursor.expect(':');
    }
    let minutes = cursor.digits(2, 2).filter(|minutes| *minutes < 60)?;
    Some(sign * i32::try_from(hours * 3600 + minutes * 60).ok()?)
}

/// What is left of a text.
struct Cursor<'t> {
    rest: &'t str,
}

impl Cursor<'_> {
    fn expect(&mut self, symbol: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(symbol)?;
        Some(())
    }

    /// As many digits as there are, between `min` and `max`.
    fn digits(&mut self, min: usize, max: usize) -> Option<u32> {
        let count = self.rest.bytes().take(max).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at_checked(count).filter(|_| count >= min)?;
        self.rest = rest;
        digits.parse().ok()
    }

    /// One to nine digits behind a point, as nanoseconds.
    fn fraction(&mut self) -> Option<u32> {
        let before = self.rest.len();
        let digits = self.digits(1, 9)?;
        let count = before - self.rest.len();
        Some((count..9).fold(digits, |nanos, _| nanos * 10))
    }

    /// Which of the words comes next.
    fn one_of(&mut self, words: &[&str]) -> Option<usize> {
        let position = words.iter().position(|word| self.rest.starts_with(word))?;
        self.rest = self.rest.get(3..)?;
        Some(position)
    }
}
