//! What a process counts, by Prometheus's conventions: prefix `regraft_`, base units, counters end in `_total`.
//!
//! Every series that can be foreseen starts at zero. No label holds a key or any other data of a record. Per
//! partition there are gauges only, and they go when the partition goes.

mod stage;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder, core::Collector,
};

pub use stage::{BatchOutcome, CommitSystem, StageMetrics};

use crate::checkpoint::Stage;
use crate::error::{Cause, Error, Result};

/// Seconds that a commit takes, from a local transaction to one that is about to time out.
const COMMIT_SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Records of a batch, up to the largest `load.batch_size`.
const BATCH_RECORDS: &[f64] = &[1.0, 10.0, 100.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0, 100_000.0];

const STAGE: &[&str] = &["stage", "pipeline"];

/// All metrics of a process. Handles for the hot path come from [`Metrics::stage`].
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    records_in: IntCounterVec,
    records_out: IntCounterVec,
    merged: IntCounterVec,
    dead_lettered: IntCounterVec,
    batches: IntCounterVec,
    batch_records: HistogramVec,
    commit_seconds: HistogramVec,
    retries: IntCounterVec,
    retries_exhausted: IntCounterVec,
    lag: IntGaugeVec,
    committed_offset: IntGaugeVec,
    last_commit: prometheus::GaugeVec,
    expected: IntGaugeVec,
    held: IntGaugeVec,
    /// Partitions that this process works on: only theirs have positions.
    assigned: Arc<Mutex<BTreeSet<(Stage, String, i32)>>>,
}

impl Metrics {
    /// Metrics with nothing counted yet.
    pub fn new() -> Result<Metrics> {
        Metrics::registered()
            .map_err(|source| Error::new(Cause::Unexpected, "set up the metrics").source(source))
    }

    fn registered() -> prometheus::Result<Metrics> {
        let to = &Registry::new_custom(Some("regraft".to_owned()), None)?;
        let build =
            IntGaugeVec::new(Opts::new("build_info", "The version that runs; always 1."), &["version"])?;
        registered(to, build)?.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(Metrics {
            records_in: counter(to, "records_in_total", "Records that a stage took in.", STAGE)?,
            records_out: counter(
                to,
                "records_out_total",
                "Records that a stage passed on or applied.",
                STAGE,
            )?,
            merged: counter(
                to,
                "records_merged_total",
                "Parallel relationships that another one stands for.",
                STAGE,
            )?,
            dead_lettered: counter(
                to,
                "records_dead_lettered_total",
                "Records that can't be migrated, by reason.",
                &["stage", "pipeline", "reason"],
            )?,
            batches: counter(
                to,
                "batches_total",
                "Attempts at a batch, by how they ended.",
                &["stage", "pipeline", "outcome"],
            )?,
            batch_records: histogram(
                to,
                "batch_records",
                "Records of a committed batch.",
                STAGE,
                BATCH_RECORDS,
            )?,
            commit_seconds: histogram(
                to,
                "commit_duration_seconds",
                "How long commits take, by the system that is committed to.",
                &["stage", "system"],
                COMMIT_SECONDS,
            )?,
            retries: counter(to, "retries_total", "Attempts after a service failure.", &["stage", "reason"])?,
            retries_exhausted: counter(
                to,
                "retries_exhausted_total",
                "Service failures that lasted longer than run.retry_seconds.",
                &["stage", "reason"],
            )?,
            lag: gauge(
                to,
                "lag_offsets",
                "Offsets between the position and the end of an assigned partition.",
                &["stage", "pipeline", "partition"],
            )?,
            committed_offset: gauge(
                to,
                "committed_offset",
                "Next offset to read of an assigned partition, as committed.",
                &["stage", "pipeline", "partition"],
            )?,
            last_commit: registered(
                to,
                prometheus::GaugeVec::new(
                    Opts::new("last_commit_timestamp_seconds", "When a stage last committed; 0 before that."),
                    STAGE,
                )?,
            )?,
            expected: gauge(
                to,
                "records_expected",
                "Rows that the source had at the pass's start.",
                &["pipeline"],
            )?,
            held: gauge(
                to,
                "held_relationships",
                "Relationships that wait for their ends to be loaded.",
                &["pipeline"],
            )?,
            registry: to.clone(),
            assigned: Arc::default(),
        })
    }

    /// The handles of a stage for a pipeline, resolved once and for all; its series appear at zero.
    pub fn stage(&self, stage: Stage, pipeline: &str) -> StageMetrics {
        StageMetrics::new(self, stage, pipeline)
    }

    /// Rows that the source had at the start of a pipeline's pass.
    pub fn expected(&self, pipeline: &str, rows: u64) {
        self.expected.with_label_values(&[pipeline]).set(whole(rows));
    }

    /// Everything in Prometheus's text format.
    pub fn text(&self) -> Result<String> {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .map_err(|source| Error::new(Cause::Unexpected, "write the metrics as text").source(source))
    }
}

fn registered<C: Collector + Clone + 'static>(to: &Registry, collector: C) -> prometheus::Result<C> {
    to.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn counter(to: &Registry, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
    registered(to, IntCounterVec::new(Opts::new(name, help), labels)?)
}

fn gauge(to: &Registry, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
    registered(to, IntGaugeVec::new(Opts::new(name, help), labels)?)
}

fn histogram(
    to: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
    buckets: &[f64],
) -> prometheus::Result<HistogramVec> {
    registered(to, HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)?)
}

/// Gauges are signed; no count comes near the end of that.
fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
