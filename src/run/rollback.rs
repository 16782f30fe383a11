//! A rollback from end to end: claim, survey, steps, positions, and what the report says of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use super::engine::{Engine, Needs, Topics};
use super::journal::Journal;
use super::positions::{LeftOut, leave_out};
use super::visible::VisibleRun;
use crate::checkpoint::{Run, Stage};
use crate::config::Config;
use crate::error::{Cause, Error, Result};
use crate::metrics::Metrics;
use crate::neo4j::catalog::Own;
use crate::neo4j::claim::{Claim, Purpose, Wanted};
use crate::neo4j::{TargetGraph, bookkeeping, hold, load_positions};
use crate::record::instant_text;
use crate::rollback::{Authority, Observer, Range, Rollback, Settings, Survey, TypeReport};
use crate::schema::{self, Direction, History, Outcome, Version};
use crate::stop::Stop;

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

/// How a rollback ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RollbackResult {
    /// Nothing was changed since.
    NothingToDo,
    /// The plan was made and nothing changed.
    Planned,
    /// It is done.
    RolledBack,
    /// It was stopped: the same command goes on.
    Interrupted,
}

/// What a rollback did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RollbackReport {
    /// The instant, in UTC.
    pub target_date: String,
    /// How it ended.
    pub result: RollbackResult,
    /// By pipeline.
    pub pipelines: BTreeMap<String, TypeReport>,
    /// The runs of the time since.
    pub runs: Vec<RunSince>,
    /// What has happened to the schema since.
    pub schema: SchemaSince,
    /// What was on its way and is left out, by pipeline.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<String, LeftOut>,
    /// What else is to be known, and how to go on.
    pub remarks: Vec<String>,
}

/// A run of the time since the instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunSince {
    /// Its id.
    pub id: Uuid,
    /// The command.
    pub command: String,
    /// When it started.
    pub started_at: String,
    /// When it ended; null while it runs, or where it was killed.
    pub ended_at: Option<String>,
    /// Whether it was at work at the instant, so that the state is one between two of its batches.
    pub at_the_instant: bool,
}

