//! Writing a graph in batches: one transaction each, so that neither side ever holds more than that.

use std::collections::HashMap;
use std::mem;
use std::time::{Duration, Instant};

use neo4rs::{Graph, Txn, query};
use regraft::error::{Cause, Error, Result};

use crate::batch::{Batch, NodeShape, RelationshipShape, list};
use crate::database::failed;
use crate::graph::{Fragment, Value};

/// Texts can be large: a batch ends here even where it has few rows.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Writes all fragments, in order, and says on the way how far it is of `total` rows.
pub async fn write(
    graph: &Graph,
    fragments: impl Iterator<Item = Fragment>,
    batch_size: usize,
    total: u64,
) -> Result<()> {
    let mut progress = Progress::of(total);
    let mut batch = Batch::default();
    for fragment in fragments {
        batch.add(fragment);
        if batch.rows >= batch_size || batch.bytes >= BATCH_BYTES {
            progress.add(batch.rows);
            flush(graph, mem::take(&mut batch)).await?;
        }
    }
    progress.add(batch.rows);
    flush(graph, batch).await?;
    progress.done();
    Ok(())
}

async fn flush(graph: &Graph, batch: Batch) -> Result<()> {
    let mut txn = graph.start_txn().await.map_err(failed("begin a transaction"))?;
    let mut ids = HashMap::new();
    for (shape, rows) in batch.nodes {
        create_nodes(&mut txn, &shape, rows, &mut ids).await?;
    }
    for (shape, rows) in batch.relationships {
        create_relationships(&mut txn, &shape, rows, &ids).await?;
    }
    txn.commit().await.map_err(failed("commit a batch"))?;
    Ok(())
}

/// Creates the nodes of one statement and notes the element ids of those that relationships need.
async fn create_nodes(
    txn: &mut Txn,
    shape: &NodeShape,
    rows: Vec<Value>,
    ids: &mut HashMap<i64, String>,
) -> Result<()> {
    let statement = query(&shape.statement()).param("rows", list(rows));
    let attempt = "create nodes";
    if !shape.referenced {
        txn.run(statement).await.map_err(failed(attempt))?;
        return Ok(());
    }
    let mut created = txn.execute(statement).await.map_err(failed(attempt))?;
    while let Some(row) = created.next(txn.handle()).await.map_err(failed(attempt))? {
        let unreadable = |error: neo4rs::DeError| Error::new(Cause::Unexpected, attempt).source(error);
        ids.insert(row.get("ticket").map_err(unreadable)?, row.get("id").map_err(unreadable)?);
    }
    Ok(())
}

async fn create_relationships(
    txn: &mut Txn,
    shape: &RelationshipShape,
    mut rows: Vec<Vec<Value>>,
    ids: &HashMap<i64, String>,
) -> Result<()> {
    for row in &mut rows {
        for (end, label) in row.iter_mut().zip([shape.start, shape.end]) {
            if label.is_none() {
                *end = id_of(end, ids)?;
            }
        }
    }
    let expected = rows.len() as u64;
    let rows = list(rows.into_iter().map(list).collect());
    let statement = query(&shape.statement()).param("rows", rows);
    let summary = txn.run(statement).await.map_err(failed("create relationships"))?;
    // An end that is not found takes its row with it, in silence.
    if summary.relationships_created() != expected {
        let created = summary.relationships_created();
        let attempt = format!("create relationships: {created} of {expected} found their ends");
        return Err(Error::new(Cause::Unexpected, attempt));
    }
    Ok(())
}

fn id_of(ticket: &Value, ids: &HashMap<i64, String>) -> Result<Value> {
    let id = match ticket {
        Value::Integer(ticket) => ids.get(&ticket.value),
        _ => None,
    };
    let id = id.ok_or_else(|| Error::new(Cause::Unexpected, "find a node that was just created"))?;
    Ok(id.as_str().into())
}

/// What is said on stderr, every other second.
struct Progress {
    total: u64,
    written: u64,
    began: Instant,
    said: Instant,
}

impl Progress {
    fn of(total: u64) -> Self {
        Self { total, written: 0, began: Instant::now(), said: Instant::now() }
    }

    fn add(&mut self, rows: usize) {
        if self.said.elapsed() >= Duration::from_secs(2) {
            self.said = Instant::now();
            self.say("");
        }
        self.written += rows as u64;
    }

    fn done(&self) {
        self.say(" done");
    }

    fn say(&self, state: &str) {
        let rate = self.written as f64 / self.began.elapsed().as_secs_f64().max(0.001);
        eprintln!("{} of {} nodes and relationships, {rate:.0} a second{state}", self.written, self.total);
    }
}
