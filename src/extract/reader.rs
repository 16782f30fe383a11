//! The reading half of extraction: pages of a graph, in the order of their keys, into a bounded channel.

use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::debug;

use super::Rate;
use super::neighbours::SourceRow;
use super::pager::{Page, Pager, Seen};
use super::statement::{Reading, Selection};
use crate::checkpoint::{Cursor, LastKey};
use crate::error::{Cause, Error, Result};
use crate::metrics::StageMetrics;
use crate::neo4j::exact::{Element, PropertyOf};
use crate::neo4j::{Cell, Parameter, ReadOnlyGraph, Statement};
use crate::record::{Property, RawEntity, Value};

/// What the reader sends.
#[derive(Debug)]
pub(super) enum Read {
    /// Rows of the keyed reading, in the order of their keys.
    Keyed(Vec<(LastKey, SourceRow)>),
    /// The keyed reading has ended.
    KeyedEnd,
    /// Rows without a usable key, in the order of their element ids.
    Unkeyed(Vec<SourceRow>),
    /// All is read; a plain count found so many rows.
    End { counted: u64 },
}

/// Rows sent at a time, and their bytes: bounds what waits in the channel.
const BATCH_ROWS: usize = 500;
const BATCH_BYTES: usize = 1 << 20;

pub(super) struct Reader {
    pub graph: ReadOnlyGraph,
    pub reading: Reading,
    /// Names of the lookups, in their order.
    pub lookups: Arc<[String]>,
    /// Whether an index serves the key: pages then, one sorted scan otherwise.
    pub indexed: bool,
    pub page_rows: u64,
    pub rate: Arc<Rate>,
    /// Counters of extraction; none where nothing is extracted.
    pub metrics: Option<StageMetrics>,
    pub rows: mpsc::Sender<Read>,
}

/// The writer has gone: it says why.
struct Gone;

impl Reader {
    /// Reads from the cursor to the end of the pass.
    pub(super) async fn run(self, cursor: Cursor) -> Result<()> {
        // A writer that has gone has its own error; reading on would be of no use.
        self.read_all(cursor).await.unwrap_or(Ok(()))
    }

    async fn read_all(&self, cursor: Cursor) -> std::result::Result<Result<()>, Gone> {
        if matches!(cursor, Cursor::Keyed { .. }) {
            if let Err(error) = self.read(Pager::new(&cursor, self.page_rows, self.indexed)).await? {
                return Ok(Err(error));
            }
            self.send(Read::KeyedEnd).await?;
        }
        let unkeyed = match cursor {
            Cursor::Keyed { .. } => Cursor::Unkeyed { after: None },
            unkeyed @ Cursor::Unkeyed { .. } => unkeyed,
        };
        if let Err(error) = self.read(Pager::new(&unkeyed, self.page_rows, true)).await? {
            return Ok(Err(error));
        }
        match count(&self.graph, &self.reading).await {
            Ok(counted) => self.send(Read::End { counted }).await?,
            Err(error) => return Ok(Err(error)),
        }
        Ok(Ok(()))
    }

    async fn read(&self, mut pager: Pager) -> std::result::Result<Result<()>, Gone> {
        while let Some(page) = pager.next_page() {
            match self.page(&mut pager, &page).await {
                Ok(sent) => sent?,
                Err(error) => return Ok(Err(error)),
            }
            pager.page_ended();
        }
        Ok(Ok(()))
    }

    async fn page(&self, pager: &mut Pager, page: &Page) -> Result<std::result::Result<(), Gone>> {
        let keyed = page.selection != Selection::Unkeyed;
        let mut stream = self.graph.stream(self.statement(page)).await?;
        let batch_rows = self.rate.at_a_time(BATCH_ROWS);
        let mut batch = Collected::default();
        while let Some(row) = stream.next().await? {
            let (row, inexact) = parse(row.into_cells()?, &self.reading, &self.lookups)?;
            let key = if keyed { key_of(&row) } else { LastKey::Node(row.element_id.clone()) };
            match pager.saw(&key, &row.element_id) {
                Seen::New => batch.push(key, row, inexact),
                Seen::Again => {}
                Seen::OutOfOrder => {
                    // Errors of a run are shown on its page, where no key belongs.
                    debug!(?key, "out of order");
                    let attempt =
                        format!("read {}: a key came out of the order of code points", self.graph.place());
                    return Err(Error::new(Cause::Unexpected, attempt));
                }
            }
            if batch.rows.len() >= batch_rows || batch.bytes >= BATCH_BYTES {
                make_exact(&self.graph, &self.reading, &mut batch).await?;
                let rows = batch.rows.len();
                if self.flush(&mut batch, keyed).await.is_err() {
                    return Ok(Err(Gone));
                }
                self.pay(rows, pager).await;
            }
        }
        make_exact(&self.graph, &self.reading, &mut batch).await?;
        let rows = batch.rows.len();
        let flushed = self.flush(&mut batch, keyed).await;
        self.pay(rows, pager).await;
        Ok(flushed)
    }

