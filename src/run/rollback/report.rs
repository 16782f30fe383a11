//! What a rollback tells: what it did or would do, what has happened since, and how to go on.

use std::collections::BTreeMap;

use serde::Serialize;
use uuid::Uuid;

use crate::checkpoint::Run;
use crate::error::Result;
use crate::neo4j::TargetGraph;
use crate::record::instant_text;
use crate::rollback::TypeReport;
use crate::run::positions::LeftOut;
use crate::schema::{Direction, History, Outcome, Version};

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
    /// Dead letters that are open, by pipeline: a rollback leaves them as they are.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub open_dead_letters: BTreeMap<String, u64>,
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

/// Runs that ended at the instant or later, or have not ended.
pub(super) fn runs_since<'s>(runs: impl Iterator<Item = &'s Run>, instant_ms: i64) -> Vec<RunSince> {
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
pub(super) async fn schema_since(target: &TargetGraph, instant_ms: i64) -> Result<SchemaSince> {
    let history = History::read(target).await?;
    let before =
        |finished: &Option<String>| finished.as_deref().and_then(millis).is_some_and(|at| at <= instant_ms);
    let attempts = history.attempts.iter().filter(|attempt| before(&attempt.finished)).cloned();
    let then = History { attempts: attempts.collect(), accepted: Vec::new() }.current();
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
pub(super) fn outcome(done: &Result<()>, report: &RollbackReport) -> (u8, String) {
    match done {
        Err(error) => (error.policy().exit_code, error.chain().join(": ")),
        Ok(()) if report.result == RollbackResult::Interrupted => {
            (3, "interrupted; the same command goes on".to_owned())
        }
        Ok(()) => (u8::from(!report.is_complete()), report.summary()),
    }
}

impl RollbackReport {
    /// Says what else is to be known, and how to go on.
    pub(super) fn remark(&mut self, with_schema: bool, types: &[String]) {
        let remarks = &mut self.remarks;
        for run in self.runs.iter().filter(|run| run.at_the_instant) {
            remarks.push(format!(
                "{} (`{}`) was at work at that instant: the state is one between two of its batches",
                run.id, run.command
            ));
        }
        let applied: Vec<String> = self.schema.applied.iter().map(ToString::to_string).collect();
        if !applied.is_empty() && !self.schema.taken_down {
            let with =
                if with_schema { "are taken down too" } else { "stay; --with-schema takes them down too" };
            remarks.push(format!("schema versions that were applied since, {}, {with}", applied.join(", ")));
        }
        let scope = if types.is_empty() { String::new() } else { format!(" --types {}", types.join(",")) };
        // What a run that was at work then has loaded since, it may have transformed before.
        let at_work = self.runs.iter().filter(|run| run.at_the_instant).map(|run| &run.started_at);
        let since = at_work.min().unwrap_or(&self.target_date).clone();
        let open: u64 = self.open_dead_letters.values().sum();
        if open > 0 && self.result != RollbackResult::Interrupted {
            remarks.push(format!(
                "{open} dead letters are open, and stay so: `regraft dead-letters replay{scope}` would load what was read \
                 since then, `resolve` sets them aside, and a new pass stands in their place"
            ));
        }
        match self.result {
            RollbackResult::Planned => {
                remarks.push("nothing was changed; --execute does it".to_owned());
            }
            RollbackResult::RolledBack => {
                for (pipeline, left) in &self.left_out {
                    remarks.push(format!(
                        "pass {} of `{pipeline}` was not through: what was on its way is left out",
                        left.pass
                    ));
                }
                let again =
                    format!("regraft replay --stage load{scope} --to-datetime {since} --execute --then-run");
                remarks.push(format!(
                    "nothing comes back by itself: `regraft migrate-data{scope} --new-pass` reads the source again; \
                     `{again}` loads again what was transformed since then"
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
