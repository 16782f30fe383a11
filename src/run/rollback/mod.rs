//! A rollback from end to end: claim, survey, steps, positions.

mod held;
mod letters;
mod report;
mod schema;
mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::engine::{Engine, Needs, Topics};
use super::journal::Journal;
use super::positions::{Moving, leave_out};
use super::visible::VisibleRun;
use crate::checkpoint::Stage;
use crate::config::Config;
use crate::error::{Cause, Error, Result};
use crate::metrics::Metrics;
use crate::neo4j::claim::{Claim, Purpose, Wanted};
use crate::neo4j::{bookkeeping, hold, load_positions};
use crate::record::instant_text;
use crate::rollback::{Authority, Observer, Range, Rollback, Settings, Survey};
use crate::stop::Stop;

pub use report::{RollbackReport, RollbackResult, RunSince, SchemaSince};
use report::{outcome, runs_since, schema_since};

/// What a rollback is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackOptions {
    /// The instant, milliseconds since 1970.
    pub instant_ms: i64,
    /// Does it; otherwise it is only shown.
    pub execute: bool,
    /// Takes down the schema versions that were applied since, too.
    pub with_schema: bool,
    /// The command as it was typed, for the list of runs.
    pub command: String,
}

/// How long a killed loader may still be taken for one at work.
const PATIENCE: Duration = Duration::from_secs(30);

/// How far a clock may be ahead of the brokers'.
const AHEAD_MS: i64 = 300_000;

/// Rolls the target back, or shows what that would do. Nothing where nothing was ever started.
pub async fn roll_back(
    config: Config,
    types: &[String],
    options: &RollbackOptions,
    observe: Observer<'_>,
    stop: &Stop,
) -> Result<Option<RollbackReport>> {
    if options.instant_ms > chrono::Utc::now().timestamp_millis() + AHEAD_MS {
        let message = format!("roll back to {}, which is still to come", instant_text(options.instant_ms));
        return Err(Error::new(Cause::Usage, message).what_to_do("take a date of `regraft runs list`"));
    }
    let needs = Needs { source: false, target: true, topics: Topics::Look };
    let engine = Engine::start(config, types, needs, Arc::new(Metrics::new()?), stop).await?;
    let Some(engine) = engine else { return Ok(None) };
    let engine = Arc::new(engine);
    if !engine.watermarks.topic_exists(engine.kafka.names.undo()).await? {
        let message = format!("roll back: there is no topic {}", engine.kafka.names.undo());
        return Err(Error::new(Cause::Usage, message)
            .what_to_do("nothing was loaded with a journal yet; restore a backup of the target instead"));
    }
    // Without a selection all are meant, those included that the pipelines folder has no more.
    let rolling = Rolling { engine, selection: !types.is_empty(), options, observe, stop };
    let report = if options.execute { rolling.execute(types).await } else { rolling.plan(types).await };
    report.map(Some)
}

struct Rolling<'r> {
    engine: Arc<Engine>,
    /// Whether only the selected pipelines are meant.
    selection: bool,
    options: &'r RollbackOptions,
    observe: Observer<'r>,
    stop: &'r Stop,
}

