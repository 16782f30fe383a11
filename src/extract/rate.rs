//! A limit on rows read a second, for a monolith that has other things to do. Shared by all extractors of a
//! process.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Rows a second; 0 is no limit.
#[derive(Debug)]
pub struct Rate {
    rows_per_second: u64,
    /// When what was taken so far will have been paid for.
    paid_until: Mutex<Instant>,
}

impl Rate {
    /// At most so many rows a second; 0 is no limit.
    pub fn new(rows_per_second: u64) -> Self {
        Self { rows_per_second, paid_until: Mutex::new(Instant::now()) }
    }

    /// Takes `rows`, then waits until they are paid for.
    pub(super) async fn take(&self, rows: usize) {
        if let Some(wait) = self.charge(rows, Instant::now()) {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes `rows` at once: whoever takes next waits until they are paid for.
    pub(super) fn owe(&self, rows: usize) {
        self.charge(rows, Instant::now());
    }

    /// How many rows to take at a time, `most` at most: those of an eighth of a second, since who waits for them has to
    /// hear soon that it should stop.
    pub(super) fn at_a_time(&self, most: usize) -> usize {
        match self.rows_per_second {
            0 => most,
            rows => usize::try_from(rows / 8).map_or(most, |rows| rows.clamp(1, most)),
        }
    }

    fn charge(&self, rows: usize, now: Instant) -> Option<Duration> {
        if self.rows_per_second == 0 {
            return None;
        }
        let cost = Duration::from_secs_f64(rows as f64 / self.rows_per_second as f64);
        let mut paid_until = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
        *paid_until = (*paid_until).max(now) + cost;
        Some(*paid_until - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_cost_time_and_idle_time_is_not_saved_up() {
        let rate = Rate::new(1000);
        let now = Instant::now() + Duration::from_secs(60);
        assert_eq!(rate.charge(500, now), Some(Duration::from_millis(500)));
        assert_eq!(rate.charge(500, now), Some(Duration::from_millis(1000)));
        assert_eq!(Rate::new(0).charge(500, now), None);
    }

    #[test]
    fn what_is_owed_is_paid_by_the_next() {
        let rate = Rate::new(10);
        rate.owe(20);
        assert!(rate.charge(1, Instant::now()) > Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_low_rate_comes_in_small_steps() {
        let at_a_time = |rate| Rate::new(rate).at_a_time(500);
        assert_eq!([0, 1, 20, 800, 1_000_000].map(at_a_time), [500, 1, 2, 100, 500]);
    }
}
