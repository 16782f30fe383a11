//! What was done to the schema of a target, as its own bookkeeping says: append-only, one node per attempt.
//!
//! `_RegraftMigration` is written when an attempt starts and completed once, when it has ended; a node without an
//! outcome is an attempt that was interrupted. `_RegraftMigrationStep` is appended after each statement, so that
//! an interrupted attempt goes on where it stopped. The unique id of an attempt is its number: of two processes
//! that start one at the same time, one fails.

use serde::{Deserialize, Serialize};

use super::{Direction, Version};
use crate::error::{Cause, Error, Result};
use crate::neo4j::bookkeeping::{MIGRATION, MIGRATION_STEP};
use crate::neo4j::catalog::Inventory;
use crate::neo4j::{Cell, Statement, TargetGraph, Transaction};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The version is there (up) or gone (down).
    Applied,
    /// It failed or was given up, and what it had done was taken back.
    Undone,
}

impl Outcome {
    /// As records write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Applied => "applied",
            Outcome::Undone => "undone",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Outcome::Applied, Outcome::Undone].into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// One attempt at one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// 1 for the first of this target.
    pub number: i64,
    /// Version that it brings or takes.
    pub version: Version,
    /// The files' name.
    pub name: String,
    /// Which way.
    pub direction: Direction,
    /// SHA-256 of the up script.
    pub checksum: String,
    /// The down script as it was when the version was applied.
    #[serde(skip)]
    pub down: String,
    /// When it started, by the server's clock.
    pub started: String,
    /// When it ended.
    pub finished: Option<String>,
    /// How it ended; none while it runs, or where it was interrupted.
    pub outcome: Option<Outcome>,
    /// Regraft's version.
    pub regraft: String,
    /// Statements that are through.
    pub steps_done: u32,
    /// Constraints and indexes before it.
    #[serde(skip)]
    pub before: Inventory,
    /// Constraints and indexes after it.
    #[serde(skip)]
    pub after: Option<Inventory>,
}

/// All attempts, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct History {
    /// The attempts.
    pub attempts: Vec<Attempt>,
}

impl History {
    /// Reads it. A target without any bookkeeping has an empty one.
    pub async fn read(target: &TargetGraph) -> Result<Self> {
        let text = format!(
            "MATCH (m:{MIGRATION}) \
             RETURN [m.number, m.version, m.name, m.direction, m.checksum, m.down, toString(m.started), \
             toString(m.finished), m.outcome, m.regraft, m.before, m.after, \
             COUNT {{ MATCH (s:{MIGRATION_STEP} {{attempt: m.number}}) }}] AS row ORDER BY m.number"
        );
        let rows = target.rows(Statement::new(text)).await?;
        let attempts = rows.iter().map(|row| attempt(row)).collect::<Option<Vec<_>>>().ok_or_else(|| {
            Error::new(Cause::Unexpected, format!("read the schema's history in {}", target.place()))
                .what_to_do("another version of Regraft wrote it: use that one, or a newer one")
        })?;
        Ok(Self { attempts })
    }

    /// The attempts whose versions are there, oldest version first.
    pub fn applied(&self) -> Vec<&Attempt> {
        let mut applied: Vec<&Attempt> = Vec::new();
        for attempt in self.attempts.iter().filter(|attempt| attempt.outcome == Some(Outcome::Applied)) {
            applied.retain(|other| other.version != attempt.version);
            if attempt.direction == Direction::Up {
                applied.push(attempt);
            }
        }
        applied.sort_by(|one, other| one.version.cmp(&other.version));
        applied
    }

    /// The newest version that is there.
    pub fn current(&self) -> Version {
        self.applied().last().map_or(Version::NONE, |attempt| attempt.version.clone())
    }

    /// The attempt that has not ended, if there is one.
    pub fn unfinished(&self) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|attempt| attempt.outcome.is_none())
    }
}

fn attempt(row: &[Cell<'_>]) -> Option<Attempt> {
    let [
        number,
        version,
        name,
        direction,
        checksum,
        down,
        started,
        finished,
        outcome,
        regraft,
        before,
        after,
        steps,
    ] = row
    else {
        return None;
    };
    let text = |cell: &Cell<'_>| cell.as_str().map(str::to_owned);
    Some(Attempt {
        number: number.as_i64()?,
        version: version.as_str()?.parse().ok()?,
        name: text(name)?,
        direction: match direction.as_str()? {
            "up" => Direction::Up,
            "down" => Direction::Down,
            _ => return None,
        },
        checksum: text(checksum)?,
        down: text(down)?,
        started: text(started)?,
        finished: text(finished),
        outcome: match outcome.as_str() {
            None => None,
            Some(outcome) => Some(Outcome::parse(outcome)?),
        },
        regraft: text(regraft)?,
        steps_done: u32::try_from(steps.as_i64()?).ok()?,
        before: serde_json::from_str(before.as_str()?).ok()?,
        after: match after.as_str() {
            None => None,
            Some(after) => Some(serde_json::from_str(after).ok()?),
        },
    })
}

/// What an attempt is about when it starts.
pub(super) struct Start<'a> {
    pub version: &'a Version,
    pub name: &'a str,
    pub direction: Direction,
    pub checksum: &'a str,
    pub down: &'a str,
    pub before: &'a Inventory,
}

