//! One batch into the target: cells by the schedule, retries and halvings by their rules, and the checkpoint with
//! the counts in the last transaction.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{debug, warn};
use uuid::Uuid;

use super::Context;
use super::batch::{Batch, Cell, Touched, cells};
use super::before::{Images, Rewritten};
use super::letters::{Letters, Miss};
use super::repeats::{Repeats, outdated};
use super::rows::Rows;
use super::schedule::{Buckets, Footprint};
use super::statement::{Mode, Statements};
use super::writing::{Attempts, Reaction};
use crate::checkpoint::{Counts, StageCheckpoint};
use crate::error::{Cause, Result};
use crate::metrics::{Arrival, BatchOutcome, CommitSystem};
use crate::neo4j::load_checkpoints::{self, CheckpointId, OutboxEntry};
use crate::neo4j::{Parameter, Statement, server_code};
use crate::stop::Stop;

/// Writes the batches of one partition, one transaction at a time: its checkpoint's lock is the fence against an
/// owner that does not know yet that it was replaced.
pub(super) struct Applier {
    pub context: Arc<Context>,
    pub statements: Arc<Statements>,
    pub rows: Arc<Rows>,
    pub touched: Touched,
    pub buckets: Buckets,
    pub images: Arc<Images>,
    /// Shared by the partitions of the pipeline: once something was there already, all of them look first.
    pub fresh: Arc<AtomicBool>,
    pub id: CheckpointId,
    pub owner: Uuid,
    /// Number of the claim on the partition.
    pub claim: i64,
    pub checkpoint: StageCheckpoint,
    pub repeats: Repeats,
    pub stop: Stop,
}

/// What a batch's transactions have left behind so far.
struct Progress {
    pending: VecDeque<(Cell, Attempts)>,
    missed: Vec<Cell>,
    letters: Letters,
    /// The ends that relationships wait for are all through: what is missing now is missing.
    fence_passed: bool,
    /// What was missing in the closing transaction whose commit was asked for last: it may have gone through unheard.
    closing_misses: Vec<Miss>,
}

// Of two records of one entity the later one has to be written last. Both are in one cell; its halves have one footprint,
// and cells of one footprint are written in the order in which they stand.
impl Progress {
    /// Two halves in a cell's place, the earlier one first.
    fn halve(&mut self, cell: &Cell) {
        let (earlier, later) = cell.rows.split_at(cell.rows.len() / 2);
        for rows in [later, earlier] {
            let half = Cell { rows: rows.to_vec(), footprint: cell.footprint.clone() };
            self.pending.push_front((half, Attempts::none()));
        }
    }

    /// Puts a cell off until the fence is passed, and what has to be written after it as well.
    fn miss(&mut self, cell: Cell) {
        let pending = std::mem::take(&mut self.pending);
        let (later, others) = pending.into_iter().partition(|(other, _)| other.footprint == cell.footprint);
        self.pending = others;
        self.missed.push(cell);
        self.missed.extend(later.into_iter().map(|(cell, _)| cell));
    }
}

/// How a transaction went that did not fail.
enum Written {
    /// Its rows are in the target; with the checkpoint if it was the last.
    Rows,
    /// Some relationship's end is not there; nothing was written.
    EndsMissing,
    /// Something that was taken for absent was there; nothing was written.
    ThereAlready,
    /// An earlier attempt had committed after all, though its answer was lost.
    Already,
}

/// What the last transaction of a batch adds.
struct Closing {
    checkpoint: StageCheckpoint,
    outbox: Vec<OutboxEntry>,
    /// What was counted now, and not before.
    counted: Counts,
}

impl Applier {
    /// Applies a batch. Returns the dead letters to publish, or nothing if `stop` came before the batch was
    /// through; what was written of it then is written again.
    pub(super) async fn apply(&mut self, batch: &Batch) -> Result<Option<Vec<OutboxEntry>>> {
        self.rows.know_writers(batch).await?;
        let again = self.repeats.of(&self.context, batch, &self.checkpoint).await?;
        let outdated = outdated(&self.context, batch, self.statements.read_later().as_deref()).await?;
        let mut cells = cells(&batch.rows, &self.touched, self.buckets, self.context.connections);
        if !outdated.is_empty() {
            cells.iter_mut().for_each(|cell| cell.rows.retain(|row| !outdated.contains(row)));
            cells.retain(|cell| !cell.rows.is_empty());
        }
        let mut progress = Progress {
            pending: cells.into_iter().map(|cell| (cell, Attempts::none())).collect(),
            missed: Vec::new(),
            letters: Letters::new(&self.context, batch, &self.checkpoint, again),
            fence_passed: false,
            closing_misses: Vec::new(),
        };
        if self.write_all(batch, &mut progress).await? {
            return Ok(Some(self.closed(batch, &progress)));
        }
        if !progress.missed.is_empty() {
            if !self.pass_fence(&progress.missed).await? {
                return Ok(None);
            }
            // Those of the ends are out now. Not later: others can't write while this one holds its buckets.
            self.context.dead_ends.refresh().await?;
            progress.fence_passed = true;
            progress.pending = progress.missed.drain(..).map(|cell| (cell, Attempts::none())).collect();
            if self.write_all(batch, &mut progress).await? {
                return Ok(Some(self.closed(batch, &progress)));
            }
        }
        self.write_cell(batch, Cell::default(), Attempts::none(), &mut progress, true).await?;
        Ok(Some(self.closed(batch, &progress)))
    }

