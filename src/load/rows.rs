//! Model records into statement parameters, contracts of earlier writers resolved.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::batch::{Batch, Row};
use crate::error::{Cause, Error, Result};
use crate::kafka::Checkpoints;
use crate::neo4j::{Encoding, Parameter};
use crate::pipeline::{Contract, Pipeline};
use crate::record::{ModelEntity, ModelRecord, Property, Value, Zone};

/// Makes parameters of the records of one pipeline.
pub(super) struct Rows {
    pipeline: Arc<Pipeline>,
    checkpoints: Arc<Checkpoints>,
    /// Contracts of earlier writers, by fingerprint.
    writers: Mutex<HashMap<u64, Arc<Contract>>>,
}

/// Rows that one statement can write: the same further labels, the same way of taking kept properties.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Form {
    pub labels: Vec<String>,
    /// Whether a map of kept properties follows the slots.
    pub kept: bool,
    /// Kept properties that a map can't carry, each a slot of its own after the map.
    pub apart: Vec<(String, Encoding)>,
}

/// What the statements of a cell are given.
#[derive(Default)]
pub(super) struct Parameters {
    /// Rows by form, in order.
    pub forms: Vec<(Form, Vec<Parameter>)>,
    /// Of rows with zeros, which of their properties these are.
    pub zeros: Vec<Parameter>,
}

/// What the rows of a transaction write to one node or relationship.
pub(super) struct Entity<'b> {
    /// Its first record.
    pub record: ModelRecord<'b>,
    /// Names of the properties that any of its records keeps.
    pub kept: Vec<Cow<'b, str>>,
    /// Labels that any of its records adds.
    pub labels: Vec<Cow<'b, str>>,
}

impl Rows {
    pub(super) fn new(pipeline: Arc<Pipeline>, checkpoints: Arc<Checkpoints>) -> Self {
        Self { pipeline, checkpoints, writers: Mutex::default() }
    }

    /// The rows of a cell by form, in order. Consecutive rows of one form stay together; a form that comes again
    /// starts a new statement, since a later row of an entity must be written later.
    pub(super) fn by_form(&self, batch: &Batch, rows: &[usize]) -> Result<Parameters> {
        let mut all = Parameters::default();
        for index in rows {
            let Some(row) = batch.rows.get(*index) else { continue };
            let record = decoded(batch, row)?;
            let form = Form::of(&record.entity, &record.kept);
            let slots = self.slots(&record)?;
            all.zeros.extend(self.zeros(&record, &slots));
            if all.forms.last().is_none_or(|(last, _)| *last != form) {
                all.forms.push((form, Vec::new()));
            }
            if let Some((_, parameters)) = all.forms.last_mut() {
                parameters.push(parameter(&record, slots, parameters.len()));
            }
        }
        Ok(all)
    }

