//! Kinds of entities that the journal tells of: nodes of a label by a key, relationships of a type between two.

use std::collections::BTreeSet;

use crate::record::{NodeRef, Subject};

/// What entities of one kind have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Nodes.
    Node(End),
    /// Relationships.
    Relationship {
        /// Type.
        relationship_type: String,
        /// Where they start.
        start: End,
        /// Where they end.
        end: End,
    },
}

/// A label and the property that is its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct End {
    /// Label.
    pub label: String,
    /// Key property.
    pub key_property: String,
}

impl End {
    fn of(node: &NodeRef<'_>) -> Self {
        Self { label: node.label.to_string(), key_property: node.key_property.to_string() }
    }

    fn is_of(&self, node: &NodeRef<'_>) -> bool {
        self.label == node.label && self.key_property == node.key_property
    }
}

impl Kind {
    /// The kind of an entity.
    pub fn of(subject: &Subject<'_>) -> Self {
        match subject {
            Subject::Node(node) => Kind::Node(End::of(node)),
            Subject::Relationship { relationship_type, start, end } => Kind::Relationship {
                relationship_type: relationship_type.to_string(),
                start: End::of(start),
                end: End::of(end),
            },
        }
    }

    /// Whether an entity is of this kind.
    pub fn has(&self, subject: &Subject<'_>) -> bool {
        match (self, subject) {
            (Kind::Node(end), Subject::Node(node)) => end.is_of(node),
            (
                Kind::Relationship { relationship_type, start, end },
                Subject::Relationship { relationship_type: other, start: from, end: to },
            ) => relationship_type == other && start.is_of(from) && end.is_of(to),
            _ => false,
        }
    }

    /// Label or relationship type.
    pub fn entity_type(&self) -> &str {
        match self {
            Kind::Node(end) => &end.label,
            Kind::Relationship { relationship_type, .. } => relationship_type,
        }
    }

    /// Whether it is one of nodes.
    pub fn is_node(&self) -> bool {
        matches!(self, Kind::Node(_))
    }

    /// Labels and key properties that its entities are found by.
    pub fn keys(&self) -> Vec<&End> {
        match self {
            Kind::Node(end) => vec![end],
            Kind::Relationship { start, end, .. } => vec![start, end],
        }
    }
}

/// What Regraft owns of the entities of a kind: names and labels that a loader or a repair has written since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owned {
    /// Names of properties.
    pub properties: BTreeSet<String>,
    /// Labels beside the kind's own.
    pub labels: BTreeSet<String>,
}
