//! Rates of counters, over the last few seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far back a rate looks: short enough to show a stall, long enough to be calm between batches.
const WINDOW: Duration = Duration::from_secs(10);

/// Turns readings of one counter into a rate. Holds a bounded number of readings.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    readings: VecDeque<(Instant, u64)>,
}

impl Meter {
    /// Takes a reading and returns the rate per second over the window, 0 before the second reading.
    pub fn read(&mut self, at: Instant, count: u64) -> f64 {
        if self.readings.back().is_some_and(|(_, last)| count < *last) {
            // A new pass counts from the start.
            self.readings.clear();
        }
        // The newest reading before the window stays: a rate needs a reading at its far end.
        while self.readings.get(1).is_some_and(|(then, _)| at.saturating_duration_since(*then) >= WINDOW) {
            self.readings.pop_front();
        }
        // Readings in quick succession are not kept, so that they stay few.
        let last = self.readings.back().map(|(then, _)| at.saturating_duration_since(*then));
        if last.is_none_or(|since| since >= WINDOW / 50) {
            self.readings.push_back((at, count));
        }
        self.rate_to(at, count)
    }

    fn rate_to(&self, at: Instant, count: u64) -> f64 {
        let Some((then, before)) = self.readings.front() else { return 0.0 };
        let seconds = at.saturating_duration_since(*then).as_secs_f64();
        // Counts are far below 2^53.
        if seconds > 0.0 { count.saturating_sub(*before) as f64 / seconds } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_looks_back_ten_seconds_and_forgets_the_rest() {
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let mut meter = Meter::default();
        assert_eq!(meter.read(at(0.0), 0), 0.0);
        assert_eq!(meter.read(at(1.0), 100), 100.0);
        assert_eq!(meter.read(at(10.0), 100), 10.0);
        assert_eq!(meter.read(at(20.0), 100), 0.0);
        assert_eq!(meter.read(at(21.0), 5), 0.0, "a new pass");
        assert_eq!(meter.read(at(22.0), 10), 5.0);
        for tick in 0..10_000 {
            meter.read(at(22.0 + f64::from(tick) * 0.001), 10);
        }
        assert!(meter.readings.len() < 60, "{}", meter.readings.len());
    }
}
