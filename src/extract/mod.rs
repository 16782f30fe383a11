//! Extraction: every row of a pipeline's source, once a pass, into its raw topic.
//!
//! A reader (`reader`) pages through the source in the order of keys; a writer (`writer`) turns rows into raw
//! records, and each chunk of them with the cursor behind it into one Kafka transaction. The transactional id is
//! the pipeline's, so that a second extractor fences the first. Who compares or tries reads the same by [`Rows`].

mod again;
mod chunk;
mod envelope;
mod neighbours;
mod pager;
mod plan;
mod rate;
mod reader;
mod resend;
mod rows;
mod settling;
mod statement;
mod uncovered;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::{Instrument, Span, info};
use uuid::Uuid;

use crate::checkpoint::{Entry, EntryKey, ExtractCheckpoint, Finished, Lineage, SourceShape};
use crate::error::{Cause, Error, Result};
use crate::kafka::{CheckpointState, Checkpoints, Kafka, TransactionalProducer};
use crate::metrics::{BatchOutcome, CommitSystem, StageMetrics};
use crate::neo4j::SourceGraph;
use crate::stop::Stop;

pub use again::read_again;
pub use envelope::{Envelope, place_of};
pub use neighbours::SourceRow;
use plan::{Plan, first_checkpoint, plan};
pub use rate::Rate;
use reader::Reader;
pub use resend::{Resend, Resent};
use rows::is_indexed;
pub use rows::{Rows, RowsRead, Settled};
use statement::Reading;
pub use uncovered::{Declared, Uncovered, examples_beside, uncovered};
use writer::{Destination, Writer};

/// What an extractor of one pipeline works with.
#[derive(Clone)]
pub struct Context {
    /// Kafka.
    pub kafka: Kafka,
    /// The source.
    pub source: SourceGraph,
    /// The checkpoints topic, followed.
    pub checkpoints: Arc<Checkpoints>,
    /// Name of the pipeline.
    pub pipeline: String,
    /// What it reads.
    pub shape: SourceShape,
    /// Whether the source has any of it. Otherwise a pass is through as soon as it has begun.
    pub is_read: bool,
    /// Names and Cypher expressions of its lookups.
    pub lookups: Vec<(String, String)>,
    /// This extractor: another one's id in the checkpoint means that it was taken over.
    pub owner: Uuid,
    /// Rows of a page.
    pub page_rows: u64,
    /// How a chunk and a record are bounded.
    pub limits: Limits,
    /// Rows a second that the source is asked for.
    pub rate: Arc<Rate>,
    /// Counters of this stage and pipeline.
    pub metrics: StageMetrics,
}

/// Bounds of what is written.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Rows of one transaction.
    pub chunk_rows: u64,
    /// Bytes of one transaction.
    pub chunk_bytes: usize,
    /// Largest encoded record; a larger one goes without its properties.
    pub max_record_bytes: usize,
}

/// Between fencing and claiming an extractor reads the checkpoints up to their end, which open transactions of other
/// pipelines hide: ten seconds at most, their time-out.
const CLAIMED_WITHIN: Duration = Duration::from_secs(20);

/// How an extraction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extracted {
    /// The pass is through; now or already before.
    Finished(ExtractCheckpoint),
    /// `stop` came first; the next start goes on.
    Stopped,
}

/// Brings the newest pass of a pipeline to its end, or begins the one that was asked for; `claimed` is called once it is
/// durable and known which pass that is. Blocks: call it on a thread of its own, within a tokio runtime.
///
/// Errors: service failures after which everything up to the committed cursor is on the topic and nothing after
/// it is visible; call it again to go on. [`Cause::Fenced`] where another extractor has taken over.
pub fn run(context: &Context, claimed: &dyn Fn(), stop: &Stop) -> Result<Extracted> {
    // Looked at before fencing anybody: a pass that is through needs no producer.
    context.checkpoints.refresh_blocking()?;
    let (known, awaited) = context.known();
    if let (Plan::Nothing, Some(finished)) = (plan(known.as_ref(), awaited), known) {
        claimed();
        return Ok(Extracted::Finished(finished));
    }
    let attempt = Attempt::start(context)?;
    let found = attempt.found.clone();
    attempt.run(claimed, stop).map_err(|error| context.judge(error, found.as_ref()))
}

