//! Which versions are applied and which are pending.

use serde::Serialize;

use super::files::Files;
use super::history::{Attempt, History, Outcome};
use super::{Direction, Migration, Version, chain};
use crate::error::Result;
use crate::neo4j::TargetGraph;
use crate::neo4j::claim::{self, Held, Purpose};

/// The state of a target's schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The version that the target has.
    pub version: Version,
    /// The newest version that there are files for.
    pub newest: Option<Version>,
    /// All versions that are applied or that there are files for, in order.
    pub versions: Vec<VersionStatus>,
    /// A version that is half way.
    pub interrupted: Option<InterruptedStatus>,
    /// Who works on the target.
    pub held: Vec<Held>,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionStatus {
    /// The version.
    pub version: Version,
    /// The files' name.
    pub name: String,
    /// Its state.
    pub state: State,
    /// When it was applied, by the server's clock; null where it is not.
    pub applied_at: Option<String>,
    /// Regraft's version then.
    pub applied_by: Option<String>,
    /// SHA-256 of the up script: of what was applied, or of the file.
    pub checksum: String,
    /// Why the last attempt at it was taken back, if it was.
    pub failure: Option<String>,
    /// Which way that attempt went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_direction: Option<Direction>,
}

/// States of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is there, from the files as they are.
    Applied,
    /// It is not there yet.
    Pending,
    /// It is there, and its up file was changed since.
    Changed,
    /// It is there, and there are no files for it.
    MissingFile,
    /// It is not there, and older than the newest that is.
    Older,
    /// It is half way, and nobody is at it.
    Interrupted,
    /// It is being applied, or taken.
    UnderWay,
}

/// A version that is half way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InterruptedStatus {
    /// The version.
    pub version: Version,
    /// Which way it was going.
    pub direction: Direction,
    /// When that began.
    pub started_at: String,
    /// Statements that are through.
    pub steps_done: u32,
    /// Whether taking it back has begun, and why.
    pub undoing_because: Option<String>,
    /// The options of `migrate-schema` that end it safely.
    pub safe: Vec<&'static str>,
}

/// Reads it.
pub(super) async fn read(target: &TargetGraph, files: &Files) -> Result<Status> {
    let history = History::read(target).await?;
    let held = claim::held(target).await?;
    let (migrations, gone) = files.completed(&history)?;
    let mut status = status(&history, &migrations, held);
    for version in status.versions.iter_mut().filter(|it| it.state == State::Applied) {
        if gone.iter().any(|gone| gone.version == version.version) {
            version.state = State::MissingFile;
        }
    }
    Ok(status)
}

fn status(history: &History, migrations: &[Migration], held: Vec<Held>) -> Status {
    let at_work = held.iter().any(|held| held.purpose == Purpose::Exclusive);
    let applied = history.applied();
    let current = history.current();
    let mut all: Vec<&Version> = migrations.iter().map(|migration| &migration.version).collect();
    all.extend(applied.iter().map(|attempt| &attempt.version));
    all.extend(history.unfinished().map(|attempt| &attempt.version));
    all.sort();
    all.dedup();
    let versions = all.into_iter().map(|version| {
        let file = migrations.iter().find(|migration| migration.version == *version);
        let up = applied.iter().copied().find(|attempt| attempt.version == *version);
        let begun = history.unfinished().filter(|attempt| attempt.version == *version);
        let state = match (begun, up, file) {
            (Some(_), ..) if at_work => State::UnderWay,
            (Some(_), ..) => State::Interrupted,
            (None, Some(_), None) => State::MissingFile,
            (None, Some(up), Some(file)) if !history.is_as_applied(up, &file.up.checksum()) => State::Changed,
            (None, Some(_), Some(_)) => State::Applied,
            (None, None, _) if *version < current => State::Older,
            (None, None, _) => State::Pending,
        };
        let failed = last_failed(history, version);
        VersionStatus {
            version: version.clone(),
            name: file
                .map(|file| &file.name)
                .or(up.or(begun).map(|it| &it.name))
                .cloned()
                .unwrap_or_default(),
            state,
            applied_at: up.and_then(|up| up.finished.clone()),
            applied_by: up.map(|up| up.regraft.clone()),
            checksum: up
                .map(|up| up.checksum.clone())
                .or_else(|| file.map(|file| file.up.checksum()))
                .unwrap_or_default(),
            failure: failed.and_then(|failed| failed.failure.clone()),
            failed_direction: failed.map(|failed| failed.direction),
        }
    });
    Status {
        versions: versions.collect(),
        version: current,
        newest: migrations.last().map(|migration| migration.version.clone()),
        interrupted: history.unfinished().filter(|_| !at_work).map(interrupted),
        held,
    }
}

