//! Applying: a loop over the plan of one version, and taking it back when it fails.

use std::time::Instant;

use super::advice::then_start_again;
use super::history::Outcome;
use super::plan::{Step, StepKind, VersionPlan, Way};
use super::record::{self, Start};
use super::report::{Event, Observer, VersionReport};
use super::script::checksum;
use super::split::in_a_line;
use super::undo::{Difference, left_behind, restore_schema, steps_back};
use super::{Direction, History, HistoryEntry, Version, requirements, visible};
use crate::error::{Cause, Error, Kind, Result};
use crate::neo4j::catalog::{Inventory, Own};
use crate::neo4j::claim::Claim;
use crate::neo4j::{Counters, Statement, TargetGraph, server_code};
use crate::schema::indexes::await_online;
use crate::stop::Stop;

pub(super) struct Applier<'a> {
    pub target: &'a TargetGraph,
    pub claim: &'a Claim,
    pub stop: &'a Stop,
    pub observe: Observer<'a>,
}

/// An attempt that has begun.
pub(super) struct Begun {
    pub number: i64,
    pub before: Inventory,
    /// Whether it goes on where it was interrupted.
    pub resumed: bool,
    /// Whether a statement on data may have changed something.
    pub data_begun: bool,
    /// Checksums of the statements that have taken data back.
    pub taken_back: Vec<String>,
    /// The step that may have been run without being written down.
    pub first_step: u32,
    pub counters: Counters,
    started: Instant,
}

