//! What the checkpoints and the topics' ends say at one moment: the only input of *drained*, of the fence of a
//! missing end, and of every report.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::checkpoint::{Account, Deriver, EmitterObservation, Ends, Observation, StageCheckpoint, account};
use crate::error::Result;
use crate::kafka::{Checkpoints, Kafka, Watermarks};
use crate::neo4j::{self, TargetGraph};

/// Load checkpoints by pipeline and partition.
pub type Loaded = BTreeMap<String, BTreeMap<i32, StageCheckpoint>>;

/// Looks at Kafka and, where it is given, at the target.
#[derive(Clone)]
pub struct Observer {
    kafka: Kafka,
    checkpoints: Arc<Checkpoints>,
    watermarks: Watermarks,
    target: Option<TargetGraph>,
    /// Pipelines that derive records, by the pipeline that these go to.
    derivers: Arc<BTreeMap<String, Vec<String>>>,
}

impl Observer {
    /// Looks with these. A transform worker needs no target: the load part of its observations is empty.
    pub fn new(
        kafka: Kafka,
        checkpoints: Arc<Checkpoints>,
        watermarks: Watermarks,
        target: Option<TargetGraph>,
        derivers: BTreeMap<String, Vec<String>>,
    ) -> Self {
        Self { kafka, checkpoints, watermarks, target, derivers: Arc::new(derivers) }
    }

    /// The checkpoints topic.
    pub fn checkpoints(&self) -> &Arc<Checkpoints> {
        &self.checkpoints
    }

    /// What leads to a pipeline's rows in the target, now: its own records, and those that `derivers` derive for it.
    pub async fn observe(&self, pipeline: &str, derivers: &[String]) -> Result<Observation> {
        let partitions = self.kafka.settings().partitions;
        let emitters: Vec<String> =
            std::iter::once(pipeline.to_owned()).chain(derivers.iter().cloned()).collect();
        let emitted = self.checkpoints.read(|state| {
            let each = emitters.iter().map(|name| EmitterObservation {
                pipeline: name.clone(),
                extraction: state.extract.get(name).map(|extract| (extract.pass, extract.finished.is_some())),
                rows_read: state.extract.get(name).map_or(0, |extract| extract.read),
                raw_ends: Ends::new(),
                transformed: state.transform.get(name).map(offsets).unwrap_or_default(),
            });
            each.collect::<Vec<_>>()
        });
        // Without a lineage there may be no topics to ask for; nothing was started then.
        let known =
            self.checkpoints.read(|state| emitters.iter().all(|name| state.lineages.contains_key(name)));
        let mut seen =
            Observation { pipeline: pipeline.to_owned(), emitters: emitted, ..Observation::default() };
        if known {
            let mut topics: Vec<_> =
                emitters.iter().map(|name| (self.kafka.names.raw(name), partitions)).collect();
            topics.push((self.kafka.names.model(pipeline), partitions));
            let mut ends = self.watermarks.ends(topics).await?;
            seen.model_ends = ends.pop().unwrap_or_default();
            for (emitter, ends) in seen.emitters.iter_mut().zip(ends) {
                emitter.raw_ends = ends;
            }
        }
        if let Some(target) = &self.target {
            let loaded =
                neo4j::load_checkpoints::read_pipeline(target, self.kafka.names.prefix(), pipeline).await?;
            seen.loaded = offsets(&loaded);
        }
        Ok(seen)
    }

    /// Whether every dead letter of a pipeline's loading is published. A worker that was killed between its last
    /// batch and that leaves them to whoever takes its partition over.
    pub async fn letters_are_published(&self, pipeline: &str) -> Result<bool> {
        let Some(target) = &self.target else { return Ok(true) };
        neo4j::load_checkpoints::outbox_is_empty(target, &self.kafka.names.load_checkpoints(pipeline)).await
    }

    /// Load checkpoints of all pipelines; empty without a target.
    pub async fn loaded(&self) -> Result<Loaded> {
        match &self.target {
            Some(target) => neo4j::load_checkpoints::read_all(target, self.kafka.names.prefix()).await,
            None => Ok(Loaded::new()),
        }
    }

    /// The highest epoch that anything carries, with what [`Observer::loaded`] returned.
    pub fn newest_epoch(&self, loaded: &Loaded) -> u32 {
        let loaded = loaded.values().flat_map(BTreeMap::values).map(|checkpoint| checkpoint.epoch);
        loaded.chain([self.checkpoints.read(|state| state.newest_epoch())]).max().unwrap_or(0)
    }

    /// The account of a pipeline, with what [`Observer::loaded`] returned.
    pub fn account(&self, pipeline: &str, loaded: &Loaded) -> Account {
        let load: Vec<StageCheckpoint> =
            loaded.get(pipeline).into_iter().flat_map(BTreeMap::values).cloned().collect();
        self.checkpoints.read(|state| {
            let deriving = self.derivers_of(pipeline).iter().map(|name| Deriver {
                name,
                extract: state.extract.get(name),
                transform: state.transform_of(name),
            });
            let deriving: Vec<_> = deriving.collect();
            account(pipeline, state.extract.get(pipeline), &state.transform_of(pipeline), &load, &deriving)
        })
    }

    /// Pipelines that derive records for a pipeline.
    pub fn derivers_of(&self, pipeline: &str) -> &[String] {
        self.derivers.get(pipeline).map_or(&[], Vec::as_slice)
    }
}

fn offsets(checkpoints: &BTreeMap<i32, StageCheckpoint>) -> Ends {
    checkpoints.iter().map(|(partition, checkpoint)| (*partition, checkpoint.next_offset)).collect()
}
