//! What to do when a transaction failed: pure decisions.

use std::time::{Duration, Instant};

use rand::Rng;

use crate::error::{Cause, Error, Kind};

/// How a failed transaction is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reaction {
    /// The same again after this time.
    Again(Duration),
    /// Both halves, each on its own: one row is at fault, or it was too much at once.
    Halve,
    /// This one row is refused.
    Reject,
    /// Nothing helps.
    GiveUp,
}

/// Deadlocks in a row that a cell may lose. Some remain even where no bucket is shared, since neighbouring
/// relationship records are locked too.
const MOST_DEADLOCKS: u32 = 30;

/// What one cell has been through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempts {
    deadlocks: u32,
    outages: u32,
    /// When the trouble began.
    since: Option<Instant>,
}

impl Attempts {
    pub(super) fn none() -> Self {
        Self { deadlocks: 0, outages: 0, since: None }
    }

    /// Decides what to do about a failure of a cell of `rows` rows, with service failures retried for `limit`.
    pub(super) fn react(&mut self, error: &Error, rows: usize, limit: Duration) -> Reaction {
        match error.cause() {
            Cause::DataRefused if rows > 1 => Reaction::Halve,
            Cause::DataRefused => Reaction::Reject,
            Cause::TooMuchAtOnce if rows > 1 => Reaction::Halve,
            Cause::Deadlock if self.deadlocks < MOST_DEADLOCKS => {
                self.deadlocks += 1;
                Reaction::Again(jittered(Duration::from_millis(5), self.deadlocks.min(7)))
            }
            Cause::Deadlock => Reaction::GiveUp,
            _ if error.policy().kind == Kind::Service && error.policy().retry => self.outage(limit),
            _ => Reaction::GiveUp,
        }
    }

    fn outage(&mut self, limit: Duration) -> Reaction {
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() >= limit {
            return Reaction::GiveUp;
        }
        self.outages += 1;
        Reaction::Again(jittered(Duration::from_millis(100), self.outages.min(5)))
    }
}

/// Doubles the base `times` times and takes a random part of it, so that several don't come back at once.
fn jittered(base: Duration, times: u32) -> Duration {
    let most = base * 2u32.pow(times);
    most.mul_f64(rand::rng().random_range(0.5..1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_never_rejects_a_row_and_a_bad_row_is_found_by_halving() {
        let limit = Duration::from_secs(60);
        let unreachable = Error::new(Cause::Unreachable, "write");
        let refused = Error::new(Cause::DataRefused, "write");
        let mut attempts = Attempts::none();
        assert!(matches!(attempts.react(&unreachable, 1, limit), Reaction::Again(_)));
        assert_eq!(attempts.react(&refused, 2, limit), Reaction::Halve);
        assert_eq!(attempts.react(&refused, 1, limit), Reaction::Reject);
        assert_eq!(attempts.react(&Error::new(Cause::Fenced, "write"), 9, limit), Reaction::GiveUp);
        assert_eq!(attempts.react(&unreachable, 1, Duration::ZERO), Reaction::GiveUp);
        assert_eq!(attempts.react(&Error::new(Cause::TooMuchAtOnce, "write"), 9, limit), Reaction::Halve);
    }

    #[test]
    fn deadlocks_are_retried_a_bounded_number_of_times() {
        let deadlock = Error::new(Cause::Deadlock, "write");
        let mut attempts = Attempts::none();
        let retried = (0..1000)
            .take_while(|_| attempts.react(&deadlock, 5, Duration::ZERO) != Reaction::GiveUp)
            .count();
        assert_eq!(retried, MOST_DEADLOCKS as usize);
    }
}