    /// The record's row for [`super::statement::Statements::clear_zeros`], where it has any zero.
    fn zeros(&self, record: &ModelRecord<'_>, slots: &[Value<'_>]) -> Option<Parameter> {
        let names = self.pipeline.contract().fields().iter().map(|field| field.name.as_ref());
        let properties =
            names.zip(slots).chain(record.kept.iter().map(|(name, value)| (name.as_ref(), value)));
        let mut becoming = [Vec::new(), Vec::new()];
        for (name, value) in properties {
            if let Value::Float(number) = value
                && *number == 0.0
            {
                becoming[usize::from(number.is_sign_negative())].push(Parameter::from(name));
            }
        }
        if becoming.iter().all(Vec::is_empty) {
            return None;
        }
        let mut row: Vec<Parameter> = match &record.entity {
            ModelEntity::Node { key, .. } => vec![key.as_ref().into()],
            ModelEntity::Relationship { start, end } => vec![start.as_ref().into(), end.as_ref().into()],
        };
        row.extend(becoming.map(Parameter::list));
        Some(Parameter::list(row))
    }

    /// The entities that rows write, each once, in the order of their first rows.
    pub(super) fn entities<'b>(batch: &'b Batch, rows: &[usize]) -> Result<Vec<Entity<'b>>> {
        let mut entities: Vec<Entity<'b>> = Vec::with_capacity(rows.len());
        let mut places: HashMap<(Cow<'b, str>, Cow<'b, str>), usize> = HashMap::with_capacity(rows.len());
        for row in rows.iter().filter_map(|index| batch.rows.get(*index)) {
            let mut record = decoded(batch, row)?;
            let kept = record.kept.drain(..).map(|(name, _)| name);
            let (keys, labels) = match &mut record.entity {
                ModelEntity::Node { key, labels } => {
                    ((key.clone(), Cow::Borrowed("")), std::mem::take(labels))
                }
                ModelEntity::Relationship { start, end } => ((start.clone(), end.clone()), Vec::new()),
            };
            match places.get(&keys).and_then(|place| entities.get_mut(*place)) {
                Some(entity) => {
                    entity.kept.extend(kept);
                    entity.labels.extend(labels);
                }
                None => {
                    let kept = kept.collect();
                    places.insert(keys, entities.len());
                    entities.push(Entity { record, kept, labels });
                }
            }
        }
        Ok(entities)
    }

    /// Pairs of keys of a cell's relationships, in order.
    pub(super) fn ends(&self, batch: &Batch, rows: &[usize]) -> Result<Vec<Parameter>> {
        let ends = rows.iter().filter_map(|index| batch.rows.get(*index)).map(|row| {
            Ok(match decoded(batch, row)?.entity {
                ModelEntity::Relationship { start, end } => {
                    Parameter::list(vec![start.as_ref().into(), end.as_ref().into()])
                }
                ModelEntity::Node { .. } => Parameter::null(),
            })
        });
        ends.collect()
    }

    fn slots<'r>(&'r self, record: &'r ModelRecord<'_>) -> Result<Vec<Value<'r>>> {
        let contract = self.pipeline.contract();
        let damaged = |error| {
            let at = record.identity;
            let attempt = format!(
                "read the body of a record of `{}` (raw partition {}, offset {})",
                self.pipeline.name(),
                at.partition,
                at.offset
            );
            Error::new(Cause::Unexpected, attempt).source(error)
        };
        if record.contract == contract.fingerprint() {
            return contract.decode(&record.body).map_err(damaged);
        }
        let writer = self.lock().get(&record.contract).cloned();
        let writer = writer
            .ok_or_else(|| Error::new(Cause::Unexpected, "read a record before its contract is known"))?;
        contract.decode_with(writer.schema(), &record.body).map_err(damaged)
    }

    /// Makes the contracts known that wrote the batch's records, before any of them is read.
    ///
    /// Errors: [`Cause::Definition`] where the pipeline's contract can't read what an earlier one wrote.
    pub(super) async fn know_writers(&self, batch: &Batch) -> Result<()> {
        let own = self.pipeline.contract().fingerprint();
        let mut unknown: Vec<u64> =
            batch.rows.iter().map(|row| row.contract).filter(|print| *print != own).collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown.retain(|fingerprint| !self.lock().contains_key(fingerprint));
        if unknown.is_empty() {
            return Ok(());
        }
        self.checkpoints.refresh().await?;
        for fingerprint in unknown {
            let writer = self.resolve(fingerprint)?;
            self.lock().insert(fingerprint, Arc::new(writer));
        }
        Ok(())
    }

    fn resolve(&self, fingerprint: u64) -> Result<Contract> {
        let name = self.pipeline.name();
        let attempt =
            || format!("read records of `{name}` that were written with the contract {fingerprint:016x}");
        let key = (name.to_owned(), fingerprint);
        let Some(found) = self.checkpoints.read(|state| state.contracts.get(&key).cloned()) else {
            return Err(
                Error::new(Cause::Definition, attempt()).source("its text is not among the checkpoints")
            );
        };
        let advice = "load them with the contract that wrote them first, or give the new contract defaults that make \
                      the old records readable; then change the contract";
        let writer = Contract::parse(name, &found.schema);
        let writer = writer.map_err(|error| Error::new(Cause::Definition, attempt()).source(error))?;
        let readable = self.pipeline.contract().can_read(&writer);
        readable
            .map_err(|error| Error::new(Cause::Definition, attempt()).source(error).what_to_do(advice))?;
        Ok(writer)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Contract>>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn decoded<'b>(batch: &'b Batch, row: &Row) -> Result<ModelRecord<'b>> {
    let record = batch.record(row);
    record.map_err(|error| {
        Error::new(Cause::Unexpected, format!("read the record at offset {} again", row.offset)).source(error)
    })
}

impl Form {
    /// The form of a record.
    pub(super) fn of(entity: &ModelEntity<'_>, kept: &[Property<'_>]) -> Self {
        let labels = match entity {
            ModelEntity::Node { labels, .. } => labels.iter().map(|label| label.to_string()).collect(),
            ModelEntity::Relationship { .. } => Vec::new(),
        };
        let apart = kept.iter().filter_map(|(name, value)| {
            let encoding = Encoding::of(value);
            (encoding != Encoding::AsIs).then(|| (name.to_string(), encoding))
        });
        Self { labels, kept: !kept.is_empty(), apart: apart.collect() }
    }
}

/// The row of a record, which is the one with this number.
fn parameter(record: &ModelRecord<'_>, slots: Vec<Value<'_>>, number: usize) -> Parameter {
    let mut row: Vec<Parameter> = Vec::with_capacity(slots.len() + 4);
    if let ModelEntity::Relationship { start, end } = &record.entity {
        row.push(start.as_ref().into());
        row.push(end.as_ref().into());
        row.push(i64::try_from(number).unwrap_or(i64::MAX).into());
    }
    row.extend(slots.into_iter().map(Parameter::from));
    if matches!(record.entity, ModelEntity::Node { .. }) {
        row.push(instant(record.read_at_micros).into());
    }
    add_kept(&mut row, &record.kept);
    Parameter::list(row)
}

/// Adds what is kept to a row: a map, then what a map can't carry.
pub(super) fn add_kept(row: &mut Vec<Parameter>, kept: &[Property<'_>]) {
    if kept.is_empty() {
        return;
    }
    let (plain, apart): (Vec<_>, Vec<_>) =
        kept.iter().partition(|(_, value)| Encoding::of(value) == Encoding::AsIs);
    let plain = plain.into_iter().map(|(name, value)| (name.to_string(), value.clone().into()));
    row.push(Parameter::map(plain));
    row.extend(apart.into_iter().map(|(_, value)| value.clone().into()));
}

/// `migrated_at`: when the record was read, so that a replay writes the same.
fn instant(micros: i64) -> Value<'static> {
    let seconds = micros.div_euclid(1_000_000);
    let nanos = u32::try_from(micros.rem_euclid(1_000_000) * 1000).unwrap_or(0);
    Value::DateTime { seconds, nanos, zone: Zone::Offset(0) }
}
