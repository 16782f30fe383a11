//! Where the stages go on after a rollback: behind everything that is on its way, so that nothing comes back by itself.
//!
//! Each move of a position is written down as those of replays are, under an epoch of its own: what was passed over
//! was never attempted, and comes for the first time should a replay go back to it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use uuid::Uuid;

use super::engine::Engine;
use crate::checkpoint::{
    Cursor, Ends, Entry, EntryKey, ExtractCheckpoint, Finished, Lineage, Move, PartitionMove, Replay, Stage,
    StageCheckpoint,
};
use crate::error::{Cause, Error, Result};
use crate::kafka::{Membership, TransactionalProducer, commit_for_group};
use crate::neo4j::claim::Claim;
use crate::neo4j::hold;
use crate::neo4j::load_checkpoints::{self, CheckpointId};
use crate::observe::Loaded;

/// What was on its way in a pipeline, and stays where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The pass.
    pub pass: u32,
    /// At most so many records of the raw topic that were not transformed.
    pub raw: u64,
    /// At most so many records of the model topic that were not loaded.
    pub model: u64,
}

/// The rollback that moves positions, as these are written down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moving {
    /// The run that it is.
    pub run: Uuid,
    /// Epoch of transformation's moves; loading's have the next one.
    pub epoch: u32,
}

/// A pipeline that has topics.
struct Known {
    name: String,
    lineage: Lineage,
}

impl Moving {
    /// The epoch of loading's moves, and of what the rollback writes.
    pub(super) fn load_epoch(self) -> u32 {
        self.epoch + 1
    }

    fn entry(self, epoch: u32, moves: Vec<PartitionMove>) -> (EntryKey, Entry) {
        let (at_micros, run) = (chrono::Utc::now().timestamp_micros(), Some(self.run));
        let replay = Replay { epoch, at_micros, run, moves, transformed: BTreeMap::new(), letters: None };
        (EntryKey::Replay(epoch, self.run), Entry::Replay(replay))
    }
}

/// Moves the pipelines' positions behind what their topics hold, and lets go of loading unless it is `held` for more. A
/// pass that was not through ends with what it has read, and an empty one follows. The target's checkpoints move before
/// Kafka's, and loading is held until both have: whatever is killed in between, the next rollback does it again.
pub(super) async fn leave_out(
    engine: &Engine,
    claim: &Claim,
    pipelines: &[String],
    moving: Moving,
    held: bool,
) -> Result<BTreeMap<String, LeftOut>> {
    engine.checkpoints.refresh().await?;
    // What was never extracted has nothing on its way.
    let known = engine.checkpoints.read(|state| {
        let each = pipelines.iter().filter_map(|name| {
            let lineage = state.lineages.get(name)?.clone();
            Some(Known { name: name.clone(), lineage })
        });
        each.collect::<Vec<_>>()
    });
    let loaded = engine.observer.loaded().await?;
    let open = close_passes(engine, &known, &loaded).await?;
    let raw = pass_over(engine, &known, moving).await?;
    let mut left_out = BTreeMap::new();
    let mut ends = BTreeMap::new();
    for Known { name, .. } in &known {
        // Read after transformation was moved: it writes no more.
        let model_ends = ends_of(engine, engine.kafka.names.model(name)).await?;
        let raw = raw.get(name).copied().unwrap_or(0);
        if open.contains(name) || raw > 0 {
            let pass = engine.checkpoints.read(|state| state.extract.get(name).map_or(0, |known| known.pass));
            let none = BTreeMap::new();
            let model = behind(loaded.get(name).unwrap_or(&none), &model_ends);
            left_out.insert(name.clone(), LeftOut { pass, raw, model });
        }
        ends.insert(name.clone(), model_ends);
    }
    move_loading(engine, claim, &known, (&loaded, &ends), moving).await?;
    let mut transaction = engine.target()?.begin().await?;
    claim.fence(&mut transaction).await?;
    let prefix = engine.kafka.names.prefix();
    match held {
        true => hold::data_is_through(&mut transaction, prefix).await?,
        false => hold::lift(&mut transaction, prefix).await?,
    }
    transaction.commit().await.map_err(Error::from)?;
    Ok(left_out)
}

/// Lets an empty pass follow each one that is not through, and take the place of one that was asked for; fences the
/// extractor. Returns the pipelines of these.
async fn close_passes(engine: &Engine, known: &[Known], loaded: &Loaded) -> Result<BTreeSet<String>> {
    let mut open = BTreeSet::new();
    for Known { name, .. } in known {
        let account = engine.observer.account(name, loaded);
        let (extract, asked) = engine
            .checkpoints
            .read(|state| (state.extract.get(name).cloned(), state.awaited_pass(name).is_some()));
        let is_open = asked || !account.extracted || account.in_flight() > 0;
        if let Some(extract) = extract.filter(|_| is_open) {
            close_pass(engine, name.clone(), extract).await?;
            open.insert(name.clone());
        }
    }
    Ok(open)
}

async fn close_pass(engine: &Engine, name: String, open: ExtractCheckpoint) -> Result<()> {
    let (kafka, checkpoints) = (engine.kafka.clone(), engine.checkpoints.clone());
    let (owner, now) = (engine.process, chrono::Utc::now().timestamp_micros());
    blocking("end a pass", move || {
        let mut producer = TransactionalProducer::start(&kafka, kafka.names.extract_transactional_id(&name))?;
        // Read after fencing: an extractor may have come further.
        checkpoints.refresh_blocking()?;
        let pass = checkpoints.read(|state| {
            let known = state.extract.get(&name).map_or(open.pass, |known| known.pass);
            state.awaited_pass(&name).unwrap_or(0).max(known + 1)
        });
        let empty = ExtractCheckpoint {
            lineage: open.lineage,
            owner,
            pass,
            started_at_micros: now,
            counted: 0,
            read: 0,
            repaired: 0,
            cursor: Cursor::Unkeyed { after: None },
            finished: Some(Finished { at_micros: now, counted: 0 }),
        };
        producer.write(&EntryKey::Extract(name), &Entry::Extract(empty))?;
        producer.commit()
    })
    .await
}

