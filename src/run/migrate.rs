//! The stages together or one by one: what `migrate-data`, `extract`, `transform` and `load` call.

use std::sync::Arc;
use std::time::Instant;

use super::engine::{Engine, Needs, Topics};
use super::journal::Journal;
use super::lane::Lane;
use super::view::View;
use crate::checkpoint::Stage;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::metrics::Metrics;

use crate::schema;
use crate::status::{Board, PipelineReport, RunReport};
use crate::stop::Stop;

/// What a run is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The stages of this process.
    pub stages: Vec<Stage>,
    /// Reads everything again.
    pub new_pass: bool,
    /// Ends when everything is through.
    pub until_drained: bool,
    /// The command as it was typed, for the list of runs.
    pub command: String,
}

/// How a run ended.
#[derive(Debug)]
pub struct Work {
    /// The account of every pipeline's newest pass.
    pub report: RunReport,
    /// What ended it early.
    pub failure: Option<Error>,
    /// Whether `stop` came before everything was through.
    pub interrupted: bool,
}

/// Moves data: extraction, transformation and loading, in one process or each in its own.
pub struct DataMigrator {
    engine: Arc<Engine>,
    view: View,
}

impl DataMigrator {
    /// Connects to what the stages need. Nothing if `stop` came before there were topics to work on.
    pub async fn connect(
        config: Config,
        types: &[String],
        stages: &[Stage],
        metrics: Arc<Metrics>,
        board: Board,
        stop: &Stop,
    ) -> Result<Option<Self>> {
        let needs = Needs {
            source: stages.contains(&Stage::Extract),
            target: stages.contains(&Stage::Load),
            topics: if stages.contains(&Stage::Extract) { Topics::Make } else { Topics::Await },
        };
        let Some(engine) = Engine::start(config, types, needs, metrics, stop).await? else { return Ok(None) };
        board.show(engine.selected.iter().map(|pipeline| pipeline.name().to_owned()));
        Ok(Some(Self { engine: Arc::new(engine), view: View::new(board) }))
    }

    /// What the stages share.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Works until everything is through, `stop`, or a failure. A failure is in the list of runs as well.
    pub async fn run(&self, options: &Options, stop: &Stop) -> Result<Work> {
        let schema_version = self.check(options).await?;
        let journal = Journal::begin(&self.engine, options.command.clone()).await?;
        let worked = self.work(options, schema_version, stop).await;
        let failure = worked.as_ref().map_or_else(Some, |work| work.failure.as_ref());
        match (failure, &worked) {
            (Some(error), _) => journal.end(error.policy().exit_code, error.chain().join(": ")).await,
            (None, Ok(work)) if work.interrupted => journal.end(3, "interrupted; the next run goes on").await,
            (None, Ok(work)) => journal.end(0, summary(&work.report)).await,
            (None, Err(_)) => {}
        }
        worked
    }

    async fn check(&self, options: &Options) -> Result<String> {
        self.engine.check_limits().await?;
        if !options.stages.contains(&Stage::Load) {
            return Ok(String::new());
        }
        self.engine.check_target().await?;
        Ok(schema::current_version(self.engine.target()?).await?.to_string())
    }

    async fn work(&self, options: &Options, schema_version: String, stop: &Stop) -> Result<Work> {
        let started = Instant::now();
        let before = self.finished().await?;
        let all = stop.child();
        let watching = stop.child();
        let keeping = tokio::spawn({
            let (view, engine, until) = (self.view.clone(), self.engine.clone(), watching.clone());
            async move { view.keep_up(&engine, &until).await }
        });
        let worked = self.lanes(options, &schema_version, &all).await;
        watching.request();
        if let Err(error) = keeping.await {
            return Err(Error::new(crate::error::Cause::Unexpected, "watch the progress").source(error));
        }
        let failure = worked.err();
        // Where a service failed there may be no report to be had: then the failure alone is told.
        let report = match self.report(before, started).await {
            Ok(report) => report,
            Err(error) => return Err(failure.unwrap_or(error)),
        };
        Ok(Work { report, failure, interrupted: stop.is_requested() })
    }

    /// All lanes to their end; the first failure counts.
    async fn lanes(&self, options: &Options, schema_version: &str, stop: &Stop) -> Result<()> {
        let mut lanes = tokio::task::JoinSet::new();
        for stage in &options.stages {
            let lane = Lane {
                stage: *stage,
                engine: self.engine.clone(),
                view: self.view.clone(),
                until_drained: options.until_drained,
                together: options.stages.len() > 1,
                new_pass: options.new_pass,
                schema_version: schema_version.to_owned(),
                stop: stop.clone(),
            };
            lanes.spawn(lane.run(self.engine.selected.clone()));
        }
        let mut failure = None;
        while let Some(ended) = lanes.join_next().await {
            let ended = ended.unwrap_or_else(|error| {
                stop.request();
                Err(Error::new(crate::error::Cause::Unexpected, "run a stage").source(error))
            });
            if let Err(error) = ended {
                failure.get_or_insert(error);
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Records that have come to their end in the newest passes.
    async fn finished(&self) -> Result<u64> {
        let loaded = self.engine.observer.loaded().await?;
        let accounts = self
            .engine
            .selected
            .iter()
            .map(|pipeline| self.engine.observer.account(pipeline.name(), &loaded));
        Ok(accounts.map(|account| account.loaded + account.merged + account.dead_letter_total()).sum())
    }

    /// The account of the newest passes. `finished_before` is what had come to its end when this process began.
    async fn report(&self, finished_before: u64, started: Instant) -> Result<RunReport> {
        self.engine.checkpoints.refresh().await?;
        let loaded = self.engine.observer.loaded().await?;
        let mut remarks = Vec::new();
        let mut finished = 0;
        let reports = self.engine.selected.iter().map(|pipeline| {
            let account = self.engine.observer.account(pipeline.name(), &loaded);
            finished += account.loaded + account.merged + account.dead_letter_total();
            if account.source_changed && account.extracted {
                let name = pipeline.name();
                remarks.push(format!(
                    "`{name}`: the source changed while it was read ({} rows counted before, {} read); \
                     a new pass brings the rest",
                    account.expected, account.read
                ));
            }
            PipelineReport::new(pipeline.name(), &account)
        });
        let reports: Vec<_> = reports.collect();
        let here = finished.saturating_sub(finished_before);
        let mut report = RunReport::new(reports, here, started.elapsed());
        if here == 0 && report.balances() {
            remarks.push("nothing was left to do; --new-pass reads everything again".to_owned());
        }
        report.remarks = remarks;
        Ok(report)
    }
}

fn summary(report: &RunReport) -> String {
    let totals = &report.totals;
    let dead: u64 = totals.dead_letters.values().sum();
    format!("{} read, {} loaded, {} merged, {dead} dead letters", totals.read, totals.loaded, totals.merged)
}
