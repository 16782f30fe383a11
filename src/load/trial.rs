//! Trying: what writing records would do, in transactions that are rolled back.
//!
//! A server gives a new label or property name its number at once, whatever becomes of the transaction: so only what the
//! target knows by name is written. What it does not know no constraint or index is on, and nothing has it yet.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::rows::{Form, add_kept};
use super::statement::kept;
use super::writing::{Attempts, Reaction};
use crate::error::{Cause, Error, Result};
use crate::neo4j::{
    Cell, Parameter, Quoted, ReadOnlyGraph, Statement, TargetGraph, Transaction, between, quote,
};
use crate::pipeline::{ADDED_TO_NODES, Pipeline, Reshaped, Source};
use crate::record::{Canonical, ModelEntity, Value};

/// The names that a target knows.
#[derive(Debug, Default)]
pub struct KnownNames {
    labels: HashSet<String>,
    properties: HashSet<String>,
}

impl KnownNames {
    /// Reads them: labels that are in use or have a constraint or index, and every property name.
    pub async fn read(target: &ReadOnlyGraph) -> Result<Self> {
        let labels = "CALL db.labels() YIELD label RETURN [label] AS row";
        let properties = "CALL db.propertyKeys() YIELD propertyKey RETURN [propertyKey] AS row";
        Ok(Self { labels: names(target, labels).await?, properties: names(target, properties).await? })
    }
}

async fn names(target: &ReadOnlyGraph, text: &str) -> Result<HashSet<String>> {
    let rows = target.rows(Statement::new(text)).await?;
    Ok(rows.iter().filter_map(|row| Some(row.first()?.as_str()?.to_owned())).collect())
}

/// A record that is ready to be tried.
pub struct Candidate {
    key: Parameter,
    row: Parameter,
    form: Form,
    /// It brings a property or label that the target does not know by name.
    is_novel: bool,
}

/// What writing a record would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It is not there yet.
    Written,
    /// It is there and would change: labels or properties, when it was migrated left aside.
    Updated,
    /// It is there as it would be written.
    Unchanged,
    /// The target refuses it, saying this.
    Refused(String),
}

/// Tries the records of one pipeline.
pub struct Trial {
    target: TargetGraph,
    names: Arc<KnownNames>,
    /// Finds an entity `n` by its key `k`.
    find: String,
    /// Finds or makes an entity `n` from the row `r`.
    merge: String,
    /// Cells of a row before the contract's slots.
    key_cells: usize,
    /// Slots whose properties the target knows.
    known: Vec<(usize, Quoted)>,
    /// The other slots.
    unknown: Vec<usize>,
    /// Of nodes the schema's version, and whether the target knows the property that holds it.
    stamp: Option<(String, bool)>,
    retry: Duration,
}

impl Trial {
    /// Records of `pipeline` in `target`. Of nodes the label has to be known there, so that nothing is left behind: one
    /// with a constraint is.
    pub fn new(
        target: &TargetGraph,
        pipeline: &Pipeline,
        names: &Arc<KnownNames>,
        schema_version: &str,
        retry: Duration,
    ) -> Result<Self> {
        let (find, merge, key_cells, own) = match pipeline.source() {
            Source::Node { label, key } => {
                let (label, quoted) = (quote(label)?, quote(key)?);
                let find = format!("MATCH (n:{label} {{{quoted}: k}})");
                (find, format!("MERGE (n:{label} {{{quoted}: r[0]}})"), 1, Some(key))
            }
            Source::Relationship { relationship_type, start, end } => {
                let kind = quote(relationship_type)?;
                let (from, from_key) = (quote(&start.label)?, quote(&start.key)?);
                let (to, to_key) = (quote(&end.label)?, quote(&end.key)?);
                let ends = |of: &str| {
                    format!("MATCH (a:{from} {{{from_key}: {of}[0]}}) MATCH (b:{to} {{{to_key}: {of}[1]}})")
                };
                let find = format!("{} {}", ends("k"), between("n", &kind));
                (find, format!("{} MERGE (a)-[n:{kind}]->(b)", ends("r")), 2, None)
            }
        };
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for (slot, field) in pipeline.contract().fields().iter().enumerate() {
            match names.properties.contains(field.name.as_ref()) {
                _ if own.is_some_and(|key| *key == field.name) => {}
                true => known.push((slot, quote(&field.name)?)),
                false => unknown.push(slot),
            }
        }
        let stamp = pipeline.is_node().then(|| {
            let is_known = names.properties.contains(ADDED_TO_NODES[0]);
            (schema_version.to_owned(), is_known)
        });
        let (target, names) = (target.clone(), Arc::clone(names));
        Ok(Self { target, names, find, merge, key_cells, known, unknown, stamp, retry })
    }