/// Writes down that an attempt starts. Returns its number.
pub(super) async fn begin(transaction: &mut Transaction, start: &Start<'_>) -> Result<i64> {
    let text = format!(
        "OPTIONAL MATCH (m:{MIGRATION}) WITH coalesce(max(m.number), 0) + 1 AS number \
         CREATE (:{MIGRATION} {{id: toString(number), number: number, version: $version, name: $name, \
         direction: $direction, checksum: $checksum, down: $down, before: $before, regraft: $regraft, \
         started: datetime()}}) RETURN [number] AS row"
    );
    let statement = Statement::new(text)
        .param("version", start.version.to_string())
        .param("name", start.name)
        .param("direction", start.direction.as_str())
        .param("checksum", start.checksum)
        .param("down", start.down)
        .param("before", json(start.before)?)
        .param("regraft", env!("CARGO_PKG_VERSION"));
    let rows = transaction.rows(statement).await?;
    rows.first()
        .and_then(|row| row.first()?.as_i64())
        .ok_or_else(|| Error::new(Cause::Unexpected, "write down that a migration starts"))
}

/// Writes down that a statement of an attempt is through.
pub(super) async fn step_done(target: &TargetGraph, attempt: i64, step: u32) -> Result<()> {
    let text = format!(
        "MERGE (s:{MIGRATION_STEP} {{id: toString($attempt) + '/' + toString($step)}}) \
         ON CREATE SET s.attempt = $attempt, s.step = $step, s.finished = datetime()"
    );
    let statement = Statement::new(text).param("attempt", attempt).param("step", step);
    target.run(statement).await.map(drop)
}

/// Completes an attempt.
pub(super) async fn finish(
    transaction: &mut Transaction,
    attempt: i64,
    outcome: Outcome,
    failure: Option<&str>,
    after: &Inventory,
) -> Result<()> {
    let text = format!(
        "MATCH (m:{MIGRATION} {{id: toString($attempt)}}) WHERE m.outcome IS NULL \
         SET m.outcome = $outcome, m.failure = $failure, m.after = $after, m.finished = datetime() RETURN [1] AS row"
    );
    let statement = Statement::new(text)
        .param("attempt", attempt)
        .param("outcome", outcome.as_str())
        .param("failure", failure)
        .param("after", json(after)?);
    if transaction.rows(statement).await?.is_empty() {
        return Err(Error::new(Cause::Fenced, format!("complete attempt {attempt} at the schema"))
            .what_to_do("another process has ended it: look at `regraft schema status`"));
    }
    Ok(())
}

fn json(inventory: &Inventory) -> Result<String> {
    serde_json::to_string(inventory)
        .map_err(|error| Error::new(Cause::Unexpected, "write down constraints and indexes").source(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(number: i64, version: &str, direction: Direction, outcome: Option<Outcome>) -> Attempt {
        Attempt {
            number,
            version: version.parse().unwrap(),
            name: "n".into(),
            direction,
            checksum: String::new(),
            down: String::new(),
            started: String::new(),
            finished: None,
            outcome,
            regraft: String::new(),
            steps_done: 0,
            before: Inventory::default(),
            after: None,
        }
    }

    #[test]
    fn what_is_applied_follows_from_the_attempts() {
        use Direction::{Down, Up};
        let done = Some(Outcome::Applied);
        let mut history = History::default();
        assert_eq!(history.current(), Version::NONE);
        history.attempts = vec![
            attempt(1, "1.0.0", Up, Some(Outcome::Undone)),
            attempt(2, "1.0.0", Up, done),
            attempt(3, "1.1.0", Up, done),
            attempt(4, "1.1.0", Down, done),
            attempt(5, "1.10.0", Up, done),
            attempt(6, "1.9.0", Up, done),
        ];
        let applied: Vec<_> = history.applied().iter().map(|attempt| attempt.number).collect();
        assert_eq!(applied, [2, 6, 5]);
        assert_eq!(history.current().to_string(), "1.10.0");
        assert!(history.unfinished().is_none());
        history.attempts.push(attempt(7, "1.10.0", Down, None));
        assert_eq!(history.current().to_string(), "1.10.0");
        assert_eq!(history.unfinished().unwrap().number, 7);
    }
}
