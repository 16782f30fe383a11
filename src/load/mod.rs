//! Loading: model records into the target, in idempotent batches whose last transaction moves the checkpoint.
//!
//! One thread polls Kafka and forms batches (`worker`); one task per assigned partition applies them
//! (`apply`), one transaction at a time, where the process-wide [`Schedule`] lets it. A [`Trial`] writes in
//! transactions that are rolled back.

mod apply;
mod batch;
mod before;
mod budget;
mod dead_ends;
mod fence;
pub(crate) mod judge;
pub(crate) mod letters;
mod outbox;
mod partition;
mod repeats;
mod rows;
mod schedule;
mod shape;
mod statement;
mod trial;
mod worker;
mod writing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::checkpoint::Lineage;
use crate::config::DeadLetterLimit;
use crate::error::Result;
use crate::kafka::{Checkpoints, Kafka, Watermarks};
use crate::metrics::StageMetrics;
use crate::neo4j::TargetGraph;
use crate::neo4j::claim::Claim;
use crate::observe::Observer;
use crate::pipeline::Pipeline;
use crate::stop::Stop;
use crate::undo::UndoJournal;

pub use dead_ends::DeadEnds;
pub use fence::Waits;
pub use schedule::Schedule;
pub use trial::{Candidate, KnownNames, Trial, Tried};

/// What a load worker of one pipeline works with.
pub struct Context {
    /// Kafka.
    pub kafka: Kafka,
    /// The target.
    pub target: TargetGraph,
    /// What was there before is written there first.
    pub undo: UndoJournal,
    /// Whether it is: otherwise only that something was written.
    pub journaling: bool,
    /// The checkpoints topic, followed.
    pub checkpoints: Arc<Checkpoints>,
    /// The topics' ends.
    pub watermarks: Watermarks,
    /// What fences look at.
    pub observer: Observer,
    /// The pipeline.
    pub pipeline: Arc<Pipeline>,
    /// Pipelines that bring the ends of its relationships; none for nodes.
    pub end_pipelines: Vec<String>,
    /// Pipelines by the label that their nodes have.
    pub pipelines_by_label: BTreeMap<String, Vec<String>>,
    /// The process's claim on the target.
    pub claim: Arc<Claim>,
    /// Lineage of the pipeline's topics.
    pub lineage: Lineage,
    /// Transactions of the process.
    pub schedule: Arc<Schedule>,
    /// Waits of the process.
    pub waits: Arc<Waits>,
    /// Dead-lettered ends.
    pub dead_ends: DeadEnds,
    /// This process, in its transactional id.
    pub process: Uuid,
    /// Schema version of the target, on every node that is written.
    pub schema_version: String,
    /// Dead letters allowed in a pass.
    pub limit: DeadLetterLimit,
    /// Rows of a batch.
    pub batch_rows: usize,
    /// Bytes of a batch.
    pub batch_bytes: usize,
    /// Transactions that the process runs at once.
    pub connections: usize,
    /// How long a service failure is tried again.
    pub retry: Duration,
    /// Counters of this stage and pipeline.
    pub metrics: StageMetrics,
}

impl Context {
    /// Pipelines whose nodes have a label.
    fn pipelines_of(&self, label: &str) -> Vec<String> {
        self.pipelines_by_label.get(label).cloned().unwrap_or_default()
    }
}

/// Works on a pipeline until `stop`. Blocks: call it on a thread of its own, within a tokio runtime.
///
/// Errors: service failures after which the target is as its checkpoint says, or ahead by rows that will be
/// written again; call it again to go on.
pub fn run(context: Arc<Context>, stop: &Stop) -> Result<()> {
    worker::run(context, stop)
}
