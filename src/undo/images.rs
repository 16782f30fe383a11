//! Reading what entities are: locked within a transaction before they are changed, or just looked at. One statement a
//! batch, rows as lists; the names that most entities have are slots, so that only what is foreign carries its name.

use std::borrow::Cow;

use crate::error::{Cause, Error, Result};
use crate::neo4j::exact::{exactly, from_parts};
use crate::neo4j::{Cell, Parameter, Quoted, Row, Statement, TargetGraph, Transaction, between, quote};
use crate::record::{Before, Property, RelationshipBefore, Value};

/// A node as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeImage {
    /// All its labels.
    pub labels: Vec<Cow<'static, str>>,
    /// All its properties.
    pub properties: Vec<Property<'static>>,
}

/// All relationships of a type between two nodes as they are; none where there is none.
pub type RelationshipImages = Vec<RelationshipBefore<'static>>;

/// Reads nodes of a label by their key.
#[derive(Debug, Clone)]
pub struct NodeReader {
    pattern: String,
    lock: String,
    known: Known,
}

/// Reads relationships of a type between nodes of two labels by the keys of both.
#[derive(Debug, Clone)]
pub struct RelationshipReader {
    pattern: String,
    lock: String,
    known: Known,
}

/// Names of properties that have slots in a row.
#[derive(Debug, Clone)]
struct Known {
    names: Vec<Box<str>>,
    quoted: Vec<Quoted>,
}

/// What a row says.
enum Read<'r> {
    Exact(usize, Head<'r>, Vec<Property<'r>>),
    /// It has a zoned datetime with a zone's name: it has to be read again, in parts.
    Inexact(usize),
}

/// What stands before the properties: labels of a node, the element id of a relationship.
type Head<'r> = Cell<'r>;

impl NodeReader {
    /// A reader of `(:label {key_property})`. `known` are names that most of the nodes have.
    pub fn new<N: AsRef<str>>(label: &str, key_property: &str, known: &[N]) -> Result<Self> {
        let (label, key) = (quote(label)?, quote(key_property)?);
        Ok(Self {
            pattern: format!("MATCH (e:{label} {{{key}: $keys[i]}})"),
            // Writes nothing and takes the lock that a write takes.
            lock: format!(" SET e.{key} = e.{key}"),
            known: Known::new(known)?,
        })
    }

