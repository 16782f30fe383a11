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
    since: Instant,
}

impl Waits {
    /// Gives up after `limit` without any progress of what is waited for.
    pub fn new(limit: Duration) -> Self {
        Self { limit, clocks: Mutex::default() }
    }

    /// Notes what was seen; says how long nothing has moved.
    fn stalled(&self, pipeline: &str, progress: i64) -> Duration {
        let mut clocks = self.clocks.lock().unwrap_or_else(PoisonError::into_inner);
        let clock = clocks.entry(pipeline.to_owned()).or_insert(Clock { progress, since: Instant::now() });
        if clock.progress != progress {
            *clock = Clock { progress, since: Instant::now() };
        }
        clock.since.elapsed()
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
            if fence == Fence::Passed {
                debug!(waiting, pipeline, "the fence is passed");
                waits.over(pipeline);
                break;
            }
            let stalled = waits.stalled(pipeline, seen.progress());
            let reason = fence.waiting_for(&seen);
            if stalled >= waits.limit {
                return Err(too_long(waiting, &reason, stalled));
            }
            if !said && stalled > Duration::from_secs(1) {
                warn!(waiting, "relationships wait for {reason}");
                said = true;
            }
            if fence == before && stop.sleep(LOOK).await {
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
        waits.stalled("a", 1);
        std::thread::sleep(Duration::from_millis(3));
        assert!(waits.stalled("a", 1) >= Duration::from_millis(3));
        assert!(waits.stalled("a", 2) < Duration::from_millis(3));
        waits.over("a");
        assert!(waits.stalled("a", 2) < Duration::from_millis(3));
    }
}
