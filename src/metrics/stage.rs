//! The handles of one stage and pipeline: counting a record looks no label up.

use std::time::Duration;

use prometheus::local::LocalHistogram;
use prometheus::{Gauge, Histogram, IntCounter, IntCounterVec, IntGauge};

use super::families::Families;
use super::partition::Assigned;
use super::{now_seconds, whole};
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

/// Whether a record comes to the target for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It does.
    Live,
    /// It was there before: a replay, or a batch that is written again after a kill.
    Replay,
}

impl Arrival {
    const ALL: [Arrival; 2] = [Arrival::Live, Arrival::Replay];

    fn as_str(self) -> &'static str {
        match self {
            Arrival::Live => "live",
            Arrival::Replay => "replay",
        }
    }
}

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
    dead_letter_writes: IntCounter,
    dead_letter_write_failures: IntCounter,
    last_commit: Gauge,
    last_progress: Gauge,
    queued: IntGauge,
    /// Only loading knows of them.
    loading: Option<Loading>,
    assigned: Assigned,
}

#[derive(Debug, Clone)]
struct Loading {
    held: IntGauge,
    latency: [Histogram; Arrival::ALL.len()],
}

impl StageMetrics {
    pub(super) fn new(all: &Families, assigned: &Assigned, stage: Stage, pipeline: &str) -> StageMetrics {
        let name = stage.as_str();
        let of = [name, pipeline];
        let retries = |of: &IntCounterVec| RETRIED.map(|(_, reason)| of.with_label_values(&[name, reason]));
        let loading = (stage == Stage::Load).then(|| Loading {
            held: all.held.with_label_values(&[pipeline]),
            latency: Arrival::ALL
                .map(|mode| all.latency_seconds.with_label_values(&[pipeline, mode.as_str()])),
        });
        StageMetrics {
            stage,
            pipeline: pipeline.to_owned(),
            records_in: all.records_in.with_label_values(&of),
            records_out: all.records_out.with_label_values(&of),
            merged: all.merged.with_label_values(&of),
            dead_lettered: Reason::ALL
                .map(|reason| all.dead_lettered.with_label_values(&[name, pipeline, reason.as_str()])),
            batches: BatchOutcome::ALL
                .map(|outcome| all.batches.with_label_values(&[name, pipeline, outcome.as_str()])),
            batch_records: all.batch_records.with_label_values(&of),
            commit_seconds: CommitSystem::ALL
                .map(|system| all.commit_seconds.with_label_values(&[name, system.as_str()])),
            retries: retries(&all.retries),
            retries_exhausted: retries(&all.retries_exhausted),
            dead_letter_writes: all.dead_letter_writes.with_label_values(&[name]),
            dead_letter_write_failures: all.dead_letter_write_failures.with_label_values(&[name]),
            last_commit: all.last_commit.with_label_values(&of),
            last_progress: all.last_progress.with_label_values(&of),
            queued: all.queued.with_label_values(&of),
            loading,
            assigned: assigned.clone(),
        }
    }

    /// Records that this stage is through with, durably: what moves as long as it gets anywhere.
    pub fn ended(&self) -> u64 {
        self.records_out.get() + self.kept_back()
    }

    /// Records that came to their end at this stage, if it is not the last: merged ones and dead letters.
    pub fn kept_back(&self) -> u64 {
        self.merged.get() + self.dead_letters()
    }

    /// Batches that became durable, also those that an earlier attempt had counted already.
    pub fn batches_committed(&self) -> u64 {
        self.batches[BatchOutcome::Committed as usize].get()
    }

    /// How many of them went to the dead letters.
    pub fn dead_letters(&self) -> u64 {
        self.dead_lettered.iter().map(IntCounter::get).sum()
    }

    /// The stage begins to work on the pipeline: from now on a standstill counts.
    pub fn begun(&self) {
        self.last_progress.set(now_seconds());
    }

