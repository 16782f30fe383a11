//! Transformation: raw records in, model records and dead letters out, in one Kafka transaction with the
//! offsets, the counts and the checkpoint.
//!
//! What becomes of a record is decided by the pipeline's pure function; this stage only carries it.

mod again;
mod derived;
mod outcome;
mod partition;
pub(crate) mod repeat;
mod sending;
mod taking;
mod transaction;
mod worker;

use std::sync::Arc;

use uuid::Uuid;

use crate::checkpoint::Lineage;
use crate::config::DeadLetterLimit;
use crate::error::{Cause, Error, Result};
use crate::kafka::{Checkpoints, Kafka, Watermarks};
use crate::metrics::StageMetrics;
use crate::pipeline::Pipeline;
use crate::stop::Stop;

pub use again::{Again, Returning};
pub use derived::Receiver;
pub use outcome::reshape;
pub use repeat::Ending;
pub use sending::Raw;

/// What a transform worker of one pipeline works with.
#[derive(Clone)]
pub struct Context {
    /// Kafka.
    pub kafka: Kafka,
    /// The checkpoints topic, followed.
    pub checkpoints: Arc<Checkpoints>,
    /// The topics' ends.
    pub watermarks: Watermarks,
    /// The pipeline.
    pub pipeline: Arc<Pipeline>,
    /// The pipelines that its records derive others for.
    pub receivers: Vec<Receiver>,
    /// The topic of its raw records.
    pub raw_topic: String,
    /// Digest of the pipeline's definition.
    pub digest: String,
    /// Lineage of the pipeline's topics.
    pub lineage: Lineage,
    /// This process, in its transactional id.
    pub process: Uuid,
    /// Dead letters allowed in a pass.
    pub limit: DeadLetterLimit,
    /// Largest batch of one transaction.
    pub batch_records: usize,
    /// The same in bytes of input.
    pub batch_bytes: usize,
    /// Counters of this stage and pipeline.
    pub metrics: StageMetrics,
}

fn now_micros() -> i64 {
    chrono::Utc::now().timestamp_micros()
}

/// Works on a pipeline until `stop`. Blocks: call it on a thread of its own.
///
/// Errors: service failures after which nothing of the open transaction is visible; call it again to go on.
/// A kill leaves an open transaction, which the broker aborts after ten seconds.
pub fn run(context: Context, stop: &Stop) -> Result<()> {
    let name = context.pipeline.name().to_owned();
    worker::run(context, stop).map_err(|error| match error.cause() {
        // Nobody else has its transactional id: the broker has ended a transaction that took too long.
        Cause::Fenced => {
            Error::new(Cause::Busy, format!("transform `{name}`: its transaction was ended")).source(error)
        }
        _ => error,
    })
}
