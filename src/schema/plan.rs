//! The plan: which versions, which statements, in which order. Data, so that a dry run prints what a run does.

use serde::Serialize;

use super::advice::of_a_statement;
use super::report::Removed;
use super::{Direction, Piece, Script, Version};
use crate::error::{Cause, Error, Result};
use crate::neo4j::{Explained, StatementKind, TargetGraph, server_code};

/// What has to be done to get from one version to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The version that the target has.
    pub from: Version,
    /// The version that it gets.
    pub to: Version,
    /// The versions on the way, in order.
    pub versions: Vec<VersionPlan>,
}

/// What one version takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VersionPlan {
    /// The version that comes or goes.
    pub version: Version,
    /// The files' name.
    pub name: String,
    /// Which way.
    pub direction: Direction,
    /// Whether it begins, goes on where it was interrupted, or is taken back.
    pub way: Way,
    /// The version that the target has before.
    pub comes_from: Version,
    /// The version that it has afterwards.
    pub leads_to: Version,
    /// SHA-256 of the up script.
    pub checksum: String,
    /// Where the statements come from.
    pub statements_from: Origin,
    /// What it removes, counted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removes: Vec<Removed>,
    /// What is done, in order. Where it goes on, only what is left to do.
    pub steps: Vec<Step>,
    /// The way up.
    #[serde(skip)]
    pub up: Script,
    /// The way down.
    #[serde(skip)]
    pub down: Script,
    /// The interrupted attempt that it goes on with.
    #[serde(skip)]
    pub(crate) interrupted: Option<Interrupted>,
}

/// How a version is gone about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// From its first step on.
    Apply,
    /// From the step on at which it was interrupted.
    Resume,
    /// What was done of it is taken back.
    Undo,
}

/// Where the statements of a version come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The migration files.
    Files,
    /// The target, which keeps them from when the version was applied: the files are gone or changed.
    Target,
}

/// What is known of an attempt that was interrupted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Interrupted {
    pub attempt: super::Attempt,
    /// Whether a statement on data may have been run.
    pub data_begun: bool,
}

/// One thing that is done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// From 1, in its version.
    pub number: u32,
    /// What kind of thing.
    pub kind: StepKind,
    /// File and line of a statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The statement, or in words what is done.
    pub text: String,
    /// Whether the statement commits in batches of its own; otherwise it is one transaction.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub in_batches: bool,
    /// What the server says that it would do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<Explained>,
}

/// Kinds of steps. Each runs in a transaction of its own, so that schema and data never share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepKind {
    /// A statement that changes constraints or indexes.
    Schema,
    /// A statement that changes data.
    Data,
    /// Indexes are waited for until they are online.
    Wait,
    /// The version is written down: only now does it count.
    Record,
}

impl Plan {
    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    /// Whether a version is taken away, other than by going on with what was allowed before.
    pub fn goes_down(&self) -> bool {
        self.versions.iter().any(|version| version.direction == Direction::Down && version.way == Way::Apply)
    }
}

impl VersionPlan {
    /// The script that it runs.
    pub(super) fn script(&self) -> &Script {
        match (self.direction, self.way) {
            (Direction::Up, Way::Undo) | (Direction::Down, Way::Apply | Way::Resume) => &self.down,
            (Direction::Down, Way::Undo) | (Direction::Up, Way::Apply | Way::Resume) => &self.up,
        }
    }

    /// The script that was run, where it is taken back.
    pub(super) fn taken_back(&self) -> &Script {
        match self.direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }

    /// The plan to take it back, without its steps.
    pub(super) fn backwards(&self) -> Self {
        Self {
            way: Way::Undo,
            leads_to: self.comes_from.clone(),
            removes: Vec::new(),
            steps: Vec::new(),
            interrupted: None,
            ..self.clone()
        }
    }

    /// Asks the server what each statement is and whether it understands it. Changes nothing.
    pub(super) async fn ask(&mut self, target: &TargetGraph) -> Result<()> {
        let mut steps = statements(target, self.script()).await?;
        let number = u32::try_from(steps.len()).unwrap_or(u32::MAX) + 1;
        let (wait, text) = match self.direction {
            Direction::Up => (
                "wait until all new indexes are online".to_owned(),
                format!("write down that {} is applied", self.version),
            ),
            Direction::Down => (
                format!("drop what is left of the constraints and indexes that {} brought", self.version),
                format!("write down that {} is gone", self.version),
            ),
        };
        steps.push(Step::in_words(number, StepKind::Wait, wait));
        steps.push(Step::in_words(number + 1, StepKind::Record, text));
        if let Some(interrupted) = &mut self.interrupted {
            let done = interrupted.attempt.steps_done;
            interrupted.data_begun = data_touched(&steps, done);
            steps.retain(|step| step.number > done);
        }
        self.steps = steps;
        Ok(())
    }
}

