//! The nodes of the history: reading and writing them. The unique id of an attempt is its number: of two processes
//! that start one at the same time, one fails.

use super::history::{Accepted, Attempt, History, Outcome};
use super::{Direction, Version};
use crate::error::{Cause, Error, Result};
use crate::neo4j::bookkeeping::{MIGRATION, MIGRATION_STEP, SCHEMA_REPAIR};
use crate::neo4j::catalog::Inventory;
use crate::neo4j::{Cell, Statement, TargetGraph, Transaction};

/// Reads the history. A target without any bookkeeping has an empty one.
pub(super) async fn read(target: &TargetGraph) -> Result<History> {
    let attempts = format!(
        "MATCH (m:{MIGRATION}) \
         RETURN [m.number, m.version, m.name, m.direction, m.comes_from, m.checksum, m.up, m.down, \
         toString(m.started), toString(m.finished), m.outcome, m.failure, m.undoing IS NOT NULL, m.regraft, \
         m.server, COUNT {{ MATCH (s:{MIGRATION_STEP} {{attempt: m.number}}) }}, \
         COLLECT {{ MATCH (s:{MIGRATION_STEP} {{attempt: m.number}}) UNWIND s.found AS name \
         RETURN name ORDER BY s.step, name }}, \
         COLLECT {{ MATCH (s:{MIGRATION_STEP} {{takes_back: m.number}}) RETURN s.statement }}, \
         m.before, m.after] AS row \
         ORDER BY m.number"
    );
    let accepted = format!(
        "MATCH (r:{SCHEMA_REPAIR}) WHERE r.accepted IS NOT NULL RETURN [r.attempt, r.accepted] AS row ORDER BY r.id"
    );
    let attempts = target.rows(Statement::new(attempts)).await?;
    let accepted = target.rows(Statement::new(accepted)).await?;
    let read = || {
        Some(History {
            attempts: attempts.iter().map(|row| attempt(row)).collect::<Option<_>>()?,
            accepted: accepted.iter().map(|row| self::accepted(row)).collect::<Option<_>>()?,
        })
    };
    read().ok_or_else(|| {
        Error::new(Cause::Lineage, format!("read the schema's history in {}", target.place()))
            .what_to_do("another version of Regraft wrote it: use that one, or a newer one")
    })
}

