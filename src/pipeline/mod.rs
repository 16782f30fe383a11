//! A pipeline: one YAML file and one Avro contract say how the nodes of a label, or the relationships of a
//! type, are read, reshaped and judged. Compiled once, at start, with every error at its place.
//!
//! ```text
//! pipelines/*.yaml ─┐
//!                   ├─ load ─▶ Pipelines ─ select ─▶ Pipeline ─ transform(raw record) ─▶ Outcome
//! contracts/*.avsc ─┘
//! ```
//!
//! A pipeline file has these keys; all but `source` may be left out:
//!
//! ```yaml
//! source: {label: Film, key: id}        # or {type: ACTED_IN, start: Person, end: Film}; with `read: false`
//!                                       # derived ones alone come to it, nothing is read in the source
//! contract: film                        # the pipeline's own name where it is left out
//! lookups:                              # Cypher expressions on `n`, of nodes only
//!   studio_id:                          # fills the contract's property of the same name
//!     cypher: COLLECT { MATCH (s:Studio)-[:MADE]->(n) RETURN s.id ORDER BY s.id LIMIT 1 }[0]
//!     orphaned: no Studio made it       # makes it required
//! mapping:                              # a property that is not listed comes from its namesake
//!   title: [title, name]                # the first that is there
//!   minutes: {from: duration, convert: duration, default: 0}
//!   kind: {lowercase: true, otherwise: other}
//!   studio: {lookup: studio_id}
//! unknown_properties: reject            # keep, drop
//! declares: [budget]                    # may be there, and goes nowhere but to the program
//! transform: |                          # VRL: `.` has the contract's properties as mapped, `%raw` the source's;
//!   .weight = strlen(.title)            # what it assigns is converted and written back, and comes from its namesake
//!                                       # only where `mapping` names it
//! derive:                               # relationships that a node's lists stand for, of nodes only; the list
//!   - pipeline: sequel_of               # leaves the node unless it is mapped; that pipeline has no properties
//!     for_each: sequel_ids              # each distinct pair once, a blank id is a dead letter of that pipeline
//!     start: each                       # the element
//!     end: this                         # the node itself
//! rules:                                # one predicate each, on properties of the contract
//!   title_is_not_blank: {not_blank: title, message: a film has a title}
//! tests:                                # what is not named under `record` is not compared
//!   - name: no title
//!     given: {properties: {id: f1, duration: !duration PT90M}}
//!     expect: {reason: missing_field, property: title}
//!   - name: a sequel
//!     given: {properties: {id: f1, title: Dawn, sequel_ids: [f2]}}
//!     expect: {record: {weight: 4}, derived: [{pipeline: sequel_of, start: f2, end: f1}]}
//! ```
//!
//! [`Pipeline::transform`] is the one pure function that transform, test, dry run, verify and
//! check-compatibility share. [`load`] reads files; nothing else here does I/O.

mod compile;
mod contract;
mod convert;
mod derive;
mod diagnostics;
mod document;
mod literal;
mod load;
mod lookups;
mod mapping;
mod outcome;
mod parity;
mod pipelines;
mod program;
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
pub use parity::{Destination, Wants};
pub use pipelines::Pipelines;
pub use rejection::Rejection;
pub use source::{DeclaredLabels, End, Source};
pub use transform::Scratch;

#[cfg(test)]
mod tests;