/// The last attempt at a version, if it was taken back.
fn last_failed<'a>(history: &'a History, version: &Version) -> Option<&'a Attempt> {
    let last = history.attempts.iter().rev().find(|attempt| attempt.version == *version)?;
    Some(last).filter(|last| last.outcome == Some(Outcome::Undone) && last.failure.is_some())
}

fn interrupted(attempt: &Attempt) -> InterruptedStatus {
    InterruptedStatus {
        version: attempt.version.clone(),
        direction: attempt.direction,
        started_at: attempt.started.clone(),
        steps_done: attempt.steps_done,
        undoing_because: attempt.failure.clone().filter(|_| attempt.undoing),
        safe: chain::safe(attempt),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Script;
    use super::super::history::tests::attempt;
    use super::*;

    #[test]
    fn every_version_has_its_state() {
        let file = |version: &str, up: &str| Migration {
            version: version.parse().unwrap(),
            name: "n".into(),
            up: Script::parse("up", up).unwrap(),
            down: Script::parse("down", "").unwrap(),
        };
        let applied = |number, version, up: &str| {
            let mut it = attempt(number, version, Direction::Up, Some(Outcome::Applied));
            (it.checksum, it.finished) = (Script::parse("", up).unwrap().checksum(), Some("then".into()));
            it
        };
        let files = [file("1.0.0", "A;"), file("1.0.5", "L;"), file("1.1.0", "Z;"), file("1.3.0", "P;")];
        let mut failed = attempt(4, "1.3.0", Direction::Up, Some(Outcome::Undone));
        failed.failure = Some("no".into());
        let history = History {
            attempts: vec![
                applied(1, "1.0.0", "A;"),
                applied(2, "1.1.0", "B;"),
                applied(3, "1.2.0", "C;"),
                failed,
            ],
            accepted: Vec::new(),
        };
        let shown = |status: &Status| -> Vec<(String, State)> {
            status.versions.iter().map(|it| (it.version.to_string(), it.state)).collect()
        };
        let found = status(&history, &files, Vec::new());
        let expected = [
            ("1.0.0", State::Applied),
            ("1.0.5", State::Older),
            ("1.1.0", State::Changed),
            ("1.2.0", State::MissingFile),
            ("1.3.0", State::Pending),
        ];
        assert_eq!(shown(&found), expected.map(|(version, state)| (version.to_owned(), state)));
        assert_eq!(found.versions[4].failure.as_deref(), Some("no"));
        assert_eq!(found.versions[4].failed_direction, Some(Direction::Up));
        assert_eq!(found.version.to_string(), "1.2.0");

        let first = serde_json::to_value(&found.versions[0]).unwrap();
        assert_eq!(
            first,
            serde_json::json!({"version": "1.0.0", "name": "n", "state": "applied", "applied_at": "then",
                "applied_by": "", "checksum": history.attempts[0].checksum, "failure": null})
        );

        let mut history = history;
        history.attempts.push(attempt(5, "1.3.0", Direction::Up, None));
        let found = status(&history, &files, Vec::new());
        assert_eq!(found.versions[4].state, State::Interrupted);
        assert_eq!(found.interrupted.unwrap().safe, ["--resume", "--undo"]);
    }
}
