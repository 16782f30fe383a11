//! What users see of all this in the target: `SchemaVersion`, `MigrationHistory` and `BackupMarker` nodes.
//!
//! They repeat for people what Regraft's bookkeeping says; nothing is decided by them.

use super::{Direction, Version};
use crate::error::Result;
use crate::neo4j::{Cell, Parameter, Statement, TargetGraph, Transaction, quote};

/// Labels of these nodes.
pub const VISIBLE_LABELS: [&str; 3] = ["SchemaVersion", "MigrationHistory", "BackupMarker"];

/// An entry of the migration history: a migration, a run or a rollback that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Its identity; the backup marker taken before it has the same.
    pub id: String,
    /// `schema`, `data`, `rollback` …
    pub kind: String,
    /// What it was, in words.
    pub what: String,
    /// How it ended.
    pub outcome: String,
}

/// Writes a `MigrationHistory` node. Only for a target whose version is [`Version::HISTORY_NODES`] or newer.
///
/// The same entry written again changes nothing but its outcome.
pub async fn record_history(transaction: &mut Transaction, entry: &HistoryEntry) -> Result<()> {
    let text = "MERGE (h:MigrationHistory {id: $id}) \
                SET h.kind = $kind, h.what = $what, h.outcome = $outcome, h.regraft_version = $regraft, \
                h.finished_at = coalesce(h.finished_at, datetime())";
    let statement = Statement::new(text)
        .param("id", entry.id.as_str())
        .param("kind", entry.kind.as_str())
        .param("what", entry.what.as_str())
        .param("outcome", entry.outcome.as_str())
        .param("regraft", env!("CARGO_PKG_VERSION"));
    transaction.run(statement).await.map(drop)
}

/// Writes a `BackupMarker` node: how many nodes and relationships there are, in all and per label and type.
/// Only for a target whose version is [`Version::HISTORY_NODES`] or newer. Regraft's own nodes are not counted.
///
/// A marker that is there already stays as it is: it says what was before the first attempt.
pub async fn record_backup_marker(target: &TargetGraph, id: &str, kind: &str) -> Result<()> {
    let labels = counted(target, "CALL db.labels() YIELD label RETURN [label] AS row", |name| {
        format!("MATCH (n:{name}) RETURN [count(n)] AS row")
    });
    let labels = labels.await?;
    let types = "CALL db.relationshipTypes() YIELD relationshipType RETURN [relationshipType] AS row";
    let types =
        counted(target, types, |name| format!("MATCH ()-[r:{name}]->() RETURN [count(r)] AS row")).await?;
    let nodes = count(target, "MATCH (n) RETURN [count(n)] AS row").await? - labels.own;
    let relationships = count(target, "MATCH ()-[r]->() RETURN [count(r)] AS row").await? - types.own;
    let text = "MERGE (b:BackupMarker {id: $id}) ON CREATE SET b.kind = $kind, b.taken_at = datetime(), \
                b.nodes = $nodes, b.relationships = $relationships, b.labels = $labels, \
                b.label_counts = $label_counts, b.types = $types, b.type_counts = $type_counts";
    let statement = Statement::new(text)
        .param("id", id)
        .param("kind", kind)
        .param("nodes", nodes)
        .param("relationships", relationships)
        .param("labels", labels.names)
        .param("label_counts", labels.counts)
        .param("types", types.names)
        .param("type_counts", types.counts);
    target.run(statement).await.map(drop)
}

#[derive(Default)]
struct Counted {
    names: Vec<String>,
    counts: Vec<i64>,
    own: i64,
}

/// Counts of each label or type from the server's count store: cheap, whatever the size.
async fn counted(target: &TargetGraph, names: &str, query: impl Fn(&str) -> String) -> Result<Counted> {
    let mut counted = Counted::default();
    let mut rows = target.rows(Statement::new(names)).await?;
    rows.sort_by(|one, other| one.first().and_then(Cell::as_str).cmp(&other.first().and_then(Cell::as_str)));
    for row in &rows {
        let Some(name) = row.first().and_then(Cell::as_str) else {
            continue;
        };
        let count = count(target, &query(quote(name)?.as_str())).await?;
        if crate::neo4j::catalog::is_own(name) {
            counted.own += count;
        } else if count > 0 {
            counted.names.push(name.to_owned());
            counted.counts.push(count);
        }
    }
    Ok(counted)
}

async fn count(target: &TargetGraph, query: &str) -> Result<i64> {
    let rows = target.rows(Statement::new(query)).await?;
    Ok(rows.first().and_then(|row| row.first()?.as_i64()).unwrap_or(0))
}

/// Writes or removes the `SchemaVersion` node of a version that came or went.
pub(super) async fn record_version(
    transaction: &mut Transaction,
    version: &Version,
    name: &str,
    direction: Direction,
) -> Result<()> {
    let text = match direction {
        Direction::Up if *version < Version::SCHEMA_VERSION_NODES => return Ok(()),
        Direction::Up => {
            "MERGE (v:SchemaVersion {version: $version}) \
             SET v.name = $name, v.regraft_version = $regraft, v.applied_at = coalesce(v.applied_at, datetime())"
        }
        Direction::Down => "MATCH (v:SchemaVersion {version: $version}) DELETE v",
    };
    let mut statement = Statement::new(text).param("version", version.to_string());
    if direction == Direction::Up {
        statement =
            statement.param("name", name).param("regraft", Parameter::from(env!("CARGO_PKG_VERSION")));
    }
    transaction.run(statement).await.map(drop)
}