impl Rolling<'_> {
    async fn plan(&self, types: &[String]) -> Result<RollbackReport> {
        let mut report = self.begin_report().await?;
        self.check_selection(&report).await?;
        let rollback = self.survey().await?;
        if self.is_data_through().await? {
            report.result = RollbackResult::Planned;
        } else if !rollback.survey.is_empty() && self.has_keys(&rollback.survey, &report).await? {
            report.pipelines = rollback.plan().await?;
            report.result = RollbackResult::Planned;
        }
        report.open_dead_letters = self.open_letters().await?;
        report.remark(self.options.with_schema, types);
        Ok(report)
    }

    async fn execute(&self, types: &[String]) -> Result<RollbackReport> {
        let target = self.engine.target()?;
        bookkeeping::prepare(target).await?;
        let wanted = Wanted { patience: PATIENCE, ..Wanted::new(Purpose::Exclusive, "rollback") };
        let claim = Claim::take(target, &wanted).await?;
        let done = self.execute_claimed(&claim).await;
        let released = claim.release().await;
        let mut report = done?;
        released?;
        report.open_dead_letters = self.open_letters().await?;
        report.remark(self.options.with_schema, types);
        Ok(report)
    }

    async fn execute_claimed(&self, claim: &Claim) -> Result<RollbackReport> {
        self.await_idle_groups().await?;
        let mut report = self.begin_report().await?;
        self.check_selection(&report).await?;
        let rollback = self.survey().await?;
        let is_data_through = self.is_data_through().await?;
        let has_data = !is_data_through
            && !rollback.survey.is_empty()
            && self.has_keys(&rollback.survey, &report).await?;
        if !has_data && !is_data_through && !self.takes_down(&report) {
            // Another one's hold may be left, of which nothing is left to do.
            return self.take_down(claim, &mut report).await.map(|()| report);
        }
        let journal = Journal::begin(&self.engine, self.options.command.clone()).await?;
        if !has_data {
            let done = self.take_down(claim, &mut report).await;
            if is_data_through && done.is_ok() {
                report.result = RollbackResult::RolledBack;
            }
            let (exit_code, outcome) = outcome(&done, &report);
            journal.end(exit_code, outcome).await;
            return done.map(|()| report);
        }
        let target = self.engine.target()?;
        let began =
            VisibleRun::begin(target, &report.schema.now, journal.id(), "rollback", &self.options.command);
        let (visible, done) = match began.await {
            Ok(visible) => (visible, self.change(&rollback, claim, &journal, &mut report).await),
            Err(error) => (None, Err(error)),
        };
        if let Some(visible) = visible {
            visible.end(&outcome(&done, &report).1).await;
        }
        // After that: what the visible history is written to may go as well.
        let done = match done {
            Ok(()) if report.result == RollbackResult::RolledBack => self.take_down(claim, &mut report).await,
            done => done,
        };
        let (exit_code, outcome) = outcome(&done, &report);
        journal.end(exit_code, outcome).await;
        done.map(|()| report)
    }

    /// Holds loading, brings everything to what it was, moves the positions, lets go.
    async fn change(
        &self,
        rollback: &Rollback<'_>,
        claim: &Claim,
        journal: &Journal,
        report: &mut RollbackReport,
    ) -> Result<()> {
        let (engine, target) = (&self.engine, self.engine.target()?);
        let pipelines: Vec<String> =
            engine.selected.iter().map(|pipeline| pipeline.name().to_owned()).collect();
        let hold = self.hold(journal.started_at_ms());
        let mut transaction = target.begin().await?;
        claim.fence(&mut transaction).await?;
        let prefix = engine.kafka.names.prefix();
        hold::place(&mut transaction, prefix, &hold).await?;
        let raised = load_positions::take_over(&mut transaction, prefix, &pipelines, Uuid::new_v4()).await?;
        transaction.commit().await.map_err(Error::from)?;
        engine.checkpoints.refresh().await?;
        let newest = engine.observer.newest_epoch(&engine.observer.loaded().await?);
        let moving = Moving { run: journal.id(), epoch: newest + 1 };
        let authority = Authority { undo: engine.undo.clone(), claim, epoch: moving.load_epoch(), raised };
        let (pipelines_done, interrupted) = rollback.execute(&authority).await?;
        report.pipelines = pipelines_done;
        report.result = RollbackResult::Interrupted;
        if !interrupted {
            report.left_out = leave_out(engine, claim, &pipelines, moving, self.takes_down(report)).await?;
            report.result = RollbackResult::RolledBack;
        }
        Ok(())
    }

    async fn survey(&self) -> Result<Rollback<'_>> {
        let (engine, target) = (&self.engine, self.engine.target()?);
        let instant_ms = self.options.instant_ms;
        let prefix = engine.kafka.names.prefix();
        self.check_held(hold::find(target, prefix).await?)?;
        self.check_standing().await?;
        let reached = load_positions::journal_reaches(target, prefix).await?;
        let range = Range::since(&engine.kafka, &engine.watermarks, instant_ms, &reached).await?;
        let selected = self.selected().map(|names| names.into_iter().collect());
        let (kafka, part) = (engine.kafka.clone(), range.clone());
        let survey = tokio::task::spawn_blocking(move || Survey::take(&kafka, &part, selected)).await;
        let survey =
            survey.map_err(|error| Error::new(Cause::Unexpected, "read the undo topic").source(error))??;
        Ok(Rollback {
            kafka: &engine.kafka,
            target,
            range,
            survey: Arc::new(survey),
            settings: Settings {
                batch_rows: engine.config.load.batch_size,
                batch_bytes: engine.config.load.batch_bytes,
                retry: engine.config.run.retry,
            },
            stop: self.stop,
            observe: self.observe,
        })
    }

    /// The pipelines that are meant; none where all are, those included that the folder has no more.
    fn selected(&self) -> Option<Vec<String>> {
        let names = || self.engine.selected.iter().map(|pipeline| pipeline.name().to_owned()).collect();
        self.selection.then(names)
    }

    /// Workers that a kill has ended are members of their groups for some seconds more.
    async fn await_idle_groups(&self) -> Result<()> {
        let names = &self.engine.kafka.names;
        let ours: BTreeSet<String> = self
            .engine
            .selected
            .iter()
            .flat_map(|pipeline| {
                [Stage::Transform, Stage::Load].map(|stage| names.group(stage, pipeline.name()))
            })
            .collect();
        let since = std::time::Instant::now();
        loop {
            let busy = self.engine.watermarks.groups_with_members().await?;
            let Some(group) = ours.intersection(&busy).next() else { return Ok(()) };
            if since.elapsed() > PATIENCE || self.stop.sleep(Duration::from_millis(500)).await {
                return Err(Error::new(Cause::Busy, format!("roll back while group {group} has members"))
                    .what_to_do(
                        "end the workers (Ctrl-C or SIGTERM; they finish their batch), then start again",
                    ));
            }
        }
    }

    async fn begin_report(&self) -> Result<RollbackReport> {
        let instant_ms = self.options.instant_ms;
        let runs = self.engine.checkpoints.read(|state| runs_since(state.runs.values(), instant_ms));
        Ok(RollbackReport {
            target_date: instant_text(instant_ms),
            result: RollbackResult::NothingToDo,
            pipelines: BTreeMap::new(),
            runs,
            schema: schema_since(self.engine.target()?, instant_ms).await?,
            left_out: BTreeMap::new(),
            open_dead_letters: BTreeMap::new(),
            remarks: Vec::new(),
        })
    }
}