/// The schema now and at the instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SchemaSince {
    /// The version at the instant.
    pub then: Version,
    /// The version when the rollback began.
    pub now: Version,
    /// Versions that were applied since and are there.
    pub applied: Vec<Version>,
    /// Whether they were taken down.
    pub taken_down: bool,
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
        let rollback = self.survey().await?;
        if !rollback.survey.is_empty() {
            self.check_keys(&rollback.survey).await?;
            report.pipelines = rollback.plan().await?;
            report.result = RollbackResult::Planned;
        }
        self.remark(&mut report, types);
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
        let end = report.result == RollbackResult::RolledBack || report.result == RollbackResult::NothingToDo;
        if self.options.with_schema && end && !report.schema.applied.is_empty() {
            self.take_down(&mut report).await?;
        }
        self.remark(&mut report, types);
        Ok(report)
    }

    async fn execute_claimed(&self, claim: &Claim) -> Result<RollbackReport> {
        self.await_idle_groups().await?;
        let mut report = self.begin_report().await?;
        let rollback = self.survey().await?;
        if rollback.survey.is_empty() {
            return Ok(report);
        }
        self.check_keys(&rollback.survey).await?;
        let journal = Journal::begin(&self.engine, self.options.command.clone()).await?;
        let target = self.engine.target()?;
        let began =
            VisibleRun::begin(target, &report.schema.now, journal.id(), "rollback", &self.options.command);
        let (visible, done) = match began.await {
            Ok(visible) => {
                (visible, self.change(&rollback, claim, journal.started_at_ms(), &mut report).await)
            }
            Err(error) => (None, Err(error)),
        };
        let (exit_code, outcome) = outcome(&done, &report);
        if let Some(visible) = visible {
            visible.end(&outcome).await;
        }
        journal.end(exit_code, outcome).await;
        done.map(|()| report)
    }

    /// Holds loading, brings everything to what it was, moves the positions, lets go.
    async fn change(
        &self,
        rollback: &Rollback<'_>,
        claim: &Claim,
        since_ms: i64,
        report: &mut RollbackReport,
    ) -> Result<()> {
        let (engine, target) = (&self.engine, self.engine.target()?);
        let pipelines: Vec<String> =
            engine.selected.iter().map(|pipeline| pipeline.name().to_owned()).collect();
        let date = instant_text(self.options.instant_ms);
        let hold = hold::Hold {
            what: format!("a rollback to {date}"),
            way_out: format!("finish it: regraft rollback --target-date {date} --execute"),
            since_ms,
        };
        let mut transaction = target.begin().await?;
        claim.fence(&mut transaction).await?;
        let prefix = engine.kafka.names.prefix();
        hold::place(&mut transaction, prefix, &hold).await?;
        let raised = load_positions::take_over(&mut transaction, prefix, &pipelines, Uuid::new_v4()).await?;
        transaction.commit().await.map_err(Error::from)?;
        let authority = Authority { undo: engine.undo.clone(), claim, raised };
        let (pipelines_done, interrupted) = rollback.execute(&authority).await?;
        report.pipelines = pipelines_done;
        report.result = RollbackResult::Interrupted;
        if !interrupted {
            report.left_out = leave_out(engine, claim, &pipelines).await?;
            report.result = RollbackResult::RolledBack;
        }
        Ok(())
    }

    async fn survey(&self) -> Result<Rollback<'_>> {
        let (engine, target) = (&self.engine, self.engine.target()?);
        let instant_ms = self.options.instant_ms;
        let prefix = engine.kafka.names.prefix();
        if let Some(hold) = hold::find(target, prefix).await?
            && hold.since_ms < instant_ms
        {
            let message = format!(
                "roll back to {}: {} was begun before, on {}, and has not ended",
                instant_text(instant_ms),
                hold.what,
                instant_text(hold.since_ms)
            );
            return Err(Error::new(Cause::Usage, message).what_to_do(format!(
                "{}; or take it back as far as it came: --target-date {}",
                hold.way_out,
                instant_text(hold.since_ms)
            )));
        }
        let reached = load_positions::journal_reaches(target, prefix).await?;
        let range = Range::since(&engine.kafka, &engine.watermarks, instant_ms, &reached).await?;
        let selected: Option<BTreeSet<String>> = self
            .selection
            .then(|| engine.selected.iter().map(|pipeline| pipeline.name().to_owned()).collect());
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

    /// Entities are found by their keys, as loading finds them.
    async fn check_keys(&self, survey: &Survey) -> Result<()> {
        let inventory = self.engine.target()?.inventory(Own::LeftOut).await?;
        let keys = survey.kinds.iter().flat_map(|seen| seen.kind.keys());
        let missing: BTreeSet<String> = keys
            .filter(|end| !inventory.has_key_constraint(&end.label, &end.key_property))
            .map(|end| format!("{}.{}", end.label, end.key_property))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let missing = missing.into_iter().collect::<Vec<_>>().join(", ");
        let message = format!("roll back: the target has no uniqueness constraint on {missing}");
        Err(Error::new(Cause::TargetNotReady, message))
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
            remarks: Vec::new(),
        })
    }

    async fn take_down(&self, report: &mut RollbackReport) -> Result<()> {
        let folder = self.engine.config.paths.schemas.join("migrations");
        let options = schema::Options {
            target_version: Some(report.schema.then.clone()),
            execute: true,
            ..schema::Options::default()
        };
        schema::migrate(self.engine.target()?, &folder, &options, &|_| {}).await?;
        report.schema.taken_down = true;
        Ok(())
    }

    fn remark(&self, report: &mut RollbackReport, types: &[String]) {
        let remarks = &mut report.remarks;
        for run in report.runs.iter().filter(|run| run.at_the_instant) {
            remarks.push(format!(
                "{} (`{}`) was at work at that instant: the state is one between two of its batches",
                run.id, run.command
            ));
        }
        let applied: Vec<String> = report.schema.applied.iter().map(ToString::to_string).collect();
        if !applied.is_empty() && !report.schema.taken_down {
            let with = if self.options.with_schema {
                "are taken down too"
            } else {
                "stay; --with-schema takes them down too"
            };
            remarks.push(format!("schema versions that were applied since, {}, {with}", applied.join(", ")));
        }
        let scope = if types.is_empty() { String::new() } else { format!(" --types {}", types.join(",")) };
        match report.result {
            RollbackResult::Planned => {
                remarks.push("nothing was changed; --execute does it".to_owned());
            }
            RollbackResult::RolledBack => {
                for (pipeline, left) in &report.left_out {
                    remarks.push(format!(
                        "pass {} of `{pipeline}` was not through: what was on its way is left out",
                        left.pass
                    ));
                }
                remarks.push(format!(
                    "nothing comes back by itself. `regraft migrate-data{scope} --new-pass` reads the source again; \
                     `regraft replay{scope} --stage load --to-earliest --execute --then-run` loads what the topics hold"
                ));
                remarks.push(
                    "this rollback can be rolled back: `regraft runs list` says when it began".to_owned(),
                );
            }
            RollbackResult::Interrupted => {
                remarks.push("the same command goes on; nobody can load until then".to_owned());
            }
            RollbackResult::NothingToDo => {}
        }
    }
}

