//! Writing a graph in batches: one transaction each, so that neither side ever holds more than that.

use std::collections::HashMap;
use std::mem;
use std::time::{Duration, Instant};

use neo4rs::{Graph, Txn, query};
use regraft::error::{Cause, Error, Result};

use crate::batch::{Batch, Various, list};
use crate::database::failed;
use crate::graph::{Fragment, Value};

/// Texts can be large: a batch ends here even where it has few rows.
const BATCH_BYTES: usize = 16 * 1024 * 1024;

/// Writes all fragments, in order.
pub async fn write(
    graph: &Graph,
    fragments: impl Iterator<Item = Fragment>,
    batch_size: usize,
    progress: &mut Progress,
) -> Result<()> {
    let mut batch = Batch::default();
    for fragment in fragments {
        batch.add(fragment);
        if batch.rows >= batch_size || batch.bytes >= BATCH_BYTES {
            progress.add(batch.rows);
            flush(graph, mem::take(&mut batch)).await?;
        }
    }
    progress.add(batch.rows);
    flush(graph, batch).await
}

/// All nodes first, whichever way they are created: relationships find them by key.
async fn flush(graph: &Graph, batch: Batch) -> Result<()> {
    let Batch { nodes, relationships, various, .. } = batch.with_the_few_among_various();
    let mut txn = graph.start_txn().await.map_err(failed("begin a transaction"))?;
    for (shape, rows) in nodes {
        create(&mut txn, &shape.statement(), lists(rows)).await?;
    }
    let mut ids = Ids::default();
    ids.ask(&mut txn, Various::NODES, lists(various.nodes)).await?;
    create(&mut txn, Various::ZONED, lists(ids.in_place_of_tickets::<3, 1>(various.zoned)?)).await?;
    for (shape, rows) in relationships {
        create_relationships(&mut txn, &shape.statement(), lists(rows)).await?;
    }
    for (label, rows) in various.hosts {
        ids.ask(&mut txn, &Various::hosts(label), lists(rows)).await?;
    }
    let rows = ids.in_place_of_tickets::<4, 2>(various.relationships)?;
    create_relationships(&mut txn, Various::RELATIONSHIPS, lists(rows)).await?;
    txn.commit().await.map_err(failed("commit a batch"))?;
    Ok(())
}

async fn create(txn: &mut Txn, statement: &str, rows: Vec<Value>) -> Result<()> {
    if !rows.is_empty() {
        let statement = query(statement).param("rows", list(rows));
        txn.run(statement).await.map_err(failed("create nodes"))?;
    }
    Ok(())
}

async fn create_relationships(txn: &mut Txn, statement: &str, rows: Vec<Value>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let expected = rows.len() as u64;
    let statement = query(statement).param("rows", list(rows));
    let summary = txn.run(statement).await.map_err(failed("create relationships"))?;
    // An end that is not found takes its row with it, in silence.
    if summary.relationships_created() != expected {
        let created = summary.relationships_created();
        let attempt = format!("create relationships: {created} of {expected} found their ends");
        return Err(Error::new(Cause::Unexpected, attempt));
    }
    Ok(())
}

/// Element ids by ticket.
#[derive(Default)]
struct Ids(HashMap<i64, String>);

impl Ids {
    /// Runs a statement that returns tickets and element ids.
    async fn ask(&mut self, txn: &mut Txn, statement: &str, rows: Vec<Value>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let attempt = "create nodes";
        let statement = query(statement).param("rows", list(rows));
        let mut found = txn.execute(statement).await.map_err(failed(attempt))?;
        while let Some(row) = found.next(txn.handle()).await.map_err(failed(attempt))? {
            let unreadable = |error: neo4rs::DeError| Error::new(Cause::Unexpected, attempt).source(error);
            self.0.insert(row.get("ticket").map_err(unreadable)?, row.get("id").map_err(unreadable)?);
        }
        Ok(())
    }

    /// Replaces the first cells of each row.
    fn in_place_of_tickets<const CELLS: usize, const TICKETS: usize>(
        &self,
        mut rows: Vec<[Value; CELLS]>,
    ) -> Result<Vec<[Value; CELLS]>> {
        for cell in rows.iter_mut().flat_map(|row| &mut row[..TICKETS]) {
            let id = match cell {
                Value::Integer(ticket) => self.0.get(&ticket.value),
                _ => None,
            };
            let id = id.ok_or_else(|| Error::new(Cause::Unexpected, "find a node that is there"))?;
            *cell = id.as_str().into();
        }
        Ok(rows)
    }
}

fn lists(rows: Vec<impl Into<Vec<Value>>>) -> Vec<Value> {
    rows.into_iter().map(|row| list(row.into())).collect()
}

/// What is said on stderr, every other second.
pub struct Progress {
    total: u64,
    written: u64,
    began: Instant,
    said: Instant,
}

impl Progress {
    pub fn of(total: u64) -> Self {
        Self { total, written: 0, began: Instant::now(), said: Instant::now() }
    }

    fn add(&mut self, rows: usize) {
        if self.said.elapsed() >= Duration::from_secs(2) {
            self.said = Instant::now();
            self.say("");
        }
        self.written += rows as u64;
    }

    pub fn done(&self) {
        self.say(" done");
    }

    fn say(&self, state: &str) {
        let rate = self.written as f64 / self.began.elapsed().as_secs_f64().max(0.001);
        eprintln!("{} of {} nodes and relationships, {rate:.0} a second{state}", self.written, self.total);
    }
}