struct Attempt<'a> {
    context: &'a Context,
    producer: TransactionalProducer,
    /// How far others had come when this one fenced them.
    found: Option<ExtractCheckpoint>,
    /// The pass that was asked for and not begun yet.
    awaited: Option<u32>,
    runtime: tokio::runtime::Handle,
}

impl Context {
    /// Where extraction stands, and the pass that was asked for and not begun yet.
    fn known(&self) -> (Option<ExtractCheckpoint>, Option<u32>) {
        let pipeline = &self.pipeline;
        self.checkpoints.read(|state| (state.extract.get(pipeline).cloned(), state.awaited_pass(pipeline)))
    }

    /// A fenced producer was not always taken over: the broker also ends transactions that took too long. What another
    /// one has written since this one `found` a checkpoint tells; to start again before that would fence it in turn. It
    /// never writes where it ended first: then there is nobody to give way to.
    ///
    /// Of two that meet on several pipelines each may fence the other on some of them: the one that started later goes
    /// on, as the order of their ids tells, and takes back what an earlier one took without knowing of it.
    fn judge(&self, error: Error, found: Option<&ExtractCheckpoint>) -> Error {
        // A call may fail with "fatal error", or since a message was not taken, and say only behind that why.
        if !error.stems_from(Cause::Fenced) {
            return error;
        }
        let has_moved = |state: &CheckpointState| {
            let known = state.extract.get(&self.pipeline);
            known != found && known.is_some_and(|known| known.owner != self.owner)
        };
        let is_newer = |state: &CheckpointState| {
            state.extract.get(&self.pipeline).is_some_and(|known| known.owner > self.owner)
        };
        let moved = self.checkpoints.wait_blocking(CLAIMED_WITHIN, has_moved);
        if !moved || !self.checkpoints.read(is_newer) {
            let attempt = format!("extract `{}`: its transaction was ended", self.pipeline);
            return Error::new(Cause::Busy, attempt).source(error);
        }
        writer::taken_over(&self.pipeline).source(error)
    }
}

impl<'a> Attempt<'a> {
    /// Fences every older extractor of the pipeline.
    fn start(context: &'a Context) -> Result<Self> {
        let id = context.kafka.names.extract_transactional_id(&context.pipeline);
        let producer = TransactionalProducer::start(&context.kafka, id)?;
        // Read after fencing: what an older extractor has committed is all there, and it commits no more.
        context.checkpoints.refresh_blocking()?;
        let (found, awaited) = context.known();
        Ok(Self { context, producer, found, awaited, runtime: tokio::runtime::Handle::current() })
    }

    fn run(mut self, claimed: &dyn Fn(), stop: &Stop) -> Result<Extracted> {
        let context = self.context;
        let (lineage, known) = self.lineage()?;
        let reading = Reading::of(&context.shape, &context.lookups)?;
        let mut checkpoint = match plan(self.found.as_ref(), self.awaited) {
            Plan::Nothing => {
                claimed();
                return self
                    .found
                    .map(Extracted::Finished)
                    .ok_or_else(|| Error::new(Cause::Unexpected, "plan nothing"));
            }
            Plan::Continue(checkpoint) => ExtractCheckpoint { owner: context.owner, ..checkpoint },
            Plan::Begin(pass) => {
                let counted = match context.is_read {
                    true => self.runtime.block_on(reader::count(&context.source, &reading))?,
                    false => 0,
                };
                let now = chrono::Utc::now().timestamp_micros();
                first_checkpoint(lineage.id, context.owner, pass, now, counted)
            }
        };
        if !context.is_read {
            let at_micros = chrono::Utc::now().timestamp_micros();
            checkpoint.finished = Some(Finished { at_micros, counted: 0 });
        }
        self.claim(&lineage, known, &checkpoint)?;
        context.checkpoints.refresh_blocking()?;
        claimed();
        if context.is_read {
            self.extract(reading, &lineage, checkpoint, stop)?;
        }
        context.checkpoints.refresh_blocking()?;
        let now = context.checkpoints.read(|state| state.extract.get(&context.pipeline).cloned());
        Ok(match now.filter(|checkpoint| checkpoint.finished.is_some()) {
            Some(finished) => Extracted::Finished(finished),
            None => Extracted::Stopped,
        })
    }

