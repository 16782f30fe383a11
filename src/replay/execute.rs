//! Carrying out a plan: the target's checkpoints first, then Kafka's checkpoints and offsets in one transaction.
//!
//! A crash in between leaves the target behind Kafka, which the next start refuses to load from: the same replay,
//! executed again, finishes it. While it is at work its groups have no other member.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::plan::{Plan, Step};
use crate::checkpoint::{Entry, EntryKey, Move, PartitionMove, Replay, Stage, StageCheckpoint};
use crate::error::{Cause, Error, Result};
use crate::kafka::{Checkpoints, Kafka, Membership, TransactionalProducer, Watermarks, has_members};
use crate::neo4j::TargetGraph;
use crate::neo4j::bookkeeping;
use crate::neo4j::claim::{Claim, Purpose, Wanted};
use crate::neo4j::load_checkpoints::{self, CheckpointId};
use crate::observe::Loaded;

/// What a replay is carried out with.
pub struct Executor<'a> {
    /// Kafka.
    pub kafka: &'a Kafka,
    /// The checkpoints topic, refreshed since the groups were joined.
    pub checkpoints: &'a Checkpoints,
    /// The target.
    pub target: &'a TargetGraph,
    /// Its checkpoints.
    pub loaded: &'a Loaded,
    /// The run that this is.
    pub run: Uuid,
    /// When, microseconds since 1970.
    pub now_micros: i64,
}

/// Joins the groups that a replay is about, so that nobody works under them until this is dropped. Leaving them
/// blocks: drop it on a thread of its own.
///
/// Errors: [`Cause::Busy`] where a group has members.
pub async fn join(
    kafka: &Kafka,
    watermarks: &Watermarks,
    groups: Vec<(Stage, String)>,
) -> Result<Vec<Membership>> {
    let busy = watermarks.groups_with_members().await?;
    let names: Vec<String> =
        groups.iter().map(|(stage, pipeline)| kafka.names.group(*stage, pipeline)).collect();
    let busy: Vec<String> = names.into_iter().filter(|name| busy.contains(name)).collect();
    if !busy.is_empty() {
        return Err(has_members(&busy.join(", ")));
    }
    let kafka = kafka.clone();
    blocking(move || Membership::join(&kafka, &groups)).await
}

