//! Loading's checkpoints for those who write and don't load: who repairs or rolls back takes them over.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Cell, Statement, TargetGraph, Transaction};
use crate::error::{Cause, Error, Result};

/// What an exclusive writer has of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raised {
    /// The number of its claim on every partition.
    pub claim: i64,
    /// Lineage of the pipeline's topics.
    pub lineage: Uuid,
}

/// Takes the checkpoints of pipelines over: no transaction of a loader that held them commits any more. Waits for those
/// that are running. Pipelines that were never loaded are left out.
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
         WITH pipeline, all, \
           reduce(m = timestamp(), c IN all | CASE WHEN c.claims > m THEN c.claims ELSE m END) + 1 AS claim \
         FOREACH (c IN all | SET c.claims = claim) \
         RETURN [pipeline, claim, all[0].lineage] AS row",
    )
    .param("prefix", prefix)
    .param("pipelines", pipelines.to_vec())
    .param("owner", owner.to_string());
    let rows = transaction.rows(statement).await?;
    let each = rows.iter().map(|row| raised(row).ok_or_else(unreadable));
    each.collect()
}

fn raised(row: &[Cell<'_>]) -> Option<(String, Raised)> {
    let [pipeline, claim, lineage] = row else { return None };
    let raised = Raised { claim: claim.as_i64()?, lineage: lineage.as_str()?.parse().ok()? };
    Some((pipeline.as_str()?.to_owned(), raised))
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