    /// Writes the pending cells, in whatever order the schedule admits them. True if the batch is closed: its
    /// last cell took the checkpoint along.
    async fn write_all(&mut self, batch: &Batch, progress: &mut Progress) -> Result<bool> {
        while !progress.pending.is_empty() {
            let footprints: Vec<Footprint> =
                progress.pending.iter().map(|(cell, _)| cell.footprint.clone()).collect();
            let (chosen, permit) = self.context.schedule.admit(&footprints).await;
            let Some((cell, attempts)) = progress.pending.remove(chosen) else { continue };
            // Only a batch that is one transaction closes here; otherwise a later cell may still miss its ends.
            let last = progress.pending.is_empty() && progress.missed.is_empty();
            let closed = self.write_cell(batch, cell, attempts, progress, last).await?;
            drop(permit);
            if closed {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes one cell until it is through, refused, halved or missed. True if it closed the batch.
    async fn write_cell(
        &mut self,
        batch: &Batch,
        cell: Cell,
        mut attempts: Attempts,
        progress: &mut Progress,
        last: bool,
    ) -> Result<bool> {
        loop {
            let mode = if self.fresh.load(Ordering::Relaxed) { Mode::Create } else { Mode::Merge };
            let missing = match progress.fence_passed && !cell.rows.is_empty() {
                true => self.missing_ends(batch, &cell).await,
                false => Ok(Vec::new()),
            };
            let outcome = match missing {
                Ok(missing) => self.attempt(batch, &cell, &missing, mode, progress, last).await,
                Err(error) => Err(error),
            };
            let error = match outcome {
                Ok(Written::Rows | Written::Already) => return Ok(last),
                // An end went away between looking and writing: look again, nothing may be left out.
                Ok(Written::EndsMissing) if progress.fence_passed => continue,
                Ok(Written::EndsMissing) => {
                    progress.miss(cell);
                    return Ok(false);
                }
                Ok(Written::ThereAlready) => {
                    self.look_first();
                    continue;
                }
                Err(error) => error,
            };
            if error.cause() == Cause::DataRefused && mode == Mode::Create {
                self.look_first();
                continue;
            }
            match attempts.react(&error, cell.rows.len(), self.context.retry) {
                Reaction::Again(after) => {
                    self.context.metrics.batch(BatchOutcome::Retried, cell.rows.len() as u64);
                    self.context.metrics.retry(error.cause());
                    debug!(pipeline = self.context.pipeline.name(), ?error, "a transaction is tried again");
                    if self.stop.sleep(after).await && error.cause() == Cause::Unreachable {
                        return Err(error);
                    }
                }
                Reaction::Halve => {
                    self.context.metrics.batch(BatchOutcome::Split, cell.rows.len() as u64);
                    progress.halve(&cell);
                    return Ok(false);
                }
                Reaction::Reject => {
                    let Some(row) = cell.rows.first() else { return Err(error) };
                    // Neo4j's message may quote the record's values: they are in the dead letter, not in the log.
                    let code = server_code(&error).unwrap_or("unknown");
                    warn!(pipeline = self.context.pipeline.name(), code, "the target refused a record");
                    debug!(?error, "what it said of it");
                    progress.letters.rejected(batch, *row, &error)?;
                    return Ok(false);
                }
                Reaction::GiveUp => return Err(error),
            }
        }
    }

    /// One transaction: lock, rows with what they were before, and in the last one dead letters and checkpoint. What
    /// they were is in the journal before it commits.
    async fn attempt(
        &mut self,
        batch: &Batch,
        cell: &Cell,
        missing: &[Miss],
        mode: Mode,
        progress: &mut Progress,
        last: bool,
    ) -> Result<Written> {
        let mut journaled = self.context.undo.begin(&self.context.target).await?;
        let at = load_checkpoints::lock(journaled.transaction(), &self.id, self.owner).await?;
        if last && at >= batch.to && at > self.checkpoint.next_offset {
            journaled.rollback().await?;
            // The counts that the target has are those of that attempt.
            let missed = std::mem::take(&mut progress.closing_misses);
            progress.letters.missing(batch, &missed)?;
            return Ok(Written::Already);
        }
        let present: Vec<usize> =
            cell.rows.iter().copied().filter(|row| !missing.iter().any(|miss| miss.row == *row)).collect();
        let unwritten = match self.write_rows(&mut journaled, batch, &present, mode).await? {
            Rewritten::All => None,
            Rewritten::EndsMissing => Some(Written::EndsMissing),
            Rewritten::ThereAlready => Some(Written::ThereAlready),
        };
        if let Some(unwritten) = unwritten {
            journaled.rollback().await?;
            return Ok(unwritten);
        }
        journaled.send().await?;
        if last {
            let mut letters = progress.letters.clone();
            letters.missing(batch, missing)?;
            let closing = self.closing(batch, &letters);
            load_checkpoints::put_outbox(journaled.transaction(), &self.id, &closing.outbox).await?;
            let noted = journaled.acknowledged().await?.get(&self.id.partition).copied();
            let StageCheckpoint { next_offset, counts, .. } = &closing.checkpoint;
            let transaction = journaled.transaction();
            load_checkpoints::advance(transaction, &self.id, *next_offset, counts, noted).await?;
            progress.closing_misses = missing.to_vec();
        }
        let committing = journaled.commit().await?;
        self.context.metrics.commit_took(CommitSystem::Neo4j, committing);
        progress.letters.missing(batch, missing)?;
        self.report(batch, &present);
        Ok(Written::Rows)
    }

    /// Rows are in the target: that is progress, and how long they took to get there.
    fn report(&self, batch: &Batch, present: &[usize]) {
        let now_micros = chrono::Utc::now().timestamp_micros();
        let (metrics, at) = (&self.context.metrics, &self.checkpoint);
        metrics.moved(present.len() as u64);
        metrics.latencies(present.iter().filter_map(|row| batch.rows.get(*row)).map(|row| {
            let again = row.offset < at.next_offset || at.counts.has_earlier(row.pass, at.epoch);
            let arrival = if again { Arrival::Replay } else { Arrival::Live };
            // Negative where the clocks of two machines differ.
            (arrival, ((now_micros - row.read_at_micros) as f64 / 1e6).max(0.0))
        }));
    }

    /// Something of the pipeline was there already: from now on what is there is found first.
    fn look_first(&self) {
        debug!(pipeline = self.context.pipeline.name(), "something is there already: merging from now on");
        self.fresh.store(false, Ordering::Relaxed);
    }

    async fn missing_ends(&self, batch: &Batch, cell: &Cell) -> Result<Vec<Miss>> {
        let Some(text) = self.statements.missing_ends() else { return Ok(Vec::new()) };
        let ends = self.rows.ends(batch, &cell.rows)?;
        let found =
            self.context.target.rows(Statement::new(text).param("rows", Parameter::list(ends))).await?;
        let misses = found.into_iter().filter_map(|row| {
            let index = usize::try_from(row.first()?.as_i64()?).ok()?;
            let (start, end) = (row.get(1)?.as_bool()?, row.get(2)?.as_bool()?);
            Some(Miss { row: *cell.rows.get(index)?, start_found: start, end_found: end })
        });
        Ok(misses.collect())
    }

    async fn pass_fence(&self, missed: &[Cell]) -> Result<bool> {
        let context = &self.context;
        let held = missed.iter().map(|cell| cell.rows.len() as u64).sum();
        context.metrics.held(held);
        let name = context.pipeline.name();
        let passed =
            super::fence::wait(name, &context.end_pipelines, &context.observer, &context.waits, &self.stop)
                .await;
        context.metrics.held_no_more(held);
        passed
    }

    /// The checkpoint behind the batch, and its dead letters.
    fn closing(&self, batch: &Batch, letters: &Letters) -> Closing {
        let mut checkpoint = self.checkpoint.clone();
        checkpoint.next_offset = checkpoint.next_offset.max(batch.to);
        let counted = letters.counts(batch, self.checkpoint.counts.newest_pass());
        checkpoint.counts.add(&counted);
        Closing { checkpoint, outbox: letters.outbox().to_vec(), counted }
    }

    /// The batch is durable: what it closed with holds from now on.
    fn closed(&mut self, batch: &Batch, progress: &Progress) -> Vec<OutboxEntry> {
        let closing = self.closing(batch, &progress.letters);
        self.context.metrics.took_in(closing.counted.taken_in());
        self.context.metrics.passed_on(closing.counted.applied());
        self.checkpoint = closing.checkpoint;
        self.repeats.add(closing.outbox.iter().filter_map(|entry| serde_json::from_str(&entry.letter).ok()));
        closing.outbox
    }
}
