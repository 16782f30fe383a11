//! Where the pipelines are right now, for the terminal, `status` and `/status`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::record::Reason;

/// The life of a pipeline's pass, as far as it can be seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No pass was ever started: there is no lineage. Derived from the checkpoints.
    #[default]
    NotStarted,
    /// It waits for its turn, for topics that nobody has made yet, or for the ends of its relationships. Set by
    /// the process that runs it.
    Waiting,
    /// Records are on their way. Set by the process that runs it; `status` derives it from a group with members.
    Running,
    /// Something is left to do and nobody works on it. Derived by `status`.
    Idle,
    /// It ended early in this process: a service failed for too long, or there were too many dead letters.
    Failed,
    /// The pass is through all stages. Derived from the checkpoints.
    Done,
}

impl State {
    /// All of them.
    pub const ALL: [State; 6] =
        [State::NotStarted, State::Waiting, State::Running, State::Idle, State::Failed, State::Done];

    /// The name in metrics and JSON.
    pub const fn label(self) -> &'static str {
        match self {
            State::NotStarted => "not_started",
            State::Waiting | State::Running | State::Idle | State::Failed | State::Done => self.as_str(),
        }
    }

    /// The name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::NotStarted => "not started",
            State::Waiting => "waiting",
            State::Running => "running",
            State::Idle => "idle",
            State::Failed => "failed",
            State::Done => "done",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where one pipeline is. Counts are those of the newest pass, derived records included.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Snapshot {
    /// The pipeline.
    #[serde(skip)]
    pub pipeline: String,
    /// Where it is in its life.
    pub state: State,
    /// What it waits for, or why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The pass, from 1; 0 before the first.
    pub pass: u32,
    /// Rows that the source had at the pass's start, or those read once it is through, and derived records known so far;
    /// none before the count, and where a newer pass was asked for.
    pub expected: Option<u64>,
    /// Rows read, and derived records received.
    pub read: u64,
    /// Records that transformation is through with.
    pub transformed: u64,
    /// Records applied to the target.
    pub loaded: u64,
    /// Parallel relationships that another one stands for.
    pub merged: u64,
    /// Dead letters.
    pub dead_lettered: u64,
    /// The same by reason, those of derived records included.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub dead_letters: BTreeMap<Reason, u64>,
    /// Records that the last stage of this process is through with, where that is not loading. For people; not in the JSON.
    #[serde(skip)]
    pub through_here: Option<u64>,
    /// Whether that stage is through with all of them. For people; not in the JSON.
    #[serde(skip)]
    pub is_through_here: bool,
    /// Offsets that the slowest stage is behind the end of its topic.
    pub lag: u64,
    /// Records finished in a second, lately.
    pub records_per_second: f64,
}

impl Snapshot {
    /// Records that have come to their end, one way or another; to the end of what this process does with them.
    pub fn finished(&self) -> u64 {
        self.through_here.unwrap_or(self.loaded + self.merged + self.dead_lettered)
    }

    /// The state, as it concerns who watches this process: what it is through with is done.
    pub fn state_here(&self) -> State {
        match self.state {
            State::Waiting | State::Idle if self.is_through_here => State::Done,
            state => state,
        }
    }

    /// Records that are still to come; nothing before they were counted.
    pub fn left(&self) -> Option<u64> {
        Some(self.expected?.max(self.read).saturating_sub(self.finished()))
    }

    /// How long the rest takes at the present rate; nothing where nobody can tell.
    pub fn seconds_left(&self) -> Option<f64> {
        let left = self.left().filter(|left| *left > 0)?;
        if !self.records_per_second.is_finite() || self.records_per_second < 0.05 {
            return None;
        }
        // Counts are far below 2^53.
        Some(left as f64 / self.records_per_second)
    }
}

/// Answers where the pipelines are right now. Cheap: called several times a second.
pub type Observe = Arc<dyn Fn() -> Vec<Snapshot> + Send + Sync>;

/// The answer of `status` and `/status`: `{"pipelines": {"episode": {"state", …, "seconds_left"}}}`, with `remarks`
/// where something can't be seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Status {
    /// The pipelines, in the order in which they run.
    #[serde(serialize_with = "by_name")]
    pub pipelines: Vec<Snapshot>,
    /// What can't be seen, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// The sums of all pipelines, where some of them are left out for want of room.
    #[serde(skip)]
    pub all: Option<Snapshot>,
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    snapshot: &'a Snapshot,
    /// Whole seconds; null where nobody can tell.
    seconds_left: Option<u64>,
}

fn by_name<S: Serializer>(pipelines: &[Snapshot], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(pipelines.iter().map(|snapshot| {
        // The conversion saturates, far beyond what anybody waits for.
        let seconds_left = snapshot.seconds_left().map(|seconds| seconds.ceil() as u64);
        (&snapshot.pipeline, Row { snapshot, seconds_left })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_is_the_documented_one() {
        let episode = Snapshot {
            pipeline: "episode".to_owned(),
            state: State::Running,
            pass: 1,
            expected: Some(100),
            read: 50,
            transformed: 40,
            loaded: 30,
            dead_lettered: 1,
            lag: 9,
            records_per_second: 10.0,
            ..Snapshot::default()
        };
        let json = serde_json::to_value(Status { pipelines: vec![episode], ..Status::default() }).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"pipelines": {"episode": {
                "state": "running", "pass": 1, "expected": 100, "read": 50, "transformed": 40, "loaded": 30,
                "merged": 0, "dead_lettered": 1, "lag": 9, "records_per_second": 10.0, "seconds_left": 7,
            }}})
        );
    }
}
