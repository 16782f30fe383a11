//! What a comparison reports. Every type of it is part of the documented JSON.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use super::tally::{EmittedCounts, SourceCounts};
use crate::record::Reason;

/// Where the expected records come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Against {
    /// The live source.
    #[default]
    Source,
    /// What the newest pass has left on the raw topics.
    Raw,
}

/// The comparison of both graphs.
#[derive(Debug, Clone, Default, Serialize)]
pub struct VerifyReport {
    /// What was compared with.
    pub against: Against,
    /// Whether the target has all that is expected and nothing else; after a repair, whether it has now.
    pub equal: bool,
    /// The pipelines, nodes first.
    #[serde(serialize_with = "by_name")]
    pub pipelines: Vec<PipelineComparison>,
    /// What Regraft left where no pipeline looks for it.
    pub strays: Strays,
    /// Sums over the pipelines and strays.
    pub totals: Totals,
    /// What was done about the differences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<RepairReport>,
    /// When the oldest was read of what an interrupted comparison had left, and this one did not read again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goes_on_from: Option<String>,
    /// What else is to be known.
    pub remarks: Vec<String>,
    /// How long this process took.
    pub seconds: f64,
}

/// The comparison of one pipeline's records.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PipelineComparison {
    /// The pipeline.
    #[serde(skip)]
    pub name: String,
    /// Label or relationship type.
    #[serde(rename = "type")]
    pub entity_type: String,
    /// The source's rows and what is expected of them.
    pub source: SourceCounts,
    /// What other pipelines derive for this one.
    pub emitted: EmittedCounts,
    /// Records that the target is expected to have, each counted once.
    pub expected: u64,
    /// Rows of the target.
    pub target: u64,
    /// Records that are expected and not there.
    pub missing: u64,
    /// Records that are there and not expected.
    pub extra: u64,
    /// Records that are not as expected.
    pub different: u64,
    /// These, up to the limit.
    pub differences: Vec<Difference>,
    /// What others have put on nodes: no difference.
    pub foreign: Foreign,
}

/// How a record differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DifferenceKind {
    /// It is expected and not there.
    Missing,
    /// It is there and not expected.
    Extra,
    /// It is not as expected.
    Different,
}

/// A record that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// How.
    pub kind: DifferenceKind,
    /// Which record.
    #[serde(flatten)]
    pub subject: Subject,
    /// Properties that differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<PropertyDifference>,
    /// Labels that the node is expected to have and has not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// How many there are too many, where one is expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surplus: Option<u64>,
    /// Why the source's record is not expected: it is a dead letter for this reason, and what the target has is older.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<Reason>,
}

/// What identifies a record that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Subject {
    /// A node with its key.
    Node {
        /// The key.
        key: String,
    },
    /// A relationship with the keys of its ends.
    Relationship {
        /// Key of the start.
        start: String,
        /// Key of the end.
        end: String,
    },
    /// What has no usable key, by the target's own id.
    Element {
        /// `elementId` in the target.
        element_id: String,
    },
}

/// A property that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PropertyDifference {
    /// Its name in the target.
    pub property: String,
    /// What is expected; null where it should be absent.
    pub expected: Json,
    /// What is there.
    pub actual: Json,
    /// The types of both, where they differ: `int` and `float` look alike in JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub types: Option<[&'static str; 2]>,
    /// Where they differ first, in a long text or list: the number of the character or element, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<usize>,
}

/// Labels and properties that the contracts don't know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Foreign {
    /// Labels.
    pub labels: BTreeMap<String, ForeignName>,
    /// Properties.
    pub properties: BTreeMap<String, ForeignName>,
}

/// One of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ForeignName {
    /// How many nodes have it that are not expected to.
    pub count: u64,
    /// Keys of some nodes that have it.
    pub keys: Vec<String>,
}

/// What is there under a declared type but between other labels, and nodes that Regraft wrote and whose label is gone.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Strays {
    /// Nodes with both properties that loading adds, and no declared label.
    pub nodes: u64,
    /// Relationships of a declared type between nodes with declared labels, between which none declares it.
    pub relationships: u64,
    /// These, up to the limit.
    pub found: Vec<Stray>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stray {
    /// `elementId` in the target.
    pub element_id: String,
    /// The relationship's type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub relationship_type: Option<String>,
    /// Labels of the node, or of start and end.
    pub labels: Vec<Vec<String>>,
    /// Keys of the node, or of start and end, as far as they have any.
    pub keys: Vec<Option<String>>,
}

/// Sums.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Records that the target is expected to have.
    pub expected: u64,
    /// Rows of the target.
    pub target: u64,
    /// Records that are expected and not there.
    pub missing: u64,
    /// Records that are there and not expected, strays included.
    pub extra: u64,
    /// Records that are not as expected.
    pub different: u64,
}

/// What a repair did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RepairReport {
    /// Records that were sent through the pipelines again, by pipeline.
    pub sent: BTreeMap<String, u64>,
    /// Nodes that were deleted.
    pub deleted_nodes: u64,
    /// Relationships that were deleted.
    pub deleted_relationships: u64,
    /// Properties that were removed from relationships.
    pub removed_properties: u64,
    /// Nodes that are not expected and were left, since others have tied relationships to them or given them the label
    /// of another type: their keys or ids.
    pub tied_by_others: Vec<String>,
    /// What differs still, by pipeline.
    pub left: BTreeMap<String, Left>,
    /// Strays that are still there.
    pub strays_left: u64,
}

/// What differs in a pipeline after a repair.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Left {
    /// Records that are expected and not there.
    pub missing: u64,
    /// Records that are there and not expected.
    pub extra: u64,
    /// Records that are not as expected.
    pub different: u64,
    /// These, up to the limit.
    pub differences: Vec<Difference>,
}

impl PipelineComparison {
    /// How many records differ.
    pub fn differing(&self) -> u64 {
        self.missing + self.extra + self.different
    }
}

impl Left {
    /// How many records differ.
    pub fn differing(&self) -> u64 {
        self.missing + self.extra + self.different
    }
}

impl VerifyReport {
    /// Sums up, and says whether anything differs.
    pub(super) fn close(&mut self) {
        let mut totals = Totals::default();
        for pipeline in &self.pipelines {
            totals.expected += pipeline.expected;
            totals.target += pipeline.target;
            totals.missing += pipeline.missing;
            totals.extra += pipeline.extra;
            totals.different += pipeline.different;
        }
        let strays = self.strays.nodes + self.strays.relationships;
        totals.extra += strays;
        self.equal = match &self.repair {
            Some(repair) => repair.strays_left == 0 && repair.left.values().all(|left| left.differing() == 0),
            None => totals.missing + totals.extra + totals.different == 0,
        };
        self.totals = totals;
    }
}

fn by_name<S: Serializer>(pipelines: &[PipelineComparison], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(pipelines.iter().map(|pipeline| (&pipeline.name, pipeline)))
}
