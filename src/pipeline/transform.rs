//! The pure function: raw record → outcome. Transform, test, dry run, verify and check-compatibility share it.
//!
//! What is wrong with a record is looked for in the order of [`crate::record::Reason`], and inside a reason in
//! the contract's order of properties, so that a record has one reason wherever it is judged.

use std::borrow::Cow;
use std::mem;

use super::compile::{ADDED_TO_NODES, Pipeline, UnknownProperties};
use super::derive;
use super::mapping::{Origin, Slot, Taken};
use super::outcome::{Outcome, Reshaped};
use super::rejection::Rejection;
use super::source::Source;
use crate::record::{Finding, ModelEntity, Property, RawEntity, RawRecord, Row, Value};

/// Memory that is reused from record to record, of any pipeline.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Where in the record's properties each known property stands.
    positions: Vec<Option<usize>>,
    /// Whether the record has properties that are not known.
    unknown: bool,
    /// What a program runs with.
    pub(super) program: super::program::Runtime,
}

/// A raw record taken apart: what identifies it, its properties, its lookups.
type Parts<'a> = (ModelEntity<'a>, Vec<Property<'a>>, Vec<Property<'a>>);

/// The ids of each list that relationships are derived from.
type Lists<'a> = Vec<Vec<Cow<'a, str>>>;

/// What the policy keeps, and the names of what it drops.
type Beyond<'a> = (Vec<Property<'a>>, Vec<Cow<'a, str>>);

impl Pipeline {
    /// What becomes of a record. No I/O, no clock; text that stays what it is still borrows from the message.
    pub fn transform<'a>(&'a self, raw: RawRecord<'a>, scratch: &mut Scratch) -> Outcome<'a> {
        match self.judge(raw, scratch) {
            Ok(Some(reshaped)) => Outcome::Record(reshaped),
            Ok(None) => Outcome::Merged,
            Err(rejection) => Outcome::Rejected(rejection),
        }
    }

