//! What a pipeline reads: one node label, or one relationship type between two labels. The target has the same.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::diagnostics::{Reporter, Span, did_you_mean, listed};
use super::document::{Fields, Kind, Node};
use crate::checkpoint::SourceShape;

/// What a pipeline reads in the source and writes in the target.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The nodes of a label.
    Node {
        /// The label.
        label: Box<str>,
        /// The property that identifies a node.
        key: Box<str>,
    },
    /// The relationships of a type between the nodes of two labels.
    Relationship {
        /// The type.
        #[serde(rename = "type")]
        relationship_type: Box<str>,
        /// Where they start.
        start: End,
        /// Where they end.
        end: End,
    },
}

/// One end of a relationship.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct End {
    /// The node's label.
    pub label: Box<str>,
    /// The property that identifies the node: that of the label's own pipeline.
    pub key: Box<str>,
}

impl Source {
    /// The label, or the relationship type.
    pub fn entity_type(&self) -> &str {
        match self {
            Source::Node { label, .. } => label,
            Source::Relationship { relationship_type, .. } => relationship_type,
        }
    }

    /// The same as lineages keep it.
    pub fn shape(&self) -> SourceShape {
        match self {
            Source::Node { label, key } => {
                SourceShape::Node { label: label.to_string(), key: key.to_string() }
            }
            Source::Relationship { relationship_type, start, end } => SourceShape::Relationship {
                relationship_type: relationship_type.to_string(),
                start_label: start.label.to_string(),
                start_key: start.key.to_string(),
                end_label: end.label.to_string(),
                end_key: end.key.to_string(),
            },
        }
    }
}

/// Every label that a pipeline under the folder declares, whatever is selected of them.
#[derive(Debug, Default, Clone)]
pub struct DeclaredLabels(BTreeSet<Box<str>>);

impl DeclaredLabels {
    /// Whether a pipeline declares the label.
    pub fn contains(&self, label: &str) -> bool {
        self.0.contains(label)
    }

    /// The labels, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }
}

impl FromIterator<Box<str>> for DeclaredLabels {
    fn from_iter<I: IntoIterator<Item = Box<str>>>(labels: I) -> Self {
        Self(labels.into_iter().collect())
    }
}

/// The labels of all files.
pub(super) struct Labels {
    /// Key property by label.
    pub(super) keys: BTreeMap<Box<str>, Box<str>>,
    /// Whether every file could say its own. Where one is broken, a label that is missing is no further error.
    pub(super) complete: bool,
}

/// The `source:` of one file, before the labels of the others are known.
#[derive(Debug, Clone)]
pub(super) enum SourceKeys {
    Node {
        label: Box<str>,
        key: Box<str>,
        span: Span,
    },
    Relationship {
        relationship_type: Box<str>,
        start: (Span, Box<str>),
        end: (Span, Box<str>),
        /// Whether the source has any; otherwise derived records alone come to the pipeline.
        read: bool,
        span: Span,
    },
}

impl SourceKeys {
    pub(super) fn read(file: &Fields<'_>, reporter: &mut Reporter<'_>) -> Option<Self> {
        let node = file.require("source", "{label: Thing, key: id}", reporter)?;
        let is_relationship = matches!(&node.kind, Kind::Map(entries)
            if entries.iter().any(|(key, _)| matches!(key.name.as_str(), "type" | "start" | "end")));
        let name = |fields: &Fields<'_>, key: &str, example: &str, reporter: &mut Reporter<'_>| {
            let node = fields.require(key, example, reporter)?;
            Some((node.span, Box::from(name(node, &format!("`{key}`"), reporter)?)))
        };
        if is_relationship {
            let known = ["type", "start", "end", "read"];
            let fields = node.fields("`source` of a relationship", &known, reporter);
            let relationship_type = name(&fields, "type", "HAS_THING", reporter);
            let start = name(&fields, "start", "Thing", reporter);
            let end = name(&fields, "end", "Thing", reporter);
            let read = fields.get("read").is_none_or(|node| node.flag("`read`", reporter));
            let (span, relationship_type) = relationship_type?;
            Some(Self::Relationship { relationship_type, start: start?, end: end?, read, span })
        } else {
            let fields = node.fields("`source` of a node", &["label", "key"], reporter);
            let label = name(&fields, "label", "Thing", reporter);
            let key = name(&fields, "key", "id", reporter);
            let ((span, label), (_, key)) = (label?, key?);
            Some(Self::Node { label, key, span })
        }
    }

    /// The place to point at when two files declare the same.
    pub(super) fn span(&self) -> Span {
        match self {
            Self::Node { span, .. } | Self::Relationship { span, .. } => *span,
        }
    }

    /// Whether the source is read.
    pub(super) fn is_read(&self) -> bool {
        matches!(self, Self::Node { .. } | Self::Relationship { read: true, .. })
    }

    /// The source, with the keys of the ends taken from their own pipelines.
    pub(super) fn resolve(&self, labels: &Labels, reporter: &mut Reporter<'_>) -> Option<Source> {
        let mut end = |(span, label): &(Span, Box<str>)| {
            let key = labels.keys.get(label).cloned();
            if key.is_none() && labels.complete {
                let known = labels.keys.keys().map(AsRef::as_ref);
                let advice = format!(
                    "{}declare it in a file of its own, or write {}",
                    did_you_mean(label, known.clone()),
                    listed(known)
                );
                reporter.report(*span, format!("no pipeline declares the label `{label}`"), advice);
            }
            Some(End { label: label.clone(), key: key? })
        };
        match self {
            Self::Node { label, key, .. } => Some(Source::Node { label: label.clone(), key: key.clone() }),
            Self::Relationship { relationship_type, start, end: other, .. } => {
                let (start, end) = (end(start), end(other));
                let relationship_type = relationship_type.clone();
                Some(Source::Relationship { relationship_type, start: start?, end: end? })
            }
        }
    }
}

/// A label, type or property name, which is none of Regraft's own.
fn name<'n>(node: &'n Node, what: &str, reporter: &mut Reporter<'_>) -> Option<&'n str> {
    let name = node.text(what, reporter)?;
    if name.starts_with("_Regraft") {
        let advice = "name what the monolith has";
        reporter.report(node.span, format!("`{name}` is part of Regraft's own bookkeeping"), advice);
        return None;
    }
    Some(name)
}
