//! Loading's checkpoints as those move them who don't load: rollback takes them over, raises their epoch and sets
//! them where loading is to go on.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Cell, Statement, TargetGraph, Transaction};
use crate::error::{Cause, Error, Result};

/// What an exclusive writer has of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raised {
    /// The epoch of what it writes.
    pub epoch: u32,
    /// The number of its claim on every partition.
    pub claim: i64,
    /// Lineage of the pipeline's topics.
    pub lineage: Uuid,
}

/// Takes the checkpoints of pipelines over and raises their epoch: no transaction of a loader that held them commits
/// any more. Waits for those that are running. Pipelines that were never loaded are left out.
pub async fn take_over(
    transaction: &mut Transaction,
    prefix: &str,
    pipelines: &[String],
    owner: Uuid,
) -> Result<BTreeMap<String, Raised>> {
    let statement = Statement::new(
        "MATCH (c:_RegraftCheckpoint {prefix: $prefix}) WHERE c.pipeline IN $pipelines \
         WITH c ORDER BY c.id SET c.owner = $owner \
         WITH c.pipeline AS pipeline, collect(c) AS all \
         WITH pipeline, all, reduce(m = 0, c IN all | CASE WHEN c.epoch > m THEN c.epoch ELSE m END) + 1 AS epoch, \
           reduce(m = 0, c IN all | CASE WHEN c.claims > m THEN c.claims ELSE m END) + 1 AS claim \
         FOREACH (c IN all | SET c.epoch = epoch, c.claims = claim) \
         RETURN [pipeline, epoch, claim, all[0].lineage] AS row",
    )
    .param("prefix", prefix)
    .param("pipelines", pipelines.to_vec())
    .param("owner", owner.to_string());
    let rows = transaction.rows(statement).await?;
    let each = rows.iter().map(|row| raised(row).ok_or_else(unreadable));
    each.collect()
}

fn raised(row: &[Cell<'_>]) -> Option<(String, Raised)> {
    let [pipeline, epoch, claim, lineage] = row else { return None };
    let raised = Raised {
        epoch: u32::try_from(epoch.as_i64()?).ok()?,
        claim: claim.as_i64()?,
        lineage: lineage.as_str()?.parse().ok()?,
    };
    Some((pipeline.as_str()?.to_owned(), raised))
}

/// Sets where loading of a pipeline goes on, by partition, within the transaction. A partition that was never loaded
/// gets its checkpoint.
pub async fn set(
    transaction: &mut Transaction,
    prefix: &str,
    pipeline: &str,
    ids: &BTreeMap<i32, String>,
    lineage: Uuid,
    next_offsets: &BTreeMap<i32, i64>,
) -> Result<()> {
    let rows = next_offsets.iter().filter_map(|(partition, next)| {
        let id = ids.get(partition)?;
        Some(super::Parameter::list(vec![id.as_str().into(), (*partition).into(), (*next).into()]))
    });
    let statement = Statement::new(
        "UNWIND $rows AS r MERGE (c:_RegraftCheckpoint {id: r[0]}) \
         ON CREATE SET c.prefix = $prefix, c.pipeline = $pipeline, c.partition = r[1], c.lineage = $lineage, \
           c.epoch = 0, c.counts = '[]' \
         SET c.next_offset = r[2], c.moved_at = datetime()",
    )
    .param("rows", super::Parameter::list(rows.collect()))
    .param("prefix", prefix)
    .param("pipeline", pipeline)
    .param("lineage", lineage.to_string());
    transaction.run(statement).await.map(drop)
}

/// The offset on the undo topic behind which the journal has to end at least, by partition: what loaders know to be
/// on it.
pub async fn journal_reaches(target: &TargetGraph, prefix: &str) -> Result<BTreeMap<i32, i64>> {
    let statement = Statement::new(
        "MATCH (c:_RegraftCheckpoint {prefix: $prefix}) WHERE c.undo_next IS NOT NULL \
         WITH c.partition AS partition, max(c.undo_next) AS next RETURN [partition, next] AS row",
    );
    let rows = target.rows(statement.param("prefix", prefix)).await?;
    let each = rows.iter().map(|row| {
        let number = |index: usize| row.get(index).and_then(Cell::as_i64);
        let partition = number(0).and_then(|partition| i32::try_from(partition).ok());
        partition.zip(number(1)).ok_or_else(unreadable)
    });
    each.collect()
}

fn unreadable() -> Error {
    Error::new(
        Cause::Lineage,
        "read the checkpoints of the target: they are not those of this version of Regraft",
    )
}
