//! Records that come once more: what stood for them before, and those that must not overwrite what was read later.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Context;
use super::batch::{Batch, Row};
use crate::checkpoint::{Moves, Stage, StageCheckpoint};
use crate::dead_letters::{Earlier, History};
use crate::error::{Cause, Error, Result};
use crate::neo4j::{Parameter, Statement};
use crate::record::{DeadLetter, ModelEntity, ModelRecord, Reason};

/// What a partition's loader knows of earlier attempts.
#[derive(Default)]
pub(super) struct Repeats {
    /// Dead letters of the pipeline's loading. Read for the first record that comes once more; nobody but this loader
    /// adds to those of its partition.
    earlier: Option<Earlier>,
}

/// A record that comes once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Again {
    /// The replay that it counts under.
    pub epoch: u32,
    /// How it stood before.
    pub before: Prior,
    /// A later attempt of transformation stands for it: what becomes of this one is nobody's business.
    pub obsolete: bool,
}

/// How a record stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prior {
    /// It never got to loading.
    Absent,
    /// It was applied.
    Applied,
    /// It was a dead letter of loading.
    Dead { reason: Reason, charged: bool },
}

impl Repeats {
    /// The batch's records that come once more, by their index. `checkpoint` is the partition's.
    pub(super) async fn of(
        &mut self,
        context: &Context,
        batch: &Batch,
        checkpoint: &StageCheckpoint,
    ) -> Result<HashMap<usize, Again>> {
        let moves = &checkpoint.moves;
        let comes_again = |row: &Row| row.mark.is_some() || row.offset < moves.repeats_below();
        if !batch.rows.iter().any(comes_again) {
            return Ok(HashMap::new());
        }
        let earlier = match self.earlier.take() {
            Some(earlier) => earlier,
            None => read(context).await?,
        };
        let transform = transform_moves(context);
        let judge = Judge { context, moves, earlier: &earlier, transform: &transform, epoch: checkpoint.epoch };
        let rows = batch.rows.iter().enumerate().filter(|(_, row)| comes_again(row));
        let again = rows.filter_map(|(index, row)| match judge.again(batch, row) {
            Ok(again) => Some(Ok((index, again?))),
            Err(error) => Some(Err(error)),
        });
        let again = again.collect();
        self.earlier = Some(earlier);
        again
    }

    /// Adds the dead letters that a batch has led to.
    pub(super) fn add(&mut self, letters: impl Iterator<Item = DeadLetter>) {
        if let Some(earlier) = &mut self.earlier {
            letters.for_each(|letter| earlier.add_new(&letter));
        }
    }
}

/// Looks at one record after the other.
struct Judge<'a> {
    context: &'a Context,
    moves: &'a Moves,
    earlier: &'a Earlier,
    transform: &'a BTreeMap<(String, i32), (Moves, i64)>,
    epoch: u32,
}

impl Judge<'_> {
    fn again(&self, batch: &Batch, row: &Row) -> Result<Option<Again>> {
        let record = decoded(batch, row)?;
        let (of, attempt) = (record.identity, record.identity.epoch);
        let dead = |attempt| match self.earlier.before_load(of, attempt, self.moves, row.offset) {
            Some(stood) => Prior::Dead { reason: stood.reason, charged: stood.charged },
            None => Prior::Applied,
        };
        if self.moves.earlier_attempt(row.offset).is_some() {
            let obsolete = self.is_obsolete(&record);
            let before = if obsolete { Prior::Applied } else { dead(attempt) };
            return Ok(Some(Again { epoch: self.epoch, before, obsolete }));
        }
        let Some(mark) = &row.mark else { return Ok(None) };
        let before = match (mark.earlier, mark.after) {
            (_, None) => Prior::Absent,
            (Some(letter), Some(_)) => Prior::Dead { reason: letter.reason, charged: letter.charged },
            (None, Some(before)) => dead(before),
        };
        Ok(Some(Again { epoch: attempt, before, obsolete: false }))
    }

    /// Whether transformation has made another record of the same raw record since, or rejected it.
    fn is_obsolete(&self, record: &ModelRecord<'_>) -> bool {
        let (at, own) = (record.identity, self.context.pipeline.name());
        let origin = record.derived_from.as_deref().unwrap_or(own).to_owned();
        let moved = self.transform.get(&(origin, at.partition));
        let attempt = moved.and_then(|(moves, now)| moves.last_attempt(at.offset, *now));
        attempt.is_some_and(|attempt| attempt > at.epoch) || self.earlier.is_put_back_after(at, at.epoch)
    }
}

