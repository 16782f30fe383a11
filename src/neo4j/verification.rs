//! What a comparison of the graphs has found so far, kept in the target: it speaks of this very database, and has to
//! share its fate. A target that is restored or emptied meanwhile takes with it what would be wrong about it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::bookkeeping::VERIFICATION;
use super::{Cell, Parameter, Statement, TargetGraph};
use crate::error::{Cause, Error, Result};
use crate::record::Value;

/// Bytes of one node: a value of this size is no burden to any server.
const PART_BYTES: usize = 512 << 10;

/// Keeps `bytes` under `id`, in place of what was kept under it. `begun` tells one comparison from another.
pub async fn keep(target: &TargetGraph, prefix: &str, id: &str, begun: &str, bytes: &[u8]) -> Result<()> {
    let id = format!("{prefix}/verify/{begun}/{id}");
    let parts = bytes.chunks(PART_BYTES).enumerate().map(|(number, part)| {
        Parameter::list(vec![
            format!("{id}/{number}").into(),
            i64::try_from(number).unwrap_or(i64::MAX).into(),
            Parameter::from(Value::Bytes(part.into())),
        ])
    });
    let mut transaction = target.begin().await?;
    let remove = format!("MATCH (v:{VERIFICATION}) WHERE v.of = $of DELETE v");
    transaction.run(Statement::new(remove).param("of", id.as_str())).await?;
    let create = format!(
        "UNWIND $parts AS p CREATE (:{VERIFICATION} {{id: p[0], of: $of, prefix: $prefix, begun: $begun, part: p[1], \
         bytes: p[2], kept_at: datetime.realtime()}})"
    );
    let statement = Statement::new(create)
        .param("parts", Parameter::list(parts.collect()))
        .param("of", id.as_str())
        .param("prefix", prefix)
        .param("begun", begun);
    transaction.run(statement).await?;
    transaction.commit().await.map_err(Error::from)
}

/// What was kept of a comparison.
#[derive(Debug, Default)]
pub struct KeptParts {
    /// By id.
    pub by_id: BTreeMap<String, Vec<u8>>,
    /// When the oldest of it was kept, milliseconds since 1970 by the server's clock; none where there is nothing.
    pub since_ms: Option<i64>,
}

/// What was kept of the comparison that began so, unless it is older than `age`.
pub async fn kept(target: &TargetGraph, prefix: &str, begun: &str, age: Duration) -> Result<KeptParts> {
    let text = format!(
        "MATCH (v:{VERIFICATION} {{prefix: $prefix, begun: $begun}}) \
         WHERE v.kept_at > datetime.realtime() - duration({{seconds: $age}}) \
         RETURN [v.of, v.bytes, v.kept_at.epochMillis] AS row ORDER BY v.of, v.part"
    );
    let statement = Statement::new(text)
        .param("prefix", prefix)
        .param("begun", begun)
        .param("age", i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
    let beginning = format!("{prefix}/verify/{begun}/");
    let mut all = KeptParts::default();
    for row in target.rows(statement).await? {
        let mut cells = row.into_iter();
        let (Some(Cell::Value(Value::String(of))), Some(Cell::Value(Value::Bytes(bytes))), Some(kept_at)) =
            (cells.next(), cells.next(), cells.next().and_then(|kept_at| kept_at.as_i64()))
        else {
            return Err(Error::new(Cause::Unexpected, "read what was kept of an interrupted comparison"));
        };
        let id = of.strip_prefix(&beginning).unwrap_or(&of).to_owned();
        all.by_id.entry(id).or_default().extend_from_slice(&bytes);
        all.since_ms = Some(all.since_ms.map_or(kept_at, |since| since.min(kept_at)));
    }
    Ok(all)
}

/// Forgets what was kept of the comparison that began so, and what is older than `age` of others under the prefix.
pub async fn forget(target: &TargetGraph, prefix: &str, begun: &str, age: Duration) -> Result<()> {
    let text = format!(
        "MATCH (v:{VERIFICATION} {{prefix: $prefix}}) \
         WHERE v.begun = $begun OR v.kept_at <= datetime.realtime() - duration({{seconds: $age}}) DELETE v"
    );
    let statement = Statement::new(text)
        .param("prefix", prefix)
        .param("begun", begun)
        .param("age", i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
    target.run(statement).await.map(drop)
}