    /// Makes a record ready.
    pub fn candidate(&self, record: &Reshaped<'_>) -> Candidate {
        let mut row: Vec<Parameter> = match &record.entity {
            ModelEntity::Node { key, .. } => vec![key.as_ref().into()],
            ModelEntity::Relationship { start, end } => vec![start.as_ref().into(), end.as_ref().into()],
        };
        let key = match row.as_slice() {
            [key] => key.clone(),
            ends => Parameter::list(ends.to_vec()),
        };
        let value = |slot: usize| record.row.get(slot).map_or(Value::Null, Value::reborrow);
        row.extend(self.known.iter().map(|(slot, _)| Parameter::from(value(*slot))));
        let (kept, new): (Vec<_>, Vec<_>) =
            record.kept.iter().cloned().partition(|(name, _)| self.names.properties.contains(name.as_ref()));
        let mut form = Form::of(&record.entity, &kept);
        let labels = form.labels.len();
        form.labels.retain(|label| self.names.labels.contains(label));
        add_kept(&mut row, &kept);
        let is_novel = !new.is_empty()
            || form.labels.len() < labels
            || self.unknown.iter().any(|slot| !value(*slot).is_null())
            || self.stamp.as_ref().is_some_and(|(_, is_known)| !is_known);
        Candidate { key, row: Parameter::list(row), form, is_novel }
    }

    /// Tries records of which no two are of one entity: a verdict for each, in their order. Nothing of it stays.
    ///
    /// Errors: service failures that last. What a transaction would be refused for at its commit alone is not seen.
    pub async fn all(&self, candidates: &[Candidate]) -> Result<Vec<Tried>> {
        let mut verdicts = vec![Tried::Written; candidates.len()];
        let all: Vec<usize> = (0..candidates.len()).collect();
        let mut pending = VecDeque::from([(all, Attempts::none())]);
        while let Some((rows, mut attempts)) = pending.pop_front() {
            let error = match self.attempt(candidates, &rows).await {
                Ok(found) => {
                    rows.iter().zip(found).for_each(|(row, verdict)| verdicts[*row] = verdict);
                    continue;
                }
                Err(error) => error,
            };
            match attempts.react(&error, rows.len(), self.retry) {
                Reaction::Again(after) => {
                    tokio::time::sleep(after).await;
                    pending.push_front((rows, attempts));
                }
                Reaction::Halve => {
                    let (first, second) = rows.split_at(rows.len() / 2);
                    pending.push_front((second.to_vec(), Attempts::none()));
                    pending.push_front((first.to_vec(), Attempts::none()));
                }
                Reaction::Reject => {
                    let said = error.chain().into_iter().skip(1).collect::<Vec<_>>().join(": ");
                    rows.iter().for_each(|row| verdicts[*row] = Tried::Refused(said.clone()));
                }
                Reaction::GiveUp => return Err(error),
            }
        }
        Ok(verdicts)
    }

    async fn attempt(&self, candidates: &[Candidate], rows: &[usize]) -> Result<Vec<Tried>> {
        let rows: Vec<&Candidate> = rows.iter().filter_map(|row| candidates.get(*row)).collect();
        let mut transaction = self.target.begin().await?;
        let before = self.states(&mut transaction, &rows).await?;
        for (form, parameters) in by_form(&rows) {
            let mut statement = Statement::new(self.write(form)?).param("rows", Parameter::list(parameters));
            if let Some((version, true)) = &self.stamp {
                statement = statement.param("schema_version", version.as_str());
            }
            transaction.run(statement).await?;
        }
        let after = match before.is_empty() {
            true => HashMap::new(),
            false => self.states(&mut transaction, &rows).await?,
        };
        transaction.rollback().await?;
        let verdict = |(at, row): (usize, &&Candidate)| match before.get(&at) {
            None => Tried::Written,
            Some(state) if !row.is_novel && after.get(&at) == Some(state) => Tried::Unchanged,
            Some(_) => Tried::Updated,
        };
        Ok(rows.iter().enumerate().map(verdict).collect())
    }