impl Applier<'_> {
    /// Brings or takes one version. When it returns, the version is there or gone as a whole; unless a service
    /// failed, in which case the next run goes on from here.
    pub(super) async fn run(&self, plan: &VersionPlan) -> Result<VersionReport> {
        let mut begun = match &plan.interrupted {
            Some(interrupted) => Begun {
                number: interrupted.attempt.number,
                before: interrupted.attempt.before.clone(),
                resumed: true,
                data_begun: interrupted.data_begun,
                taken_back: interrupted.attempt.taken_back.clone(),
                first_step: interrupted.attempt.steps_done + 1,
                counters: Counters::default(),
                started: Instant::now(),
            },
            None => self.begin(plan).await?,
        };
        if plan.way == Way::Undo {
            Box::pin(self.give_up(plan, &mut begun)).await?;
            return Ok(report(plan, &begun));
        }
        // On the heap: each of these futures is large.
        match Box::pin(self.steps(plan, &mut begun)).await {
            Ok(()) => Ok(report(plan, &begun)),
            // Another process may be at work by now: nothing is taken back.
            Err(error) if error.cause() == Cause::Fenced => Err(error),
            Err(error) if is_outage(&error) => {
                Err(Error::new(error.cause(), format!("{} is half way", what(plan)))
                    .what_to_do("start again, and it goes on where it stopped; or take it back with --undo")
                    .source(error))
            }
            Err(error) => Err(Box::pin(self.take_back(plan, &mut begun, error)).await),
        }
    }

    async fn begin(&self, plan: &VersionPlan) -> Result<Begun> {
        requirements::check(self.target, plan.script()).await?;
        let before = self.target.inventory(Own::LeftOut).await?;
        let server = self.target.server().await?;
        let start = Start {
            version: &plan.version,
            name: &plan.name,
            direction: plan.direction,
            comes_from: &plan.comes_from,
            checksum: &plan.checksum,
            up: &plan.up.text,
            down: &plan.down.text,
            server: &server.version,
            before: &before,
        };
        let mut transaction = self.target.begin().await?;
        self.claim.fence(&mut transaction).await?;
        let number = record::begin(&mut transaction, &start).await?;
        transaction.commit().await?;
        Ok(Begun {
            number,
            before,
            resumed: false,
            data_begun: false,
            taken_back: Vec::new(),
            first_step: 1,
            counters: Counters::default(),
            started: Instant::now(),
        })
    }

    async fn steps(&self, plan: &VersionPlan, begun: &mut Begun) -> Result<()> {
        self.tell_of(plan);
        if writes_history(plan) {
            visible::record_backup_marker(self.target, &entry_id(begun.number), "schema").await?;
        }
        for step in &plan.steps {
            if self.stop.is_requested() {
                return Err(Error::new(
                    Cause::Busy,
                    format!("stopped before step {}, as asked", step.number),
                ));
            }
            (self.observe)(Event::Step(step));
            if step.kind == StepKind::Data {
                // That an index can't be filled shows late: not when data were changed already.
                await_online(self.target, &begun.before, self.stop, self.observe).await?;
                begun.data_begun |= step.in_batches;
            }
            match step.kind {
                StepKind::Schema | StepKind::Data => {
                    // Only the step at which it was interrupted can have been done without being written down.
                    let again = begun.resumed && step.number == begun.first_step;
                    let done = Box::pin(self.statement(step, begun, again)).await;
                    begun.counters += done.map_err(|error| error.during(place(step)))?;
                    // One transaction that failed has changed nothing.
                    begun.data_begun |= step.kind == StepKind::Data;
                }
                StepKind::Wait => {
                    Box::pin(self.end_way_down(plan, begun)).await?;
                    await_online(self.target, &begun.before, self.stop, self.observe).await?;
                }
                StepKind::Record => self.record(plan, begun.number, Outcome::Applied).await?,
            }
        }
        Ok(())
    }

    fn tell_of(&self, plan: &VersionPlan) {
        let number = |step: Option<&Step>| step.map_or(1, |step| step.number);
        (self.observe)(Event::Version {
            version: &plan.version,
            direction: plan.direction,
            way: plan.way,
            first_step: number(plan.steps.first()),
            steps: number(plan.steps.last()),
        });
    }

    /// A version may find a constraint that it wants in place already. Then it is not its own to take away; and what
    /// is its own does not stay, whatever its file says.
    async fn end_way_down(&self, plan: &VersionPlan, begun: &mut Begun) -> Result<()> {
        if plan.direction == Direction::Up {
            return Ok(());
        }
        let history = History::read(self.target).await?;
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
        // What a repair recorded nobody saw coming: it may be anybody's.
        let Some(after) = up.after.as_ref().filter(|_| up.steps_done > 0) else { return Ok(()) };
        for statement in left_behind(&up.before, after, &now).statements()? {
            self.claim.confirm().await?;
            let dropped = self.target.run_auto_commit(Statement::new(statement.as_str())).await;
            begun.counters += dropped.map_err(|error| error.during(statement))?;
        }
        Ok(())
    }

    /// Writes down how an attempt ended, in one transaction with what users see of it.
    async fn record(&self, plan: &VersionPlan, number: i64, outcome: Outcome) -> Result<()> {
        let after = self.target.inventory(Own::LeftOut).await?;
        let mut transaction = self.target.begin().await?;
        self.claim.fence(&mut transaction).await?;
        record::finish(&mut transaction, number, outcome, &after).await?;
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
    async fn take_back(&self, plan: &VersionPlan, begun: &mut Begun, failure: Error) -> Error {
        let back = plan.backwards();
        match Box::pin(self.undo(&back, begun, &failure.chain().join(": "))).await {
            Ok(()) => Error::new(Cause::CheckFailed, format!("{} failed and was taken back", what(plan)))
                .what_to_do(then_start_again(&failure))
                .source(failure),
            Err(error) => Box::pin(self.half_way(&back, begun, Some(failure), error)).await,
        }
    }

    /// Ends an attempt as if it had never begun.
    async fn give_up(&self, plan: &VersionPlan, begun: &mut Begun) -> Result<()> {
        let undone = Box::pin(self.undo(plan, begun, "interrupted, then given up")).await;
        match undone {
            Err(error) if error.cause() != Cause::Fenced => {
                Err(Box::pin(self.half_way(plan, begun, None, error)).await)
            }
            other => other,
        }
    }

    /// The plan to take back is made once more: what has to go may have changed since it was shown.
    async fn undo(&self, plan: &VersionPlan, begun: &mut Begun, failure: &str) -> Result<()> {
        let mut transaction = self.target.begin().await?;
        self.claim.fence(&mut transaction).await?;
        record::undoing(&mut transaction, begun.number, failure).await?;
        transaction.commit().await?;
        let steps = steps_back(self.target, plan, &begun.before, begun.data_begun, &begun.taken_back).await?;
        let plan = VersionPlan { steps, ..plan.clone() };
        self.tell_of(&plan);
        for step in &plan.steps {
            (self.observe)(Event::Step(step));
            match step.kind {
                StepKind::Schema | StepKind::Data => {
                    let done = Box::pin(self.statement_back(step, begun)).await;
                    begun.counters += done.map_err(|error| error.during(place(step)))?;
                    if step.kind == StepKind::Data {
                        begun.taken_back.push(checksum(&step.text));
                    }
                }
                StepKind::Wait => restore_schema(self.target, &begun.before, self.observe).await?,
                StepKind::Record => self.record(&plan, begun.number, Outcome::Undone).await?,
            }
        }
        Ok(())
    }

    /// Both failed: says what is left and how to finish.
    async fn half_way(
        &self,
        back: &VersionPlan,
        begun: &Begun,
        failure: Option<Error>,
        undoing: Error,
    ) -> Error {
        let left = steps_back(self.target, back, &begun.before, begun.data_begun, &begun.taken_back).await;
        let left = left.unwrap_or_default();
        let left = left.into_iter().filter(|step| matches!(step.kind, StepKind::Schema | StepKind::Data));
        let left: Vec<String> = left.map(|step| in_a_line(&step.text)).collect();
        let left = match left.as_slice() {
            [] => String::new(),
            left => format!("; what is left to be run: {}", left.join("; ")),
        };
        let because = failure.map_or_else(String::new, |failure| {
            format!(" failed ({}), and taking it back", failure.chain().join(": "))
        });
        let subject = if because.is_empty() { "taking back ".to_owned() } else { String::new() };
        // Whatever is wrong with a statement: half way is what it comes to.
        let cause = match undoing.cause() {
            Cause::Fenced => Cause::Fenced,
            cause if cause.policy().kind == Kind::Service => cause,
            _ => Cause::CheckFailed,
        };
        Error::new(cause, format!("{subject}{}{because} failed too{left}", what(back)))
            .what_to_do(
                "mend what the messages name, then `regraft migrate-schema --undo` finishes taking it back; \
                 until then nothing else is migrated",
            )
            .source(undoing)
    }
}