    /// Waits after rows are sent, and only where the last key has one so far: rows that are known to share a key stand in
    /// a transaction that is open until the next key comes, and Kafka ends it after ten seconds.
    async fn pay(&self, rows: usize, pager: &Pager) {
        match pager.is_within_equal_keys() {
            true => self.rate.owe(rows),
            false => self.rate.take(rows).await,
        }
    }

    async fn flush(&self, batch: &mut Collected, keyed: bool) -> std::result::Result<(), Gone> {
        let rows = std::mem::take(batch).rows;
        if rows.is_empty() {
            return Ok(());
        }
        if let Some(metrics) = &self.metrics {
            metrics.took_in(rows.len() as u64);
            metrics.queued(rows.len() as u64);
        }
        let read = if keyed {
            Read::Keyed(rows)
        } else {
            Read::Unkeyed(rows.into_iter().map(|(_, row)| row).collect())
        };
        self.send(read).await
    }

    async fn send(&self, read: Read) -> std::result::Result<(), Gone> {
        self.rows.send(read).await.map_err(|_| Gone)
    }

    fn statement(&self, page: &Page) -> Statement {
        let limited = self.indexed || page.selection == Selection::Unkeyed;
        let statement = Statement::new(self.reading.statement(page.selection, limited))
            .param("limit", i64::try_from(page.limit).unwrap_or(i64::MAX));
        match page.selection {
            Selection::From | Selection::After => statement.param("key", page.first.as_str()),
            Selection::RestFrom | Selection::RestAfter => {
                statement.param("start", page.first.as_str()).param("end", page.second.as_str())
            }
            Selection::Unkeyed => statement.param("element_id", page.first.as_str()),
        }
    }
}

/// Reads properties again that Bolt could not carry exactly: zoned datetimes with a zone's name.
async fn make_exact(graph: &ReadOnlyGraph, reading: &Reading, batch: &mut Collected) -> Result<()> {
    let inexact = std::mem::take(&mut batch.inexact);
    if inexact.is_empty() {
        return Ok(());
    }
    let element = match reading {
        Reading::Node { .. } => Element::Node,
        Reading::Relationship { .. } => Element::Relationship,
    };
    let wanted = inexact.iter().filter_map(|(row, name)| {
        let element_id = batch.rows.get(*row)?.1.element_id.clone();
        Some(PropertyOf { element_id, property: name.clone() })
    });
    let values = graph.reread(element, wanted.collect()).await?;
    for ((row, name), value) in inexact.into_iter().zip(values) {
        let Some((_, row)) = batch.rows.get_mut(row) else { continue };
        let (RawEntity::Node { properties, .. } | RawEntity::Relationship { properties, .. }) =
            &mut row.entity;
        if let Some(place) = properties.iter_mut().find(|(known, _)| *known == name) {
            place.1 = value;
        }
    }
    Ok(())
}

/// Rows on their way to the writer.
#[derive(Default)]
struct Collected {
    rows: Vec<(LastKey, SourceRow)>,
    /// Properties to be read again: the row, by its place here, and the name.
    inexact: Vec<(usize, String)>,
    bytes: usize,
}

impl Collected {
    fn push(&mut self, key: LastKey, row: SourceRow, inexact: Vec<String>) {
        let place = self.rows.len();
        self.inexact.extend(inexact.into_iter().map(|name| (place, name)));
        self.bytes += size_of_entity(&row.entity);
        self.rows.push((key, row));
    }
}

/// The row with an element id as it is now; nothing where the source has it no longer.
pub(super) async fn read_one(
    graph: &ReadOnlyGraph,
    reading: &Reading,
    lookups: &[String],
    element_id: &str,
) -> Result<Option<SourceRow>> {
    let statement = Statement::new(reading.single()).param("element_id", element_id);
    let mut batch = Collected::default();
    for cells in graph.rows(statement).await? {
        let (row, inexact) = parse(cells, reading, lookups)?;
        batch.push(LastKey::Node(row.element_id.clone()), row, inexact);
    }
    make_exact(graph, reading, &mut batch).await?;
    Ok(batch.rows.into_iter().next().map(|(_, row)| row))
}

