//! The plan: which versions, which statements, in which order. Data, so that a dry run prints what a run does.

use serde::Serialize;

use super::history::{Attempt, History};
use super::report::Removed;
use super::{Direction, Migration, Script, Version};
use crate::error::{Cause, Error, Result};
use crate::neo4j::{StatementKind, TargetGraph};

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
    /// The version that the target has before.
    pub comes_from: Version,
    /// The version that it has afterwards.
    pub leads_to: Version,
    /// SHA-256 of the up script.
    pub checksum: String,
    /// The script that runs.
    #[serde(skip)]
    pub script: Script,
    /// The way down, kept with the version.
    #[serde(skip)]
    pub down: Script,
    /// The script whose data statements take back those of this one.
    #[serde(skip)]
    pub undo: Option<Script>,
    /// What it removes, counted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removes: Vec<Removed>,
    /// What is done, in order.
    pub steps: Vec<Step>,
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

    /// Whether anything is taken away.
    pub fn goes_down(&self) -> bool {
        self.versions.iter().any(|version| version.direction == Direction::Down)
    }
}

/// The versions to go through, without asking the server anything.
pub(super) fn route(
    history: &History,
    migrations: &[Migration],
    to: Option<&Version>,
) -> Result<Vec<VersionPlan>> {
    let current = history.current();
    let newest = migrations.last().map_or(Version::NONE, |migration| migration.version.clone());
    let to = to.unwrap_or(&newest);
    let applied = history.applied();
    let known = |version: &Version| {
        *version == Version::NONE
            || migrations.iter().any(|migration| migration.version == *version)
            || applied.iter().any(|attempt| attempt.version == *version)
    };
    if !known(to) {
        let mut versions: Vec<String> =
            migrations.iter().map(|migration| migration.version.to_string()).collect();
        versions.insert(0, Version::NONE.to_string());
        return Err(Error::new(Cause::Usage, format!("there is no schema version {to}"))
            .what_to_do(format!("name one of {}", versions.join(", "))));
    }
    if *to >= current {
        check_files(history, migrations, &current)?;
        return Ok(up(migrations, current, to));
    }
    let gone = applied.iter().rev().filter(|attempt| attempt.version > *to);
    gone.map(|attempt| VersionPlan::down(&applied, migrations, &attempt.version)).collect()
}

/// What is applied has to be what the files say, or going up would build on something else.
fn check_files(history: &History, migrations: &[Migration], current: &Version) -> Result<()> {
    let applied = history.applied();
    for migration in migrations.iter().filter(|migration| migration.version <= *current) {
        let file = &migration.up.file;
        let Some(attempt) = applied.iter().find(|attempt| attempt.version == migration.version) else {
            let message = format!("{file} is not applied and older than {current}, which is");
            return Err(Error::new(Cause::Definition, message)
                .what_to_do("give it a version that is newer than all that are applied"));
        };
        if attempt.checksum != migration.up.checksum() {
            return Err(Error::new(
                Cause::Definition,
                format!("{file} was changed after it had been applied"),
            )
            .what_to_do("bring the file back as it was and write a new version for the change"));
        }
    }
    Ok(())
}

fn up(migrations: &[Migration], current: Version, to: &Version) -> Vec<VersionPlan> {
    let mut below = current;
    let mut plans = Vec::new();
    for migration in migrations.iter().filter(|migration| migration.version <= *to) {
        if migration.version > below {
            plans.push(VersionPlan::up(migration, below));
            below = migration.version.clone();
        }
    }
    plans
}

impl VersionPlan {
    fn up(migration: &Migration, comes_from: Version) -> Self {
        Self {
            version: migration.version.clone(),
            name: migration.name.clone(),
            direction: Direction::Up,
            comes_from,
            leads_to: migration.version.clone(),
            checksum: migration.up.checksum(),
            script: migration.up.clone(),
            down: migration.down.clone(),
            undo: Some(migration.down.clone()),
            removes: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// The way up of an interrupted attempt. Its own way down is the one that was kept when it began; its way up is
    /// the file's, whose checksum has to be that of the attempt where it is to be finished.
    pub(super) fn up_again(before: &History, attempt: &Attempt, file: Option<&Migration>) -> Result<Self> {
        let down = Script::parse(down_file(attempt), &attempt.down)?;
        let (script, checksum) = match file {
            Some(migration) => (migration.up.clone(), migration.up.checksum()),
            None => {
                let file = format!("{}_{}.up.cypher, which is missing,", attempt.version, attempt.name);
                (Script::parse(file, "")?, String::new())
            }
        };
        Ok(Self {
            version: attempt.version.clone(),
            name: attempt.name.clone(),
            direction: Direction::Up,
            comes_from: before.current(),
            leads_to: attempt.version.clone(),
            checksum,
            script,
            down: down.clone(),
            undo: Some(down),
            removes: Vec::new(),
            steps: Vec::new(),
        })
    }

    /// Down by what was kept when the version was applied: the files may be gone or changed.
    pub(super) fn down(applied: &[&Attempt], migrations: &[Migration], version: &Version) -> Result<Self> {
        let attempt = applied
            .iter()
            .find(|attempt| attempt.version == *version)
            .ok_or_else(|| Error::new(Cause::Unexpected, format!("find how {version} was applied")))?;
        let below = applied.iter().rev().find(|attempt| attempt.version < *version);
        let file = migrations
            .iter()
            .find(|migration| migration.version == *version && migration.up.checksum() == attempt.checksum);
        let script = Script::parse(down_file(attempt), &attempt.down)?;
        Ok(Self {
            version: attempt.version.clone(),
            name: attempt.name.clone(),
            direction: Direction::Down,
            comes_from: attempt.version.clone(),
            leads_to: below.map_or(Version::NONE, |attempt| attempt.version.clone()),
            checksum: attempt.checksum.clone(),
            script: script.clone(),
            down: script,
            undo: file.map(|migration| migration.up.clone()),
            removes: Vec::new(),
            steps: Vec::new(),
        })
    }

    /// Asks the server what each statement is and whether it understands it. Changes nothing.
    pub(super) async fn ask(&mut self, target: &TargetGraph) -> Result<()> {
        for piece in &self.script.statements {
            let at = format!("{}:{}", self.script.file, piece.line);
            let kind = match target.explain(&piece.text).await.map_err(|error| error.during(at.clone()))? {
                StatementKind::Schema => StepKind::Schema,
                StatementKind::Data => StepKind::Data,
            };
            let number = self.next_number();
            self.steps.push(Step { number, kind, at: Some(at), text: piece.text.clone() });
        }
        let number = self.next_number();
        let text = "wait until all new indexes are online".to_owned();
        self.steps.push(Step { number, kind: StepKind::Wait, at: None, text });
        let text = match self.direction {
            Direction::Up => format!("write down that {} is applied", self.version),
            Direction::Down => format!("write down that {} is gone", self.version),
        };
        self.steps.push(Step { number: number + 1, kind: StepKind::Record, at: None, text });
        Ok(())
    }

    fn next_number(&self) -> u32 {
        self.steps.last().map_or(1, |step| step.number + 1)
    }
}

fn down_file(attempt: &Attempt) -> String {
    format!("{}_{}.down.cypher", attempt.version, attempt.name)
}
