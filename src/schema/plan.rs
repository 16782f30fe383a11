//! The plan: which versions, which statements, in which order. Data, so that a dry run prints what a run does.

use serde::Serialize;

use super::report::Removed;
use super::{Direction, Script, Version};
use crate::error::Result;
use crate::neo4j::{Explained, StatementKind, TargetGraph};

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
        steps.push(Step::in_words(
            number,
            StepKind::Wait,
            "wait until all new indexes are online".to_owned(),
        ));
        let text = match self.direction {
            Direction::Up => format!("write down that {} is applied", self.version),
            Direction::Down => format!("write down that {} is gone", self.version),
        };
        steps.push(Step::in_words(number + 1, StepKind::Record, text));
        if let Some(interrupted) = &mut self.interrupted {
            let first = interrupted.attempt.steps_done + 1;
            interrupted.data_begun = data_begun(&steps, first);
            steps.retain(|step| step.number >= first);
        }
        self.steps = steps;
        Ok(())
    }
}

/// Whether a statement on data is among the steps up to this one.
pub(super) fn data_begun(steps: &[Step], up_to: u32) -> bool {
    steps.iter().any(|step| step.kind == StepKind::Data && step.number <= up_to)
}

/// The statements of a script as steps, as the server takes them.
pub(super) async fn statements(target: &TargetGraph, script: &Script) -> Result<Vec<Step>> {
    let mut steps = Vec::with_capacity(script.statements.len() + 2);
    for (number, piece) in (1..).zip(&script.statements) {
        let at = format!("{}:{}", script.file, piece.line);
        let explained = target.explain(&piece.text).await.map_err(|error| error.during(at.clone()))?;
        let (kind, in_batches) = match explained.kind {
            StatementKind::Schema => (StepKind::Schema, false),
            // Where the plan is not known: the server commits, as it must for batches.
            StatementKind::Data => (StepKind::Data, explained.commits_in_batches().unwrap_or(true)),
        };
        let text = piece.text.clone();
        steps.push(Step { number, kind, at: Some(at), text, in_batches, explain: Some(explained) });
    }
    Ok(steps)
}

impl Step {
    /// A step that is no statement of a script.
    pub(super) fn in_words(number: u32, kind: StepKind, text: String) -> Self {
        Self { number, kind, at: None, text, in_batches: false, explain: None }
    }
}
