//! What all stages of a process share, connected and checked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};
use uuid::Uuid;

use crate::config::{self, Config};
use crate::error::{Cause, Error, Result};
use crate::extract::Rate;
use crate::kafka::{Checkpoints, Kafka, Settings as KafkaSettings, Watermarks, ensure_topics};
use crate::load::{DeadEnds, Schedule, Waits};
use crate::metrics::{Metrics, Service};
use crate::neo4j::{self, SourceGraph, TargetGraph, bookkeeping};
use crate::observe::Observer;
use crate::pipeline::{self, Pipeline, Pipelines, Source};
use crate::retry::patiently;
use crate::stop::Stop;
use crate::undo::UndoJournal;

/// Which services a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// The monolith.
    pub source: bool,
    /// The new Neo4j.
    pub target: bool,
    /// What is done about topics.
    pub topics: Topics,
}

/// What a command does about topics that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topics {
    /// Makes them.
    Make,
    /// Waits until somebody has made them.
    Await,
    /// Looks at what there is, and changes neither Kafka nor the target.
    Look,
}

/// Everything that the stages of a process share.
pub struct Engine {
    /// The configuration.
    pub config: Config,
    /// All pipelines of the folder.
    pub pipelines: Pipelines,
    /// Those that were selected, nodes first.
    pub selected: Vec<Arc<Pipeline>>,
    /// Kafka.
    pub kafka: Kafka,
    /// The checkpoints topic, followed.
    pub checkpoints: Arc<Checkpoints>,
    /// The topics' ends.
    pub watermarks: Watermarks,
    /// What is observed of progress.
    pub observer: Observer,
    /// The undo journal, which is also the clock of runs.
    pub undo: UndoJournal,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// This process.
    pub process: Uuid,
    pub(super) source: Option<SourceGraph>,
    pub(super) target: Option<TargetGraph>,
    pub(super) rate: Arc<Rate>,
    pub(super) schedule: Arc<Schedule>,
    pub(super) waits: Arc<Waits>,
    pub(super) dead_ends: DeadEnds,
}

impl Engine {
    /// Reads the pipelines, then connects to what is needed. A service that does not answer is reported within
    /// ten seconds; where topics are to be waited for, this waits for them until `stop`.
    ///
    /// Returns nothing if `stop` came first, or if there are no topics to look at.
    pub async fn start(
        config: Config,
        types: &[String],
        needs: Needs,
        metrics: Arc<Metrics>,
        stop: &Stop,
    ) -> Result<Option<Self>> {
        let pipelines = read_pipelines(&config)?;
        let selected = pipelines.select(types)?;
        let kafka = Kafka::new(kafka_settings(&config.kafka)?);
        let (source, target) = connect(&config, &kafka, needs, &metrics).await?;
        if let Some(target) = &target
            && needs.topics != Topics::Look
        {
            bookkeeping::prepare(target).await?;
        }
        let watermarks = Watermarks::new(&kafka)?;
        let there = match needs.topics {
            Topics::Make => ensure_topics(&kafka, &written(&selected)).await.map(|()| true)?,
            Topics::Await => {
                await_topic(&watermarks, &kafka.names.checkpoints(), config.run.retry, stop).await?
            }
            Topics::Look => watermarks.topic_exists(kafka.names.checkpoints()).await?,
        };
        if !there {
            return Ok(None);
        }
        // A transformer writes to the topics of what its pipelines derive, whose own extractor may be yet to come.
        let derives = selected.iter().any(|pipeline| !pipeline.receivers().is_empty());
        if needs.topics == Topics::Await && !needs.target && derives {
            ensure_topics(&kafka, &written(&selected)).await?;
        }
        let checkpoints = Arc::new(Checkpoints::follow(&kafka, watermarks.clone())?);
        checkpoints.refresh().await?;
        info!(pipelines = pipelines.all().len(), selected = selected.len(), "connected");
        let derivers = pipelines.derivers();
        let observer =
            Observer::new(kafka.clone(), checkpoints.clone(), watermarks.clone(), target.clone(), derivers);
        Ok(Some(Self {
            rate: Arc::new(Rate::new(config.source.rows_per_second)),
            schedule: Schedule::new(config.load.connections),
            waits: Arc::new(Waits::new(config.load.fence_timeout)),
            dead_ends: DeadEnds::new(kafka.clone(), watermarks.clone()),
            undo: UndoJournal::new(&kafka),
            // Sorts by time: of two extractors the later one goes on.
            process: Uuid::now_v7(),
            config,
            pipelines,
            selected,
            kafka,
            checkpoints,
            watermarks,
            observer,
            metrics,
            source,
            target,
        }))
    }

    /// The source, where the command said that it needs it.
    pub(super) fn source(&self) -> Result<&SourceGraph> {
        self.source
            .as_ref()
            .ok_or_else(|| Error::new(Cause::Unexpected, "use the source without a connection"))
    }

    /// The target, where the command said that it needs it.
    pub(super) fn target(&self) -> Result<&TargetGraph> {
        self.target
            .as_ref()
            .ok_or_else(|| Error::new(Cause::Unexpected, "use the target without a connection"))
    }

    /// Of the selected pipelines those that extraction was ever started for: whoever waits for others waits in vain.
    pub fn started(&self) -> Vec<String> {
        let names = self.selected.iter().map(|pipeline| pipeline.name().to_owned());
        self.checkpoints.read(|state| names.filter(|name| state.lineages.contains_key(name)).collect())
    }

