//! The stages together or one by one: what `migrate-data`, `extract`, `transform` and `load` call.

use std::sync::Arc;
use std::time::Instant;

use tracing::{Instrument, Span, debug, info, info_span, warn};
use uuid::Uuid;

use super::closing::sum_up;
use super::engine::{Engine, Needs, Topics};
use super::journal::Journal;
use super::lane::{Lane, run_all};
use super::probe::keep_asking;
use super::view::View;
use super::visible::VisibleRun;
use super::watch::is_drained;
use crate::checkpoint::Stage;
use crate::config::Config;
use crate::error::{Cause, Error, Result};
use crate::metrics::{Metrics, RunEnd};
use crate::neo4j::claim::{Claim, Purpose, Wanted};
use crate::pipeline::Pipeline;
use crate::retry::{LAST_WORDS, within};
use crate::schema::{self, Version};
use crate::status::{Board, RunReport};
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

impl Options {
    /// What the run is called where what was typed, which may hold anything, is not to be shown.
    pub fn name(&self) -> String {
        match self.stages.as_slice() {
            [stage] => stage.to_string(),
            _ => "migrate-data".to_owned(),
        }
    }
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
        board.see_target(engine.target.is_some());
        for pipeline in &engine.selected {
            // Every series that can be foreseen is there from now on.
            stages.iter().for_each(|stage| drop(engine.metrics.stage(*stage, pipeline.name())));
        }
        Ok(Some(Self { engine: Arc::new(engine), view: View::new(board) }))
    }

    /// What the stages share.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Works until everything is through, `stop`, or a failure. How it ended stands in the list of runs as well, and
    /// in the target where its schema has a place for it.
    ///
    /// A run that loads holds a claim on the target: its schema stays as it is, and nobody rolls back meanwhile.
    pub async fn run(&self, options: &Options, stop: &Stop) -> Result<Work> {
        if !options.stages.contains(&Stage::Load) {
            return self.run_claimed(options, None, stop).await;
        }
        let claim = tokio::select! {
            claim = claim_for_loading(&self.engine) => Arc::new(claim?),
            () = stop.requested() => {
                return Ok(Work { report: RunReport::default(), failure: None, interrupted: true });
            }
        };
        let worked = self.run_claimed(options, Some(&claim), stop).await;
        if let Err(error) = claim.release().await {
            warn!("the claim on the target runs out by itself: {}", error.chain().join(": "));
        }
        worked
    }

    async fn run_claimed(&self, options: &Options, claim: Option<&Arc<Claim>>, stop: &Stop) -> Result<Work> {
        let schema = self.check(options).await?;
        let journal = Journal::begin(&self.engine, options.command.clone()).await?;
        let span = info_span!("run", id = %journal.id());
        self.run_as(journal, &schema, options, claim, stop).instrument(span).await
    }

    async fn run_as(
        &self,
        journal: Journal,
        schema: &Version,
        options: &Options,
        claim: Option<&Arc<Claim>>,
        stop: &Stop,
    ) -> Result<Work> {
        let (metrics, prefix) = (&self.engine.metrics, self.engine.kafka.names.prefix());
        metrics.run_started(&journal.id().to_string(), &options.name(), prefix);
        info!(command = options.command, "the run begins");
        let begun = async {
            if options.new_pass {
                journal.ask_for_new_passes().await?;
            }
            self.begin_visibly(options, schema, journal.id()).await
        };
        let (visible, worked) = match begun.await {
            Ok(visible) => (visible, self.work(options, schema, claim, stop).await),
            Err(error) => (None, Err(error)),
        };
        let (exit_code, outcome) = outcome(&worked);
        metrics.run_ended(match &worked {
            Ok(Work { failure: Some(_), .. }) | Err(_) => RunEnd::Failed,
            Ok(Work { interrupted: true, .. }) => RunEnd::Interrupted,
            Ok(_) => RunEnd::Done,
        });
        info!(exit_code, outcome, "the run has ended");
        if let Some(visible) = visible {
            visible.end(&outcome).await;
        }
        journal.end(exit_code, outcome).await;
        worked
    }

    /// What has to hold before anything is touched. Returns the version of the target's schema, where it is needed.
    async fn check(&self, options: &Options) -> Result<Version> {
        self.engine.check_limits().await?;
        // Not only who reads on would find out: what is through would pass for what the file says now.
        self.engine.selected.iter().try_for_each(|pipeline| self.engine.check_lineage(pipeline))?;
        if !options.stages.contains(&Stage::Load) {
            return Ok(Version::NONE);
        }
        self.engine.check_target().await?;
        schema::settled_version(self.engine.target()?).await
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
        let observer = &self.engine.observer;
        let loaded = observer.loaded().await?;
        let awaits = |name: &str| self.engine.checkpoints.read(|state| state.awaited_pass(name).is_some());
        let counted = |pipeline: &Arc<Pipeline>| {
            observer.account(pipeline.name(), &loaded).is_through() && !awaits(pipeline.name())
        };
        let mut is_through = options.until_drained && self.engine.selected.iter().all(counted);
        // The counts alone say nothing of records that a replay takes once more.
        for pipeline in &self.engine.selected {
            let derivers = observer.derivers_of(pipeline.name());
            is_through = is_through && is_drained(Stage::Load, pipeline.name(), derivers, observer).await?;
        }
        if is_through {
            return Ok(None);
        }
        VisibleRun::begin(self.engine.target()?, schema, run, "data", &options.command).await
    }

    async fn work(
        &self,
        options: &Options,
        schema: &Version,
        claim: Option<&Arc<Claim>>,
        stop: &Stop,
    ) -> Result<Work> {
        let started = Instant::now();
        let all = stop.child();
        let watching = stop.child();
        let keeping = tokio::spawn({
            let (view, engine, until) = (self.view.clone(), self.engine.clone(), watching.clone());
            let stages = options.stages.clone();
            let looking = async move {
                let asking = keep_asking(&engine, &stages, view.board(), &until);
                tokio::join!(view.keep_up(&engine, &until), asking);
            };
            looking.instrument(Span::current())
        });
        let worked = self.while_claimed(options, &schema.to_string(), claim, &all).await;
        // What is seen last are the totals.
        if let Err(error) = within(LAST_WORDS, "look at the end", self.view.refresh(&self.engine)).await {
            debug!(?error, "the end can't be seen");
        }
        watching.request();
        // It only looks: whatever it still waits for an answer to is of no more use.
        keeping.abort();
        if let Err(error) = keeping.await
            && error.is_panic()
        {
            return Err(Error::new(Cause::Unexpected, "watch the progress").source(error));
        }
        let failure = worked.err();
        // Where a service failed there may be no report to be had: then the failure alone is told, and soon.
        let soon = stop.is_requested() || failure.as_ref().is_some_and(|error| error.policy().retry);
        let report = match sum_up(&self.engine, &options.stages, started, soon, stop).await {
            Ok(report) => RunReport { failed: failure.is_some(), ..report },
            Err(error) => return Err(failure.unwrap_or(error)),
        };
        Ok(Work { report, failure, interrupted: stop.is_requested() })
    }

    /// All lanes to their end, which comes early where the claim is lost.
    async fn while_claimed(
        &self,
        options: &Options,
        schema_version: &str,
        claim: Option<&Arc<Claim>>,
        stop: &Stop,
    ) -> Result<()> {
        let lanes = self.lanes(options, schema_version, claim, stop);
        let Some(claim) = claim else { return lanes.await };
        tokio::pin!(lanes);
        tokio::select! {
            worked = &mut lanes => worked,
            lost = claim.lost() => {
                stop.request();
                // What they say of it is its consequence.
                let _ = lanes.await;
                Err(lost)
            }
        }
    }

    /// All lanes to their end; the first failure counts.
    async fn lanes(
        &self,
        options: &Options,
        schema_version: &str,
        claim: Option<&Arc<Claim>>,
        stop: &Stop,
    ) -> Result<()> {
        let lane = |stage: &Stage| Lane {
            stage: *stage,
            engine: self.engine.clone(),
            view: self.view.clone(),
            until_drained: options.until_drained,
            together: options.stages.contains(&Stage::Extract),
            schema_version: schema_version.to_owned(),
            claim: claim.cloned(),
            stop: stop.clone(),
        };
        run_all(options.stages.iter().map(lane).collect(), &self.engine.selected, stop).await
    }
}

/// Waits for whoever changes the schema or the data of the target as a whole, as long as for a failing service.
async fn claim_for_loading(engine: &Engine) -> Result<Claim> {
    let wanted = Wanted { patience: engine.config.run.retry, ..Wanted::new(Purpose::Load, "loading") };
    Claim::take(engine.target()?, &wanted).await
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
    let derived = match totals.emitted.total {
        0 => String::new(),
        all => format!("; {all} derived, {} dead letters of them", totals.emitted.dead_lettered()),
    };
    let (read, loaded, merged) = (totals.read, totals.loaded, totals.merged);
    format!("{read} read, {loaded} loaded, {merged} merged, {dead} dead letters{derived}")
}
