//! The wish to stop, as everything that runs long holds it: finish the batch, commit, return.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// How often a thread that pauses looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(50);

/// A handle on the wish to stop. Clones share it; it can't be taken back.
#[derive(Debug, Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// One that nobody has asked for yet.
    pub fn new() -> Stop {
        Stop::default()
    }

    /// One that follows this one, but can be asked for alone: a failing pipeline stops its siblings.
    pub fn child(&self) -> Stop {
        Stop(self.0.child_token())
    }

    /// Asks everything that holds this handle or a child of it to stop.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Whether to stop.
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Returns once it is time to stop. May be dropped and awaited anew.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// Waits, unless it is time to stop. Returns whether it is. For tasks.
    pub async fn sleep(&self, time: Duration) -> bool {
        tokio::time::timeout(time, self.requested()).await.is_ok()
    }

    /// As [`Stop::sleep`], for threads.
    pub fn pause(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        while !self.is_requested() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            std::thread::sleep(left.min(LOOK));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_follows_its_parent_and_not_the_other_way() {
        let parent = Stop::new();
        let (one, other) = (parent.child(), parent.child());
        one.request();
        assert!(one.is_requested() && !other.is_requested() && !parent.is_requested());
        assert!(!other.sleep(Duration::from_millis(1)).await);
        parent.request();
        assert!(other.sleep(Duration::from_secs(60)).await);
        assert!(other.pause(Duration::from_secs(60)));
    }
}