    /// The pipeline's lineage, made if there is none: before the first record, by the fenced producer.
    fn lineage(&self) -> Result<(Lineage, bool)> {
        let context = self.context;
        let partitions = context.kafka.settings().partitions;
        match context.checkpoints.read(|state| state.lineages.get(&context.pipeline).cloned()) {
            Some(lineage) => {
                lineage.check(&context.shape, partitions).map_err(|conflict| {
                    let way_out = conflict.way_out(&context.pipeline);
                    Error::new(Cause::Lineage, format!("extract `{}`", context.pipeline))
                        .source(conflict)
                        .what_to_do(way_out)
                })?;
                Ok((lineage, true))
            }
            None => {
                let created_at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
                let source = context.shape.clone();
                Ok((Lineage { id: Uuid::new_v4(), source, partitions, created_at }, false))
            }
        }
    }

    /// Says, durably, that this extractor has the pass.
    fn claim(&mut self, lineage: &Lineage, known: bool, checkpoint: &ExtractCheckpoint) -> Result<()> {
        let pipeline = &self.context.pipeline;
        if !known {
            self.producer.write(&EntryKey::Lineage(pipeline.clone()), &Entry::Lineage(lineage.clone()))?;
        }
        self.producer.write(&EntryKey::Extract(pipeline.clone()), &Entry::Extract(checkpoint.clone()))?;
        self.producer.commit()
    }

    /// Reader and writer, until one of them ends.
    fn extract(
        &mut self,
        reading: Reading,
        lineage: &Lineage,
        checkpoint: ExtractCheckpoint,
        stop: &Stop,
    ) -> Result<()> {
        let context = self.context;
        let (rows, received) = mpsc::channel(4);
        let indexed = self.runtime.block_on(is_indexed(&context.source, &context.shape))?;
        if !indexed {
            info!(
                pipeline = context.pipeline,
                "no index serves the key: the source sorts one scan of all rows"
            );
        }
        let reader = Reader {
            graph: context.source.clone(),
            reading,
            lookups: context.lookups.iter().map(|(name, _)| name.clone()).collect(),
            indexed,
            page_rows: context.page_rows,
            rate: context.rate.clone(),
            metrics: Some(context.metrics.clone()),
            rows,
        };
        let reading = self.runtime.spawn(reader.run(checkpoint.cursor.clone()).instrument(Span::current()));
        let destination = Destination {
            pipeline: context.pipeline.clone(),
            topic: context.kafka.names.raw(&context.pipeline),
            partitions: lineage.partitions,
        };
        let metrics = &context.metrics;
        let on_commit = |rows: u64, took: Duration| {
            metrics.unqueued(rows);
            metrics.passed_on(rows);
            metrics.batch(BatchOutcome::Committed, rows);
            metrics.commit_took(CommitSystem::Kafka, took);
        };
        let writer = Writer::new(&mut self.producer, destination, context.limits, checkpoint, &on_commit);
        let written = writer.run(received, &self.runtime, &|| stop.is_requested());
        if stop.is_requested() {
            // It may wait for a sorted scan, or for the rate.
            reading.abort();
            return written;
        }
        let read = self.runtime.block_on(reading);
        // The writer ends when the reader has: of two errors the reader's came first.
        read.map_err(|error| Error::new(Cause::Unexpected, "read the source").source(error))??;
        written
    }
}