/// Whether data may have been changed by an attempt of which so many statements are written down. What is one
/// transaction is written down in the same: if it is not, nothing was done. Batches may have begun.
pub(super) fn data_touched(steps: &[Step], done: u32) -> bool {
    let mut data = steps.iter().filter(|step| step.kind == StepKind::Data);
    data.any(|step| step.number <= done || step.in_batches && step.number == done + 1)
}

/// The statements of a script as steps, as the server takes them.
pub(super) async fn statements(target: &TargetGraph, script: &Script) -> Result<Vec<Step>> {
    let mut steps = Vec::with_capacity(script.statements.len() + 2);
    for (number, piece) in (1..).zip(&script.statements) {
        let at = place(script, piece);
        let explained = target.explain(&piece.text).await;
        let explained = explained.map_err(|error| of_a_statement(error).during(at.clone()))?;
        if explained.is_administration() {
            let message = format!("{at}: the statement is about users, rights or databases");
            return Err(Error::new(Cause::Definition, message).what_to_do(
                "take it out and run it by itself: it could not be taken back, and would be kept as text",
            ));
        }
        steps.push(Step::of(number, piece, at, explained));
    }
    Ok(steps)
}

/// The same for what is taken back. What the server does not understand keeps its place among the data, without
/// its answer: whatever comes before it can be done, and there it is told what is wrong.
pub(super) async fn statements_as_understood(target: &TargetGraph, script: &Script) -> Result<Vec<Step>> {
    let mut steps = Vec::with_capacity(script.statements.len());
    for (number, piece) in (1..).zip(&script.statements) {
        let at = place(script, piece);
        steps.push(match target.explain(&piece.text).await {
            Ok(explained) => Step::of(number, piece, at, explained),
            Err(error) if error.cause() == Cause::Definition => {
                let words = Step::in_words(number, StepKind::Data, piece.text.clone());
                Step { at: Some(at), in_batches: true, ..words }
            }
            Err(error) => return Err(error.during(at)),
        });
    }
    Ok(steps)
}

/// Refuses a way up whose way back the server does not understand: that would show only when it is needed.
pub(super) async fn check_way_back(target: &TargetGraph, script: &Script) -> Result<()> {
    match statements(target, script).await {
        // What it drops comes with the way up.
        Err(error) if server_code(&error).is_some_and(|code| code.contains(".Schema.")) => Ok(()),
        other => other.map(drop),
    }
}

fn place(script: &Script, piece: &Piece) -> String {
    format!("{}:{}", script.file, piece.line)
}

impl Step {
    fn of(number: u32, piece: &Piece, at: String, explained: Explained) -> Self {
        let (kind, in_batches) = match explained.kind {
            StatementKind::Schema => (StepKind::Schema, false),
            // Where the plan is not known: the server commits, as it must for batches.
            StatementKind::Data => (StepKind::Data, explained.commits_in_batches().unwrap_or(true)),
        };
        let text = piece.text.clone();
        Self { number, kind, at: Some(at), text, in_batches, explain: Some(explained) }
    }

    /// A step that is no statement of a script.
    pub(super) fn in_words(number: u32, kind: StepKind, text: String) -> Self {
        Self { number, kind, at: None, text, in_batches: false, explain: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(number: u32, kind: StepKind, in_batches: bool) -> Step {
        Step { in_batches, ..Step::in_words(number, kind, "x".into()) }
    }

    /// One transaction is written down with what it did: what is not written down has not been.
    #[test]
    fn data_are_touched_by_what_is_written_down_and_by_batches_that_may_have_begun() {
        use StepKind::{Data, Schema};
        let single = [step(1, Data, false), step(2, Schema, false), step(3, Data, false)];
        assert_eq!([0, 1, 2, 3].map(|done| data_touched(&single, done)), [false, true, true, true]);
        let batches = [step(1, Schema, false), step(2, Schema, false), step(3, Data, true)];
        assert_eq!([0, 1, 2, 3].map(|done| data_touched(&batches, done)), [false, false, true, true]);
        let late = [step(1, Schema, false), step(2, Data, false)];
        assert_eq!([0, 1, 2].map(|done| data_touched(&late, done)), [false, false, true]);
    }
}
