//! When `/metrics` is asked for: a process that is about to end stays until its last counts were seen.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// However seldom it is asked, the end waits no longer than this.
const LONGEST: Duration = Duration::from_secs(60);

/// The times at which `/metrics` was asked for. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Scrapes(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    seen: Mutex<Seen>,
    asked: Notify,
}

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    last: Option<Instant>,
    /// Between the last two.
    interval: Option<Duration>,
}

impl Scrapes {
    /// It is asked for.
    pub(super) fn note(&self) {
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        seen.interval = seen.last.map(|last| now.duration_since(last));
        seen.last = Some(now);
        drop(seen);
        self.0.asked.notify_waiters();
    }

    /// How long the next time may take to come: half as long again as the last one. None where nobody asks regularly.
    pub fn next_within(&self) -> Option<Duration> {
        let seen = *self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = seen.interval?.mul_f64(1.5).min(LONGEST);
        // Whoever did not come when expected does not come any more.
        let left = limit.saturating_sub(seen.last?.elapsed());
        (!left.is_zero()).then_some(left)
    }

    /// How long the second time may take to come; none where nobody has asked, or more than once.
    pub fn second_within(&self) -> Option<Duration> {
        let seen = *self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let first = seen.last.filter(|_| seen.interval.is_none())?;
        Some(LONGEST.saturating_sub(first.elapsed())).filter(|left| !left.is_zero())
    }

    /// Returns when it is asked for the next time.
    pub async fn next(&self) {
        self.0.asked.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_who_came_twice_is_waited_for() {
        let scrapes = Scrapes::default();
        assert_eq!(scrapes.next_within(), None);
        scrapes.note();
        assert_eq!(scrapes.next_within(), None, "somebody looked once");
        assert!(scrapes.second_within() > Some(LONGEST / 2));
        std::thread::sleep(Duration::from_millis(200));
        scrapes.note();
        assert_eq!(scrapes.second_within(), None);
        let within = scrapes.next_within().unwrap();
        assert!(within > Duration::from_millis(100) && within <= LONGEST, "{within:?}");
        let next = scrapes.next();
        tokio::pin!(next);
        assert!(futures_util::poll!(&mut next).is_pending());
        scrapes.note();
        next.await;
    }
}
