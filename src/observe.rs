//! What the checkpoints and the topics' ends say at one moment: the only input of *drained*, of the fence of a
//! missing end, and of every report.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::checkpoint::{
    Account, Deriver, EmitterObservation, Ends, Fence, Observation, StageCheckpoint, account,
};
use crate::error::Result;
use crate::kafka::{Checkpoints, Kafka, Watermarks};
use crate::neo4j::{self, TargetGraph};

/// Load checkpoints by pipeline and partition.
pub type Loaded = BTreeMap<String, BTreeMap<i32, StageCheckpoint>>;

/// Offsets that loading has committed, by pipeline, and when they were asked for.
type Seen = Arc<Mutex<Option<(Instant, Arc<BTreeMap<String, Ends>>)>>>;

/// How old what loading has committed may be where only whether it moves is looked at: all pipelines share one answer.
const RECENT: Duration = Duration::from_millis(150);

/// Looks at Kafka and, where it is given, at the target.
#[derive(Clone)]
pub struct Observer {
    kafka: Kafka,
    checkpoints: Arc<Checkpoints>,
    watermarks: Watermarks,
    target: Option<TargetGraph>,
    seen: Seen,
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
        Self { kafka, checkpoints, watermarks, target, seen: Seen::default(), derivers: Arc::new(derivers) }
    }

    /// The checkpoints topic.
    pub fn checkpoints(&self) -> &Arc<Checkpoints> {
        &self.checkpoints
    }

    /// The same for a stage that does not load: it asks nothing of the target.
    pub fn without_target(&self) -> Self {
        Self { target: None, ..self.clone() }
    }

    /// What leads to a pipeline's rows in the target, now: its own records, and those that `derivers` derive for it.
    /// Services are asked for as much as `fence` can be moved by: the ends of a step only once the step before is done.
    pub async fn observe(&self, pipeline: &str, derivers: &[String], fence: &Fence) -> Result<Observation> {
        let mut seen = self.written(pipeline, derivers);
        let partitions = self.kafka.settings().partitions;
        if fence.asks_for_raw_ends(&seen) {
            let topics = seen.emitters.iter().map(|each| (self.kafka.names.raw(&each.pipeline), partitions));
            let ends = self.watermarks.ends(topics.collect()).await?;
            for (emitter, ends) in seen.emitters.iter_mut().zip(ends) {
                emitter.raw_ends = ends;
            }
        }
        if fence.asks_for_model_ends(&seen) {
            seen.model_ends = self.watermarks.ends_of(&self.kafka.names.model(pipeline), partitions).await?;
        }
        seen.loaded = self.loaded_of(pipeline, RECENT).await?;
        if fence.is_passed_by(&seen) {
            // What counts is what is so now.
            seen.loaded = self.loaded_of(pipeline, Duration::ZERO).await?;
        }
        Ok(seen)
    }

    /// What extraction and transformation have written, as the checkpoints topic says.
    fn written(&self, pipeline: &str, derivers: &[String]) -> Observation {
        let emitters = std::iter::once(pipeline).chain(derivers.iter().map(String::as_str));
        let emitters = self.checkpoints.read(|state| {
            let each = emitters.map(|name| EmitterObservation {
                pipeline: name.to_owned(),
                extraction: state.extract.get(name).map(|extract| (extract.pass, extract.finished.is_some())),
                rows_read: state.extract.get(name).map_or(0, |extract| extract.read),
                raw_ends: Ends::new(),
                transformed: state.transform.get(name).map(offsets).unwrap_or_default(),
            });
            each.collect()
        });
        Observation { pipeline: pipeline.to_owned(), emitters, ..Observation::default() }
    }

    /// What loading of a pipeline has committed, at most so old; nothing without a target.
    async fn loaded_of(&self, pipeline: &str, oldest: Duration) -> Result<Ends> {
        let Some(target) = &self.target else { return Ok(Ends::new()) };
        let asked = Instant::now();
        let known = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, offsets)) = known
            && asked.duration_since(at) < oldest
        {
            return Ok(offsets.get(pipeline).cloned().unwrap_or_default());
        }
        let offsets = neo4j::load_checkpoints::read_offsets(target, self.kafka.names.prefix()).await?;
        let found = offsets.get(pipeline).cloned().unwrap_or_default();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some((asked, Arc::new(offsets)));
        Ok(found)
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
