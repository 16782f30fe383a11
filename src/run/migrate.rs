//! The stages together or one by one: what `migrate-data`, `extract`, `transform` and `load` call.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use super::closing::{samples, uncovered_remark};
use super::engine::{Engine, Needs, Topics};
use super::journal::Journal;
use super::lane::Lane;
use super::view::View;
use super::visible::VisibleRun;
use crate::checkpoint::{Account, Stage};
use crate::config::Config;
use crate::error::{Cause, Error, Result};
use crate::metrics::Metrics;
use crate::pipeline::Pipeline;
use crate::schema::{self, Version};
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

    /// Works until everything is through, `stop`, or a failure. How it ended stands in the list of runs as well, and
    /// in the target where its schema has a place for it.
    pub async fn run(&self, options: &Options, stop: &Stop) -> Result<Work> {
        let schema = self.check(options).await?;
        let journal = Journal::begin(&self.engine, options.command.clone()).await?;
        let (visible, worked) = match self.begin_visibly(options, &schema, journal.id()).await {
            Ok(visible) => (visible, self.work(options, &schema, stop).await),
            Err(error) => (None, Err(error)),
        };
        let (exit_code, outcome) = outcome(&worked);
        if let Some(visible) = visible {
            visible.end(&outcome).await;
        }
        journal.end(exit_code, outcome).await;
        worked
    }

    /// What has to hold before anything is touched. Returns the version of the target's schema, where it is needed.
    async fn check(&self, options: &Options) -> Result<Version> {
        self.engine.check_limits().await?;
        if !options.stages.contains(&Stage::Load) {
            return Ok(Version::NONE);
        }
        self.engine.check_target().await?;
        schema::current_version(self.engine.target()?).await
    }

    /// A run that loads is seen in the target; one that finds nothing to do writes nothing there.
    async fn begin_visibly(
        &self,
        options: &Options,
        schema: &Version,
        run: Uuid,
    ) -> Result<Option<VisibleRun<'_>>> {
        if !options.stages.contains(&Stage::Load) {
            return Ok(None);
        }
        let loaded = self.engine.observer.loaded().await?;
        let is_through = |pipeline: &Arc<Pipeline>| {
            let account = self.engine.observer.account(pipeline.name(), &loaded);
            account.extracted && account.in_flight() == 0
        };
        if options.until_drained && !options.new_pass && self.engine.selected.iter().all(is_through) {
            return Ok(None);
        }
        VisibleRun::begin(self.engine.target()?, schema, run, "data", &options.command).await
    }

    async fn work(&self, options: &Options, schema: &Version, stop: &Stop) -> Result<Work> {
        let started = Instant::now();
        let before = self.finished().await?;
        let all = stop.child();
        let watching = stop.child();
        let keeping = tokio::spawn({
            let (view, engine, until) = (self.view.clone(), self.engine.clone(), watching.clone());
            async move { view.keep_up(&engine, &until).await }
        });
        let worked = self.lanes(options, &schema.to_string(), &all).await;
        watching.request();
        if let Err(error) = keeping.await {
            return Err(Error::new(Cause::Unexpected, "watch the progress").source(error));
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
                Err(Error::new(Cause::Unexpected, "run a stage").source(error))
            });
            if let Err(error) = ended {
                failure.get_or_insert(error);
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// The newest pass of every pipeline, and how many of its records have come to their end.
    async fn finished(&self) -> Result<Finished> {
        let loaded = self.engine.observer.loaded().await?;
        let each = self.engine.selected.iter().map(|pipeline| {
            let account = self.engine.observer.account(pipeline.name(), &loaded);
            (pipeline.name().to_owned(), (account.pass, finished(&account)))
        });
        Ok(each.collect())
    }

    /// The account of the newest passes. `before` is what had come to its end when this process began.
    async fn report(&self, before: Finished, started: Instant) -> Result<RunReport> {
        self.engine.checkpoints.refresh().await?;
        let loaded = self.engine.observer.loaded().await?;
        let mut remarks = Vec::new();
        let mut here = 0;
        let reports = self.engine.selected.iter().map(|pipeline| {
            let account = self.engine.observer.account(pipeline.name(), &loaded);
            here += match before.get(pipeline.name()) {
                Some((pass, before)) if *pass == account.pass => finished(&account).saturating_sub(*before),
                _ => finished(&account),
            };
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
        let mut report = RunReport::new(reports, here, started.elapsed());
        if here == 0 && report.balances() {
            remarks.push("--new-pass reads everything again".to_owned());
        } else {
            remarks.extend(uncovered_remark(&self.engine).await);
        }
        report.remarks = remarks;
        let totals = &report.totals;
        let reasons = totals.dead_letters.keys().chain(totals.emitted.dead_letters.keys()).copied();
        report.samples = samples(&self.engine, reasons.collect()).await?;
        Ok(report)
    }
}

/// By pipeline: a pass, and how many of its records have come to their end.
type Finished = BTreeMap<String, (u32, u64)>;

fn finished(account: &Account) -> u64 {
    account.loaded + account.merged + account.dead_letter_total()
}

/// Exit code, and how it ended in a few words.
fn outcome(worked: &Result<Work>) -> (u8, String) {
    match worked {
        Ok(Work { failure: Some(error), .. }) | Err(error) => {
            (error.policy().exit_code, error.chain().join(": "))
        }
        Ok(work) if work.interrupted => (3, "interrupted; the next run goes on".to_owned()),
        Ok(work) => (0, summary(&work.report)),
    }
}

fn summary(report: &RunReport) -> String {
    let totals = &report.totals;
    let dead: u64 = totals.dead_letters.values().sum();
    format!("{} read, {} loaded, {} merged, {dead} dead letters", totals.read, totals.loaded, totals.merged)
}