    /// One line per reason, in their order.
    fn judge<'a>(
        &'a self,
        raw: RawRecord<'a>,
        scratch: &mut Scratch,
    ) -> Result<Option<Reshaped<'a>>, Rejection> {
        if let Finding::TooLarge { bytes, .. } = raw.finding {
            return Err(Rejection::too_large(bytes));
        }
        let (mut entity, mut properties, lookups) = self.identify(raw.entity)?;
        match raw.finding {
            Finding::Merged => return Ok(None),
            Finding::Duplicate => return Err(Rejection::duplicate(&self.source, &entity)),
            Finding::None | Finding::TooLarge { .. } => self.further_labels(&mut entity)?,
        }
        self.find_known(&properties, scratch)?;
        let (mut row, lists) = self.row(&mut properties, &lookups, scratch)?;
        self.orphaned(&lookups)?;
        if let Some(program) = &self.program {
            program.run(&self.mapping.slots, &mut row, &properties, &mut scratch.program)?;
        }
        if let Some(rejection) = self.rules.iter().find_map(|rule| rule.check(&row)) {
            return Err(rejection);
        }
        let derived = match &entity {
            ModelEntity::Node { key, .. } if !lists.is_empty() => derive::derived(&self.derives, key, lists),
            _ => Vec::new(),
        };
        let (kept, dropped) = self.beyond_the_contract(properties, scratch);
        Ok(Some(Reshaped { entity, row, kept, dropped, derived }))
    }

    /// Key or keys of the record; `missing_key` where there is none to use.
    fn identify<'a>(&self, entity: RawEntity<'a>) -> Result<Parts<'a>, Rejection> {
        match (&self.source, entity) {
            (Source::Node { key: name, .. }, RawEntity::Node { key, labels, properties, lookups }) => {
                let key = usable(key).map_err(|value| Rejection::missing_key(name, "the node", &value))?;
                Ok((ModelEntity::Node { key, labels }, properties, lookups))
            }
            (
                Source::Relationship { start: from, end: to, .. },
                RawEntity::Relationship { start, end, properties },
            ) => {
                let start = usable(start)
                    .map_err(|value| Rejection::missing_key(&from.key, "the node where it starts", &value))?;
                let end = usable(end)
                    .map_err(|value| Rejection::missing_key(&to.key, "the node where it ends", &value))?;
                Ok((ModelEntity::Relationship { start, end }, properties, Vec::new()))
            }
            (Source::Node { .. }, RawEntity::Relationship { .. }) => {
                Err(Rejection::undecodable("a relationship where nodes are read"))
            }
            (Source::Relationship { .. }, RawEntity::Node { .. }) => {
                Err(Rejection::undecodable("a node where relationships are read"))
            }
        }
    }

    /// Leaves the labels beyond the pipeline's own; `duplicate_key` where one of them is declared.
    fn further_labels(&self, entity: &mut ModelEntity<'_>) -> Result<(), Rejection> {
        let (Source::Node { label: own, key: name }, ModelEntity::Node { key, labels }) =
            (&self.source, entity)
        else {
            return Ok(());
        };
        labels.retain(|label| label.as_ref() != own.as_ref());
        match labels.iter().find(|label| self.declared.contains(label)) {
            Some(other) => Err(Rejection::two_labels(own, other, name, key)),
            None => Ok(()),
        }
    }

    /// Notes where the known properties stand; `unknown_property` where the policy does not take another one.
    fn find_known(&self, properties: &[Property<'_>], scratch: &mut Scratch) -> Result<(), Rejection> {
        scratch.unknown = false;
        scratch.positions.clear();
        scratch.positions.resize(self.mapping.names.len(), None);
        for (position, (name, value)) in properties.iter().enumerate() {
            let place = self.mapping.names.get(name.as_ref());
            match place.and_then(|place| scratch.positions.get_mut(*place)) {
                _ if value.is_null() => {}
                Some(known) => *known = Some(position),
                None => {
                    scratch.unknown = true;
                    self.accept_unknown(name, value)?;
                }
            }
        }
        Ok(())
    }

    fn accept_unknown(&self, name: &str, value: &Value<'_>) -> Result<(), Rejection> {
        let taken = self.contract.field(name).is_some() || self.is_node() && ADDED_TO_NODES.contains(&name);
        match self.unknown {
            UnknownProperties::Drop => Ok(()),
            UnknownProperties::Keep if taken => Err(Rejection::can_not_be_kept(name, value)),
            UnknownProperties::Keep => Ok(()),
            UnknownProperties::Reject => Err(Rejection::unknown_property(&self.name, name, value)),
        }
    }

    /// The contract's properties, and the lists. `type_mismatch` comes before `missing_field`, wherever each of
    /// them is.
    fn row<'a>(
        &'a self,
        properties: &mut [Property<'a>],
        lookups: &[Property<'a>],
        scratch: &Scratch,
    ) -> Result<(Row<'a>, Lists<'a>), Rejection> {
        let mut row = Row::with_capacity(self.mapping.slots.len());
        let mut missing = None;
        for slot in &self.mapping.slots {
            let (name, value) = self.take(slot, properties, lookups, scratch);
            row.push(match (value, &slot.default) {
                (Value::Null, Some(default)) => default.reborrow(),
                (Value::Null, None) => {
                    // Where a lookup has nothing for a required property, the record is `orphaned`; where there is
                    // no origin, it is the program's turn.
                    if !slot.nullable && !slot.origin.properties().is_empty() {
                        missing = missing.or(Some(slot));
                    }
                    Value::Null
                }
                (value, _) => slot
                    .conversion
                    .apply(value)
                    .map_err(|(value, why)| Rejection::type_mismatch(&slot.conversion, name, &value, &why))?,
            });
        }
        let lists = self.mapping.lists.iter().map(|list| {
            let value = taken(list, properties, scratch).unwrap_or(Value::Null);
            let wanted = derive::list_conversion;
            derive::ids(value)
                .map_err(|(value, why)| Rejection::type_mismatch(&wanted(), &list.name, &value, &why))
        });
        let lists = lists.collect::<Result<_, _>>()?;
        missing.map_or(Ok((row, lists)), |slot| Err(Rejection::missing_field(slot)))
    }

    /// The value of a slot with the name that it has in the source; null where nothing is there.
    fn take<'a>(
        &'a self,
        slot: &'a Slot,
        properties: &mut [Property<'a>],
        lookups: &[Property<'a>],
        scratch: &Scratch,
    ) -> (&'a str, Value<'a>) {
        match &slot.origin {
            Origin::Properties(names) => {
                let found = names.iter().find_map(|name| Some((name, taken(name, properties, scratch)?)));
                found.map_or((&slot.property, Value::Null), |(from, value)| (&from.name, value))
            }
            Origin::Lookup(number) => {
                let name = self.lookups.get(*number).map_or("", |lookup| lookup.name());
                let found = lookups.iter().find(|(found, _)| found == name);
                (name, found.map_or(Value::Null, |(_, value)| value.clone()))
            }
        }
    }

    /// `orphaned` for the first lookup that had to find something and did not.
    fn orphaned(&self, lookups: &[Property<'_>]) -> Result<(), Rejection> {
        let is_found = |wanted: &str| lookups.iter().any(|(name, value)| name == wanted && !value.is_null());
        let mut required =
            self.mapping.required_lookups.iter().filter_map(|number| self.lookups.get(*number));
        match required.find(|lookup| !is_found(lookup.name())) {
            Some(lookup) => Err(Rejection::orphaned(lookup.name(), lookup.orphaned().unwrap_or_default())),
            None => Ok(()),
        }
    }

    /// The properties that are not known, as the policy has it.
    fn beyond_the_contract<'a>(&self, properties: Vec<Property<'a>>, scratch: &Scratch) -> Beyond<'a> {
        if !scratch.unknown {
            return (Vec::new(), Vec::new());
        }
        let is_unknown = |(name, value): &Property<'_>| {
            !value.is_null() && !self.mapping.names.contains_key(name.as_ref())
        };
        let beyond = properties.into_iter().filter(is_unknown);
        match self.unknown {
            UnknownProperties::Keep => (beyond.collect(), Vec::new()),
            UnknownProperties::Drop => (Vec::new(), beyond.map(|(name, _)| name).collect()),
            UnknownProperties::Reject => (Vec::new(), Vec::new()),
        }
    }
}

/// The value of a source property; nothing where it is not there.
fn taken<'a>(name: &Taken, properties: &mut [Property<'a>], scratch: &Scratch) -> Option<Value<'a>> {
    let position = scratch.positions.get(name.place).copied().flatten()?;
    let (_, value) = properties.get_mut(position)?;
    Some(if name.shared { value.clone() } else { mem::replace(value, Value::Null) })
}

/// The key that a value is; the value itself where it is none.
fn usable(value: Value<'_>) -> Result<Cow<'_, str>, Value<'_>> {
    match value {
        Value::String(key) if !key.trim().is_empty() => Ok(key),
        other => Err(other),
    }
}
