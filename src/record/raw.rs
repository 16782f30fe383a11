//! The raw record: what extraction saw of one node or relationship, and nothing that it thought about it.

use std::borrow::Cow;

use uuid::Uuid;

use super::Value;

/// One row of the source, as it stands on the topic `raw.<pipeline>`. Every row read becomes exactly one.
#[derive(Debug, Clone, PartialEq)]
pub struct RawRecord<'a> {
    /// The pipeline's lineage (see [`crate::checkpoint::Lineage`]).
    pub lineage: Uuid,
    /// Pass that read it, from 1.
    pub pass: u32,
    /// When it was read: microseconds since 1970 in UTC. Becomes `migrated_at`.
    pub read_at_micros: i64,
    /// The source's own id of the node or relationship (`elementId`), for people who go and look.
    pub element_id: Cow<'a, str>,
    /// What only the reader of neighbouring rows could see.
    pub finding: Finding,
    /// The node or relationship.
    pub entity: RawEntity<'a>,
}

/// What extraction saw that the record alone does not show. It decides nothing: the transform function does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Nothing out of the ordinary.
    None,
    /// Another node has the same key, or parallel relationships differ.
    Duplicate,
    /// A parallel relationship equal to one that goes on.
    Merged,
    /// Over the record limit: properties were left out.
    TooLarge {
        /// Size of the encoded record that was too large.
        bytes: u64,
        /// XXH3-128 of that encoded record.
        digest: u128,
    },
}

/// A property with its name.
pub type Property<'a> = (Cow<'a, str>, Value<'a>);

/// A node or a relationship of the source.
#[derive(Debug, Clone, PartialEq)]
pub enum RawEntity<'a> {
    /// A node.
    Node {
        /// The key property as it was: usable only if it is a string that is not blank.
        key: Value<'a>,
        /// All labels.
        labels: Vec<Cow<'a, str>>,
        /// All properties, the key included, in the order of their names.
        properties: Vec<Property<'a>>,
        /// The pipeline's lookups by name.
        lookups: Vec<Property<'a>>,
    },
    /// A relationship.
    Relationship {
        /// Key of the start node as it was.
        start: Value<'a>,
        /// Key of the end node as it was.
        end: Value<'a>,
        /// All properties, in the order of their names.
        properties: Vec<Property<'a>>,
    },
}
