//! A batch: model records of one partition as they came, with just enough decoded to schedule them.
//!
//! Statement parameters are made from the bytes when a transaction runs and again when it is repeated, so that
//! a batch is held in memory once.

use std::ops::Range;

use super::schedule::{Buckets, Footprint};
use crate::record::codec::Undecodable;
use crate::record::{ModelEntity, ModelRecord, ReplayMark};

/// Consecutive records of a partition.
#[derive(Debug)]
pub(super) struct Batch {
    pub partition: i32,
    /// The next offset after it.
    pub to: i64,
    bytes: Vec<u8>,
    foreign_bytes: usize,
    pub rows: Vec<Row>,
    /// Pipelines whose records derived some of the rows.
    emitters: Vec<Box<str>>,
    /// Records that are no model records, with their offset and what is wrong.
    pub foreign: Vec<(i64, Vec<u8>, Undecodable)>,
    /// When its first record was written to the topic, milliseconds since 1970.
    pub oldest_ms: Option<i64>,
}

/// A record of the batch.
#[derive(Debug, Clone)]
pub(super) struct Row {
    range: Range<usize>,
    pub offset: i64,
    pub pass: u32,
    /// When it was read in the source.
    pub read_at_micros: i64,
    /// Which of the emitters derived it.
    derived_by: Option<usize>,
    /// What a replay says of earlier attempts at it.
    pub mark: Option<Box<ReplayMark>>,
    /// Fingerprint of the contract that wrote it.
    pub contract: u64,
    /// Bucket of the node or of the start.
    pub first: u8,
    /// Bucket of the end; that of the node again for nodes.
    pub second: u8,
}

impl Batch {
    pub(super) fn new(partition: i32, from: i64) -> Self {
        let (bytes, rows, emitters, foreign) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { partition, to: from, bytes, foreign_bytes: 0, rows, emitters, foreign, oldest_ms: None }
    }

    /// Adds a message. `mark` is asked for only where a replay may have made it.
    pub(super) fn push(
        &mut self,
        offset: i64,
        payload: &[u8],
        buckets: Buckets,
        mark: impl FnOnce() -> Option<ReplayMark>,
    ) {
        self.to = offset + 1;
        let record = match ModelRecord::decode(payload) {
            Ok(record) => record,
            Err(undecodable) => {
                self.foreign.push((offset, payload.to_vec(), undecodable));
                self.foreign_bytes += payload.len();
                return;
            }
        };
        let (first, second) = match &record.entity {
            ModelEntity::Node { key, .. } => (buckets.of(key), buckets.of(key)),
            ModelEntity::Relationship { start, end } => (buckets.of(start), buckets.of(end)),
        };
        let (pass, contract, read_at_micros) = (record.pass, record.contract, record.read_at_micros);
        let derived_by = record.derived_from.as_deref().map(|emitter| self.emitter(emitter));
        let mark = if record.identity.epoch > 0 { mark().map(Box::new) } else { None };
        let start = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        self.rows.push(Row {
            range: start..self.bytes.len(),
            offset,
            pass,
            read_at_micros,
            derived_by,
            mark,
            contract,
            first,
            second,
        });
    }

    /// The number of an emitter: there are one or two of them.
    fn emitter(&mut self, name: &str) -> usize {
        let known = self.emitters.iter().position(|known| **known == *name);
        known.unwrap_or_else(|| {
            self.emitters.push(name.into());
            self.emitters.len() - 1
        })
    }

    /// The pipeline whose record derived a row; none where it is that record itself.
    pub(super) fn derived_by(&self, row: &Row) -> Option<&str> {
        self.emitters.get(row.derived_by?).map(AsRef::as_ref)
    }

    /// Pipelines whose raw records may be behind the rows: the batch's own, and those that derived some.
    pub(super) fn origins<'b>(&'b self, own: &'b str) -> impl Iterator<Item = &'b str> {
        std::iter::once(own).chain(self.emitters.iter().map(AsRef::as_ref))
    }

