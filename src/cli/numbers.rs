//! Numbers as people read them.

use std::time::Duration;

/// `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `8,120/s`, with one decimal below ten.
pub fn rate(per_second: f64) -> String {
    if !per_second.is_finite() || per_second < 0.05 {
        "0/s".to_owned()
    } else if per_second < 10.0 {
        format!("{per_second:.1}/s")
    } else {
        // Finite and positive, so within range.
        format!("{}/s", count(per_second.round() as u64))
    }
}

/// `0.4 s`, `12 s`, `3 min 10 s`, `2 h 05 min`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// A time to go, short: `8 s`, `12 min`, `3 h`.
pub fn time_left(seconds: f64) -> String {
    match seconds {
        ..99.5 => format!("{} s", seconds.ceil()),
        ..5_970.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.0} h", seconds / 3_600.0),
    }
}

/// Share of `part` in `whole` in percent; 100 only where all is done, and 100 of nothing.
pub fn percent(part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 100;
    }
    let share = u128::from(part) * 100 / u128::from(whole);
    u64::try_from(share).unwrap_or(100).min(100)
}

/// `1 record`, `2 records`.
pub fn counted(number: u64, one: &str, several: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { several })
}

/// `2026-01-31 12:00:00.123 UTC`, as `rollback --target-date` takes it: to the millisecond, since what a run has
/// changed lies exactly between its start and its end.
pub fn instant(micros: i64) -> String {
    chrono::DateTime::from_timestamp_micros(micros)
        .map_or_else(String::new, |at| at.format("%Y-%m-%d %H:%M:%S%.3f UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(instant(1_769_860_800_000_001), "2026-01-31 12:00:00.000 UTC");
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0.0, 0.04, 3.07, 9.99, 8_119.7, f64::NAN].map(rate),
            ["0/s", "0/s", "3.1/s", "10.0/s", "8,120/s", "0/s"]
        );
        let durations =
            [0.42, 12.9, 190.0, 7_500.0].map(|seconds| duration(Duration::from_secs_f64(seconds)));
        assert_eq!(durations, ["0.4 s", "12 s", "3 min 10 s", "2 h 05 min"]);
        assert_eq!([7.2, 600.0, 72_000.0].map(time_left), ["8 s", "10 min", "20 h"]);
        assert_eq!(
            [(0, 0), (1, 3), (2, 2), (999, 1_000)].map(|(part, whole)| percent(part, whole)),
            [100, 33, 100, 99]
        );
    }
}