/// Runs that ended at the instant or later, or have not ended.
fn runs_since<'s>(runs: impl Iterator<Item = &'s Run>, instant_ms: i64) -> Vec<RunSince> {
    let instant_micros = instant_ms.saturating_mul(1000);
    let since = runs.filter_map(|run| {
        let ended = run.outcome.as_ref().map(|outcome| outcome.at_micros);
        // One that was killed may have been at work until the next one that says so; that can't be known here.
        if ended.is_some_and(|ended| ended <= instant_micros)
            || (ended.is_none() && run.started_at_micros < instant_micros)
        {
            return None;
        }
        Some(RunSince {
            id: run.id,
            command: run.command.clone(),
            started_at: instant_text(run.started_at_micros / 1000),
            ended_at: ended.map(|ended| instant_text(ended / 1000)),
            at_the_instant: run.started_at_micros < instant_micros,
        })
    });
    since.collect()
}

/// The schema's version at the instant, by the target's own clock, and now.
async fn schema_since(target: &TargetGraph, instant_ms: i64) -> Result<SchemaSince> {
    let history = History::read(target).await?;
    let before =
        |finished: &Option<String>| finished.as_deref().and_then(millis).is_some_and(|at| at <= instant_ms);
    let attempts = history.attempts.iter().filter(|attempt| before(&attempt.finished)).cloned();
    let then = History { attempts: attempts.collect() }.current();
    let now = history.current();
    let applied = history.applied();
    let since = applied.iter().filter(|attempt| attempt.version > then);
    let since = since
        .filter(|attempt| attempt.direction == Direction::Up && attempt.outcome == Some(Outcome::Applied));
    Ok(SchemaSince {
        applied: since.map(|attempt| attempt.version.clone()).collect(),
        then,
        now,
        taken_down: false,
    })
}

/// A datetime of Neo4j's `toString`, which may end with a zone's name in brackets.
fn millis(text: &str) -> Option<i64> {
    let plain = text.split('[').next()?;
    chrono::DateTime::parse_from_rfc3339(plain).ok().map(|at| at.timestamp_millis())
}

/// Exit code, and how it ended in a few words.
fn outcome(done: &Result<()>, report: &RollbackReport) -> (u8, String) {
    match done {
        Err(error) => (error.policy().exit_code, error.chain().join(": ")),
        Ok(()) if report.result == RollbackResult::Interrupted => {
            (3, "interrupted; the same command goes on".to_owned())
        }
        Ok(()) => (u8::from(!report.is_complete()), report.summary()),
    }
}

impl RollbackReport {
    /// Whether everything is, or would be, as it was.
    pub fn is_complete(&self) -> bool {
        self.pipelines.values().all(|report| report.cannot.is_empty())
    }

    /// All pipelines together in a few words.
    pub fn summary(&self) -> String {
        let sum = |count: fn(&TypeReport) -> u64| self.pipelines.values().map(count).sum::<u64>();
        let mut parts = vec![
            format!("{} restored", sum(|report| report.restore)),
            format!("{} deleted", sum(|report| report.delete)),
            format!("{} recreated", sum(|report| report.recreate)),
        ];
        let kept = sum(|report| report.keep.values().sum());
        let cannot = sum(|report| report.cannot.values().sum());
        if kept > 0 {
            parts.push(format!("{kept} kept"));
        }
        if cannot > 0 {
            parts.push(format!("{cannot} can't be restored"));
        }
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::RunOutcome;

    fn run(started_ms: i64, ended_ms: Option<i64>) -> Run {
        Run {
            id: Uuid::nil(),
            command: "regraft load".into(),
            who: "ada@host".into(),
            version: "0.1.0".into(),
            pipelines: Vec::new(),
            started_at_micros: started_ms * 1000,
            outcome: ended_ms.map(|at| RunOutcome {
                at_micros: at * 1000,
                exit_code: 0,
                summary: String::new(),
            }),
        }
    }

    #[test]
    fn a_run_that_ended_at_the_instant_is_not_taken_back_and_one_that_began_then_is() {
        let runs = [run(10, Some(20)), run(20, Some(30)), run(15, Some(25)), run(5, None), run(21, None)];
        let since = runs_since(runs.iter(), 20);
        let found: Vec<_> = since.iter().map(|run| (run.started_at.as_str(), run.at_the_instant)).collect();
        assert_eq!(
            found,
            [
                ("1970-01-01T00:00:00.020Z", false),
                ("1970-01-01T00:00:00.015Z", true),
                ("1970-01-01T00:00:00.021Z", false)
            ]
        );
    }

    #[test]
    fn the_servers_times_are_read() {
        assert_eq!(millis("1970-01-01T00:00:01.5Z"), Some(1500));
        assert_eq!(millis("1970-01-01T01:00:01.5+01:00[Europe/Berlin]"), Some(1500));
        assert_eq!(millis("soon"), None);
    }
}