/// Moves of all transformations, by pipeline and partition, with where each stands.
fn transform_moves(context: &Context) -> BTreeMap<(String, i32), (Moves, i64)> {
    context.checkpoints.read(|state| {
        let moves = state.moves(Stage::Transform).into_iter();
        let each = moves.map(|((pipeline, partition), moves)| {
            let checkpoint = state.transform.get(pipeline).and_then(|partitions| partitions.get(&partition));
            ((pipeline.to_owned(), partition), (moves, checkpoint.map_or(0, |at| at.next_offset)))
        });
        each.collect()
    })
}

/// Dead letters of the pipeline's loading.
async fn read(context: &Context) -> Result<Earlier> {
    context.checkpoints.refresh().await?;
    let (kafka, pipeline) = (context.kafka.clone(), context.pipeline.name().to_owned());
    let history = context.checkpoints.read(|state| History::new(&kafka.names, state));
    let ends = context.watermarks.ends_of(&kafka.names.dead_letters(), kafka.settings().partitions).await?;
    let wanted = move |letter: &DeadLetter, stage| letter.pipeline == pipeline && stage == Stage::Load;
    let read = tokio::task::spawn_blocking(move || Earlier::read(&kafka, &ends, &history, wanted));
    read.await.map_err(|error| Error::new(Cause::Unexpected, "read the dead letters").source(error))?
}

/// Records of dead letters that were put back, and whose entity was read again since: they change nothing, whatever
/// they say. For a node the target tells; a relationship has no time of its own, but its pass has a successor.
pub(super) async fn outdated(context: &Context, batch: &Batch, newer: Option<&str>) -> Result<BTreeSet<usize>> {
    let put_back = |row: &Row| row.mark.as_ref().is_some_and(|mark| mark.earlier.is_some());
    let rows: Vec<(usize, &Row)> = batch.rows.iter().enumerate().filter(|(_, row)| put_back(row)).collect();
    let mut found = BTreeSet::new();
    if rows.is_empty() {
        return Ok(found);
    }
    context.checkpoints.refresh().await?;
    let (mut indices, mut nodes) = (Vec::new(), Vec::new());
    for (index, row) in rows {
        let record = decoded(batch, row)?;
        let origin = record.derived_from.as_deref().unwrap_or(context.pipeline.name());
        let newest = context.checkpoints.read(|state| state.extract.get(origin).map_or(0, |extract| extract.pass));
        if newest > record.pass {
            found.insert(index);
        } else if let ModelEntity::Node { key, .. } = &record.entity {
            indices.push(index);
            nodes.push(Parameter::list(vec![key.as_ref().into(), record.read_at_micros.into()]));
        }
    }
    if let Some(text) = newer.filter(|_| !nodes.is_empty()) {
        let statement = Statement::new(text).param("rows", Parameter::list(nodes));
        let numbers = context.target.rows(statement).await?.into_iter();
        let numbers = numbers.filter_map(|row| usize::try_from(row.first()?.as_i64()?).ok());
        found.extend(numbers.filter_map(|number| indices.get(number).copied()));
    }
    Ok(found)
}

fn decoded<'b>(batch: &'b Batch, row: &Row) -> Result<ModelRecord<'b>> {
    batch.record(row).map_err(|error| Error::new(Cause::Unexpected, "read a record again").source(error))
}