impl Executor<'_> {
    /// Carries a plan out, under epochs that no outcome has yet. Returns them by stage.
    pub async fn execute(&self, plan: &Plan, groups: Vec<Membership>) -> Result<BTreeMap<Stage, u32>> {
        let prepared = self.prepare(plan).await;
        let offsets = offsets(plan);
        blocking(move || {
            // Moved in here, so that the groups are left on this thread whatever happens.
            let groups = groups;
            let Prepared { mut producer, entries, epochs } = prepared?;
            for (key, entry) in &entries {
                producer.write(key, entry)?;
            }
            for group in &groups {
                let of_group = offsets.get(&(group.stage, group.pipeline.clone()));
                of_group.map_or(Ok(()), |offsets| producer.move_offsets(group, offsets))?;
            }
            producer.commit()?;
            Ok(epochs)
        })
        .await
    }

    /// Everything up to Kafka's transaction.
    async fn prepare(&self, plan: &Plan) -> Result<Prepared> {
        let of_stage =
            |stage: Stage| plan.changes().filter(move |step| step.stage == stage).collect::<Vec<_>>();
        let (transform, load) = (of_stage(Stage::Transform), of_stage(Stage::Load));
        let (kafka, replaying) = (self.kafka.clone(), self.kafka.names.replay_transactional_id());
        // Fences another replay that began before, and is fenced by one that begins after.
        let producer = blocking(move || TransactionalProducer::start(&kafka, replaying)).await?;
        let mut epoch = self.newest_epoch();
        let mut prepared = Prepared { producer, entries: Vec::new(), epochs: BTreeMap::new() };
        if !transform.is_empty() {
            epoch += 1;
            prepared.epochs.insert(Stage::Transform, epoch);
            prepared.entries.extend(self.transform_entries(&transform, epoch)?);
        }
        if !load.is_empty() {
            epoch += 1;
            prepared.epochs.insert(Stage::Load, epoch);
            self.set_target(&load, epoch).await?;
            prepared.entries.push(self.entry(&load, epoch, self.transformed(plan)));
        }
        Ok(prepared)
    }

    /// The highest epoch that anything carries.
    fn newest_epoch(&self) -> u32 {
        let loaded = self.loaded.values().flat_map(BTreeMap::values).map(|checkpoint| checkpoint.epoch);
        loaded.chain([self.checkpoints.read(|state| state.newest_epoch())]).max().unwrap_or(0)
    }

    fn transform_entries(&self, steps: &[&Step], epoch: u32) -> Result<Vec<(EntryKey, Entry)>> {
        let mut entries = vec![self.entry(steps, epoch, BTreeMap::new())];
        for step in steps {
            let known = self.checkpoints.read(|state| {
                let known = state.transform.get(&step.pipeline).and_then(|of| of.get(&step.partition));
                known
                    .cloned()
                    .or(state.lineages.get(&step.pipeline).map(|lineage| StageCheckpoint::new(lineage.id)))
            });
            let known = known.ok_or_else(|| no_lineage(step))?;
            let checkpoint = StageCheckpoint { epoch, next_offset: step.new, ..known };
            let key = EntryKey::Transform(step.pipeline.clone(), step.partition);
            entries.push((key, Entry::Transform(checkpoint)));
        }
        Ok(entries)
    }

    fn entry(
        &self,
        steps: &[&Step],
        epoch: u32,
        transformed: BTreeMap<String, BTreeMap<i32, i64>>,
    ) -> (EntryKey, Entry) {
        let moves = steps.iter().map(|step| PartitionMove {
            stage: step.stage,
            pipeline: step.pipeline.clone(),
            partition: step.partition,
            at: step.checkpoint,
            from: step.new,
        });
        let (at_micros, run) = (self.now_micros, Some(self.run));
        let replay = Replay { epoch, at_micros, run, moves: moves.collect(), transformed, letters: None };
        (EntryKey::Replay(epoch, self.run), Entry::Replay(replay))
    }

    /// Where transformation stands once this replay has moved it.
    fn transformed(&self, plan: &Plan) -> BTreeMap<String, BTreeMap<i32, i64>> {
        let mut transformed: BTreeMap<String, BTreeMap<i32, i64>> = self.checkpoints.read(|state| {
            let each = state.transform.iter().map(|(pipeline, partitions)| {
                let offsets =
                    partitions.iter().map(|(partition, checkpoint)| (*partition, checkpoint.next_offset));
                (pipeline.clone(), offsets.collect())
            });
            each.collect()
        });
        for step in plan.changes().filter(|step| step.stage == Stage::Transform) {
            transformed.entry(step.pipeline.clone()).or_default().insert(step.partition, step.new);
        }
        transformed
    }

    /// Moves the target's checkpoints, all in one transaction.
    async fn set_target(&self, steps: &[&Step], epoch: u32) -> Result<()> {
        bookkeeping::prepare(self.target).await?;
        let claim = Claim::take(self.target, &Wanted::new(Purpose::Load, "replay")).await?;
        let mut transaction = self.target.begin().await?;
        for step in steps {
            let lineage =
                self.checkpoints.read(|state| state.lineages.get(&step.pipeline).map(|lineage| lineage.id));
            let lineage = lineage.ok_or_else(|| no_lineage(step))?;
            let known = self.loaded.get(&step.pipeline).and_then(|of| of.get(&step.partition));
            let known = known.filter(|_| !step.of_other_lineage).cloned();
            let mut checkpoint = known.unwrap_or_else(|| StageCheckpoint::new(lineage));
            checkpoint.moves.0.push(Move { epoch, at: checkpoint.next_offset, from: step.new });
            (checkpoint.epoch, checkpoint.next_offset) = (epoch, step.new);
            let id = CheckpointId {
                id: self.kafka.names.load_checkpoint(&step.pipeline, step.partition),
                prefix: self.kafka.names.prefix().to_owned(),
                pipeline: step.pipeline.clone(),
                partition: step.partition,
            };
            load_checkpoints::set(&mut transaction, &id, &checkpoint).await?;
        }
        claim.fence(&mut transaction).await?;
        transaction.commit().await.map_err(|failed| failed.error)?;
        claim.release().await
    }
}

/// What Kafka's transaction is to hold.
struct Prepared {
    producer: TransactionalProducer,
    entries: Vec<(EntryKey, Entry)>,
    epochs: BTreeMap<Stage, u32>,
}

/// New offsets by group.
fn offsets(plan: &Plan) -> BTreeMap<(Stage, String), BTreeMap<i32, i64>> {
    let mut offsets: BTreeMap<(Stage, String), BTreeMap<i32, i64>> = BTreeMap::new();
    for step in plan.changes() {
        offsets.entry((step.stage, step.pipeline.clone())).or_default().insert(step.partition, step.new);
    }
    offsets
}

fn no_lineage(step: &Step) -> Error {
    Error::new(Cause::Busy, format!("replay {}: `{}` has no lineage yet", step.topic, step.pipeline))
}

/// librdkafka's calls block, and so does leaving a group.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::new(Cause::Unexpected, "talk to Kafka").source(error))?
}
