//! The checkpoints topic, followed by one thread per process: everything that extraction, transformation and
//! runs have written, as committed.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::watch;
use tracing::{debug, warn};
use uuid::Uuid;

use super::connection::Observer;
use super::failure::failed;
use super::{Kafka, Watermarks};
use crate::checkpoint::{
    Counts, Entry, EntryKey, ExtractCheckpoint, Lineage, Move, Moves, NewPass, Replay, Run, Stage,
    StageCheckpoint, WriterContract,
};
use crate::error::{Cause, Error, Result};

/// What the topic says now. Grows with pipelines, partitions, contracts, runs and replays, never with records.
#[derive(Debug, Clone, Default)]
pub struct CheckpointState {
    /// Lineages by pipeline.
    pub lineages: BTreeMap<String, Lineage>,
    /// Extraction by pipeline.
    pub extract: BTreeMap<String, ExtractCheckpoint>,
    /// New passes that were asked for, by pipeline.
    pub new_passes: BTreeMap<String, NewPass>,
    /// Transformation by pipeline and raw partition.
    pub transform: BTreeMap<String, BTreeMap<i32, StageCheckpoint>>,
    /// Contracts that wrote records, by pipeline and fingerprint.
    pub contracts: HashMap<(String, u64), WriterContract>,
    /// Runs in the order of their start.
    pub runs: BTreeMap<Uuid, Run>,
    /// Replays in the order of their epochs.
    pub replays: BTreeMap<(u32, Uuid), Replay>,
}

impl CheckpointState {
    fn apply(&mut self, key: EntryKey, entry: Entry) {
        match (key, entry) {
            (EntryKey::Lineage(pipeline), Entry::Lineage(entry)) => {
                self.lineages.insert(pipeline, entry);
            }
            (EntryKey::Extract(pipeline), Entry::Extract(entry)) => {
                self.extract.insert(pipeline, entry);
            }
            (EntryKey::NewPass(pipeline), Entry::NewPass(entry)) => {
                self.new_passes.insert(pipeline, entry);
            }
            (EntryKey::Transform(pipeline, partition), Entry::Transform(entry)) => {
                self.transform.entry(pipeline).or_default().insert(partition, entry);
            }
            (EntryKey::Contract(pipeline, fingerprint), Entry::Contract(entry)) => {
                self.contracts.insert((pipeline, fingerprint), entry);
            }
            (EntryKey::Run(id), Entry::Run(entry)) => {
                self.runs.insert(id, entry);
            }
            (EntryKey::Replay(epoch, id), Entry::Replay(entry)) => {
                self.replays.insert((epoch, id), entry);
            }
            // A key decodes only to its own kind.
            _ => {}
        }
    }

    /// The pass of a pipeline that was asked for and not begun yet.
    pub fn awaited_pass(&self, pipeline: &str) -> Option<u32> {
        let (asked, known) = (self.new_passes.get(pipeline)?, self.extract.get(pipeline)?);
        (asked.lineage == known.lineage && asked.pass > known.pass).then_some(asked.pass)
    }

    /// A pipeline's transformation: all partitions, and what the replays of dead letters did in its place.
    pub fn transform_of(&self, pipeline: &str) -> Vec<StageCheckpoint> {
        let partitions = self.transform.get(pipeline).into_iter().flat_map(BTreeMap::values).cloned();
        partitions.chain(self.put_back(pipeline)).collect()
    }

    /// What the replays of dead letters did in place of a pipeline's transformation, as far as counts go.
    pub fn put_back(&self, pipeline: &str) -> Option<StageCheckpoint> {
        let taken = self.replays.values().filter_map(|replay| replay.letters.as_ref()?.counts.get(pipeline));
        let mut counts = Counts::default();
        taken.for_each(|each| counts.add(each));
        let lineage = self.lineages.get(pipeline).map_or(Uuid::nil(), |lineage| lineage.id);
        (!counts.is_empty()).then(|| StageCheckpoint { counts, ..StageCheckpoint::new(lineage) })
    }

    /// Moves of a stage's position, by pipeline and partition.
    pub fn moves(&self, stage: Stage) -> BTreeMap<(&str, i32), Moves> {
        let mut all: BTreeMap<(&str, i32), Moves> = BTreeMap::new();
        for replay in self.replays.values() {
            for each in replay.moves.iter().filter(|each| each.stage == stage) {
                let moves = all.entry((&each.pipeline, each.partition)).or_default();
                moves.0.push(Move { epoch: replay.epoch, at: each.at, from: each.from });
            }
        }
        all
    }

    /// The highest epoch of any replay and checkpoint that the topic knows.
    pub fn newest_epoch(&self) -> u32 {
        let checkpoints = self.transform.values().flat_map(BTreeMap::values).map(|each| each.epoch);
        checkpoints.chain(self.replays.keys().map(|(epoch, _)| *epoch)).max().unwrap_or(0)
    }
}