/// Whether an error says nothing of the statement: it may succeed when the service is back. What runs out of memory
/// does so again.
fn is_outage(error: &Error) -> bool {
    match error.cause() {
        Cause::Unreachable | Cause::Busy | Cause::Deadlock => true,
        Cause::Unexpected => server_code(error).is_none(),
        _ => false,
    }
}

/// "schema 1.1.0 up".
pub(super) fn what(plan: &VersionPlan) -> String {
    format!("schema {} {}", plan.version, plan.direction)
}

fn entry_id(number: i64) -> String {
    format!("schema-{number}")
}

fn place(step: &Step) -> String {
    let text = in_a_line(&step.text);
    match &step.at {
        Some(at) => format!("{at}: {text}"),
        None => text,
    }
}

/// Whether history nodes may be written while this version comes or goes.
fn writes_history(plan: &VersionPlan) -> bool {
    plan.comes_from >= Version::HISTORY_NODES && plan.leads_to >= Version::HISTORY_NODES
}

fn report(plan: &VersionPlan, begun: &Begun) -> VersionReport {
    VersionReport {
        version: plan.version.clone(),
        name: plan.name.clone(),
        direction: plan.direction,
        way: plan.way,
        resumed_at: (plan.way == Way::Resume).then_some(begun.first_step),
        schema_added: begun.counters.schema_added,
        schema_removed: begun.counters.schema_removed,
        properties_set: begun.counters.properties_set,
        nodes_created: begun.counters.nodes_created,
        nodes_deleted: begun.counters.nodes_deleted,
        seconds: begun.started.elapsed().as_secs_f64(),
    }
}
