//! Lookups: values that join a node's record from its surroundings, read together with it.

use serde::Serialize;

use super::diagnostics::Reporter;
use super::document::{Fields, Key, Node};

/// A value that extraction reads beside the node's own properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lookup {
    name: Box<str>,
    cypher: Box<str>,
    orphaned: Option<Box<str>>,
}

impl Lookup {
    /// Its name in the record.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A Cypher expression on the node `n`.
    pub fn cypher(&self) -> &str {
        &self.cypher
    }

    /// What is missing where the lookup finds nothing; none where it may.
    pub fn orphaned(&self) -> Option<&str> {
        self.orphaned.as_deref()
    }

    /// Reads `lookups:`.
    pub(super) fn read_all(file: &Fields<'_>, is_node: bool, reporter: &mut Reporter<'_>) -> Vec<Self> {
        let Some((key, node)) = file.entry("lookups") else { return Vec::new() };
        if !is_node {
            reporter.report(key.span, "a relationship has no lookups", "look it up at one of its ends");
            return Vec::new();
        }
        let entries = node.entries("`lookups`", reporter);
        let mut lookups: Vec<Self> =
            entries.iter().filter_map(|(name, node)| Self::read(name, node, reporter)).collect();
        lookups.sort_by(|a, b| a.name.cmp(&b.name));
        lookups
    }

    fn read(name: &Key, node: &Node, reporter: &mut Reporter<'_>) -> Option<Self> {
        let mut letters = name.name.chars();
        let starts = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
        if !starts || !letters.all(|other| other.is_ascii_alphanumeric() || other == '_') {
            let message = format!("a lookup can't be named `{}`", name.name);
            reporter.report(name.span, message, "use letters, digits and `_` of ASCII, no digit first");
            return None;
        }
        let fields = node.fields("a lookup", &["cypher", "orphaned"], reporter);
        let cypher = fields.require("cypher", "COLLECT { MATCH … RETURN … ORDER BY … LIMIT 1 }[0]", reporter);
        let cypher = cypher.and_then(|node| node.text("the expression", reporter));
        let orphaned = fields.get("orphaned").and_then(|node| node.text("`orphaned`", reporter));
        Some(Self {
            name: name.name.as_str().into(),
            cypher: cypher?.trim().into(),
            orphaned: orphaned.map(Into::into),
        })
    }
}