/// Moves transformation behind what the raw topics hold: its checkpoints and the groups' offsets in one transaction, or
/// what is left out would be taken for a replay. Returns at most how many records each pipeline leaves out.
async fn pass_over(engine: &Engine, known: &[Known], moving: Moving) -> Result<BTreeMap<String, u64>> {
    let transformed = engine.checkpoints.read(|state| state.transform.clone());
    let (mut left, mut entries, mut moves) = (BTreeMap::new(), Vec::new(), Vec::new());
    let mut offsets: BTreeMap<String, Ends> = BTreeMap::new();
    for Known { name, lineage } in known {
        let mut checkpoints = transformed.get(name).cloned().unwrap_or_default();
        let ends = ends_of(engine, engine.kafka.names.raw(name)).await?;
        let raw = behind(&checkpoints, &ends);
        if raw == 0 {
            continue;
        }
        for (partition, end) in &ends {
            let known = checkpoints.remove(partition).unwrap_or_else(|| StageCheckpoint::new(lineage.id));
            moves.push(moved(Stage::Transform, name, *partition, (known.next_offset, *end)));
            let checkpoint = StageCheckpoint { epoch: moving.epoch, next_offset: *end, ..known };
            entries.push((EntryKey::Transform(name.clone(), *partition), Entry::Transform(checkpoint)));
        }
        left.insert(name.clone(), raw);
        offsets.insert(name.clone(), ends);
    }
    if left.is_empty() {
        return Ok(left);
    }
    entries.push(moving.entry(moving.epoch, moves));
    let kafka = engine.kafka.clone();
    blocking("move transformation", move || {
        let groups: Vec<_> = offsets.keys().map(|name| (Stage::Transform, name.clone())).collect();
        let groups = Membership::join(&kafka, &groups)?;
        let mut producer = TransactionalProducer::start(&kafka, kafka.names.replay_transactional_id())?;
        for (key, entry) in &entries {
            producer.write(key, entry)?;
        }
        for group in &groups {
            let of_group = offsets.get(&group.pipeline);
            of_group.map_or(Ok(()), |offsets| producer.move_offsets(group, offsets))?;
        }
        producer.commit()
    })
    .await?;
    engine.checkpoints.refresh().await?;
    Ok(left)
}

/// Moves loading behind what the model topics hold, in the target first.
async fn move_loading(
    engine: &Engine,
    claim: &Claim,
    known: &[Known],
    (loaded, ends): (&Loaded, &BTreeMap<String, Ends>),
    moving: Moving,
) -> Result<()> {
    let (names, epoch) = (&engine.kafka.names, moving.load_epoch());
    let mut transaction = engine.target()?.begin().await?;
    claim.fence(&mut transaction).await?;
    let mut moves = Vec::new();
    for Known { name, lineage } in known {
        for (partition, end) in ends.get(name).into_iter().flatten() {
            let checkpoint = loaded.get(name).and_then(|of| of.get(partition)).cloned();
            let mut checkpoint = checkpoint.unwrap_or_else(|| StageCheckpoint::new(lineage.id));
            let at = checkpoint.next_offset;
            checkpoint.moves.0.push(Move { epoch, at, from: *end });
            (checkpoint.epoch, checkpoint.next_offset) = (epoch, *end);
            let id = CheckpointId {
                id: names.load_checkpoint(name, *partition),
                prefix: names.prefix().to_owned(),
                pipeline: name.clone(),
                partition: *partition,
            };
            load_checkpoints::set(&mut transaction, &id, &checkpoint).await?;
            moves.push(moved(Stage::Load, name, *partition, (at, *end)));
        }
    }
    transaction.commit().await.map_err(Error::from)?;
    let (kafka, ends) = (engine.kafka.clone(), ends.clone());
    let (key, entry) = moving.entry(epoch, moves);
    blocking("move loading", move || {
        let mut producer = TransactionalProducer::start(&kafka, kafka.names.replay_transactional_id())?;
        producer.write(&key, &entry)?;
        producer.commit()?;
        ends.iter().try_for_each(|(name, ends)| commit_for_group(&kafka, Stage::Load, name, ends))
    })
    .await?;
    engine.checkpoints.refresh().await
}

fn moved(stage: Stage, pipeline: &str, partition: i32, (at, from): (i64, i64)) -> PartitionMove {
    PartitionMove { stage, pipeline: pipeline.to_owned(), partition, at, from }
}

async fn ends_of(engine: &Engine, topic: String) -> Result<Ends> {
    engine.watermarks.ends_of(&topic, engine.kafka.settings().partitions).await
}

fn behind(checkpoints: &BTreeMap<i32, StageCheckpoint>, ends: &Ends) -> u64 {
    let behind = ends.iter().map(|(partition, end)| {
        let at = checkpoints.get(partition).map_or(0, |checkpoint| checkpoint.next_offset);
        u64::try_from(end - at).unwrap_or(0)
    });
    behind.sum()
}

async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::new(Cause::Unexpected, what).source(error))?
}
