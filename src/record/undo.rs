//! The undo record: what a node or relationship of the target was before Regraft changed it.
//!
//! A record says who changes what (`written`) and what was there (`before`). Rolling an entity back means to bring
//! what was written back to what it was, and nothing else: everything else belongs to others.

use std::borrow::Cow;

use uuid::Uuid;

use super::{Identity, Key, Property};

/// A message on the undo topic.
#[derive(Debug, Clone, PartialEq)]
pub enum UndoEntry<'a> {
    /// What an entity was.
    Image(UndoRecord<'a>),
    /// Something was written of which nobody knows what it was before.
    Gap(Gap<'a>),
    /// A run begins or ends; gives its time on the broker's clock.
    Mark(Mark),
}

/// What an entity was before one write.
#[derive(Debug, Clone, PartialEq)]
pub struct UndoRecord<'a> {
    /// What writes.
    pub author: Author,
    /// Pipeline that the entity belongs to.
    pub pipeline: Cow<'a, str>,
    /// The outcome that is written; the offset is -1 where no raw record is behind it.
    pub identity: Identity,
    /// Pass that read it.
    pub pass: u32,
    /// When it was read: microseconds since 1970 in UTC.
    pub read_at_micros: i64,
    /// Number of the writer's claim on the entity's partition: a record with a lower one than stands before it comes
    /// from a writer that had been replaced, and its write was never committed.
    pub claim: i64,
    /// The node or relationship.
    pub subject: Subject<'a>,
    /// What the write touches.
    pub written: Written<'a>,
    /// What was there.
    pub before: Before<'a>,
}

/// Who writes to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// The loader.
    Load,
    /// `verify --repair`.
    Repair,
    /// `rollback`.
    Rollback,
}

/// A node by its key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NodeRef<'a> {
    /// Label.
    pub label: Cow<'a, str>,
    /// Key property.
    pub key_property: Cow<'a, str>,
    /// Key.
    pub key: Cow<'a, str>,
}

/// A node or a relationship of the target: type and ends identify the latter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject<'a> {
    /// A node.
    Node(NodeRef<'a>),
    /// All relationships of a type between two nodes; loading makes one at most.
    Relationship {
        /// Type.
        relationship_type: Cow<'a, str>,
        /// Start.
        start: NodeRef<'a>,
        /// End.
        end: NodeRef<'a>,
    },
}

/// What a write touches of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written<'a> {
    /// The entity goes away as a whole.
    pub deletes: bool,
    /// Names of the properties that are set or removed.
    pub properties: Names<'a>,
    /// Labels that are added or removed, beside the node's own.
    pub labels: Vec<Cow<'a, str>>,
}

/// Names of properties; those that all rows of a pipeline have in common are not copied for each.
#[derive(Debug, Clone, Eq)]
pub enum Names<'a> {
    /// Somebody else's.
    Shared(&'a [Cow<'a, str>]),
    /// Its own.
    Own(Vec<Cow<'a, str>>),
}

/// What was there.
#[derive(Debug, Clone, PartialEq)]
pub enum Before<'a> {
    /// Nothing.
    Absent,
    /// A node.
    Node {
        /// All its labels.
        labels: Vec<Cow<'a, str>>,
        /// All its properties.
        properties: Vec<Property<'a>>,
    },
    /// One relationship, or several parallel ones that others have made.
    Relationships(Vec<RelationshipBefore<'a>>),
}

/// One relationship as it was.
#[derive(Debug, Clone, PartialEq)]
pub struct RelationshipBefore<'a> {
    /// The target's own id of it: tells parallel ones apart as long as they exist.
    pub element_id: Cow<'a, str>,
    /// All its properties.
    pub properties: Vec<Property<'a>>,
}

/// Rows that were written without their before-images.
#[derive(Debug, Clone, PartialEq)]
pub struct Gap<'a> {
    /// Pipeline.
    pub pipeline: Cow<'a, str>,
    /// Number of the writer's claim, as in [`UndoRecord`].
    pub claim: i64,
    /// Why.
    pub reason: GapReason,
    /// How many rows.
    pub rows: u64,
    /// Which entity, where it is one.
    pub subject: Option<Subject<'a>>,
}

/// Why a before-image is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// `load.undo` was false.
    JournalOff,
    /// The image is larger than the largest message.
    ImageTooLarge,
    /// It has no key by which it could be found again.
    Unkeyed,
}

/// A run begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The run.
    pub run: Uuid,
    /// Whether it ends.
    pub ends: bool,
}