    /// Records were taken in: that alone is no progress. Consuming stages say so once what became of them is durable, since who
    /// waits takes the same in at every turn.
    pub fn took_in(&self, records: u64) {
        self.records_in.inc_by(records);
    }

    /// Records were passed on or applied.
    pub fn passed_on(&self, records: u64) {
        self.records_out.inc_by(records);
        self.moved(records);
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

    /// An attempt at a batch ended.
    pub fn batch(&self, outcome: BatchOutcome, records: u64) {
        self.batches[outcome as usize].inc();
        if outcome == BatchOutcome::Committed {
            // Batches are far below 2^53.
            self.batch_records.observe(records as f64);
            self.moved(records);
            self.last_commit.set(now_seconds());
        }
    }

    /// A commit took so long.
    pub fn commit_took(&self, system: CommitSystem, time: Duration) {
        self.commit_seconds[system as usize].observe(time.as_secs_f64());
    }

    /// Records came to the target, each so many seconds after it was read. Call it with a batch: one record costs no
    /// atomic operation.
    pub fn latencies(&self, records: impl Iterator<Item = (Arrival, f64)>) {
        let Some(loading) = &self.loading else { return };
        let local = loading.latency.each_ref().map(Histogram::local);
        records.for_each(|(mode, seconds)| local[mode as usize].observe(seconds));
        local.iter().for_each(LocalHistogram::flush);
    }

    /// A service failure is met by another attempt.
    pub fn retry(&self, cause: Cause) {
        self.retries[place(cause)].inc();
    }

    /// A service failure lasted too long.
    pub fn retries_exhausted(&self, cause: Cause) {
        self.retries_exhausted[place(cause)].inc();
    }

    /// A transaction was to write dead letters; whether their topic refused them.
    pub fn dead_letters_written(&self, refused: bool) {
        self.dead_letter_writes.inc();
        self.dead_letter_write_failures.inc_by(u64::from(refused));
    }

    /// So many records more are held in memory.
    pub fn queued(&self, records: u64) {
        self.queued.add(whole(records));
    }

    /// So many are not any more.
    pub fn unqueued(&self, records: u64) {
        self.queued.sub(whole(records));
    }

    /// So many more relationships wait for their ends: each partition of the pipeline may have some.
    pub fn held(&self, relationships: u64) {
        if let Some(loading) = &self.loading {
            loading.held.add(whole(relationships));
        }
    }

    /// So many wait no more.
    pub fn held_no_more(&self, relationships: u64) {
        if let Some(loading) = &self.loading {
            loading.held.sub(whole(relationships));
        }
    }

    /// Up to where a partition is committed, also when it is taken over. Its series appear. Call it once a batch: it
    /// looks labels up.
    pub fn committed(&self, partition: i32, offset: i64) {
        self.assigned.committed(self.stage, &self.pipeline, partition, offset);
    }

    /// When the oldest record that is read and not yet committed was written; none where there is none.
    pub fn oldest_uncommitted(&self, partition: i32, timestamp_ms: Option<i64>) {
        self.assigned.oldest_unread(self.stage, &self.pipeline, partition, timestamp_ms);
    }

    /// A partition belongs to another worker from now on: its series vanish here.
    pub fn revoked(&self, partition: i32) {
        self.assigned.revoked(self.stage, &self.pipeline, partition);
    }

    /// The stage has ended its work on the pipeline, however: nothing is assigned, held or queued any more.
    pub fn released(&self) {
        let partitions = self.assigned.of(self.stage, &self.pipeline);
        partitions.into_iter().for_each(|partition| self.revoked(partition));
        self.queued.set(0);
        if let Some(loading) = &self.loading {
            loading.held.set(0);
        }
    }

    /// So many records got somewhere, if not yet to their end: no standstill.
    pub fn moved(&self, records: u64) {
        if records > 0 {
            self.last_progress.set(now_seconds());
        }
    }
}

fn place(cause: Cause) -> usize {
    RETRIED.iter().position(|(each, _)| *each == cause).unwrap_or(RETRIED.len() - 1)
}
