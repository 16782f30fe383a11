//! A record that can't be migrated: its one reason, and all that a person needs to find and mend it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Identity, shorten};

/// Why a record can't be migrated. The order is that of `domain.md`: the first that holds is the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The bytes on the topic are no record of the expected schema.
    Undecodable,
    /// Over the record limit.
    TooLarge,
    /// The key is absent, null, blank or not a string; for a relationship that of either end.
    MissingKey,
    /// Another node has the key, a node carries two declared labels, or parallel relationships differ.
    DuplicateKey,
    /// A property that the pipeline neither maps nor declares.
    UnknownProperty,
    /// A value that can't be converted to the contract's type.
    TypeMismatch,
    /// A required property that is absent and has no default.
    MissingField,
    /// A required lookup that found nothing.
    Orphaned,
    /// The transform program aborted.
    TransformFailed,
    /// A rule does not hold.
    RuleViolated,
    /// A relationship whose start or end is not in the target.
    EndpointMissing,
    /// Neo4j refused this one record.
    TargetRejected,
}

impl Reason {
    /// All reasons, in their order.
    pub const ALL: [Reason; 12] = [
        Reason::Undecodable,
        Reason::TooLarge,
        Reason::MissingKey,
        Reason::DuplicateKey,
        Reason::UnknownProperty,
        Reason::TypeMismatch,
        Reason::MissingField,
        Reason::Orphaned,
        Reason::TransformFailed,
        Reason::RuleViolated,
        Reason::EndpointMissing,
        Reason::TargetRejected,
    ];

    /// The name in reports, headers and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Undecodable => "undecodable",
            Reason::TooLarge => "too_large",
            Reason::MissingKey => "missing_key",
            Reason::DuplicateKey => "duplicate_key",
            Reason::UnknownProperty => "unknown_property",
            Reason::TypeMismatch => "type_mismatch",
            Reason::MissingField => "missing_field",
            Reason::Orphaned => "orphaned",
            Reason::TransformFailed => "transform_failed",
            Reason::RuleViolated => "rule_violated",
            Reason::EndpointMissing => "endpoint_missing",
            Reason::TargetRejected => "target_rejected",
        }
    }

    /// What a person can do about dead letters of this reason.
    pub fn what_to_do(self) -> &'static str {
        match self {
            Reason::Undecodable => "find out who else writes to the topic; the original bytes are kept",
            Reason::TooLarge => "shorten the record in the source, or raise kafka.max_record_bytes",
            Reason::MissingKey => "give the source's node (or the relationship's end) a key that is a string",
            Reason::DuplicateKey => "decide which one is right and change or remove the others in the source",
            Reason::UnknownProperty => {
                "map the property in the pipeline file, or set unknown_properties to keep or drop"
            }
            Reason::TypeMismatch => "mend the value in the source, or the type in the contract",
            Reason::MissingField => {
                "fill the property in the source, or give it a default in the pipeline file"
            }
            Reason::Orphaned => "tie the record to its parent in the source",
            Reason::TransformFailed => "read the program's message; mend the value or the program",
            Reason::RuleViolated => "mend the value in the source, or the rule in the pipeline file",
            Reason::EndpointMissing => "look for the dead letter of the end that is named; mend that first",
            Reason::TargetRejected => {
                "read Neo4j's message; mend the value, or the target's constraint or index"
            }
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The sentence of a dead letter, cut where it quotes a long value: it is written twice, and the topic's messages are
/// bounded.
pub fn letter_message(text: &str) -> String {
    shorten(text, 4_000)
}

/// What is known of a record that goes to the dead letters, beside its original bytes.
///
/// Persisted as JSON in the header `regraft.dead-letter`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Pipeline that it counts for: the derived record's own for a derived one.
    pub pipeline: String,
    /// Label or relationship type.
    #[serde(rename = "type")]
    pub entity_type: String,
    /// Key of a node, where it is usable, as [`super::named`] names it; so are those of the ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Key of a relationship's start, where it is usable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// Key of a relationship's end, where it is usable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// The reason.
    pub reason: Reason,
    /// A sentence that names what is wrong.
    pub message: String,
    /// The property that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// Its value as JSON, shortened where it is long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
    /// Whether a record of another pipeline derived it.
    pub derived: bool,
    /// Whether it is charged to `max_dead_letters`.
    pub charged: bool,
    /// Pass that read it.
    pub pass: u32,
    /// When it was read: microseconds since 1970 in UTC.
    pub read_at_micros: i64,
    /// Topic of the raw record.
    pub topic: String,
    /// Lineage of the raw record.
    pub lineage: Uuid,
    /// Partition of the raw record.
    pub partition: i32,
    /// Offset of the raw record.
    pub offset: i64,
    /// Which outcome of it.
    pub output: u32,
    /// Epoch of the outcome.
    pub epoch: u32,
    /// Load stage: the model record that could not be applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelPosition>,
    /// The dead letter whose replay led to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<EarlierLetter>,
}

/// Where a model record is, and in which attempt of transformation it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelPosition {
    /// Partition of the model topic.
    pub partition: i32,
    /// Offset on it.
    pub offset: i64,
    /// Epoch of transformation.
    pub epoch: u32,
}

/// A dead letter by its place on the topic of dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierLetter {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Its epoch.
    pub epoch: u32,
    /// Its reason.
    pub reason: Reason,
    /// Whether it was charged to `max_dead_letters`.
    pub charged: bool,
}

/// What a model record says of earlier attempts at its raw record; goes with it as a header where a replay made it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayMark {
    /// Epoch of the attempt that made a model record before; none where this is the first one that got through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u32>,
    /// The dead letter that was put back: it never overwrites what was read later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<EarlierLetter>,
}

impl DeadLetter {
    /// The identity of the outcome.
    pub fn identity(&self) -> Identity {
        Identity {
            lineage: self.lineage,
            partition: self.partition,
            offset: self.offset,
            output: self.output,
            epoch: self.epoch,
        }
    }
}
