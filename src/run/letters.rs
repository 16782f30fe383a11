//! Dead letters put back or set aside: what `dead-letters replay` and `resolve` call.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::engine::{Engine, Needs, Topics};
use super::journal::{Journal, who};
use super::source_again::SourceAgain;
use crate::config::Config;
use crate::dead_letters::{Filter, Found, Reader};
use crate::error::{Cause, Error, Result};
use crate::kafka::TransactionalProducer;
use crate::metrics::Metrics;
use crate::pipeline::Source;
use crate::record::{RawRecord, Reason};
use crate::replay::{self, PutBack, PuttingBack};
use crate::stop::Stop;
use crate::transform;

/// Which dead letters, and what to do with them.
#[derive(Debug, Clone)]
pub struct LetterOptions {
    /// Which ones; open ones only.
    pub filter: Filter,
    /// At most so many.
    pub limit: Option<u64>,
    /// Puts back, too, the relationships that wait for nodes which are put back.
    pub with_relationships: bool,
    /// Carries it out.
    pub execute: bool,
    /// The command as it was typed, for the list of runs.
    pub command: String,
}

/// What is meant, and what was done about it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LettersDealtWith {
    /// Open dead letters that are meant, by pipeline and reason.
    pub dead_letters: BTreeMap<String, BTreeMap<Reason, u64>>,
    /// How many they are.
    pub total: u64,
    /// Relationships that lack an end among these nodes, by pipeline.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub waiting: BTreeMap<String, u64>,
    /// Whether it was carried out.
    pub executed: bool,
    /// The run that it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Uuid>,
    /// What became of those that were put back.
    #[serde(flatten)]
    pub put_back: Option<PutBack>,
    /// What became of the relationships that waited for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relationships: Option<PutBack>,
    /// How many were set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved: Option<u64>,
}

/// Deals with dead letters.
pub struct LetterDesk {
    engine: Arc<Engine>,
    stop: Stop,
    /// Whether pipelines were named.
    named: bool,
}

/// Ends of relationships that are nodes of these pipelines: relationship pipeline → start's and end's pipelines.
type Ends = BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>;

impl LetterDesk {
    /// Connects to Kafka and the target; nothing where nothing was started yet.
    pub async fn connect(config: Config, types: &[String], stop: Stop) -> Result<Option<Self>> {
        let needs = Needs { source: false, target: true, topics: Topics::Look };
        let engine = Engine::start(config, types, needs, Arc::new(Metrics::new()?), &stop).await?;
        Ok(engine.map(|engine| Self { engine: Arc::new(engine), stop, named: !types.is_empty() }))
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Puts the records back, or says which ones it would. `show` gets the plan before anything is changed.
    pub async fn put_back(
        &self,
        options: &LetterOptions,
        show: &dyn Fn(&LettersDealtWith),
    ) -> Result<LettersDealtWith> {
        let (mut dealt, nodes) = self.plan(options).await?;
        if !options.execute || dealt.total == 0 {
            return Ok(dealt);
        }
        // A rollback that is half done would pass over what is put back.
        self.engine.check_hold().await?;
        self.engine.ensure_topics().await?;
        show(&dealt);
        let journal = Journal::begin(&self.engine, options.command.clone()).await?;
        dealt.run = Some(journal.id());
        let done = self.put_back_now(options, nodes, journal.id()).await;
        match done {
            Ok((put_back, relationships)) => {
                let of_both = put_back.put_back + relationships.as_ref().map_or(0, |more| more.put_back);
                journal.end(0, format!("{of_both} dead letters put back")).await;
                (dealt.executed, dealt.put_back, dealt.relationships) = (true, Some(put_back), relationships);
                Ok(dealt)
            }
            Err(error) => {
                journal.end(error.policy().exit_code, error.chain().join(": ")).await;
                Err(error)
            }
        }
    }

    /// Sets them aside, or says which ones it would.
    pub async fn resolve(
        &self,
        options: &LetterOptions,
        comment: &str,
        show: &dyn Fn(&LettersDealtWith),
    ) -> Result<LettersDealtWith> {
        let (mut dealt, _) = self.plan(options).await?;
        if !options.execute || dealt.total == 0 {
            return Ok(dealt);
        }
        show(&dealt);
        let journal = Journal::begin(&self.engine, options.command.clone()).await?;
        dealt.run = Some(journal.id());
        let (comment, who) = (comment.to_owned(), who());
        let resolve = move |of: &PuttingBack<'_>, producer: &mut TransactionalProducer| {
            replay::resolve(of, producer, &comment, &who)
        };
        let filter = self.filter(&options.filter);
        match self.with_letters(&filter, options.limit, journal.id(), |_| true, resolve).await {
            Ok(number) => {
                journal.end(0, format!("{number} dead letters resolved")).await;
                (dealt.executed, dealt.resolved) = (true, Some(number));
                Ok(dealt)
            }
            Err(error) => {
                journal.end(error.policy().exit_code, error.chain().join(": ")).await;
                Err(error)
            }
        }
    }

    async fn put_back_now(
        &self,
        options: &LetterOptions,
        nodes: HashSet<u64>,
        run: Uuid,
    ) -> Result<(PutBack, Option<PutBack>)> {
        let filter = self.filter(&options.filter);
        let put_back = self.with_letters(&filter, options.limit, run, |_| true, replay::put_back).await?;
        if !options.with_relationships || nodes.is_empty() || self.stop.is_requested() {
            return Ok((put_back, None));
        }
        let (waiting, ends) = (waiting_filter(), self.ends());
        let waits = move |found: &Found| waits_for(found, &ends, &nodes);
        let relationships = self.with_letters(&waiting, None, run, waits, replay::put_back).await?;
        Ok((put_back, Some(relationships)))
    }