/// The rows with these keys, in their order: for a few, held in memory.
pub(super) async fn read_among(
    graph: &ReadOnlyGraph,
    reading: &Reading,
    lookups: &[String],
    keys: Vec<Parameter>,
) -> Result<Vec<(LastKey, SourceRow)>> {
    let statement = Statement::new(reading.among());
    let mut stream = graph.stream(statement.param("keys", Parameter::list(keys))).await?;
    let mut collected = Collected::default();
    while let Some(row) = stream.next().await? {
        let (row, inexact) = parse(row.into_cells()?, reading, lookups)?;
        collected.push(key_of(&row), row, inexact);
    }
    make_exact(graph, reading, &mut collected).await?;
    Ok(collected.rows)
}

/// A plain count of all rows.
pub(super) async fn count(graph: &ReadOnlyGraph, reading: &Reading) -> Result<u64> {
    let rows = graph.rows(Statement::new(reading.count())).await?;
    let count = rows.first().and_then(|row| row.first()).and_then(Cell::as_i64);
    let count = count.and_then(|count| u64::try_from(count).ok());
    count.ok_or_else(|| Error::new(Cause::Unexpected, format!("count the rows of {}", graph.place())))
}

fn key_of(row: &SourceRow) -> LastKey {
    let text = |value: &Value<'_>| value.as_str().unwrap_or_default().to_owned();
    match &row.entity {
        RawEntity::Node { key, .. } => LastKey::Node(text(key)),
        RawEntity::Relationship { start, end, .. } => {
            LastKey::Relationship { start: text(start), end: text(end) }
        }
    }
}

fn parse(
    cells: Vec<Cell<'static>>,
    reading: &Reading,
    lookups: &[String],
) -> Result<(SourceRow, Vec<String>)> {
    let mut inexact = Vec::new();
    let mut cells = cells.into_iter();
    let mut next = || cells.next().unwrap_or(Cell::NULL);
    let read_at_micros = chrono::Utc::now().timestamp_micros();
    let (element_id, entity) = match reading {
        Reading::Node { .. } => {
            let (key, element_id, labels, properties, found) = (next(), next(), next(), next(), next());
            let labels = labels
                .as_texts()
                .unwrap_or_default()
                .into_iter()
                .map(|label| label.to_owned().into())
                .collect();
            let found = found.into_list().unwrap_or_default();
            let lookups =
                lookups.iter().zip(found).map(|(name, cell)| Ok((name.clone().into(), value(cell)?)));
            let lookups = lookups.collect::<Result<_>>()?;
            (
                element_id,
                RawEntity::Node {
                    key: key_value(key)?,
                    labels,
                    properties: map(properties, &mut inexact)?,
                    lookups,
                },
            )
        }
        Reading::Relationship { .. } => {
            let (start, end, element_id, properties) = (next(), next(), next(), next());
            (
                element_id,
                RawEntity::Relationship {
                    start: key_value(start)?,
                    end: key_value(end)?,
                    properties: map(properties, &mut inexact)?,
                },
            )
        }
    };
    let element_id = element_id.as_str().unwrap_or_default().to_owned();
    Ok((SourceRow { element_id, read_at_micros, entity }, inexact))
}

fn map(cell: Cell<'static>, inexact: &mut Vec<String>) -> Result<Vec<Property<'static>>> {
    let entries = cell.into_map().unwrap_or_default();
    let entries = entries.into_iter().map(|(name, cell)| match cell {
        Cell::Reread => {
            inexact.push(name.to_string());
            Ok((name, Value::Null))
        }
        cell => Ok((name, value(cell)?)),
    });
    entries.collect()
}

/// A key that has to be read again is no string: nothing more is asked of it.
fn key_value(cell: Cell<'static>) -> Result<Value<'static>> {
    match cell {
        Cell::Reread => Ok(Value::Null),
        cell => value(cell),
    }
}

fn value(cell: Cell<'static>) -> Result<Value<'static>> {
    cell.into_value().ok_or_else(|| {
        Error::new(Cause::Definition, "read a lookup's value of the source")
            .what_to_do("let the lookup return one property value, and no zoned datetime with a zone's name")
    })
}

/// Bytes of an entity, roughly: text as it is, everything else by a size of its own.
pub(super) fn size_of_entity(entity: &RawEntity<'_>) -> usize {
    let size = |properties: &[Property<'_>]| {
        properties.iter().map(|(name, value)| name.len() + size_of(value)).sum::<usize>()
    };
    match entity {
        RawEntity::Node { key, labels, properties, lookups } => {
            let labels = labels.iter().map(|label| label.len()).sum::<usize>();
            size_of(key) + labels + size(properties) + size(lookups)
        }
        RawEntity::Relationship { start, end, properties } => {
            size_of(start) + size_of(end) + size(properties)
        }
    }
}

fn size_of(value: &Value<'_>) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) => items.iter().map(size_of).sum::<usize>() + 8,
        _ => 16,
    }
}