impl Subject<'_> {
    /// The key that decides the partition: the same as on the model topic, so that both have the same number.
    pub fn partition_key(&self) -> Option<Vec<u8>> {
        let key = match self {
            Subject::Node(node) => Key::Node(Cow::Borrowed(&node.key)),
            Subject::Relationship { start, end, .. } => {
                Key::Relationship(Cow::Borrowed(&start.key), Cow::Borrowed(&end.key))
            }
        };
        key.message_key()
    }

    /// Label or relationship type.
    pub fn entity_type(&self) -> &str {
        match self {
            Subject::Node(node) => &node.label,
            Subject::Relationship { relationship_type, .. } => relationship_type,
        }
    }

    /// Whether it is a node.
    pub fn is_node(&self) -> bool {
        matches!(self, Subject::Node(_))
    }

    /// Kafka's message key: a JSON array of type and key or keys.
    pub fn message_key(&self) -> Vec<u8> {
        // Strings always have a JSON form.
        match self {
            Subject::Node(node) => serde_json::to_vec(&[&node.label, &node.key]).unwrap_or_default(),
            Subject::Relationship { relationship_type, start, end } => {
                serde_json::to_vec(&[relationship_type, &start.key, &end.key]).unwrap_or_default()
            }
        }
    }

    /// A copy that borrows nothing.
    pub fn into_owned(self) -> Subject<'static> {
        match self {
            Subject::Node(node) => Subject::Node(node.into_owned()),
            Subject::Relationship { relationship_type, start, end } => Subject::Relationship {
                relationship_type: owned(relationship_type),
                start: start.into_owned(),
                end: end.into_owned(),
            },
        }
    }
}

impl std::fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Subject::Node(node) => write!(f, "{} {:?}", node.label, node.key),
            Subject::Relationship { relationship_type, start, end } => {
                write!(
                    f,
                    "{relationship_type} from {} {:?} to {} {:?}",
                    start.label, start.key, end.label, end.key
                )
            }
        }
    }
}

impl NodeRef<'_> {
    /// A copy that borrows nothing.
    pub fn into_owned(self) -> NodeRef<'static> {
        NodeRef { label: owned(self.label), key_property: owned(self.key_property), key: owned(self.key) }
    }
}

impl<'a> std::ops::Deref for Names<'a> {
    type Target = [Cow<'a, str>];

    fn deref(&self) -> &Self::Target {
        match self {
            Names::Shared(names) => names,
            Names::Own(names) => names,
        }
    }
}

impl PartialEq for Names<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Default for Names<'_> {
    fn default() -> Self {
        Names::Shared(&[])
    }
}

impl<'a> FromIterator<Cow<'a, str>> for Names<'a> {
    fn from_iter<I: IntoIterator<Item = Cow<'a, str>>>(names: I) -> Self {
        Names::Own(names.into_iter().collect())
    }
}

impl UndoRecord<'_> {
    /// A copy that borrows nothing.
    pub fn into_owned(self) -> UndoRecord<'static> {
        UndoRecord {
            author: self.author,
            pipeline: owned(self.pipeline),
            identity: self.identity,
            pass: self.pass,
            read_at_micros: self.read_at_micros,
            claim: self.claim,
            subject: self.subject.into_owned(),
            written: Written {
                deletes: self.written.deletes,
                properties: self.written.properties.iter().map(|name| owned(name.clone())).collect(),
                labels: all_owned(self.written.labels),
            },
            before: self.before.into_owned(),
        }
    }
}

impl Before<'_> {
    /// Whether there was nothing.
    pub fn is_absent(&self) -> bool {
        matches!(self, Before::Absent)
    }

    /// A copy that borrows nothing.
    pub fn into_owned(self) -> Before<'static> {
        match self {
            Before::Absent => Before::Absent,
            Before::Node { labels, properties } => {
                Before::Node { labels: all_owned(labels), properties: properties_owned(properties) }
            }
            Before::Relationships(all) => {
                let each = all.into_iter().map(|one| RelationshipBefore {
                    element_id: owned(one.element_id),
                    properties: properties_owned(one.properties),
                });
                Before::Relationships(each.collect())
            }
        }
    }
}

fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

fn all_owned(texts: Vec<Cow<'_, str>>) -> Vec<Cow<'static, str>> {
    texts.into_iter().map(owned).collect()
}

fn properties_owned(properties: Vec<Property<'_>>) -> Vec<Property<'static>> {
    properties.into_iter().map(|(name, value)| (owned(name), value.into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::partition_of;

    fn node<'a>(label: &'a str, key: &'a str) -> NodeRef<'a> {
        NodeRef { label: label.into(), key_property: "id".into(), key: key.into() }
    }

    #[test]
    fn an_entity_has_the_partition_that_it_has_on_the_model_topic() {
        let one = Subject::Node(node("A", "podcast-1"));
        assert_eq!(partition_of(&one.partition_key().unwrap(), 4), partition_of(b"podcast-1", 4));
        let tie = Subject::Relationship {
            relationship_type: "T".into(),
            start: node("A", "a"),
            end: node("B", "b"),
        };
        assert_eq!(tie.partition_key(), Key::Relationship("a".into(), "b".into()).message_key());
        assert_eq!(tie.message_key(), b"[\"T\",\"a\",\"b\"]");
    }
}
