//! Loading's checkpoints in the target: one `_RegraftCheckpoint` node per pipeline and partition, moved in the
//! transaction that writes the rows. Its lock is the fence between an owner and the one before it.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Cell, Statement, TargetGraph, Transaction};
use crate::checkpoint::{Counts, Ends, Moves, StageCheckpoint};
use crate::error::{Cause, Error, Result};
use crate::record::Value;

/// Names one checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointId {
    /// `<prefix>/load/<pipeline>/<partition>`.
    pub id: String,
    /// Prefix of the migration.
    pub prefix: String,
    /// Pipeline.
    pub pipeline: String,
    /// Partition of its model topic.
    pub partition: i32,
}

/// A dead letter of the loader on its way to Kafka: written with the rows, published after, then removed.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxEntry {
    /// The outcome's identity as text: a repetition is the same entry.
    pub id: String,
    /// The dead letter as JSON.
    pub letter: String,
    /// Key of the message.
    pub key: Option<Vec<u8>>,
    /// The message as it came.
    pub payload: Vec<u8>,
}

const RETURN: &str =
    "RETURN [c.lineage, c.epoch, c.next_offset, c.counts, c.partition, c.pipeline, c.moves, c.claims] AS row";

/// A partition that was taken over.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// Where loading stands.
    pub checkpoint: StageCheckpoint,
    /// The number of this claim, which the journal's records carry: rises with every owner.
    pub number: i64,
}

/// Takes a checkpoint over: from now on no transaction of an earlier owner commits. Waits for one that is
/// running. Makes the checkpoint where there is none.
///
/// Claims are numbered from the server's clock on: the journal outlives a target that is emptied or restored, and must
/// not take what is loaded into it afterwards for leftovers of an earlier owner.
///
/// Errors: [`Cause::TargetNotReady`] while loading is held ([`super::hold`]).
pub async fn claim(target: &TargetGraph, id: &CheckpointId, lineage: Uuid, owner: Uuid) -> Result<Claimed> {
    let statement = Statement::new(format!(
        "MERGE (c:_RegraftCheckpoint {{id: $id}}) \
         ON CREATE SET c.prefix = $prefix, c.pipeline = $pipeline, c.partition = $partition, \
           c.lineage = $lineage, c.epoch = 0, c.next_offset = 0, c.counts = '[]' \
         SET c.owner = $owner, \
           c.claims = CASE WHEN c.claims >= timestamp() THEN c.claims + 1 ELSE timestamp() END {RETURN}"
    ))
    .param("id", id.id.as_str())
    .param("prefix", id.prefix.as_str())
    .param("pipeline", id.pipeline.as_str())
    .param("partition", id.partition)
    .param("lineage", lineage.to_string())
    .param("owner", owner.to_string());
    let mut transaction = target.begin().await?;
    let rows = transaction.rows(statement).await?;
    // Looked for under the checkpoint's lock: whoever places a hold takes the checkpoints over in the same transaction.
    super::hold::check(&mut transaction, &id.prefix).await?;
    transaction.commit().await.map_err(|failed| failed.error)?;
    let first = rows.into_iter().next().ok_or_else(|| unreadable(&id.id))?;
    let parsed = parse(first)?;
    Ok(Claimed { checkpoint: parsed.checkpoint, number: parsed.claims })
}

/// Takes every checkpoint of the target over, whatever its prefix, within the transaction: a loader that has lost its
/// claim without knowing commits nothing more.
pub(super) async fn take_over_all(transaction: &mut Transaction, owner: &str) -> Result<()> {
    let statement = Statement::new("MATCH (c:_RegraftCheckpoint) SET c.owner = $owner");
    transaction.run(statement.param("owner", owner)).await.map(drop)
}

/// All checkpoints under a prefix, by pipeline and partition.
pub async fn read_all(
    target: &TargetGraph,
    prefix: &str,
) -> Result<BTreeMap<String, BTreeMap<i32, StageCheckpoint>>> {
    let statement = Statement::new(format!("MATCH (c:_RegraftCheckpoint {{prefix: $prefix}}) {RETURN}"));
    let rows = target.rows(statement.param("prefix", prefix)).await?;
    let mut all: BTreeMap<String, BTreeMap<i32, StageCheckpoint>> = BTreeMap::new();
    for row in rows {
        let parsed = parse(row)?;
        all.entry(parsed.pipeline).or_default().insert(parsed.partition, parsed.checkpoint);
    }
    Ok(all)
}

