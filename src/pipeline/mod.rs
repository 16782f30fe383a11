//! A pipeline: one YAML file and one Avro contract say how the nodes of a label, or the relationships of a
//! type, are read, reshaped and judged. Compiled once, at start, with every error at its place.
//!
//! ```text
//! pipelines/*.yaml ─┐
//!                   ├─ load ─▶ Pipelines ─ select ─▶ Pipeline ─ transform(raw record) ─▶ Outcome
//! contracts/*.avsc ─┘
//! ```
//!
//! [`Pipeline::transform`] is the one pure function that transform, test, dry run, verify and
//! check-compatibility share. [`load`] reads files; nothing else here does I/O.

mod compile;
mod contract;
mod convert;
mod diagnostics;
mod document;
mod literal;
mod load;
mod lookups;
mod mapping;
mod outcome;
mod pipelines;
mod rejection;
mod rules;
mod source;
pub mod testing;
mod transform;

pub use compile::{ADDED_TO_NODES, Pipeline, UnknownProperties};
pub use contract::{Contract, DatumError, Field, Incompatible, NullBranch, Type};
pub use diagnostics::{Diagnostics, Problem, SourceFile, Span};
pub use load::load;
pub use lookups::Lookup;
pub use outcome::{Derived, Outcome, Reshaped};
pub use pipelines::Pipelines;
pub use rejection::Rejection;
pub use source::{DeclaredLabels, End, Source};
pub use transform::Scratch;

#[cfg(test)]
mod tests;