    fn write(&self, form: &Form) -> Result<String> {
        let first = self.key_cells;
        let slots = self.known.iter().enumerate();
        let mut set: Vec<String> =
            slots.map(|(at, (_, name))| format!("n.{name} = r[{}]", first + at)).collect();
        if let Some((_, true)) = &self.stamp {
            set.push(format!("n.{} = $schema_version", quote(ADDED_TO_NODES[0])?));
        }
        let set = if set.is_empty() { String::new() } else { format!(" SET {}", set.join(", ")) };
        let labels = form.labels.iter().map(|label| Ok(format!(" SET n:{}", quote(label)?)));
        let labels: String = labels.collect::<Result<_>>()?;
        let kept = kept(form, "n", first + self.known.len())?;
        Ok(format!("UNWIND $rows AS r {}{set}{labels}{kept}", self.merge))
    }

    /// Digests of what is there, by the number of the row. Zoned datetimes as text: Bolt does not carry all of them.
    async fn states(
        &self,
        transaction: &mut Transaction,
        rows: &[&Candidate],
    ) -> Result<HashMap<usize, u128>> {
        let labels = if self.stamp.is_some() { "labels(n)" } else { "[]" };
        let text = format!(
            "UNWIND range(0, size($keys) - 1) AS i WITH i, $keys[i] AS k {} RETURN [i, {labels}, \
             [p IN keys(n) WHERE p <> $stamp | [p, valueType(n[p]), CASE \
             WHEN n[p] IS :: ZONED DATETIME NOT NULL THEN toString(n[p]) \
             WHEN n[p] IS :: LIST<ZONED DATETIME> NOT NULL THEN [x IN n[p] | toString(x)] \
             ELSE n[p] END]]] AS row",
            self.find
        );
        let keys = rows.iter().map(|row| row.key.clone()).collect();
        let statement =
            Statement::new(text).param("keys", Parameter::list(keys)).param("stamp", ADDED_TO_NODES[1]);
        let mut states = HashMap::new();
        for found in transaction.rows(statement).await? {
            let unreadable = || Error::new(Cause::Unexpected, "read what the target has of a record");
            let (at, state) = state(found).ok_or_else(unreadable)?;
            // Parallel relationships are one record: their sum.
            let sum: &mut u128 = states.entry(at).or_default();
            *sum = sum.wrapping_add(state);
        }
        Ok(states)
    }
}

/// Rows by the statement that writes them. No two are of one entity, so that their order does not matter.
fn by_form<'c>(rows: &[&'c Candidate]) -> HashMap<&'c Form, Vec<Parameter>> {
    let mut forms: HashMap<&Form, Vec<Parameter>> = HashMap::new();
    for row in rows {
        forms.entry(&row.form).or_default().push(row.row.clone());
    }
    forms
}

fn state(row: Vec<Cell<'static>>) -> Option<(usize, u128)> {
    let mut cells = row.into_iter();
    let at = usize::try_from(cells.next()?.as_i64()?).ok()?;
    let labels = cells.next()?;
    let mut labels = labels.as_texts()?;
    labels.sort_unstable();
    let mut properties = Vec::new();
    for property in cells.next()?.into_list()? {
        let mut parts = property.into_list()?.into_iter();
        let (name, of, value) = (parts.next()?, parts.next()?, parts.next()?);
        properties.push((name.as_str()?.to_owned(), of.as_str()?.to_owned(), value.into_value()?));
    }
    properties.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    let mut canonical = Canonical::default();
    canonical.length(labels.len());
    labels.iter().for_each(|label| canonical.text(label));
    for (name, of, value) in &properties {
        canonical.text(name);
        canonical.text(of);
        canonical.value(value);
    }
    Some((at, canonical.digest()))
}
