//! What becomes of a raw record.

use std::borrow::Cow;

use super::rejection::Rejection;
use crate::record::{ModelEntity, Property, Row};

/// What becomes of a raw record: exactly one of these, and nothing is dropped in silence.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<'a> {
    /// It goes to the target.
    Record(Reshaped<'a>),
    /// It is a parallel relationship equal to one that goes on: it counts, and that is all.
    Merged,
    /// It goes to the dead letters.
    Rejected(Rejection),
}

/// A record as the target is to have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reshaped<'a> {
    /// What identifies it, with the labels beyond the pipeline's own.
    pub entity: ModelEntity<'a>,
    /// The contract's properties, by slot.
    pub row: Row<'a>,
    /// Properties that the policy `keep` carries over as they are.
    pub kept: Vec<Property<'a>>,
    /// Names of properties that the policy `drop` left out, for the report.
    pub dropped: Vec<Cow<'a, str>>,
    /// Relationships that it derives, in the order of their output numbers from 1.
    pub derived: Vec<Derived<'a>>,
}

/// A relationship that a node derives. It has no properties.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived<'a> {
    /// The pipeline that it comes to.
    pub pipeline: &'a str,
    /// Key of the start.
    pub start: Cow<'a, str>,
    /// Key of the end.
    pub end: Cow<'a, str>,
    /// Why it goes to the dead letters; nothing where it goes to the target.
    pub rejection: Option<Rejection>,
}
