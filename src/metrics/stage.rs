//! The handles of one stage and pipeline: counting a record looks no label up.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::{Gauge, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::{Metrics, whole};
use crate::checkpoint::Stage;
use crate::error::Cause;
use crate::record::Reason;

/// How an attempt at a batch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchOutcome {
    /// Written and committed.
    Committed,
    /// Rolled back or aborted by a service failure, to be tried again.
    Retried,
    /// Taken apart to find the record that is refused.
    Split,
    /// Given up; the process ends.
    Failed,
}

impl BatchOutcome {
    const ALL: [BatchOutcome; 4] =
        [BatchOutcome::Committed, BatchOutcome::Retried, BatchOutcome::Split, BatchOutcome::Failed];

    fn as_str(self) -> &'static str {
        match self {
            BatchOutcome::Committed => "committed",
            BatchOutcome::Retried => "retried",
            BatchOutcome::Split => "split",
            BatchOutcome::Failed => "failed",
        }
    }
}

/// What is committed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitSystem {
    /// A transaction of the target.
    Neo4j,
    /// A transaction of a producer.
    Kafka,
    /// Offsets of a consumer group.
    Offsets,
}

impl CommitSystem {
    const ALL: [CommitSystem; 3] = [CommitSystem::Neo4j, CommitSystem::Kafka, CommitSystem::Offsets];

    fn as_str(self) -> &'static str {
        match self {
            CommitSystem::Neo4j => "neo4j",
            CommitSystem::Kafka => "kafka",
            CommitSystem::Offsets => "offsets",
        }
    }
}

/// Failures that are tried again, as the label `reason` names them. Any other counts as unexpected.
const RETRIED: [(Cause, &str); 6] = [
    (Cause::Unreachable, "unreachable"),
    (Cause::Busy, "busy"),
    (Cause::Deadlock, "deadlock"),
    (Cause::TooMuchAtOnce, "too_much_at_once"),
    (Cause::WaitedTooLong, "waited_too_long"),
    (Cause::Unexpected, "unexpected"),
];

/// The handles of one stage for one pipeline. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StageMetrics {
    stage: Stage,
    pipeline: String,
    records_in: IntCounter,
    records_out: IntCounter,
    merged: IntCounter,
    dead_lettered: [IntCounter; Reason::ALL.len()],
    batches: [IntCounter; BatchOutcome::ALL.len()],
    batch_records: Histogram,
    commit_seconds: [Histogram; CommitSystem::ALL.len()],
    retries: [IntCounter; RETRIED.len()],
    retries_exhausted: [IntCounter; RETRIED.len()],
    last_commit: Gauge,
    held: IntGauge,
    lag: IntGaugeVec,
    committed_offset: IntGaugeVec,
    assigned: Arc<Mutex<BTreeSet<(Stage, String, i32)>>>,
}

impl StageMetrics {
    pub(super) fn new(all: &Metrics, stage: Stage, pipeline: &str) -> StageMetrics {
        let name = stage.as_str();
        let retries = |of: &IntCounterVec| RETRIED.map(|(_, reason)| of.with_label_values(&[name, reason]));
        StageMetrics {
            stage,
            pipeline: pipeline.to_owned(),
            records_in: all.records_in.with_label_values(&[name, pipeline]),
            records_out: all.records_out.with_label_values(&[name, pipeline]),
            merged: all.merged.with_label_values(&[name, pipeline]),
            dead_lettered: Reason::ALL
                .map(|reason| all.dead_lettered.with_label_values(&[name, pipeline, reason.as_str()])),
            batches: BatchOutcome::ALL
                .map(|outcome| all.batches.with_label_values(&[name, pipeline, outcome.as_str()])),
            batch_records: all.batch_records.with_label_values(&[name, pipeline]),
            commit_seconds: CommitSystem::ALL
                .map(|system| all.commit_seconds.with_label_values(&[name, system.as_str()])),
            retries: retries(&all.retries),
            retries_exhausted: retries(&all.retries_exhausted),
            last_commit: all.last_commit.with_label_values(&[name, pipeline]),
            held: all.held.with_label_values(&[pipeline]),
            lag: all.lag.clone(),
            committed_offset: all.committed_offset.clone(),
            assigned: Arc::clone(&all.assigned),
        }
    }

    /// Records were taken in.
    pub fn took_in(&self, records: u64) {
        self.records_in.inc_by(records);
    }

    /// Records were passed on or applied.
    pub fn passed_on(&self, records: u64) {
        self.records_out.inc_by(records);
    }

    /// Parallel relationships went into another one.
    pub fn merged(&self, records: u64) {
        self.merged.inc_by(records);
    }

    /// Records went to the dead letters.
    pub fn dead_lettered(&self, reason: Reason, records: u64) {
        if let Some(index) = Reason::ALL.iter().position(|each| *each == reason) {
            self.dead_lettered[index].inc_by(records);
        }
    }

    /// An attempt at a batch ended. A committed one is the stage's last sign of life.
    pub fn batch(&self, outcome: BatchOutcome, records: u64) {
        self.batches[outcome as usize].inc();
        if outcome == BatchOutcome::Committed {
            // Batches are far below 2^53.
            self.batch_records.observe(records as f64);
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.last_commit.set(now.as_secs_f64());
        }
    }

    /// A commit took so long.
    pub fn commit_took(&self, system: CommitSystem, time: Duration) {
        self.commit_seconds[system as usize].observe(time.as_secs_f64());
    }

    /// A service failure is met by another attempt.
    pub fn retry(&self, cause: Cause) {
        self.retries[place(cause)].inc();
    }

    /// A service failure lasted too long.
    pub fn retries_exhausted(&self, cause: Cause) {
        self.retries_exhausted[place(cause)].inc();
    }

    /// So many relationships wait for their ends.
    pub fn held(&self, relationships: u64) {
        self.held.set(whole(relationships));
    }

    /// Up to where a partition is committed. Its series appear. Call it once a batch: it looks labels up.
    pub fn committed(&self, partition: i32, offset: i64) {
        self.assigned().insert((self.stage, self.pipeline.clone(), partition));
        self.with_partition(partition, |labels| self.committed_offset.with_label_values(labels).set(offset));
    }

    /// How far a partition is behind, as far as it belongs to this process.
    pub fn lag(&self, partition: i32, lag: u64) {
        if self.assigned().contains(&(self.stage, self.pipeline.clone(), partition)) {
            self.with_partition(partition, |labels| self.lag.with_label_values(labels).set(whole(lag)));
        }
    }

    /// A partition belongs to another worker from now on: its series vanish here.
    pub fn revoked(&self, partition: i32) {
        self.assigned().remove(&(self.stage, self.pipeline.clone(), partition));
        self.with_partition(partition, |labels| {
            // Not there is as good as removed.
            let _ = self.committed_offset.remove_label_values(labels);
            let _ = self.lag.remove_label_values(labels);
        });
    }

    fn with_partition(&self, partition: i32, act: impl FnOnce(&[&str])) {
        let partition = partition.to_string();
        act(&[self.stage.as_str(), self.pipeline.as_str(), partition.as_str()]);
    }

    fn assigned(&self) -> MutexGuard<'_, BTreeSet<(Stage, String, i32)>> {
        self.assigned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(cause: Cause) -> usize {
    RETRIED.iter().position(|(each, _)| *each == cause).unwrap_or(RETRIED.len() - 1)
}