    /// Locks those that exist and hands each to `each` with the index of its key, as [`Before::Node`].
    pub async fn each_locked(
        &self,
        transaction: &mut Transaction,
        keys: &[&str],
        each: impl FnMut(usize, Before<'_>) -> Result<()>,
    ) -> Result<()> {
        self.read_each(transaction, keys, &self.lock, each).await
    }

    /// Locks those that exist and returns what they are, in the order of the keys.
    pub async fn read_locked(
        &self,
        transaction: &mut Transaction,
        keys: &[&str],
    ) -> Result<Vec<Option<NodeImage>>> {
        self.collect(transaction, keys, &self.lock).await
    }

    /// Returns what they are without locking them: to look, not to write.
    pub async fn read(&self, target: &TargetGraph, keys: &[&str]) -> Result<Vec<Option<NodeImage>>> {
        let mut transaction = target.begin().await?;
        let images = self.collect(&mut transaction, keys, "").await?;
        transaction.commit().await?;
        Ok(images)
    }

    async fn collect(
        &self,
        transaction: &mut Transaction,
        keys: &[&str],
        lock: &str,
    ) -> Result<Vec<Option<NodeImage>>> {
        let mut images = vec![None; keys.len()];
        self.read_each(transaction, keys, lock, |index, before| {
            if let (Before::Node { labels, properties }, Some(image)) =
                (before.into_owned(), images.get_mut(index))
            {
                *image = Some(NodeImage { labels, properties });
            }
            Ok(())
        })
        .await?;
        Ok(images)
    }

    async fn read_each(
        &self,
        transaction: &mut Transaction,
        keys: &[&str],
        lock: &str,
        mut each: impl FnMut(usize, Before<'_>) -> Result<()>,
    ) -> Result<()> {
        let statement = |text: String, indices: Vec<Parameter>| {
            let keys = keys.iter().map(|key| Parameter::from(*key)).collect();
            Statement::new(text)
                .param("keys", Parameter::list(keys))
                .param("indices", Parameter::list(indices))
        };
        let pattern = format!("UNWIND $indices AS i {}{lock}", self.pattern);
        self.known
            .read(transaction, keys.len(), &pattern, "labels(e)", statement, |index, head, properties| {
                each(index, Before::Node { labels: labels(head)?, properties })
            })
            .await
    }
}

impl RelationshipReader {
    /// A reader of `(:label {key property})-[:relationship_type]->(:label {key property})`.
    pub fn new<N: AsRef<str>>(
        relationship_type: &str,
        (start_label, start_key): (&str, &str),
        (end_label, end_key): (&str, &str),
        known: &[N],
    ) -> Result<Self> {
        let kind = quote(relationship_type)?;
        let (start, start_key) = (quote(start_label)?, quote(start_key)?);
        let (end, end_key) = (quote(end_label)?, quote(end_key)?);
        let known = Known::new(known)?;
        // One without properties of ours has nothing that a write of ours could take from others.
        let lock = known.quoted.first().map(|name| format!(" SET e.{name} = e.{name}"));
        Ok(Self {
            pattern: format!(
                "MATCH (a:{start} {{{start_key}: $starts[i]}}) MATCH (b:{end} {{{end_key}: $ends[i]}}) {}",
                between("e", &kind)
            ),
            lock: lock.unwrap_or_default(),
            known,
        })
    }

    /// Locks those that exist and returns what they are, in the order of the pairs of keys.
    pub async fn read_locked(
        &self,
        transaction: &mut Transaction,
        pairs: &[(&str, &str)],
    ) -> Result<Vec<RelationshipImages>> {
        self.collect(transaction, pairs, &self.lock).await
    }

    /// Returns what they are without locking them: to look, not to write.
    pub async fn read(
        &self,
        target: &TargetGraph,
        pairs: &[(&str, &str)],
    ) -> Result<Vec<RelationshipImages>> {
        let mut transaction = target.begin().await?;
        let images = self.collect(&mut transaction, pairs, "").await?;
        transaction.commit().await?;
        Ok(images)
    }

    async fn collect(
        &self,
        transaction: &mut Transaction,
        pairs: &[(&str, &str)],
        lock: &str,
    ) -> Result<Vec<RelationshipImages>> {
        let statement = |text: String, indices: Vec<Parameter>| {
            let starts = pairs.iter().map(|(start, _)| Parameter::from(*start)).collect();
            let ends = pairs.iter().map(|(_, end)| Parameter::from(*end)).collect();
            Statement::new(text)
                .param("starts", Parameter::list(starts))
                .param("ends", Parameter::list(ends))
                .param("indices", Parameter::list(indices))
        };
        let pattern = format!("UNWIND $indices AS i {}{lock}", self.pattern);
        let mut images: Vec<RelationshipImages> = vec![Vec::new(); pairs.len()];
        self.known
            .read(transaction, pairs.len(), &pattern, "elementId(e)", statement, |index, head, properties| {
                let element_id = Cow::Owned(head.as_str().ok_or_else(unreadable)?.to_owned());
                let properties = properties
                    .into_iter()
                    .map(|(name, value)| (Cow::Owned(name.into_owned()), value.into_owned()));
                let image = RelationshipBefore { element_id, properties: properties.collect() };
                images.get_mut(index).ok_or_else(unreadable)?.push(image);
                Ok(())
            })
            .await?;
        Ok(images)
    }
}

impl Known {
    fn new<N: AsRef<str>>(names: &[N]) -> Result<Self> {
        let quoted = names.iter().map(|name| quote(name.as_ref())).collect::<Result<_>>()?;
        Ok(Self { names: names.iter().map(|name| name.as_ref().into()).collect(), quoted })
    }

    /// Reads `count` entities `e` that `pattern` finds by their index `i`; those with inexact values once more, in
    /// parts. An entity of several rows (parallel relationships) is inexact as a whole.
    async fn read(
        &self,
        transaction: &mut Transaction,
        count: usize,
        pattern: &str,
        head: &str,
        statement: impl Fn(String, Vec<Parameter>) -> Statement,
        mut each: impl FnMut(usize, Head<'_>, Vec<Property<'_>>) -> Result<()>,
    ) -> Result<()> {
        let indices = (0..count).map(|index| Parameter::from(i64::try_from(index).unwrap_or(i64::MAX)));
        let text = format!("{pattern} RETURN {} AS row", self.row(head));
        let parameters = statement(text, indices.collect()).param("known", self.parameter());
        let mut inexact = Vec::new();
        let read = transaction.each_row(parameters, |row| match self.of_row(row)? {
            Read::Exact(index, head, properties) => each(index, head, properties),
            Read::Inexact(index) => {
                inexact.push(index);
                Ok(())
            }
        });
        read.await?;
        if inexact.is_empty() {
            return Ok(());
        }
        let indices =
            inexact.into_iter().map(|index| Parameter::from(i64::try_from(index).unwrap_or(i64::MAX)));
        let text = format!("{pattern} RETURN {} AS row", exact_row(head));
        transaction
            .each_row(statement(text, indices.collect()), |row| {
                let (index, head, properties) = of_exact_row(row)?;
                each(index, head, properties)
            })
            .await
            .map(drop)
    }

    fn parameter(&self) -> Parameter {
        Parameter::list(self.names.iter().map(|name| Parameter::from(&**name)).collect())
    }

    fn row(&self, head: &str) -> String {
        let slots = self.quoted.iter().map(|name| format!(", e.{name}")).collect::<String>();
        format!("[i, {head}, [k IN keys(e) WHERE NOT k IN $known | [k, e[k]]]{slots}]")
    }

    fn of_row<'r>(&'r self, row: &'r Row) -> Result<Read<'r>> {
        let mut cells = row.cells()?.into_iter();
        let mut next = || cells.next().ok_or_else(unreadable);
        let (index, head, rest) = (index(&next()?)?, next()?, next()?);
        let mut properties = Vec::with_capacity(self.names.len());
        for (name, cell) in self.names.iter().zip(cells) {
            match cell {
                Cell::Value(Value::Null) => {}
                Cell::Value(value) => properties.push((Cow::Borrowed(&**name), value)),
                Cell::Reread => return Ok(Read::Inexact(index)),
                _ => return Err(unreadable()),
            }
        }
        let Some(rest) = rest.into_list() else { return Ok(Read::Inexact(index)) };
        for pair in rest {
            let Some(Value::List(pair)) = pair.into_value() else { return Ok(Read::Inexact(index)) };
            properties.push(property(pair)?);
        }
        Ok(Read::Exact(index, head, properties))
    }
}

/// Every property as its name, its value where that is exact, and otherwise its parts.
fn exact_row(head: &str) -> String {
    let parts = exactly("e[k]");
    format!("[i, {head}, [k IN keys(e) | [p IN [{parts}] | [k, CASE WHEN p IS NULL THEN e[k] END, p]][0]]]")
}

fn of_exact_row(row: &Row) -> Result<(usize, Head<'_>, Vec<Property<'_>>)> {
    let mut cells = row.cells()?.into_iter();
    let mut next = || cells.next().ok_or_else(unreadable);
    let (index, head) = (index(&next()?)?, next()?);
    let all = next()?.into_list().ok_or_else(unreadable)?;
    let properties = all.into_iter().map(|each| {
        let Some(Value::List(mut each)) = each.into_value() else { return Err(unreadable()) };
        let parts = each.pop().ok_or_else(unreadable)?;
        if !parts.is_null() {
            each.pop();
            each.push(match parts {
                // An empty list is one of anything, so also of zoned datetimes.
                Value::List(items) if items.is_empty() => Value::List(items),
                parts => from_parts(Cell::Value(parts)).ok_or_else(unreadable)?,
            });
        }
        property(each)
    });
    Ok((index, head, properties.collect::<Result<_>>()?))
}

fn property(pair: Vec<Value<'_>>) -> Result<Property<'_>> {
    match <[Value<'_>; 2]>::try_from(pair) {
        Ok([Value::String(name), value]) => Ok((name, value)),
        _ => Err(unreadable()),
    }
}

fn labels(head: Cell<'_>) -> Result<Vec<Cow<'_, str>>> {
    let Some(Value::List(labels)) = head.into_value() else { return Err(unreadable()) };
    let each = labels.into_iter().map(|label| match label {
        Value::String(label) => Ok(label),
        _ => Err(unreadable()),
    });
    each.collect()
}

fn index(cell: &Cell<'_>) -> Result<usize> {
    cell.as_i64().and_then(|index| usize::try_from(index).ok()).ok_or_else(unreadable)
}

fn unreadable() -> Error {
    Error::new(Cause::Unexpected, "read what a node or relationship of the target is")
}
