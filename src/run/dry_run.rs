//! The dry run: what `migrate-data` would do, with what it looks at connected as for a run.

use std::sync::Arc;
use std::time::Instant;

use tracing::debug;

use super::closing::uncovered_remark;
use super::engine::{kafka_settings, neo4j_settings, read_pipelines};
use crate::config::Config;
use crate::error::{Cause, Error, Result};
use crate::extract::Rate;
use crate::forecast::{self, Context, ForecastReport, Look};
use crate::kafka::{Checkpoints, Kafka, Watermarks};
use crate::neo4j::{SourceGraph, TargetGraph};
use crate::pipeline::Pipeline;
use crate::retry::LAST_WORDS;
use crate::schema;
use crate::status::Tally;
use crate::stop::Stop;

/// Looks ahead. Makes no topic, joins no group, commits no offset and writes nothing to the target.
pub struct DryRun {
    pub(super) kafka: Kafka,
    pub(super) config: Config,
    pub(super) context: Context,
}

impl DryRun {
    /// Connects to all services; one that does not answer is reported within ten seconds.
    pub async fn connect(config: Config, types: &[String], stop: &Stop) -> Result<Self> {
        let pipelines = read_pipelines(&config)?;
        let selected = pipelines.select(types)?;
        let kafka = Kafka::new(kafka_settings(&config.kafka)?);
        let broker = kafka.clone();
        let reachable = tokio::task::spawn_blocking(move || broker.check());
        // Each type holds one connection for its rows and now and then one for a count, a look or a trial.
        let connections = config.run.pipelines_at_once * 2 + 2;
        let source =
            async { SourceGraph::connect(&neo4j_settings(&config.source.server, connections)?).await };
        let target = async { TargetGraph::connect(&neo4j_settings(&config.target, connections)?).await };
        let (reachable, source, target) = tokio::join!(reachable, source, target);
        let (source, target) = (source?, target?);
        reachable.map_err(|error| Error::new(Cause::Unexpected, "connect to Kafka").source(error))??;
        let migrations = schema::load(&config.paths.schemas.join("migrations"))?;
        let mut context = Context {
            indexed: schema::range_indexed(&migrations),
            schema_version: schema::current_version(&target).await?.to_string(),
            page_rows: u64::try_from(config.source.page_size).unwrap_or(u64::MAX),
            max_record_bytes: config.kafka.max_record_bytes,
            batch_rows: config.load.batch_size,
            batch_bytes: config.load.batch_bytes,
            types_at_once: config.run.pipelines_at_once,
            rate: Arc::new(Rate::new(config.source.rows_per_second)),
            retry: config.run.retry,
            limit: config.load.max_dead_letters,
            sample: None,
            tally: Tally::new([]),
            stop: stop.clone(),
            source,
            target,
            pipelines,
            selected,
        };
        let nodes = context.nodes_read();
        let relationships = context.selected.iter().filter(|pipeline| !pipeline.is_node());
        let names = nodes.iter().chain(relationships).map(|pipeline| pipeline.name().to_owned());
        context.tally = Tally::new(names.collect::<Vec<_>>());
        Ok(Self { kafka, config, context })
    }

    /// How far it is.
    pub fn tally(&self) -> &Tally {
        &self.context.tally
    }

    /// Finds out what a whole pass over the selected types would do. Nothing where it was stopped.
    ///
    /// Errors: service failures; there is nothing to go on with, the next call begins anew.
    pub async fn run(&self) -> Result<Option<ForecastReport>> {
        let seen = self.look_through(|_| ()).await?;
        Ok(seen.map(|(report, _)| report))
    }

    pub(super) async fn look_through<L: Look>(
        &self,
        look: impl Fn(&Arc<Pipeline>) -> L,
    ) -> Result<Option<(ForecastReport, Vec<(Arc<Pipeline>, L)>)>> {
        let started = Instant::now();
        let Some((mut report, looked)) = forecast::forecast(self.context.clone(), look).await? else {
            return Ok(None);
        };
        report.remarks = self.remarks(&report).await;
        report.seconds = (started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        Ok(Some((report, looked)))
    }

    async fn remarks(&self, report: &ForecastReport) -> Vec<String> {
        let mut remarks = Vec::new();
        let limit = self.config.load.max_dead_letters;
        for pipeline in report.pipelines.iter().filter(|pipeline| pipeline.beyond_limit) {
            remarks.push(format!(
                "`{}`: {} dead letters are charged, load.max_dead_letters = {limit} allows {} of {}: a run would end early",
                pipeline.name,
                pipeline.charged,
                limit.of(pipeline.read),
                pipeline.read
            ));
        }
        remarks.extend(self.unselected());
        match self.passes_through().await {
            Ok(through) if !through.is_empty() => remarks.push(format!(
                "the newest pass is through already of {}: only migrate-data --new-pass reads them again",
                through.join(", ")
            )),
            Ok(_) => {}
            // What is foreseen does not depend on it.
            Err(error) => debug!(?error, "the checkpoints can't be read"),
        }
        let context = &self.context;
        for (name, number) in report.pipelines.iter().flat_map(|each| &each.dropped) {
            remarks
                .push(format!("`{name}` would be left out of {number} records (unknown_properties: drop)"));
        }
        let limit = self.config.run.retry + LAST_WORDS;
        remarks.extend(uncovered_remark(&context.source, &context.pipelines, limit, &context.stop).await);
        remarks
    }

    /// What is taken for migrated, and what derives nothing, since it is not selected.
    fn unselected(&self) -> Vec<String> {
        let context = &self.context;
        let selected = |name: &str| context.selected.iter().any(|each| each.name() == name);
        let nodes = context.nodes_read();
        let ends: Vec<&str> =
            nodes.iter().map(|pipeline| pipeline.name()).filter(|name| !selected(name)).collect();
        let mut sentences = Vec::new();
        if !ends.is_empty() {
            sentences.push(format!(
                "not selected, though relationships end there: {}; their nodes are taken for migrated as far as they can be",
                ends.join(", ")
            ));
        }
        for (receiver, derivers) in context.pipelines.derivers() {
            let others: Vec<&str> =
                derivers.iter().map(String::as_str).filter(|name| !selected(name)).collect();
            if selected(&receiver) && !others.is_empty() {
                sentences.push(format!(
                    "what {} derive for `{receiver}` is not counted, since they are not selected",
                    others.join(", ")
                ));
            }
        }
        sentences
    }

    /// Selected pipelines whose newest pass is read to its end.
    async fn passes_through(&self) -> Result<Vec<String>> {
        let watermarks = Watermarks::new(&self.kafka)?;
        if !watermarks.topic_exists(self.kafka.names.checkpoints()).await? {
            return Ok(Vec::new());
        }
        let checkpoints = Checkpoints::follow(&self.kafka, watermarks)?;
        checkpoints.refresh().await?;
        let is_through = |name: &str| {
            checkpoints
                .read(|state| state.extract.get(name).is_some_and(|checkpoint| checkpoint.finished.is_some()))
        };
        let names = self.context.selected.iter().map(|pipeline| pipeline.name());
        Ok(names.filter(|name| is_through(name)).map(|name| format!("`{name}`")).collect())
    }
}