/// The follower. Dropping it ends its thread.
pub struct Checkpoints {
    state: Arc<RwLock<CheckpointState>>,
    position: watch::Receiver<i64>,
    watermarks: Watermarks,
    topic: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    runtime: tokio::runtime::Handle,
}

const POLL: Duration = Duration::from_millis(50);

impl Checkpoints {
    /// Follows the topic from its start. Call it within a tokio runtime.
    pub fn follow(kafka: &Kafka, watermarks: Watermarks) -> Result<Self> {
        let topic = kafka.names.checkpoints();
        let consumer = kafka.plain_consumer(true)?;
        let mut all = TopicPartitionList::new();
        all.add_partition_offset(&topic, 0, Offset::Beginning)
            .map_err(|error| failed(format!("read {topic}"), error))?;
        consumer.assign(&all).map_err(|error| failed(format!("read {topic}"), error))?;
        let state = Arc::new(RwLock::new(CheckpointState::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, position) = watch::channel(0);
        let follower = Follower { consumer, state: state.clone(), sender, stop: stop.clone() };
        let thread = std::thread::Builder::new().name("checkpoints".into()).spawn(move || follower.run());
        let thread = thread.map_err(|error| Error::new(Cause::Unexpected, "start a thread").source(error))?;
        let runtime = tokio::runtime::Handle::current();
        Ok(Self { state, position, watermarks, topic, stop, thread: Some(thread), runtime })
    }

    /// Reads what is known now.
    pub fn read<T>(&self, look: impl FnOnce(&CheckpointState) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until what is known is so, `within` at most: whether it is.
    pub fn wait_blocking(&self, within: Duration, is_so: impl Fn(&CheckpointState) -> bool) -> bool {
        let mut position = self.position.clone();
        let known = async {
            // The position moves behind what was read up to it.
            while !self.read(&is_so) {
                if position.changed().await.is_err() {
                    return false;
                }
            }
            true
        };
        self.runtime.block_on(async { tokio::time::timeout(within, known).await.unwrap_or(false) })
    }

    /// Waits until everything that was on the topic when this was called is known. Committed transactions that
    /// stand behind an open one show only once that one ends: at most the ten seconds of a transaction's
    /// time-out.
    pub async fn refresh(&self) -> Result<()> {
        let ends = self.watermarks.ends(vec![(self.topic.clone(), 1)]).await?;
        let end = ends.first().and_then(|ends| ends.get(&0)).copied().unwrap_or(0);
        let mut position = self.position.clone();
        let reached = tokio::time::timeout(Duration::from_secs(30), position.wait_for(|at| *at >= end)).await;
        match reached {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Error::new(Cause::Unreachable, format!("read {} up to its end", self.topic))
                .what_to_do(super::HIDDEN_BY_A_TRANSACTION)),
        }
    }
}

impl Checkpoints {
    /// The same from a thread that may block.
    pub fn refresh_blocking(&self) -> Result<()> {
        self.runtime.block_on(self.refresh())
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported by its hook; there is nothing to add.
            let _ = thread.join();
        }
    }
}

struct Follower {
    consumer: BaseConsumer<Observer>,
    state: Arc<RwLock<CheckpointState>>,
    sender: watch::Sender<i64>,
    stop: Arc<AtomicBool>,
}

impl Follower {
    fn run(self) {
        while !self.stop.load(Ordering::Relaxed) {
            match self.consumer.poll(POLL) {
                Some(Ok(message)) => self.take(message.key(), message.payload()),
                Some(Err(KafkaError::PartitionEOF(_))) | None => {}
                Some(Err(error)) => debug!("follow the checkpoints: {error}"),
            }
            self.publish();
        }
    }

    fn take(&self, key: Option<&[u8]>, payload: Option<&[u8]>) {
        let (Some(key), Some(payload)) = (key, payload) else { return };
        let Some(key) = EntryKey::parse(key) else {
            debug!("an entry of another version of Regraft is left alone: {}", String::from_utf8_lossy(key));
            return;
        };
        match Entry::decode(&key, payload) {
            Ok(entry) => self.state.write().unwrap_or_else(PoisonError::into_inner).apply(key, entry),
            Err(error) => warn!("the checkpoint {key} can't be read and is left alone: {error}"),
        }
    }

    fn publish(&self) {
        let Ok(positions) = self.consumer.position() else { return };
        let Some(Offset::Offset(at)) = positions.elements().first().map(|element| element.offset()) else {
            return;
        };
        self.sender.send_if_modified(|known| std::mem::replace(known, at) != at);
    }
}
