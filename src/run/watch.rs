//! Watching a stage of a pipeline from outside, by what is durable: is it through, and does it move?

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::checkpoint::{Fence, Observation, Stage};
use crate::error::Result;
use crate::observe::Observer;
use crate::stop::Stop;

/// How often the offsets are looked at.
const LOOK: Duration = Duration::from_millis(150);

/// When a stage of a pipeline last moved, since it has had its turn.
#[derive(Debug, Clone)]
pub(super) struct Movement(Arc<Mutex<Moved>>);

#[derive(Debug, Clone, Copy)]
struct Moved {
    /// Offsets done; none before they were looked at.
    offsets: Option<i64>,
    since: Instant,
    ever: bool,
    /// The last look failed.
    in_trouble: bool,
}

impl Movement {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Moved {
            offsets: None,
            since: Instant::now(),
            ever: false,
            in_trouble: false,
        })))
    }

    fn note(&self, offsets: i64) {
        let mut last = self.lock();
        last.in_trouble = false;
        if last.offsets != Some(offsets) {
            let ever = last.ever || last.offsets.is_some();
            *last = Moved { offsets: Some(offsets), since: Instant::now(), ever, ..*last };
        }
    }

    /// Notes whether a look failed.
    pub(super) fn looked<T>(&self, looked: Result<T>) -> Result<T> {
        self.lock().in_trouble = looked.is_err();
        looked
    }

    /// Whether a service fails it: it has a limit of its own for that, and another one would fare no better.
    pub(super) fn is_in_trouble(&self) -> bool {
        self.lock().in_trouble
    }

    /// How long nothing has moved.
    pub(super) fn still_for(&self) -> Duration {
        self.lock().since.elapsed()
    }

    /// Whether anything has.
    pub(super) fn has_moved(&self) -> bool {
        self.lock().ever
    }

    fn lock(&self) -> MutexGuard<'_, Moved> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether everything of a pipeline is through a stage, what `derivers` derive for it included, seen once. Without
/// side effects of any kind.
pub(super) async fn is_drained(
    stage: Stage,
    pipeline: &str,
    derivers: &[String],
    observer: &Observer,
) -> Result<bool> {
    let mut fence = Fence::Extraction;
    // At most three steps, each with ends read after the step before.
    for _ in 0..3 {
        let seen = observer.observe(pipeline, derivers, &fence).await?;
        fence = fence.observe(&seen);
    }
    Ok(through(stage, &fence) && has_told(stage, pipeline, observer).await?)
}

/// Loading is through only once its dead letters are on their topic.
async fn has_told(stage: Stage, pipeline: &str, observer: &Observer) -> Result<bool> {
    Ok(stage != Stage::Load || observer.letters_are_published(pipeline).await?)
}

/// Returns true once everything of a pipeline is through a stage, what `derivers` derive for it included, false if
/// `stop` came first.
pub(super) async fn until_drained(
    stage: Stage,
    pipeline: &str,
    derivers: &[String],
    observer: &Observer,
    movement: &Movement,
    stop: &Stop,
) -> Result<bool> {
    let mut fence = Fence::Extraction;
    loop {
        let seen = observer.observe(pipeline, derivers, &fence).await?;
        movement.note(offsets(stage, &seen));
        let before = fence.clone();
        fence = fence.observe(&seen);
        if through(stage, &fence) && has_told(stage, pipeline, observer).await? {
            return Ok(true);
        }
        if fence == before && stop.sleep(LOOK).await {
            return Ok(false);
        }
    }
}

fn through(stage: Stage, fence: &Fence) -> bool {
    match (stage, fence) {
        (_, Fence::Passed) => true,
        (Stage::Extract, Fence::Transform(_) | Fence::Load(_)) => true,
        (Stage::Transform, Fence::Load(_)) => true,
        (_, Fence::Extraction)
        | (Stage::Transform | Stage::Load, Fence::Transform(_))
        | (Stage::Load, Fence::Load(_)) => false,
    }
}

fn offsets(stage: Stage, seen: &Observation) -> i64 {
    match stage {
        Stage::Load => seen.loaded.values().sum(),
        Stage::Extract | Stage::Transform => {
            let own = seen.emitters.iter().find(|each| each.pipeline == seen.pipeline);
            own.map_or(0, |own| own.transformed.values().sum())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_look_is_no_movement() {
        let movement = Movement::new();
        movement.note(7);
        movement.note(7);
        assert!(!movement.has_moved());
        movement.note(8);
        assert!(movement.has_moved());
    }
}
