//! A hold on loading: while a rollback is half done, nobody may load into what is neither the one state nor the other.
//!
//! A claim runs out when its holder is killed; this stays until the work is finished.

use super::bookkeeping::HOLD;
use super::{Cell, Parameter, Statement, TargetGraph, Transaction};
use crate::error::{Cause, Error, Result};
use crate::record::instant_text;

/// Why loading is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// What was begun, in words: "a rollback to …".
    pub what: String,
    /// What ends it.
    pub way_out: String,
    /// Since when, on the brokers' clock: milliseconds since 1970.
    pub since_ms: i64,
    /// The pipelines that are half way; none where all are.
    pub pipelines: Option<Vec<String>>,
    /// Whether their data is through, and only the schema is not.
    pub data_is_through: bool,
}

/// Holds loading under a prefix, within the transaction that takes its checkpoints over
/// ([`super::load_positions::take_over`]). One that is there already keeps its beginning.
pub async fn place(transaction: &mut Transaction, prefix: &str, hold: &Hold) -> Result<()> {
    let text = format!(
        "MERGE (h:{HOLD} {{id: $prefix}}) SET h.what = $what, h.way_out = $way_out, h.pipelines = $pipelines, \
         h.data_is_through = $data_is_through, h.since_ms = coalesce(h.since_ms, $since_ms)"
    );
    let pipelines = match &hold.pipelines {
        None => vec![ALL.into()],
        Some(pipelines) => pipelines.iter().map(|pipeline| pipeline.as_str().into()).collect(),
    };
    let statement = Statement::new(text)
        .param("prefix", prefix)
        .param("what", hold.what.as_str())
        .param("way_out", hold.way_out.as_str())
        .param("pipelines", Parameter::list(pipelines))
        .param("data_is_through", hold.data_is_through)
        .param("since_ms", hold.since_ms);
    transaction.run(statement).await.map(drop)
}

/// Notes that the data is through, within the transaction that sets the checkpoints.
pub async fn data_is_through(transaction: &mut Transaction, prefix: &str) -> Result<()> {
    let text = format!("MATCH (h:{HOLD} {{id: $prefix}}) SET h.data_is_through = true");
    transaction.run(Statement::new(text).param("prefix", prefix)).await.map(drop)
}

/// Lets go, within the transaction that does the last of it.
pub async fn lift(transaction: &mut Transaction, prefix: &str) -> Result<()> {
    let text = format!("MATCH (h:{HOLD} {{id: $prefix}}) DELETE h");
    transaction.run(Statement::new(text).param("prefix", prefix)).await.map(drop)
}

/// The hold under a prefix.
pub async fn find(target: &TargetGraph, prefix: &str) -> Result<Option<Hold>> {
    Ok(target.rows(statement(prefix)).await?.first().map(|row| as_hold(row)))
}

/// What stands for all pipelines: no pipeline has such a name. A hold of an earlier version names none.
const ALL: &str = "*";

/// Fails while loading is held.
pub(super) async fn check(transaction: &mut Transaction, prefix: &str) -> Result<()> {
    match transaction.rows(statement(prefix)).await?.first() {
        Some(row) => Err(as_hold(row).refusal()),
        None => Ok(()),
    }
}

fn statement(prefix: &str) -> Statement {
    let text = format!(
        "MATCH (h:{HOLD} {{id: $prefix}}) \
         RETURN [h.what, h.way_out, h.since_ms, h.pipelines, coalesce(h.data_is_through, false)] AS row"
    );
    Statement::new(text).param("prefix", prefix)
}

fn as_hold(row: &[Cell<'_>]) -> Hold {
    let text = |index: usize| row.get(index).and_then(Cell::as_str).unwrap_or("?").to_owned();
    let pipelines = row.get(3).and_then(Cell::as_texts).unwrap_or_default();
    Hold {
        what: text(0),
        way_out: text(1),
        since_ms: row.get(2).and_then(Cell::as_i64).unwrap_or(0),
        pipelines: (pipelines != [ALL]).then(|| pipelines.into_iter().map(str::to_owned).collect()),
        data_is_through: row.get(4).and_then(Cell::as_bool).unwrap_or(false),
    }
}

impl Hold {
    /// Whether what is done for `pipelines` (none: all) is done for all that is half way.
    pub fn is_covered_by(&self, pipelines: Option<&[String]>) -> bool {
        match (pipelines, &self.pipelines) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(some), Some(half_way)) => half_way.iter().all(|pipeline| some.contains(pipeline)),
        }
    }

    /// What a loader says that finds it.
    pub fn refusal(&self) -> Error {
        let since = instant_text(self.since_ms);
        let message = format!("load into the target: {}, begun {since}, has not ended", self.what);
        Error::new(Cause::TargetNotReady, message).what_to_do(self.way_out.as_str())
    }
}