    /// Pipelines that bring the ends of a relationship pipeline; none for nodes.
    pub(super) fn end_pipelines(&self, pipeline: &Pipeline) -> Vec<String> {
        let Source::Relationship { start, end, .. } = pipeline.source() else { return Vec::new() };
        let brings = |each: &&Arc<Pipeline>| match each.source() {
            Source::Node { label, .. } => *label == start.label || *label == end.label,
            Source::Relationship { .. } => false,
        };
        self.pipelines.all().iter().filter(brings).map(|each| each.name().to_owned()).collect()
    }

    /// Pipelines by the label of the nodes that they move.
    pub(super) fn pipelines_by_label(&self) -> BTreeMap<String, Vec<String>> {
        let mut by_label: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for pipeline in self.pipelines.all() {
            if let Source::Node { label, .. } = pipeline.source() {
                by_label.entry(label.to_string()).or_default().push(pipeline.name().to_owned());
            }
        }
        by_label
    }
}

/// The pipelines folder, or every mistake in it.
pub fn read_pipelines(config: &Config) -> Result<Pipelines> {
    pipeline::load(&config.paths.pipelines, &config.paths.schemas.join("contracts")).map_err(Error::from)
}

impl Engine {
    /// For who began by looking and is about to write: makes what is missing, and has topics take what may come by now.
    pub(super) async fn ensure_topics(&self) -> Result<()> {
        ensure_topics(&self.kafka, &written(&self.selected)).await
    }
}

/// Pipelines whose topics the stages of these write to: they themselves, and those that they derive records for.
fn written(pipelines: &[Arc<Pipeline>]) -> Vec<String> {
    let all = pipelines.iter().flat_map(|each| std::iter::once(each.name()).chain(each.receivers()));
    all.collect::<BTreeSet<&str>>().into_iter().map(str::to_owned).collect()
}

/// All services at once, so that each of them is heard of within ten seconds.
async fn connect(
    config: &Config,
    kafka: &Kafka,
    needs: Needs,
    metrics: &Metrics,
) -> Result<(Option<SourceGraph>, Option<TargetGraph>)> {
    // Until they have answered: who looks meanwhile sees what it is that holds a start up.
    let needed = [(Service::Kafka, true), (Service::Source, needs.source), (Service::Target, needs.target)];
    needed.iter().filter(|(_, needed)| *needed).for_each(|(service, _)| metrics.service_up(*service, false));
    let broker = kafka.clone();
    let reachable = tokio::task::spawn_blocking(move || broker.check());
    let source = async {
        match needs.source {
            // Each extractor holds one connection for its rows and now and then one for a count.
            true => {
                let connections = config.run.pipelines_at_once * 2 + 1;
                SourceGraph::connect(&neo4j_settings(&config.source.server, connections)?).await.map(Some)
            }
            false => Ok(None),
        }
    };
    let target = async {
        match needs.target {
            // Beside the writing transactions: claims, fences, outboxes, whoever watches, the process's own claim.
            true => {
                let connections = config.load.connections + config.run.pipelines_at_once + 5;
                TargetGraph::connect(&neo4j_settings(&config.target, connections)?).await.map(Some)
            }
            false => Ok(None),
        }
    };
    let (reachable, source, target) = tokio::join!(reachable, source, target);
    let reachable =
        reachable.map_err(|error| Error::new(Cause::Unexpected, "connect to Kafka").source(error))?;
    metrics.service_up(Service::Kafka, reachable.is_ok());
    if needs.source {
        metrics.service_up(Service::Source, source.is_ok());
    }
    if needs.target {
        metrics.service_up(Service::Target, target.is_ok());
    }
    let (source, target) = (source?, target?);
    reachable?;
    Ok((source, target))
}

async fn await_topic(watermarks: &Watermarks, topic: &str, limit: Duration, stop: &Stop) -> Result<bool> {
    let mut said = false;
    while !patiently(limit, stop, || watermarks.topic_exists(topic.to_owned())).await? {
        if !said {
            warn!("there is no topic {topic} yet: waiting until an extractor has made the topics");
            said = true;
        }
        if stop.sleep(Duration::from_millis(500)).await {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How Kafka is reached. Fails where a secret's file can't be read.
pub fn kafka_settings(config: &config::Kafka) -> Result<KafkaSettings> {
    let client = config.client.iter().map(|(key, setting)| Ok((key.clone(), setting.reveal()?)));
    Ok(KafkaSettings {
        brokers: config.brokers.clone(),
        topic_prefix: config.topic_prefix.clone(),
        partitions: config.partitions,
        replication_factor: config.replication_factor,
        max_record_bytes: config.max_record_bytes,
        retention_ms: config.retention_ms,
        client: client.collect::<Result<_>>()?,
    })
}

/// How a Neo4j is reached, with so many connections at most.
pub fn neo4j_settings(server: &config::Server, connections: usize) -> Result<neo4j::Settings> {
    let mut settings = neo4j::Settings::new(&server.uri, &server.user, server.password.reveal()?);
    settings.database = Some(server.database.clone());
    settings.connections = connections;
    settings.fetch_size = server.fetch_size;
    settings.response_timeout = server.response_timeout;
    Ok(settings)
}
