//! Vocabulary: what a record is on its way. No I/O.
//!
//! [`RawRecord`] is what extraction read; the transform function makes [`ModelRecord`]s and dead letters of
//! it. Both are written to their topics in Avro's single-object encoding.

pub mod calendar;
pub mod codec;
mod dead_letter;
mod digest;
mod instant;
mod json;
mod key;
mod model;
mod raw;
mod undo;
mod value;

pub use dead_letter::{DeadLetter, EarlierLetter, ModelPosition, Reason, ReplayMark, letter_message};
pub use digest::{Canonical, stored_alike};
pub use instant::{instant_text, parse_instant};
pub use json::{iso_8601, shorten, value_to_json, value_to_short_json};
pub use key::{Key, named, partition_of};
pub use model::{Identity, ModelEntity, ModelRecord, Row};
pub use raw::{Finding, Property, RawEntity, RawRecord};
pub use undo::{
    Author, Before, Gap, GapReason, Mark, Names, NodeRef, RelationshipBefore, Subject, UndoEntry, UndoRecord,
    Written,
};
pub use value::{Value, ValueType, Zone};
