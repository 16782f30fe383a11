//! The run that a process is, and the services that it needs.

use super::{Metrics, now_seconds, whole};

/// A service that a process needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The monolith.
    Source,
    /// The new Neo4j.
    Target,
    /// What carries the records.
    Kafka,
}

impl Service {
    fn as_str(self) -> &'static str {
        match self {
            Service::Source => "source",
            Service::Target => "target",
            Service::Kafka => "kafka",
        }
    }

    /// What it is called in sentences.
    pub fn for_people(self) -> &'static str {
        match self {
            Service::Source => "the source",
            Service::Target => "the target",
            Service::Kafka => "Kafka",
        }
    }
}

/// Connections to a Neo4j at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Somebody works with them.
    pub in_use: usize,
    /// Open, for the next one.
    pub idle: usize,
    /// So many there may be.
    pub max: usize,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// Everything was done.
    Done,
    /// It was told to stop.
    Interrupted,
    /// A failure ended it, or too many dead letters.
    Failed,
}

impl RunEnd {
    fn as_str(self) -> &'static str {
        match self {
            RunEnd::Done => "done",
            RunEnd::Interrupted => "interrupted",
            RunEnd::Failed => "failed",
        }
    }
}

impl Metrics {
    /// A run has started: its id, the command without its options, and the prefix that it works under.
    pub fn run_started(&self, run: &str, command: &str, prefix: &str) {
        let none: [&str; 0] = [];
        self.families.run.with_label_values(&[run, command, prefix]).set(1);
        self.families.run_start.with_label_values(&none).set(now_seconds());
    }

    /// It has ended.
    pub fn run_ended(&self, how: RunEnd) {
        self.families.run_end.with_label_values(&[how.as_str()]).set(now_seconds());
    }

    /// Whether a service answered.
    pub fn service_up(&self, service: Service, up: bool) {
        self.families.service_up.with_label_values(&[service.as_str()]).set(i64::from(up));
    }

    /// The connections to a Neo4j.
    pub fn connections(&self, service: Service, connections: Connections) {
        let of = |state| self.families.connections.with_label_values(&[service.as_str(), state]);
        of("in_use").set(whole(connections.in_use as u64));
        of("idle").set(whole(connections.idle as u64));
        let max = self.families.connections_max.with_label_values(&[service.as_str()]);
        max.set(whole(connections.max as u64));
    }
}
