//! `transform:`: a VRL program for what a mapping can't say.
//!
//! It sees the converted properties of the contract as `.` and those of the source as `%raw`, and of these only
//! what it names is handed over. Only what it assigns is written back, converted as the mapping converts.

mod functions;
mod outline;
mod paths;
mod place;
mod types;
mod values;

use std::sync::Arc;

use vrl::compiler::state::RuntimeState;
use vrl::compiler::{Context, ExpressionError, TargetValue, TimeZone};
use vrl::value::{KeyString, ObjectMap, Secrets, Value as Vrl};

use super::mapping::Slot;
use super::rejection::Rejection;
use crate::record::{Property, Row, Value};

pub(super) use outline::Outline;

/// Times without an offset are taken as UTC, wherever this runs.
const UTC: TimeZone = TimeZone::Named(chrono_tz::UTC);

/// The only object of VRL's metadata: `%raw`.
const RAW: &str = "raw";

/// A compiled program.
#[derive(Debug)]
pub(super) struct Program {
    text: Box<str>,
    program: vrl::compiler::Program,
    /// Properties of the contract that it reads.
    fields: Box<[Field]>,
    /// Properties of the source that it reads.
    raw: Box<[KeyString]>,
    /// Slots that it assigns, in the contract's order.
    assigned: Box<[Field]>,
}

/// A property of the contract, as the program knows it.
#[derive(Debug)]
struct Field {
    slot: usize,
    name: KeyString,
    /// Whether it has no value before the program gives it one.
    starts_empty: bool,
}

/// What a program runs with, from record to record.
#[derive(Debug, Default)]
pub(super) struct Runtime(RuntimeState);

impl Program {
    /// What it says.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Runs it on a row; `properties` are the source's. What it assigns takes the place of what was there.
    pub(super) fn run<'a>(
        &'a self,
        slots: &'a [Slot],
        row: &mut Row<'a>,
        properties: &[Property<'a>],
        runtime: &mut Runtime,
    ) -> Result<(), Rejection> {
        let mut target = TargetValue {
            value: Vrl::Object(self.fields_of(row)),
            metadata: Vrl::Object(self.raw_of(properties)),
            secrets: Secrets::new(),
        };
        let resolved = self.program.resolve(&mut Context::new(&mut target, &mut runtime.0, &UTC));
        runtime.0.clear();
        match resolved {
            Ok(_) | Err(ExpressionError::Return { .. }) => {}
            Err(error) => return Err(Rejection::transform_failed(error.to_string())),
        }
        let Vrl::Object(mut fields) = target.value else { return Ok(()) };
        for field in &self.assigned {
            let (Some(slot), Some(value)) = (slots.get(field.slot), row.get_mut(field.slot)) else {
                continue;
            };
            if let Some(assigned) = fields.remove(&field.name) {
                *value = checked(slot, assigned)?;
            } else if field.starts_empty {
                return Err(Rejection::left_empty(&slot.property));
            }
        }
        Ok(())
    }

    fn fields_of(&self, row: &Row<'_>) -> ObjectMap {
        let there = self.fields.iter().filter(|field| !field.starts_empty);
        there.map(|field| (field.name.clone(), values::field(row.get(field.slot)))).collect()
    }

    fn raw_of(&self, properties: &[Property<'_>]) -> ObjectMap {
        if self.raw.is_empty() {
            return ObjectMap::new();
        }
        let value = |name: &KeyString| {
            let found = properties.iter().find(|(found, _)| **found == **name);
            found.map_or(Vrl::Null, |(_, value)| values::raw(value))
        };
        let raw: ObjectMap = self.raw.iter().map(|name| (name.clone(), value(name))).collect();
        ObjectMap::from([(RAW.into(), Vrl::Object(raw))])
    }
}

/// A value that the program assigned, as the contract has it.
fn checked<'a>(slot: &'a Slot, assigned: Vrl) -> Result<Value<'a>, Rejection> {
    let mismatch = |value: Value<'_>, why| {
        let mismatch = super::convert::Mismatch { element: None, why };
        Rejection::type_mismatch(&slot.conversion, &slot.property, &value, &mismatch)
    };
    let value = values::assigned(assigned).map_err(|(shown, why)| mismatch(Value::text(shown), why))?;
    if value.is_null() {
        return match &slot.default {
            Some(default) => Ok(default.reborrow()),
            None if slot.nullable => Ok(Value::Null),
            None => Err(Rejection::left_empty(&slot.property)),
        };
    }
    let converted = slot.conversion.apply(value);
    converted.map_err(|(value, why)| Rejection::type_mismatch(&slot.conversion, &slot.property, &value, &why))
}

/// The functions that programs are offered, by name.
pub(super) fn offered() -> &'static [Box<dyn vrl::compiler::Function>] {
    functions::offered()
}

/// The pipelines of a folder share their programs' diagnostics.
type File = Arc<super::diagnostics::SourceFile>;