fn accepted(row: &[Cell<'_>]) -> Option<Accepted> {
    let [attempt, checksum] = row else { return None };
    Some(Accepted { attempt: attempt.as_i64()?, checksum: text(checksum)? })
}

fn text(cell: &Cell<'_>) -> Option<String> {
    cell.as_str().map(str::to_owned)
}

fn attempt(row: &[Cell<'_>]) -> Option<Attempt> {
    let [
        number,
        version,
        name,
        direction,
        comes_from,
        checksum,
        up,
        down,
        started,
        finished,
        outcome,
        failure,
        undoing,
        regraft,
        server,
        steps,
        found,
        taken_back,
        before,
        after,
    ] = row
    else {
        return None;
    };
    Some(Attempt {
        number: number.as_i64()?,
        version: version.as_str()?.parse().ok()?,
        name: text(name)?,
        direction: Direction::parse(direction.as_str()?)?,
        comes_from: comes_from.as_str()?.parse().ok()?,
        checksum: text(checksum)?,
        up: text(up)?,
        down: text(down)?,
        started: text(started)?,
        finished: text(finished),
        outcome: match outcome.as_str() {
            None => None,
            Some(outcome) => Some(Outcome::parse(outcome)?),
        },
        failure: text(failure),
        undoing: undoing.as_bool()?,
        regraft: text(regraft)?,
        server: text(server)?,
        steps_done: u32::try_from(steps.as_i64()?).ok()?,
        found: found.as_texts()?.into_iter().map(str::to_owned).collect(),
        taken_back: taken_back.as_texts()?.into_iter().map(str::to_owned).collect(),
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
    pub comes_from: &'a Version,
    pub checksum: &'a str,
    pub up: &'a str,
    pub down: &'a str,
    pub server: &'a str,
    pub before: &'a Inventory,
}

/// Writes down that an attempt starts. Returns its number.
pub(super) async fn begin(transaction: &mut Transaction, start: &Start<'_>) -> Result<i64> {
    let text = format!(
        "OPTIONAL MATCH (m:{MIGRATION}) WITH coalesce(max(m.number), 0) + 1 AS number \
         CREATE (:{MIGRATION} {{id: toString(number), number: number, version: $version, name: $name, \
         direction: $direction, comes_from: $comes_from, checksum: $checksum, up: $up, down: $down, \
         before: $before, regraft: $regraft, server: $server, started: datetime()}}) RETURN [number] AS row"
    );
    let statement = Statement::new(text)
        .param("version", start.version.to_string())
        .param("name", start.name)
        .param("direction", start.direction.as_str())
        .param("comes_from", start.comes_from.to_string())
        .param("checksum", start.checksum)
        .param("up", start.up)
        .param("down", start.down)
        .param("server", start.server)
        .param("before", json(start.before)?)
        .param("regraft", env!("CARGO_PKG_VERSION"));
    let rows = transaction.rows(statement).await?;
    rows.first()
        .and_then(|row| row.first()?.as_i64())
        .ok_or_else(|| Error::new(Cause::Unexpected, "write down that a migration starts"))
}

/// Writes down that a statement of an attempt is through, and what it found there already.
pub(super) async fn step_done(
    transaction: &mut Transaction,
    attempt: i64,
    step: u32,
    found: Vec<String>,
) -> Result<()> {
    let text = format!(
        "MERGE (s:{MIGRATION_STEP} {{id: toString($attempt) + '/' + toString($step)}}) \
         ON CREATE SET s.attempt = $attempt, s.step = $step, s.found = $found, s.finished = datetime()"
    );
    let statement = Statement::new(text).param("attempt", attempt).param("step", step).param("found", found);
    transaction.run(statement).await.map(drop)
}

/// Writes down that a statement has taken something of an attempt back: the `time`th of those with its checksum.
/// It counts among no attempt's steps.
pub(super) async fn taken_back(
    transaction: &mut Transaction,
    attempt: i64,
    statement: &str,
    time: usize,
) -> Result<()> {
    let text = format!(
        "MERGE (s:{MIGRATION_STEP} {{id: toString($attempt) + '/back/' + $statement + '/' + toString($time)}}) \
         ON CREATE SET s.takes_back = $attempt, s.statement = $statement, s.finished = datetime()"
    );
    let time = i64::try_from(time).unwrap_or(i64::MAX);
    let written =
        Statement::new(text).param("attempt", attempt).param("statement", statement).param("time", time);
    transaction.run(written).await.map(drop)
}

/// Writes down that an attempt is being taken back, and why: from now on it can't be finished.
pub(super) async fn undoing(transaction: &mut Transaction, attempt: i64, failure: &str) -> Result<()> {
    let text = format!(
        "MATCH (m:{MIGRATION} {{id: toString($attempt)}}) WHERE m.outcome IS NULL \
         SET m.undoing = coalesce(m.undoing, datetime()), m.failure = coalesce(m.failure, $failure) \
         RETURN [1] AS row"
    );
    let statement = Statement::new(text).param("attempt", attempt).param("failure", failure);
    only_one(transaction, statement, attempt).await
}

/// Completes an attempt.
pub(super) async fn finish(
    transaction: &mut Transaction,
    attempt: i64,
    outcome: Outcome,
    after: &Inventory,
) -> Result<()> {
    let text = format!(
        "MATCH (m:{MIGRATION} {{id: toString($attempt)}}) WHERE m.outcome IS NULL \
         SET m.outcome = $outcome, m.after = $after, m.finished = datetime() RETURN [1] AS row"
    );
    let statement = Statement::new(text)
        .param("attempt", attempt)
        .param("outcome", outcome.as_str())
        .param("after", json(after)?);
    only_one(transaction, statement, attempt).await
}

async fn only_one(transaction: &mut Transaction, statement: Statement, attempt: i64) -> Result<()> {
    if transaction.rows(statement).await?.is_empty() {
        return Err(Error::new(Cause::Fenced, format!("complete attempt {attempt} at the schema"))
            .what_to_do("another process has ended it: look at `regraft schema status`"));
    }
    Ok(())
}

/// What a repair has mended.
pub(super) struct Mended<'a> {
    /// Kind of the finding.
    pub finding: &'a str,
    /// Name of the constraint, index or version.
    pub name: &'a str,
    /// What was done.
    pub done: &'a str,
    /// A checksum that counts as that of the attempt from now on.
    pub accepted: Option<(i64, &'a str)>,
}

/// Writes down what a repair has mended.
pub(super) async fn mended(transaction: &mut Transaction, mended: &Mended<'_>) -> Result<()> {
    let text = format!(
        "CREATE (:{SCHEMA_REPAIR} {{id: toString(datetime()) + ' ' + randomUUID(), finding: $finding, name: $name, \
         done: $done, attempt: $attempt, accepted: $accepted, regraft: $regraft, at: datetime()}})"
    );
    let statement = Statement::new(text)
        .param("finding", mended.finding)
        .param("name", mended.name)
        .param("done", mended.done)
        .param("attempt", mended.accepted.map(|(attempt, _)| attempt))
        .param("accepted", mended.accepted.map(|(_, checksum)| checksum))
        .param("regraft", env!("CARGO_PKG_VERSION"));
    transaction.run(statement).await.map(drop)
}

fn json(inventory: &Inventory) -> Result<String> {
    serde_json::to_string(inventory)
        .map_err(|error| Error::new(Cause::Unexpected, "write down constraints and indexes").source(error))
}
