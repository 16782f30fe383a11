//! A lineage ties topics, checkpoints and target rows of one pipeline together.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a pipeline reads: part of its lineage, since offsets of one reading mean nothing to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SourceShape {
    /// Nodes of a label.
    Node {
        /// Label.
        label: String,
        /// Key property.
        key: String,
    },
    /// Relationships of a type between two labels.
    Relationship {
        /// Type.
        #[serde(rename = "type")]
        relationship_type: String,
        /// Label of the start.
        start_label: String,
        /// Key property of the start.
        start_key: String,
        /// Label of the end.
        end_label: String,
        /// Key property of the end.
        end_key: String,
    },
}

impl std::fmt::Display for SourceShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SourceShape::Node { label, key } => write!(f, "(:{label}) by {key}"),
            SourceShape::Relationship { relationship_type, start_label, start_key, end_label, end_key } => {
                write!(
                    f,
                    "(:{start_label})-[:{relationship_type}]->(:{end_label}) by {start_key} and {end_key}"
                )
            }
        }
    }
}

/// Made once by a pipeline's first extraction, before its first record; every envelope and checkpoint names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// The id.
    pub id: Uuid,
    /// What is read.
    pub source: SourceShape,
    /// Partitions of the raw and the model topic.
    pub partitions: i32,
    /// When it was made, RFC 3339.
    pub created_at: String,
}

/// Why a lineage does not fit the pipeline as it is configured now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineageConflict {
    /// Another label, type or key.
    #[error("its topics hold {found}, the pipeline file says {configured}")]
    Source {
        /// What the lineage says.
        found: Box<SourceShape>,
        /// What the pipeline says.
        configured: Box<SourceShape>,
    },
    /// Another number of partitions: entities would change partition.
    #[error("its topics have {found} partitions, kafka.partitions says {configured}")]
    Partitions {
        /// What the lineage says.
        found: i32,
        /// What the configuration says.
        configured: i32,
    },
}

impl LineageConflict {
    /// What to do about it in the pipeline named.
    pub fn way_out(&self, pipeline: &str) -> String {
        match self {
            LineageConflict::Source { found, .. } => format!(
                "offsets of one reading mean nothing to another: let `{pipeline}` read {found} as before, give the new \
                 reading a pipeline of its own (another file name), or start over with another kafka.topic_prefix"
            ),
            LineageConflict::Partitions { found, .. } => {
                format!("set kafka.partitions = {found}, or start over with another kafka.topic_prefix")
            }
        }
    }
}

impl Lineage {
    /// Whether what the topics hold is what the pipeline reads now.
    pub fn check(&self, source: &SourceShape, partitions: i32) -> Result<(), LineageConflict> {
        if self.source != *source {
            let (found, configured) = (Box::new(self.source.clone()), Box::new(source.clone()));
            return Err(LineageConflict::Source { found, configured });
        }
        if self.partitions != partitions {
            return Err(LineageConflict::Partitions { found: self.partitions, configured: partitions });
        }
        Ok(())
    }
}