    /// Records of whatever kind.
    pub(super) fn records(&self) -> usize {
        self.rows.len() + self.foreign.len()
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len() + self.foreign_bytes
    }

    /// Nothing in it but a position that moved.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.foreign.is_empty()
    }

    /// The message of a row.
    pub(super) fn payload(&self, row: &Row) -> &[u8] {
        self.bytes.get(row.range.clone()).unwrap_or_default()
    }

    /// The record of a row; it was decoded once when it was pushed.
    pub(super) fn record(&self, row: &Row) -> Result<ModelRecord<'_>, Undecodable> {
        ModelRecord::decode(self.payload(row))
    }
}

/// Rows (by index) that one transaction may write, and the nodes that it then touches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cell {
    pub rows: Vec<usize>,
    pub footprint: Footprint,
}

/// Labels whose nodes a pipeline's rows touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Touched {
    /// Nodes of this label.
    Node(String),
    /// Ends of these labels.
    Ends(String, String),
}

/// Fewest rows that are worth a transaction of their own.
const CELL_ROWS: usize = 250;

/// Cuts a batch into cells. Nodes of one partition share buckets with no other partition: one cell. Relationships
/// are cut by the buckets of both ends, so that those of several partitions can run side by side.
pub(super) fn cells(rows: &[Row], touched: &Touched, buckets: Buckets, connections: usize) -> Vec<Cell> {
    let groups = match touched {
        Touched::Node(_) => 1,
        Touched::Ends(..) => (rows.len() / CELL_ROWS).isqrt().clamp(1, connections.max(1)),
    };
    let mut cells = vec![Cell { rows: Vec::new(), footprint: Footprint::default() }; groups * groups];
    for (index, row) in rows.iter().enumerate() {
        let at = buckets.group(row.first, groups) * groups + buckets.group(row.second, groups);
        let cell = &mut cells[at];
        cell.rows.push(index);
        match touched {
            Touched::Node(label) => cell.footprint.add(label, row.first),
            Touched::Ends(start, end) => {
                cell.footprint.add(start, row.first);
                cell.footprint.add(end, row.second);
            }
        }
    }
    cells.retain(|cell| !cell.rows.is_empty());
    cells
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(offset: i64, first: u8, second: u8) -> Row {
        let (pass, read_at_micros, derived_by, mark, contract) = (1, 0, None, None, 0);
        Row { range: 0..0, offset, pass, read_at_micros, derived_by, mark, contract, first, second }
    }

    proptest! {
        #[test]
        fn every_row_is_in_one_cell_and_keeps_its_order(ends in prop::collection::vec((0u8..64, 0u8..64), 0..4000), connections in 1usize..6) {
            let rows: Vec<_> = ends.iter().zip(0..).map(|((first, second), at)| row(at, *first, *second)).collect();
            let touched = Touched::Ends("A".into(), "A".into());
            let cut = cells(&rows, &touched, Buckets::new(4), connections);
            let mut all: Vec<usize> = cut.iter().flat_map(|cell| cell.rows.clone()).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..rows.len()).collect::<Vec<_>>());
            prop_assert!(cut.iter().all(|cell| cell.rows.is_sorted()));
            prop_assert!(cut.len() <= connections * connections);
        }
    }

    #[test]
    fn nodes_are_one_transaction() {
        let rows: Vec<_> = (0..5000).map(|at| row(at, (at % 64) as u8, (at % 64) as u8)).collect();
        assert_eq!(cells(&rows, &Touched::Node("A".into()), Buckets::new(4), 4).len(), 1);
    }

    #[test]
    fn foreign_bytes_are_kept_apart() {
        let mut batch = Batch::new(0, 5);
        batch.push(5, b"no record", Buckets::new(4), || None);
        assert_eq!((batch.to, batch.rows.len(), batch.foreign.len()), (6, 0, 1));
        assert!(!batch.is_empty());
    }
}
