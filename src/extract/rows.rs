//! The rows of a graph as extraction reads them, for those who look at them and write nothing to a topic: a
//! comparison, a dry run. The same statements, pages, order and findings.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Rate;
use super::neighbours::SourceRow;
use super::reader::{Read, Reader, count, read_among};
use super::settling::{Settling, Step};
use super::statement::Reading;
use crate::checkpoint::{Cursor, LastKey, SourceShape};
use crate::error::{Cause, Error, Result};
use crate::neo4j::catalog::Own;
use crate::neo4j::{Parameter, ReadOnlyGraph};
use crate::record::Finding;

/// The rows of one label, or of one relationship type between two labels, in one graph.
#[derive(Clone)]
pub struct Rows {
    graph: ReadOnlyGraph,
    shape: SourceShape,
    /// Names and Cypher expressions.
    lookups: Vec<(String, String)>,
    page_rows: u64,
    rate: Arc<Rate>,
}

/// What a reading has brought next.
#[derive(Debug, Default)]
pub struct Settled {
    /// Rows with what their neighbours show, in the order of their keys.
    pub rows: Vec<(SourceRow, Finding)>,
    /// Where a later reading may go on so that all rows up to these, and no others, count as read; nothing in the
    /// middle of rows that share a key.
    pub cursor: Option<Cursor>,
}

impl Rows {
    /// Rows of `shape` in `graph`, `page_rows` a page, at a rate.
    pub fn new(
        graph: ReadOnlyGraph,
        shape: SourceShape,
        lookups: Vec<(String, String)>,
        page_rows: u64,
        rate: Arc<Rate>,
    ) -> Self {
        Self { graph, shape, lookups, page_rows, rate }
    }

    /// A plain count of them.
    pub async fn count(&self) -> Result<u64> {
        count(&self.graph, &self.reading()?).await
    }

    /// Begins to read, from a cursor on. Reads ahead within narrow bounds.
    pub async fn read(&self, cursor: Cursor) -> Result<RowsRead> {
        let (sender, received) = mpsc::channel(4);
        let reader = Reader {
            graph: self.graph.clone(),
            reading: self.reading()?,
            lookups: self.lookups.iter().map(|(name, _)| name.clone()).collect(),
            indexed: is_indexed(&self.graph, &self.shape).await?,
            page_rows: self.page_rows,
            rate: self.rate.clone(),
            metrics: None,
            rows: sender,
        };
        Ok(RowsRead {
            received,
            settling: Settling::default(),
            reading: Some(tokio::spawn(reader.run(cursor))),
        })
    }

    /// The rows with these keys, with what their neighbours show. For a few of them, held in memory.
    pub async fn among(&self, keys: &[LastKey]) -> Result<Vec<(SourceRow, Finding)>> {
        let parameters = keys.iter().map(|key| match key {
            LastKey::Node(key) => key.as_str().into(),
            LastKey::Relationship { start, end } => {
                Parameter::list(vec![start.as_str().into(), end.as_str().into()])
            }
        });
        let names: Vec<String> = self.lookups.iter().map(|(name, _)| name.clone()).collect();
        let rows = read_among(&self.graph, &self.reading()?, &names, parameters.collect()).await?;
        let mut settling = Settling::default();
        let mut steps = settling.take(Read::Keyed(rows));
        steps.extend(settling.take(Read::KeyedEnd));
        let rows = steps.into_iter().filter_map(|step| match step {
            Step::Row(row, finding) => Some((row, finding)),
            Step::Through(_) | Step::End { .. } => None,
        });
        Ok(rows.collect())
    }

    fn reading(&self) -> Result<Reading> {
        Reading::of(&self.shape, &self.lookups)
    }
}

/// A reading that runs. Dropping it ends it.
pub struct RowsRead {
    received: mpsc::Receiver<Read>,
    settling: Settling,
    reading: Option<JoinHandle<Result<()>>>,
}

impl RowsRead {
    /// What comes next; nothing at the end. After an error it is of no more use.
    pub async fn next(&mut self) -> Result<Option<Settled>> {
        loop {
            let Some(read) = self.received.recv().await else { return self.ended().await };
            let settled = settled(self.settling.take(read));
            if !settled.rows.is_empty() || settled.cursor.is_some() {
                return Ok(Some(settled));
            }
        }
    }

    async fn ended(&mut self) -> Result<Option<Settled>> {
        let Some(reading) = self.reading.take() else { return Ok(None) };
        let ended = reading.await;
        ended.map_err(|error| Error::new(Cause::Unexpected, "read a graph").source(error))??;
        Ok(None)
    }
}

fn settled(steps: Vec<Step>) -> Settled {
    let mut settled = Settled::default();
    for step in steps {
        match step {
            Step::Row(row, finding) => {
                settled.rows.push((row, finding));
                settled.cursor = None;
            }
            Step::Through(cursor) => settled.cursor = Some(cursor),
            Step::End { .. } => {}
        }
    }
    settled
}

/// Whether an index gives the rows in the order of their first key.
pub(super) async fn is_indexed(graph: &ReadOnlyGraph, shape: &SourceShape) -> Result<bool> {
    let (label, key) = match shape {
        SourceShape::Node { label, key } => (label, key),
        SourceShape::Relationship { start_label, start_key, .. } => (start_label, start_key),
    };
    Ok(graph.inventory(Own::Listed).await?.has_range_index(label, key))
}
