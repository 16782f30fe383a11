//! Series of partitions: those that this process works on have them, and lose them when they go.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::{GaugeVec, IntGaugeVec};

use super::families::Families;
use super::{now_seconds, whole};
use crate::checkpoint::Stage;

/// The partitions that this process works on. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Assigned {
    partitions: Arc<Mutex<BTreeSet<(Stage, String, i32)>>>,
    lag: IntGaugeVec,
    committed: IntGaugeVec,
    log_start: IntGaugeVec,
    oldest_unread: GaugeVec,
    group_last_active: GaugeVec,
}

impl Assigned {
    pub(super) fn new(families: &Families) -> Self {
        Self {
            partitions: Arc::default(),
            lag: families.lag.clone(),
            committed: families.committed_offset.clone(),
            log_start: families.log_start_offset.clone(),
            oldest_unread: families.oldest_unread.clone(),
            group_last_active: families.group_last_active.clone(),
        }
    }

    /// Up to where a partition is committed. Its series appear.
    pub(super) fn committed(&self, stage: Stage, pipeline: &str, partition: i32, offset: i64) {
        self.lock().insert((stage, pipeline.to_owned(), partition));
        with(stage, pipeline, partition, |labels| self.committed.with_label_values(labels).set(offset));
        self.active(stage, pipeline);
    }

    /// How far a partition is behind, as far as it belongs to this process.
    pub(super) fn lag(&self, stage: Stage, pipeline: &str, partition: i32, lag: u64) {
        if self.has(stage, pipeline, partition) {
            with(stage, pipeline, partition, |labels| self.lag.with_label_values(labels).set(whole(lag)));
            self.active(stage, pipeline);
        }
    }

    /// Oldest offset that a partition still has, as far as it belongs to this process.
    pub(super) fn log_start(&self, stage: Stage, pipeline: &str, partition: i32, offset: i64) {
        if self.has(stage, pipeline, partition) {
            with(stage, pipeline, partition, |labels| self.log_start.with_label_values(labels).set(offset));
        }
    }

    /// Time of the oldest record that is read and not yet committed.
    pub(super) fn oldest_unread(
        &self,
        stage: Stage,
        pipeline: &str,
        partition: i32,
        timestamp_ms: Option<i64>,
    ) {
        with(stage, pipeline, partition, |labels| match timestamp_ms {
            // Milliseconds since 1970 are far below 2^53.
            Some(at) => self.oldest_unread.with_label_values(labels).set(at as f64 / 1_000.0),
            None => forget(|| self.oldest_unread.remove_label_values(labels)),
        });
    }

    /// A partition belongs to another worker from now on: its series vanish here.
    pub(super) fn revoked(&self, stage: Stage, pipeline: &str, partition: i32) {
        self.lock().remove(&(stage, pipeline.to_owned(), partition));
        with(stage, pipeline, partition, |labels| {
            forget(|| self.committed.remove_label_values(labels));
            forget(|| self.lag.remove_label_values(labels));
            forget(|| self.log_start.remove_label_values(labels));
            forget(|| self.oldest_unread.remove_label_values(labels));
        });
    }

    /// All partitions of a stage and pipeline that this process works on.
    pub(super) fn of(&self, stage: Stage, pipeline: &str) -> Vec<i32> {
        let all = self.lock();
        let own = all.iter().filter(|(at, name, _)| *at == stage && name == pipeline);
        own.map(|(_, _, partition)| *partition).collect()
    }

    fn active(&self, stage: Stage, pipeline: &str) {
        self.group_last_active.with_label_values(&[stage.as_str(), pipeline]).set(now_seconds());
    }

    fn has(&self, stage: Stage, pipeline: &str, partition: i32) -> bool {
        self.lock().contains(&(stage, pipeline.to_owned(), partition))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<(Stage, String, i32)>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn with(stage: Stage, pipeline: &str, partition: i32, act: impl FnOnce(&[&str])) {
    let partition = partition.to_string();
    act(&[stage.as_str(), pipeline, partition.as_str()]);
}

/// Not there is as good as removed.
fn forget(remove: impl FnOnce() -> prometheus::Result<()>) {
    let _ = remove();
}
