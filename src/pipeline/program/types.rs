//! The contract's types as VRL knows them, so that a program that can't fit is refused before it runs.

use vrl::compiler::TypeState;
use vrl::compiler::state::{ExternalEnv, LocalEnv};
use vrl::value::Kind;
use vrl::value::kind::Collection;

use super::RAW;
use crate::pipeline::contract::{Contract, Type};
use crate::pipeline::mapping::{Mapping, Slot};

/// What a program can rely on before its first line.
pub(super) fn at_start(contract: &Contract, mapping: &Mapping) -> TypeState {
    let mut fields = Collection::empty();
    for (field, slot) in contract.fields().iter().zip(&mapping.slots) {
        let kind = if starts_empty(slot) { Kind::undefined() } else { kind(&field.field_type) };
        let may_be_null = slot.nullable && slot.default.is_none();
        fields = fields.with_known(field.name.as_ref(), if may_be_null { kind.or_null() } else { kind });
    }
    let source = mapping.names.keys().fold(Collection::empty(), |known, name| {
        known.with_known(name.as_ref(), Kind::any().without_undefined())
    });
    let metadata = Collection::empty().with_known(RAW, Kind::object(source));
    let external = ExternalEnv::new_with_kind(Kind::object(fields), Kind::object(metadata));
    TypeState { local: LocalEnv::default(), external }
}

/// Whether a required property has no value before the program gives it one.
pub(super) fn starts_empty(slot: &Slot) -> bool {
    !slot.nullable && slot.default.is_none() && slot.origin.is_nothing()
}

/// What a converted property is.
fn kind(of: &Type) -> Kind {
    match of {
        Type::String | Type::Date | Type::Enum(_) => Kind::bytes(),
        Type::Int => Kind::integer(),
        Type::Float => Kind::float(),
        Type::Bool => Kind::boolean(),
        Type::Instant => Kind::timestamp(),
        Type::List(item) => Kind::array(Collection::from_unknown(kind(item))),
    }
}

/// What the conversion to a type takes, of what VRL has.
pub(super) fn taken(of: &Type) -> Kind {
    match of {
        Type::String | Type::Enum(_) => Kind::bytes(),
        Type::Int | Type::Float => Kind::integer().or_float().or_bytes(),
        Type::Bool => Kind::boolean().or_bytes(),
        Type::Date => Kind::bytes().or_timestamp(),
        Type::Instant => Kind::timestamp().or_bytes().or_integer(),
        Type::List(_) => Kind::array(Collection::any()),
    }
}