    /// Counts what is meant, and remembers the nodes among it.
    async fn plan(&self, options: &LetterOptions) -> Result<(LettersDealtWith, HashSet<u64>)> {
        self.engine.checkpoints.refresh().await?;
        let (reader, ends) = (self.reader().await?, self.ends());
        let (filter, limit) = (self.filter(&options.filter), options.limit.unwrap_or(u64::MAX));
        let count = move || {
            let (mut dealt, mut nodes) = (LettersDealtWith::default(), HashSet::new());
            reader.read(&filter, |found| {
                if found.state.is_open() && dealt.total < limit {
                    dealt.total += 1;
                    let of_pipeline = dealt.dead_letters.entry(found.letter.pipeline.clone()).or_default();
                    *of_pipeline.entry(found.letter.reason).or_default() += 1;
                    nodes.extend(found.letter.key.as_ref().map(|key| hash(&found.letter.pipeline, key)));
                }
                Ok(dealt.total < limit)
            })?;
            if !nodes.is_empty() {
                reader.read(&waiting_filter(), |found| {
                    if found.state.is_open() && waits_for(&found, &ends, &nodes) {
                        *dealt.waiting.entry(found.letter.pipeline.clone()).or_default() += 1;
                    }
                    Ok(true)
                })?;
            }
            Ok((dealt, nodes))
        };
        blocking(count).await
    }

    /// Calls `work` with other replays fenced, under an epoch of its own, on a thread that may block.
    async fn with_letters<T: Send + 'static>(
        &self,
        filter: &Filter,
        limit: Option<u64>,
        run: Uuid,
        takes: impl Fn(&Found) -> bool + Send + 'static,
        work: impl FnOnce(&PuttingBack<'_>, &mut TransactionalProducer) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (engine, filter, stop) = (self.engine.clone(), filter.clone(), self.stop.clone());
        let kafka = engine.kafka.clone();
        let id = kafka.names.replay_transactional_id();
        let mut producer = blocking(move || TransactionalProducer::start(&kafka, id)).await?;
        engine.checkpoints.refresh().await?;
        let loaded = engine.observer.loaded().await?;
        let epoch = engine.observer.newest_epoch(&loaded) + 1;
        let reader = self.reader().await?;
        let again = SourceAgain::new(self.engine.clone());
        blocking(move || {
            let context = |name: &str| engine.context_of(name);
            let read_again = |name: &str, raw: &RawRecord<'_>| again.read(name, raw);
            let of = PuttingBack {
                names: &engine.kafka.names,
                reader: &reader,
                filter: &filter,
                limit,
                takes: &takes,
                context: &context,
                read_again: &read_again,
                epoch,
                run,
                now_micros: chrono::Utc::now().timestamp_micros(),
                stop: &stop,
            };
            work(&of, &mut producer)
        })
        .await
    }

    async fn reader(&self) -> Result<Reader> {
        Reader::new(&self.engine.kafka, &self.engine.watermarks, &self.engine.checkpoints).await
    }

    /// The filter, for the pipelines that were named.
    fn filter(&self, filter: &Filter) -> Filter {
        let selected = self.engine.selected.iter().map(|pipeline| pipeline.name().to_owned());
        match self.named && filter.pipelines.is_empty() {
            true => Filter { pipelines: selected.collect(), ..filter.clone() },
            false => filter.clone(),
        }
    }

    fn ends(&self) -> Ends {
        let nodes_of = |label: &str| {
            let is = |source: &Source| matches!(source, Source::Node { label: own, .. } if **own == *label);
            let pipelines = self.engine.pipelines.all().iter().filter(|each| is(each.source()));
            pipelines.map(|pipeline| pipeline.name().to_owned()).collect::<BTreeSet<_>>()
        };
        let relationships =
            self.engine.pipelines.all().iter().filter_map(|pipeline| match pipeline.source() {
                Source::Relationship { start, end, .. } => {
                    Some((pipeline.name().to_owned(), (nodes_of(&start.label), nodes_of(&end.label))))
                }
                Source::Node { .. } => None,
            });
        relationships.collect()
    }
}

impl Engine {
    /// How a pipeline's records are transformed; nothing where there is no such pipeline.
    fn context_of(&self, name: &str) -> Result<Option<transform::Context>> {
        let pipeline = self.pipelines.all().iter().find(|pipeline| pipeline.name() == name);
        pipeline.map(|pipeline| self.transform_context(pipeline)).transpose()
    }
}

/// Relationships that lack an end, of whatever pipeline.
fn waiting_filter() -> Filter {
    Filter { reasons: vec![Reason::EndpointMissing], ..Filter::default() }
}

fn waits_for(found: &Found, ends: &Ends, nodes: &HashSet<u64>) -> bool {
    let Some((starts, finishes)) = ends.get(&found.letter.pipeline) else { return false };
    let is_among = |pipelines: &BTreeSet<String>, key: &Option<String>| {
        key.as_ref().is_some_and(|key| pipelines.iter().any(|pipeline| nodes.contains(&hash(pipeline, key))))
    };
    is_among(starts, &found.letter.start) || is_among(finishes, &found.letter.end)
}

fn hash(pipeline: &str, key: &str) -> u64 {
    xxh3_64(pipeline.as_bytes()).rotate_left(32) ^ xxh3_64(key.as_bytes())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::new(Cause::Unexpected, "deal with dead letters").source(error))?
}
