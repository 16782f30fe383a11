//! Waiting until all of some pipelines is in the target: the fence of a missing end.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{debug, warn};

use crate::checkpoint::Fence;
use crate::error::{Cause, Error, Result};
use crate::observe::Observer;
use crate::stop::Stop;

/// How often the checkpoints and ends are looked at while something waits for them.
const LOOK: Duration = Duration::from_millis(200);

/// What of the time between two looks counts at most: between a wait that was broken off and the next one may lie an hour
/// in which there was nothing to wait for.
const BETWEEN_LOOKS: Duration = Duration::from_secs(10);

/// The waits of a process. Their clocks outlive the worker that waits, which may have to make room for another
/// pipeline in between.
#[derive(Debug)]
pub struct Waits {
    limit: Duration,
    clocks: Mutex<HashMap<String, Clock>>,
}

#[derive(Debug, Clone, Copy)]
struct Clock {
    progress: i64,
    looked: Instant,
    /// How long nothing has moved.
    stalled: Duration,
}

impl Waits {
    /// Gives up after `limit` without any progress of what is waited for.
    pub fn new(limit: Duration) -> Self {
        Self { limit, clocks: Mutex::default() }
    }

    /// Notes what was seen; says how long nothing has moved.
    fn stalled(&self, pipeline: &str, progress: i64, now: Instant) -> Duration {
        let mut clocks = self.clocks.lock().unwrap_or_else(PoisonError::into_inner);
        let known = clocks.get(pipeline).filter(|clock| clock.progress == progress);
        let stalled = known.map_or(Duration::ZERO, |clock| {
            clock.stalled + now.saturating_duration_since(clock.looked).min(BETWEEN_LOOKS)
        });
        clocks.insert(pipeline.to_owned(), Clock { progress, looked: now, stalled });
        stalled
    }

    fn over(&self, pipeline: &str) {
        self.clocks.lock().unwrap_or_else(PoisonError::into_inner).remove(pipeline);
    }
}

/// Waits until everything of `pipelines` that was read so far is in the target. False if `stop` came first.
///
/// Errors: [`Cause::WaitedTooLong`], naming the stage and pipeline that make no progress.
pub(super) async fn wait(
    waiting: &str,
    pipelines: &[String],
    observer: &Observer,
    waits: &Waits,
    stop: &Stop,
) -> Result<bool> {
    for pipeline in pipelines {
        let mut fence = Fence::Extraction;
        let mut said = false;
        loop {
            observer.checkpoints().refresh().await?;
            let seen = observer.observe(pipeline, observer.derivers_of(pipeline), &fence).await?;
            // A step taken may make the next one possible at once, but its ends have to be read after it.
            let before = fence.clone();
            fence = fence.observe(&seen);
            // The dead letters of its loading say which missing ends are a consequence.
            let passed = fence == Fence::Passed;
            if passed && observer.letters_are_published(pipeline).await? {
                debug!(waiting, pipeline, "the fence is passed");
                waits.over(pipeline);
                break;
            }
            if fence != before && !passed {
                // What was seen says nothing of the next step yet.
                continue;
            }
            let stalled = waits.stalled(pipeline, seen.progress(), Instant::now());
            let reason = match passed {
                true => format!("load of `{pipeline}`, which has dead letters to publish"),
                false => fence.waiting_for(&seen),
            };
            if stalled >= waits.limit {
                return Err(too_long(waiting, &reason, stalled));
            }
            if !said && stalled > Duration::from_secs(1) {
                warn!(waiting, "relationships wait for {reason}");
                said = true;
            }
            if stop.sleep(LOOK).await {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn too_long(waiting: &str, reason: &str, stalled: Duration) -> Error {
    let seconds = stalled.as_secs();
    Error::new(
        Cause::WaitedTooLong,
        format!("load `{waiting}`: an end of a relationship is not in the target, and for {seconds} s nothing moved in the {reason}"),
    )
    .what_to_do(format!("start the {reason}; load.fence_timeout_seconds says how long to wait for it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_runs_only_while_nothing_moves_and_outlives_the_worker() {
        let waits = Waits::new(Duration::from_secs(60));
        let begun = Instant::now();
        let stalled =
            |progress, seconds| waits.stalled("a", progress, begun + Duration::from_secs(seconds)).as_secs();
        assert_eq!(stalled(1, 0), 0);
        assert_eq!(stalled(1, 3), 3);
        assert_eq!(stalled(1, 7), 7);
        assert_eq!(stalled(2, 8), 0);
        assert_eq!(stalled(2, 3_600), 10, "an hour between two waits was not waited");
        waits.over("a");
        assert_eq!(stalled(2, 3_601), 0);
    }
}
