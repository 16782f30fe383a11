//! Applying: a loop over the plan of one version, and taking it back when it fails.

use std::time::Instant;

use super::history::{self, Attempt, Outcome, Start};
use super::indexes::await_online;
use super::plan::{Step, StepKind, VersionPlan};
use super::report::{Event, Observer, VersionReport};
use super::tolerance::{CLEARED_WITHIN, is_in_the_way, is_there_already};
use super::undo::{Difference, drop_orphan, restore_schema};
use super::{Direction, HistoryEntry, Script, Version, visible};
use crate::error::{Cause, Error, Kind, Result};
use crate::neo4j::catalog::{Inventory, Own};
use crate::neo4j::claim::Claim;
use crate::neo4j::{Counters, Statement, StatementKind, TargetGraph};

pub(super) struct Applier<'a> {
    pub target: &'a TargetGraph,
    pub claim: &'a Claim,
    pub observe: Observer<'a>,
}

/// An attempt that has begun.
struct Begun {
    number: i64,
    before: Inventory,
    /// Steps that an interrupted attempt had done.
    done: u32,
    resumed: bool,
}

impl Applier<'_> {
    /// Brings or takes one version. When it returns, the version is there or gone as a whole; unless a service
    /// failed, in which case the next run goes on from here.
    pub(super) async fn run(
        &self,
        plan: &VersionPlan,
        unfinished: Option<&Attempt>,
    ) -> Result<VersionReport> {
        let started = Instant::now();
        let begun = match unfinished {
            Some(attempt) => Begun {
                number: attempt.number,
                before: attempt.before.clone(),
                done: attempt.steps_done,
                resumed: true,
            },
            None => self.begin(plan).await?,
        };
        let mut counters = Counters::default();
        match self.steps(plan, &begun, &mut counters).await {
            Ok(()) => Ok(report(plan, &begun, &counters, started)),
            // Another process may be at work by now: nothing is taken back.
            Err(error) if error.cause() == Cause::Fenced => Err(error),
            Err(error) if error.policy().kind == Kind::Service => Err(Error::new(
                error.cause(),
                format!("{} is half way: start again, and it goes on where it stopped", what(plan)),
            )
            .source(error)),
            Err(error) => Err(self.take_back(plan, &begun, error).await),
        }
    }

    async fn begin(&self, plan: &VersionPlan) -> Result<Begun> {
        let before = self.target.inventory(Own::LeftOut).await?;
        let start = Start {
            version: &plan.version,
            name: &plan.name,
            direction: plan.direction,
            checksum: &plan.checksum,
            down: &plan.down.text,
            before: &before,
        };
        let mut transaction = self.target.begin().await?;
        self.claim.fence(&mut transaction).await?;
        let number = history::begin(&mut transaction, &start).await?;
        transaction.commit().await?;
        Ok(Begun { number, before, done: 0, resumed: false })
    }

    async fn steps(&self, plan: &VersionPlan, begun: &Begun, counters: &mut Counters) -> Result<()> {
        let first_step = begun.done + 1;
        let steps = u32::try_from(plan.steps.len()).unwrap_or(u32::MAX);
        (self.observe)(Event::Version {
            version: &plan.version,
            direction: plan.direction,
            first_step,
            steps,
        });
        if writes_history(plan) {
            visible::record_backup_marker(self.target, &entry_id(begun.number), "schema").await?;
        }
        for step in plan.steps.iter().filter(|step| step.number >= first_step) {
            self.claim.check()?;
            (self.observe)(Event::Step(step));
            match step.kind {
                StepKind::Schema | StepKind::Data => {
                    // Only the step at which it was interrupted can have been done without being written down.
                    let again = begun.resumed && step.number == first_step;
                    *counters += self
                        .statement(step, begun, again)
                        .await
                        .map_err(|error| error.during(place(step)))?;
                    history::step_done(self.target, begun.number, step.number).await?;
                }
                StepKind::Wait => {
                    self.keep_what_was_there_before(plan, begun).await?;
                    await_online(self.target, &begun.before, self.observe).await?;
                }
                StepKind::Record => self.record(plan, begun.number, Outcome::Applied, None).await?,
            }
        }
        Ok(())
    }

    /// One statement in a transaction of its own. The first one after an interruption may have been carried out, or
    /// be just about to be cleared away by the server: it gets some time.
    async fn statement(&self, step: &Step, begun: &Begun, again: bool) -> Result<Counters> {
        let started = Instant::now();
        loop {
            let error = match self.target.run_auto_commit(Statement::new(step.text.as_str())).await {
                Err(error) if step.kind == StepKind::Schema => error,
                other => return other,
            };
            if is_there_already(&error, again) {
                return Ok(Counters::default());
            }
            if !again || !is_in_the_way(&error) || started.elapsed() > CLEARED_WITHIN {
                return Err(error);
            }
            if started.elapsed() > CLEARED_WITHIN / 2 {
                drop_orphan(self.target, &begun.before, &error.chain().join("\n")).await?;
            }
            tokio::time::sleep(CLEARED_WITHIN / 50).await;
        }
    }

    /// A version may find a constraint that it wants in place already. Then it is not its own to take away.
    async fn keep_what_was_there_before(&self, plan: &VersionPlan, begun: &Begun) -> Result<()> {
        if plan.direction == Direction::Up {
            return Ok(());
        }
        let history = history::History::read(self.target).await?;
        let applied = history.applied();
        let Some(up) = applied.iter().find(|attempt| attempt.version == plan.version) else {
            return Ok(());
        };
        let now = self.target.inventory(Own::LeftOut).await?;
        let (since_up, since_down) =
            (Difference::between(&up.before, &now), Difference::between(&begun.before, &now));
        for statement in since_up.missing.iter().filter(|statement| since_down.missing.contains(statement)) {
            self.target.run_auto_commit(Statement::new(statement.as_str())).await?;
        }
        Ok(())
    }

    /// Writes down how an attempt ended, in one transaction with what users see of it.
    async fn record(
        &self,
        plan: &VersionPlan,
        number: i64,
        outcome: Outcome,
        failure: Option<&str>,
    ) -> Result<()> {
        let after = self.target.inventory(Own::LeftOut).await?;
        let mut transaction = self.target.begin().await?;
        self.claim.fence(&mut transaction).await?;
        history::finish(&mut transaction, number, outcome, failure, &after).await?;
        if outcome == Outcome::Applied {
            visible::record_version(&mut transaction, &plan.version, &plan.name, plan.direction).await?;
        }
        let version = if outcome == Outcome::Applied { &plan.leads_to } else { &plan.comes_from };
        if *version >= Version::HISTORY_NODES {
            let entry = HistoryEntry {
                id: entry_id(number),
                kind: "schema".to_owned(),
                what: what(plan),
                outcome: outcome.as_str().to_owned(),
            };
            visible::record_history(&mut transaction, &entry).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Takes back what an attempt has done so far, so that what was there before is there again.
    async fn take_back(&self, plan: &VersionPlan, begun: &Begun, failure: Error) -> Error {
        (self.observe)(Event::Undoing(&plan.version));
        let message = failure.chain().join(": ");
        match self.undo(plan, begun, &message).await {
            Ok(()) => Error::new(Cause::CheckFailed, format!("{} failed and was taken back", what(plan)))
                .what_to_do(format!("{}, then start again", failure.advice()))
                .source(failure),
            Err(error) => self.half_way(plan, begun, failure, error).await,
        }
    }

    /// Ends an attempt as if it had never begun.
    pub(super) async fn give_up(&self, plan: &VersionPlan, attempt: &Attempt) -> Result<VersionReport> {
        let started = Instant::now();
        (self.observe)(Event::Undoing(&plan.version));
        let begun = Begun {
            number: attempt.number,
            before: attempt.before.clone(),
            done: attempt.steps_done,
            resumed: true,
        };
        self.undo(plan, &begun, "interrupted, then given up").await?;
        Ok(VersionReport {
            undone: true,
            resumed_at: None,
            ..report(plan, &begun, &Counters::default(), started)
        })
    }

    async fn undo(&self, plan: &VersionPlan, begun: &Begun, failure: &str) -> Result<()> {
        if let Some(script) = &plan.undo {
            self.run_data_statements(script).await?;
        }
        restore_schema(self.target, &begun.before, self.observe).await?;
        self.record(plan, begun.number, Outcome::Undone, Some(failure)).await
    }

    async fn run_data_statements(&self, script: &Script) -> Result<()> {
        for piece in &script.statements {
            if self.target.explain(&piece.text).await? == StatementKind::Data {
                let run = self.target.run_auto_commit(Statement::new(piece.text.as_str())).await;
                run.map_err(|error| error.during(format!("{}:{}", script.file, piece.line)))?;
            }
        }
        Ok(())
    }

    /// Both failed: says what is left and how to finish.
    async fn half_way(&self, plan: &VersionPlan, begun: &Begun, failure: Error, undoing: Error) -> Error {
        let left = match self.target.inventory(Own::LeftOut).await {
            Ok(now) => Difference::between(&begun.before, &now).statements().unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let by_hand = match left.as_slice() {
            [] => String::new(),
            left => format!("; left of the schema, to be undone by: {}", left.join("; ")),
        };
        Error::new(
            undoing.cause(),
            format!(
                "{} failed ({}), and taking it back failed too{by_hand}",
                what(plan),
                failure.chain().join(": ")
            ),
        )
        .what_to_do("mend what the messages name, then start again with --undo")
        .source(undoing)
    }
}

/// "1.1.0 up".
pub(super) fn what(plan: &VersionPlan) -> String {
    format!("schema {} {}", plan.version, plan.direction)
}

fn entry_id(number: i64) -> String {
    format!("schema-{number}")
}

fn place(step: &Step) -> String {
    let text = step.text.lines().find(|line| !line.trim_start().starts_with("//")).unwrap_or(&step.text);
    match &step.at {
        Some(at) => format!("{at}: {text}"),
        None => step.text.clone(),
    }
}

/// Whether history nodes may be written while this version comes or goes.
fn writes_history(plan: &VersionPlan) -> bool {
    plan.comes_from >= Version::HISTORY_NODES && plan.leads_to >= Version::HISTORY_NODES
}

fn report(plan: &VersionPlan, begun: &Begun, counters: &Counters, started: Instant) -> VersionReport {
    VersionReport {
        version: plan.version.clone(),
        name: plan.name.clone(),
        direction: plan.direction,
        undone: false,
        resumed_at: begun.resumed.then_some(begun.done + 1),
        schema_added: counters.schema_added,
        schema_removed: counters.schema_removed,
        properties_set: counters.properties_set,
        nodes_created: counters.nodes_created,
        nodes_deleted: counters.nodes_deleted,
        seconds: started.elapsed().as_secs_f64(),
    }
}