/// The next offsets of all checkpoints under a prefix, by pipeline and partition: what is looked at all the time.
pub async fn read_offsets(target: &TargetGraph, prefix: &str) -> Result<BTreeMap<String, Ends>> {
    let statement = Statement::new(
        "MATCH (c:_RegraftCheckpoint {prefix: $prefix}) RETURN [c.pipeline, c.partition, c.next_offset] AS row",
    );
    let mut all: BTreeMap<String, Ends> = BTreeMap::new();
    for row in target.rows(statement.param("prefix", prefix)).await? {
        let mut cells = row.into_iter();
        match (cells.next(), cells.next(), cells.next()) {
            (
                Some(Cell::Value(Value::String(pipeline))),
                Some(Cell::Value(Value::Integer(partition))),
                Some(Cell::Value(Value::Integer(offset))),
            ) => {
                let partition = i32::try_from(partition).map_err(|_| unreadable(&pipeline))?;
                all.entry(pipeline.into_owned()).or_default().insert(partition, offset);
            }
            _ => return Err(unreadable(prefix)),
        }
    }
    Ok(all)
}

/// Locks the checkpoint within a transaction and returns its offset.
///
/// Errors: [`Cause::Fenced`] where another owner has taken it over, so that nothing of an old one is written.
pub async fn lock(transaction: &mut Transaction, id: &CheckpointId, owner: Uuid) -> Result<i64> {
    // The write takes the lock before the owner is read: a reader could see an owner that is being replaced.
    let statement = Statement::new(
        "MATCH (c:_RegraftCheckpoint {id: $id}) SET c.locked = true WITH c RETURN [c.owner, c.next_offset] AS row",
    );
    let rows = transaction.rows(statement.param("id", id.id.as_str())).await?;
    let mut row = rows.into_iter().next().ok_or_else(|| {
        Error::new(Cause::Lineage, format!("lock checkpoint {} of the target: it is gone", id.id)).what_to_do(
            "the target was emptied or restored while it was loaded: start again, it will say what fits",
        )
    })?;
    let mut next = || row.drain(..1).next();
    match (next(), next()) {
        (Some(Cell::Value(Value::String(found))), Some(Cell::Value(Value::Integer(offset)))) => {
            if found == owner.to_string() {
                return Ok(offset);
            }
            Err(Error::new(
                Cause::Fenced,
                format!("load {}: another worker has taken the partition over", id.id),
            ))
        }
        _ => Err(unreadable(&id.id)),
    }
}

/// Moves the locked checkpoint within the transaction. `undo_next` is the offset behind what the journal is known to
/// have of this partition: a journal that ends before it was made anew.
pub async fn advance(
    transaction: &mut Transaction,
    id: &CheckpointId,
    next_offset: i64,
    counts: &Counts,
    undo_next: Option<i64>,
) -> Result<()> {
    let counts = serde_json::to_string(counts)
        .map_err(|error| Error::new(Cause::Unexpected, "encode counts").source(error))?;
    let statement = Statement::new(
        "MATCH (c:_RegraftCheckpoint {id: $id}) SET c.next_offset = $next, c.counts = $counts, c.moved_at = datetime(), \
         c.undo_next = coalesce($undo_next, c.undo_next)",
    )
    .param("id", id.id.as_str())
    .param("next", next_offset)
    .param("counts", counts)
    .param("undo_next", undo_next);
    transaction.run(statement).await.map(drop)
}

/// Writes a checkpoint as it is given within the transaction, made if there is none, and takes it from its owner: no
/// transaction of a loader that is at work commits any more. Moves and the epoch behind them are the caller's to raise.
pub async fn set(
    transaction: &mut Transaction,
    id: &CheckpointId,
    checkpoint: &StageCheckpoint,
) -> Result<()> {
    let encode = |error| Error::new(Cause::Unexpected, format!("encode checkpoint {}", id.id)).source(error);
    let counts = serde_json::to_string(&checkpoint.counts).map_err(encode)?;
    let moves = serde_json::to_string(&checkpoint.moves).map_err(encode)?;
    let statement = Statement::new(
        "MERGE (c:_RegraftCheckpoint {id: $id}) \
         SET c.prefix = $prefix, c.pipeline = $pipeline, c.partition = $partition, c.lineage = $lineage, \
           c.owner = $owner, c.epoch = $epoch, c.next_offset = $next, c.counts = $counts, c.moves = $moves, \
           c.moved_at = datetime()",
    )
    .param("id", id.id.as_str())
    .param("prefix", id.prefix.as_str())
    .param("pipeline", id.pipeline.as_str())
    .param("partition", id.partition)
    .param("lineage", checkpoint.lineage.to_string())
    .param("owner", Uuid::new_v4().to_string())
    .param("epoch", i64::from(checkpoint.epoch))
    .param("next", checkpoint.next_offset)
    .param("counts", counts)
    .param("moves", moves);
    transaction.run(statement).await.map(drop)
}

