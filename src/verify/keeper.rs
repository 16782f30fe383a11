//! Keeps what was found so far in the target, so that a comparison that is killed goes on where it was.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

use super::kept::{Kept, Reached, decode, encode};
use super::sides::SideName;
use crate::error::Result;
use crate::neo4j::verification::KeptParts;
use crate::neo4j::{TargetGraph, bookkeeping, verification};

/// What is older than this is not gone on with: too much may have changed.
const OLDEST: Duration = Duration::from_secs(24 * 3600);

/// Keeping takes at most one part in so many of the time.
const SHARE: u32 = 20;
const SOONEST: Duration = Duration::from_millis(200);

/// The sides that are kept of one comparison.
pub(super) struct Keeper {
    target: TargetGraph,
    prefix: String,
    /// Tells this comparison from those of other definitions, or of another state of the migration.
    begun: String,
    kept: Mutex<BTreeMap<String, Vec<u8>>>,
    /// When the oldest of what is gone on with was kept.
    since_ms: Option<i64>,
    works: AtomicBool,
}

impl Keeper {
    /// Takes up what is kept of the comparison that `begun` stands for, unless it is to begin anew.
    pub(super) async fn open(target: TargetGraph, prefix: &str, begun: String, anew: bool) -> Result<Self> {
        let works = AtomicBool::new(true);
        let kept = match bookkeeping::prepare(&target).await {
            Ok(()) if anew => KeptParts::default(),
            Ok(()) => verification::kept(&target, prefix, &begun, OLDEST).await?,
            Err(error) => {
                warn!("a comparison that is interrupted will begin anew: {}", error.chain().join(": "));
                works.store(false, Ordering::Relaxed);
                KeptParts::default()
            }
        };
        let KeptParts { by_id, since_ms } = kept;
        Ok(Self { target, prefix: prefix.to_owned(), begun, kept: Mutex::new(by_id), since_ms, works })
    }

    /// When the oldest of what an earlier process has left, and this one goes on with, was kept: milliseconds since 1970.
    pub(super) fn goes_on_since_ms(&self) -> Option<i64> {
        self.since_ms
    }

    /// What is kept of a side.
    pub(super) fn take<S: Kept>(&self, pipeline: &str, side: SideName) -> Option<(S, Reached)> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        decode(&kept.remove(&id(pipeline, side))?)
    }

    /// Keeps a side. That it can't be kept ends no comparison.
    pub(super) async fn keep(&self, pipeline: &str, side: SideName, state: &impl Kept, reached: &Reached) {
        if !self.works.load(Ordering::Relaxed) {
            return;
        }
        let bytes = encode(state, reached);
        let kept =
            verification::keep(&self.target, &self.prefix, &id(pipeline, side), &self.begun, &bytes).await;
        if let Err(error) = kept
            && self.works.swap(false, Ordering::Relaxed)
        {
            warn!("a comparison that is interrupted will begin anew: {}", error.chain().join(": "));
        }
    }

    /// Forgets what is kept of it: the comparison is through.
    pub(super) async fn forget(&self) -> Result<()> {
        if self.works.load(Ordering::Relaxed) {
            verification::forget(&self.target, &self.prefix, &self.begun, OLDEST).await?;
        }
        Ok(())
    }
}

fn id(pipeline: &str, side: SideName) -> String {
    format!("{pipeline}/{}", side.as_str())
}

/// When a side is to be kept next: often where that is cheap, seldom where it is not.
pub(super) struct Due {
    last: Instant,
    took: Duration,
}

impl Due {
    pub(super) fn new() -> Self {
        Self { last: Instant::now(), took: Duration::ZERO }
    }

    pub(super) fn is_now(&self) -> bool {
        self.last.elapsed() >= SOONEST.max(self.took * SHARE)
    }

    /// Keeping has taken until now since then.
    pub(super) fn kept(&mut self, since: Instant) {
        self.last = Instant::now();
        self.took = self.last - since;
    }
}
