//! The model record: a node or relationship as the target is to have it, reshaped and checked.

use std::borrow::Cow;

use uuid::Uuid;

use super::{Property, Value};

/// Which outcome of which raw record, and in which attempt at it: the identity of all that is derived from it.
///
/// Repeats of one identity are ignored everywhere, so that a kill between two systems never shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Lineage of the pipeline that read the raw record.
    pub lineage: Uuid,
    /// Partition of the raw topic.
    pub partition: i32,
    /// Offset on it.
    pub offset: i64,
    /// 0 for the record itself, from 1 for what it derives.
    pub output: u32,
    /// Rises with every executed replay, repair or rollback of the stage; 0 before the first.
    pub epoch: u32,
}

/// One outcome on the topic `model.<pipeline>`.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRecord<'a> {
    /// Where it comes from.
    pub identity: Identity,
    /// Pass that read it.
    pub pass: u32,
    /// When it was read: microseconds since 1970 in UTC.
    pub read_at_micros: i64,
    /// Pipeline whose raw record derived it; none where it is that record itself.
    pub derived_from: Option<Cow<'a, str>>,
    /// Fingerprint of the contract that wrote `body` (CRC-64-AVRO of its canonical form).
    pub contract: u64,
    /// What identifies it in the target.
    pub entity: ModelEntity<'a>,
    /// The contract's fields as one Avro datum.
    pub body: Cow<'a, [u8]>,
    /// Properties outside the contract that the policy `keep` carries over as they are.
    pub kept: Vec<Property<'a>>,
}

/// Key of a node or the keys of a relationship's ends.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelEntity<'a> {
    /// A node.
    Node {
        /// Key.
        key: Cow<'a, str>,
        /// Labels beyond the pipeline's own.
        labels: Vec<Cow<'a, str>>,
    },
    /// A relationship.
    Relationship {
        /// Key of the start node.
        start: Cow<'a, str>,
        /// Key of the end node.
        end: Cow<'a, str>,
    },
}

impl ModelEntity<'_> {
    /// Keys of start and end; none of a node.
    pub fn ends(&self) -> (Option<&str>, Option<&str>) {
        match self {
            ModelEntity::Node { .. } => (None, None),
            ModelEntity::Relationship { start, end } => (Some(start), Some(end)),
        }
    }
}

/// The fields of a contract, in its order: slots instead of names.
pub type Row<'a> = Vec<Value<'a>>;