/// Puts dead letters into the outbox within the transaction.
pub async fn put_outbox(
    transaction: &mut Transaction,
    id: &CheckpointId,
    entries: &[OutboxEntry],
) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let bytes = |bytes: &[u8]| super::Parameter::from(Value::Bytes(bytes.to_vec().into()));
    let rows = entries.iter().map(|entry| {
        let key = entry.key.as_deref().map_or_else(super::Parameter::null, bytes);
        super::Parameter::list(vec![
            entry.id.as_str().into(),
            entry.letter.as_str().into(),
            key,
            bytes(&entry.payload),
        ])
    });
    let statement = Statement::new(
        "UNWIND $rows AS r MERGE (o:_RegraftOutbox {id: r[0]}) \
         SET o.checkpoint = $id, o.letter = r[1], o.key = r[2], o.payload = r[3]",
    )
    .param("rows", super::Parameter::list(rows.collect()))
    .param("id", id.id.as_str());
    transaction.run(statement).await.map(drop)
}

/// Dead letters of a partition that were written with their rows, but perhaps not yet published.
pub async fn read_outbox(target: &TargetGraph, id: &CheckpointId, limit: i64) -> Result<Vec<OutboxEntry>> {
    let statement = Statement::new(
        "MATCH (o:_RegraftOutbox {checkpoint: $id}) WITH o ORDER BY o.id LIMIT $limit \
         RETURN [o.id, o.letter, o.key, o.payload] AS row",
    );
    let rows = target.rows(statement.param("id", id.id.as_str()).param("limit", limit)).await?;
    rows.into_iter().map(|row| outbox_entry(row).ok_or_else(|| unreadable(&id.id))).collect()
}

/// Whether every dead letter of a pipeline's loading is published. `ids` is what its checkpoints' ids begin with.
pub async fn outbox_is_empty(target: &TargetGraph, ids: &str) -> Result<bool> {
    let statement = Statement::new(
        "OPTIONAL MATCH (o:_RegraftOutbox) WHERE o.checkpoint STARTS WITH $ids RETURN [count(o)] AS row",
    );
    let rows = target.rows(statement.param("ids", ids)).await?;
    Ok(rows.first().and_then(|row| row.first()).and_then(Cell::as_i64) == Some(0))
}

/// Removes published dead letters.
pub async fn clear_outbox(target: &TargetGraph, entries: &[OutboxEntry]) -> Result<()> {
    let ids = entries.iter().map(|entry| entry.id.as_str().into()).collect();
    let statement = Statement::new("UNWIND $ids AS id MATCH (o:_RegraftOutbox {id: id}) DELETE o");
    let mut transaction = target.begin().await?;
    transaction.run(statement.param("ids", super::Parameter::list(ids))).await?;
    transaction.commit().await.map_err(|failed| failed.error)
}

struct Parsed {
    pipeline: String,
    partition: i32,
    checkpoint: StageCheckpoint,
    claims: i64,
}

fn parse(row: Vec<Cell>) -> Result<Parsed> {
    let mut values = row.into_iter().map(|cell| match cell {
        Cell::Value(value) => value,
        _ => Value::Null,
    });
    let mut next = || values.next().unwrap_or(Value::Null);
    let (lineage, epoch, offset, counts, partition, pipeline) =
        (next(), next(), next(), next(), next(), next());
    let (moves, claims) = (next(), next());
    let parsed = || {
        let integer =
            |value: &Value<'_>| if let Value::Integer(number) = value { Some(*number) } else { None };
        let checkpoint = StageCheckpoint {
            lineage: lineage.as_str()?.parse().ok()?,
            epoch: u32::try_from(integer(&epoch)?).ok()?,
            next_offset: integer(&offset)?,
            counts: serde_json::from_str(counts.as_str()?).ok()?,
            changes: Vec::new(),
            // None were written before the first replay.
            moves: moves.as_str().map_or(Some(Moves::default()), |moves| serde_json::from_str(moves).ok())?,
        };
        let partition = i32::try_from(integer(&partition)?).ok()?;
        let claims = integer(&claims).unwrap_or(0);
        Some(Parsed { pipeline: pipeline.as_str()?.to_owned(), partition, checkpoint, claims })
    };
    parsed().ok_or_else(|| unreadable("_RegraftCheckpoint"))
}

fn outbox_entry(row: Vec<Cell>) -> Option<OutboxEntry> {
    let mut cells = row.into_iter();
    let mut next = || match cells.next() {
        Some(Cell::Value(value)) => value,
        _ => Value::Null,
    };
    let (id, letter, key, payload) = (next(), next(), next(), next());
    let bytes =
        |value: Value<'_>| if let Value::Bytes(bytes) = value { Some(bytes.into_owned()) } else { None };
    Some(OutboxEntry {
        id: id.as_str()?.to_owned(),
        letter: letter.as_str()?.to_owned(),
        key: bytes(key),
        payload: bytes(payload)?,
    })
}

fn unreadable(id: &str) -> Error {
    Error::new(
        Cause::Lineage,
        format!("read checkpoint {id} of the target: it is not one of this version of Regraft"),
    )
}
