//! Service failures of a stage: tried again with growing pauses, within limits. Pure.

use std::time::{Duration, Instant};

use rand::Rng;

use crate::error::Error;

/// How long an attempt has to last to show that the trouble before it is over.
const RECOVERED: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The trouble that a stage is in.
#[derive(Debug)]
pub struct Retry {
    limit: Duration,
    since: Option<Instant>,
    pause: Duration,
}

impl Retry {
    /// Tries for at most `limit` from the first failure on.
    pub fn new(limit: Duration) -> Self {
        Self { limit, since: None, pause: FIRST_PAUSE }
    }

    /// The pause before the next attempt, after one that `lasted` so long; none where it is given up.
    pub fn after(&mut self, error: &Error, lasted: Duration) -> Option<Duration> {
        if !error.policy().retry {
            return None;
        }
        if lasted >= RECOVERED {
            self.since = None;
            self.pause = FIRST_PAUSE;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() >= self.limit {
            return None;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        Some(pause.mul_f64(rand::rng().random_range(0.5..1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Cause;

    #[test]
    fn only_service_failures_are_tried_again_and_not_for_ever() {
        let mut retry = Retry::new(Duration::from_secs(60));
        let unreachable = Error::new(Cause::Unreachable, "x");
        assert!(retry.after(&unreachable, Duration::ZERO).is_some());
        assert!(retry.after(&Error::new(Cause::Lineage, "x"), Duration::ZERO).is_none());
        assert!(Retry::new(Duration::ZERO).after(&unreachable, Duration::ZERO).is_none());
    }
}
