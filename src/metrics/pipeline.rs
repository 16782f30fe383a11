//! Where a pipeline's pass stands over all processes, from what is durable.

use super::{Metrics, whole};
use crate::checkpoint::Stage;

/// Where a pipeline's pass stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Records that the pass will have; none while that is not known, since it has not begun.
    pub expected: Option<u64>,
    /// Rows read so far.
    pub read: u64,
    /// Records that have come to their end; none where the target can't be seen.
    pub finished: Option<u64>,
    /// Dead letters that count towards the limit.
    pub charged: u64,
    /// Dead letters that the limit allows.
    pub allowed: u64,
}

impl Metrics {
    /// Sets where a pipeline's pass stands.
    pub fn standing(&self, pipeline: &str, standing: Standing) {
        let families = &self.families;
        let set = |family: &prometheus::IntGaugeVec, count| {
            family.with_label_values(&[pipeline]).set(whole(count));
        };
        match standing.expected {
            Some(expected) => set(&families.expected, expected),
            // Not there is as good as removed.
            None => drop(families.expected.remove_label_values(&[pipeline])),
        }
        set(&families.read, standing.read);
        set(&families.charged, standing.charged);
        set(&families.allowed, standing.allowed);
        if let Some(finished) = standing.finished {
            set(&families.finished, finished);
        }
    }

    /// Sets the state of a pipeline, one of `states` by name.
    pub fn state(&self, pipeline: &str, state: &str, states: &[&str]) {
        for each in states {
            self.families.state.with_label_values(&[pipeline, each]).set(i64::from(*each == state));
        }
    }

    /// How long the topic that a stage reads keeps records; none is for ever.
    pub fn topic_retention(&self, stage: Stage, pipeline: &str, retention_ms: Option<u64>) {
        // Milliseconds of any retention that makes sense are far below 2^53.
        let seconds = retention_ms.map_or(f64::INFINITY, |ms| ms as f64 / 1_000.0);
        self.families.topic_retention.with_label_values(&[stage.as_str(), pipeline]).set(seconds);
    }

    /// How long Kafka keeps the offsets of a group without members.
    pub fn offsets_retention(&self, minutes: u64) {
        let none: [&str; 0] = [];
        self.families.offsets_retention.with_label_values(&none).set(minutes as f64 * 60.0);
    }

    /// How far a partition is behind. Counts only while this process works on it.
    pub fn lag(&self, stage: Stage, pipeline: &str, partition: i32, lag: u64) {
        self.assigned.lag(stage, pipeline, partition, lag);
    }

    /// Oldest offset that a partition still has. Counts only while this process works on it.
    pub fn log_start(&self, stage: Stage, pipeline: &str, partition: i32, offset: i64) {
        self.assigned.log_start(stage, pipeline, partition, offset);
    }
}
