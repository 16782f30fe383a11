//! Records that come once more: what stood for them before, and those that must not overwrite what was read later.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Context;
use super::batch::{Batch, Row};
use super::judge::{Again, Judge, Model, Upstream};
use crate::checkpoint::{Stage, StageCheckpoint};
use crate::dead_letters::{Earlier, History};
use crate::error::{Cause, Error, Result};
use crate::kafka::scan;
use crate::neo4j::{Parameter, Statement};
use crate::record::{DeadLetter, Finding, Key, ModelEntity, ModelRecord, RawRecord};

/// What a partition's loader knows of earlier attempts.
#[derive(Default)]
pub(super) struct Repeats {
    /// Dead letters of the pipeline's loading. Read for the first record that comes once more; nobody but this loader
    /// adds to those of its partition.
    earlier: Option<Earlier>,
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
        let upstream = context.checkpoints.read(Upstream::new);
        let origins: Vec<&str> = batch.origins(context.pipeline.name()).collect();
        if !batch.rows.iter().any(comes_again) && !upstream.was_moved(&origins) {
            return Ok(HashMap::new());
        }
        let earlier = match self.earlier.take() {
            Some(earlier) => earlier,
            None => read(context).await?,
        };
        let epoch = checkpoint.epoch;
        let mut judge =
            Judge { moves, earlier: &earlier, upstream: &upstream, epoch, in_batch: HashMap::new() };
        let mut again = HashMap::new();
        // What was counted before is only written again.
        let counted = batch.rows.iter().enumerate().filter(|(_, row)| row.offset >= checkpoint.next_offset);
        for (index, row) in counted {
            let record = decoded(batch, row)?;
            let origin = record.derived_from.as_deref().unwrap_or(context.pipeline.name());
            let (of, offset, mark) = (record.identity, row.offset, row.mark.as_deref());
            again.extend(judge.again(index, Model { of, origin, offset, mark }).map(|found| (index, found)));
        }
        self.earlier = Some(earlier);
        Ok(again)
    }

    /// Adds the dead letters that a batch has led to.
    pub(super) fn add(&mut self, letters: impl Iterator<Item = DeadLetter>) {
        if let Some(earlier) = &mut self.earlier {
            letters.for_each(|letter| earlier.add_new(&letter));
        }
    }
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
/// they say. For a node the target tells; a relationship has no time of its own, but its pass has a successor, or a
/// repair has sent it once more.
pub(super) async fn outdated(
    context: &Context,
    batch: &Batch,
    newer: Option<&str>,
) -> Result<BTreeSet<usize>> {
    let put_back = |row: &Row| row.mark.as_ref().is_some_and(|mark| mark.earlier.is_some());
    let rows: Vec<(usize, &Row)> = batch.rows.iter().enumerate().filter(|(_, row)| put_back(row)).collect();
    let mut found = BTreeSet::new();
    if rows.is_empty() {
        return Ok(found);
    }
    context.checkpoints.refresh().await?;
    let (mut indices, mut nodes, mut ties) = (Vec::new(), Vec::new(), Ties::new());
    for (index, row) in rows {
        let record = decoded(batch, row)?;
        let origin = record.derived_from.as_deref().unwrap_or(context.pipeline.name());
        let (newest, repaired) = context.checkpoints.read(|state| {
            state.extract.get(origin).map_or((0, 0), |extract| (extract.pass, extract.repaired))
        });
        match &record.entity {
            _ if newest > record.pass => {
                found.insert(index);
            }
            ModelEntity::Node { key, .. } => {
                indices.push(index);
                nodes.push(Parameter::list(vec![key.as_ref().into(), record.read_at_micros.into()]));
            }
            ModelEntity::Relationship { start, end } if repaired > 0 && record.derived_from.is_none() => {
                let (at, key) =
                    (record.identity, Key::Relationship(start.as_ref().into(), end.as_ref().into()));
                ties.entry((at.partition, key.message_key())).or_default().push((at.offset, index));
            }
            ModelEntity::Relationship { .. } => {}
        }
    }
    found.extend(sent_again(context, ties).await?);
    if let Some(text) = newer.filter(|_| !nodes.is_empty()) {
        let statement = Statement::new(text).param("rows", Parameter::list(nodes));
        let numbers = context.target.rows(statement).await?.into_iter();
        let numbers = numbers.filter_map(|row| usize::try_from(row.first()?.as_i64()?).ok());
        found.extend(numbers.filter_map(|number| indices.get(number).copied()));
    }
    Ok(found)
}

/// Raw records of relationships by their partition and message key: the offset, and the index of the row.
type Ties = HashMap<(i32, Option<Vec<u8>>), Vec<(i64, usize)>>;

/// Those of which the raw topic has a later record.
async fn sent_again(context: &Context, ties: Ties) -> Result<BTreeSet<usize>> {
    let mut starts: BTreeMap<i32, i64> = BTreeMap::new();
    for ((partition, _), rows) in &ties {
        let start = starts.entry(*partition).or_insert(i64::MAX);
        *start = rows.iter().map(|(offset, _)| *offset).min().unwrap_or(i64::MAX).min(*start);
    }
    if starts.is_empty() {
        return Ok(BTreeSet::new());
    }
    let (kafka, topic) = (context.kafka.clone(), context.kafka.names.raw(context.pipeline.name()));
    let mut ends = context.watermarks.ends_of(&topic, kafka.settings().partitions).await?;
    ends.retain(|partition, _| starts.contains_key(partition));
    let look = move || {
        let mut found = BTreeSet::new();
        scan(&kafka, &topic, &starts, &ends, |record| {
            let rows = ties.get(&(record.partition, record.key)).into_iter().flatten();
            let mut earlier = rows.filter(|(offset, _)| *offset < record.offset).peekable();
            // An equal parallel was read with it.
            let is_parallel = |raw: RawRecord<'_>| raw.finding == Finding::Merged;
            if earlier.peek().is_some() && !RawRecord::decode(&record.payload).is_ok_and(is_parallel) {
                found.extend(earlier.map(|(_, index)| *index));
            }
            Ok(())
        })?;
        Ok(found)
    };
    let looked = tokio::task::spawn_blocking(look).await;
    looked.map_err(|error| Error::new(Cause::Unexpected, "look for later records").source(error))?
}

fn decoded<'b>(batch: &'b Batch, row: &Row) -> Result<ModelRecord<'b>> {
    batch.record(row).map_err(|error| Error::new(Cause::Unexpected, "read a record again").source(error))
}
