//! A YAML or JSON text as a tree in which every node knows its place, so that one reading finds all errors.
//!
//! Deserializing into structures would stop at the first error of a file. JSON is read as the YAML that it is.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Location, MessageFormatter, Spanned, Tagged, UserMessageFormatter};

use super::diagnostics::{Reporter, SourceFile, Span, did_you_mean, listed};

/// A node of the document.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) span: Span,
    /// A local tag such as `!date`, as written.
    pub(super) tag: Option<String>,
    pub(super) kind: Kind,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a map with its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) span: Span,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        (&self.tag, &self.kind) == (&other.tag, &other.kind)
    }
}

impl Node {
    /// Reads a file. What is no YAML at all is reported and gives nothing.
    pub(super) fn read(file: &SourceFile, reporter: &mut Reporter<'_>) -> Option<Self> {
        let options = serde_saphyr::options! {
            strict_booleans: true,
            underscored_numbers_as_strings: true,
            leading_zero_numbers_as_strings: true,
            duplicate_keys: DuplicateKeyPolicy::PassThrough,
            non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
            with_snippet: false,
        };
        match serde_saphyr::from_str_with_options::<Tree>(file.text(), options) {
            Ok(tree) => {
                let mut root = Node::from(tree);
                root.refuse_duplicates(reporter);
                Some(root)
            }
            Err(error) => {
                let span = error.location().map(span_of).unwrap_or_default();
                let said = UserMessageFormatter.format_message(error.without_snippet());
                reporter.report(span, said, "correct the syntax; the rest of this file was not looked at");
                None
            }
        }
    }

    /// Reports keys that are there twice, and goes on with the first.
    fn refuse_duplicates(&mut self, reporter: &mut Reporter<'_>) {
        match &mut self.kind {
            Kind::List(items) => items.iter_mut().for_each(|item| item.refuse_duplicates(reporter)),
            Kind::Map(entries) => {
                let mut seen = HashSet::new();
                entries.retain_mut(|(key, node)| {
                    node.refuse_duplicates(reporter);
                    let is_new = seen.insert(key.name.clone());
                    if !is_new {
                        let message = format!("the key `{}` is there twice", key.name);
                        reporter.report(key.span, message, "remove one of them");
                    }
                    is_new
                });
            }
            Kind::Null | Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Text(_) => {}
        }
    }

    /// What it is, for a message.
    pub(super) fn describe(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "a boolean",
            Kind::Integer(_) => "an integer",
            Kind::Float(_) => "a float",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// The text of a node that has to be text; anything else is reported.
    pub(super) fn text<'n>(&'n self, what: &str, reporter: &mut Reporter<'_>) -> Option<&'n str> {
        match &self.kind {
            Kind::Text(text) if self.tag.is_none() => {
                if text.trim().is_empty() {
                    reporter.report(self.span, format!("{what} is blank"), "write some text");
                    return None;
                }
                Some(text)
            }
            _ => {
                let message = format!("{what} is text, this is {}", self.describe());
                reporter.report(self.span, message, "put text here, in quotes if it looks like a number");
                None
            }
        }
    }

    /// The flag of a node that has to be one; false where it is none, which is reported.
    pub(super) fn flag(&self, what: &str, reporter: &mut Reporter<'_>) -> bool {
        match self.kind {
            Kind::Bool(flag) => flag,
            _ => {
                let message = format!("{what} is true or false, this is {}", self.describe());
                reporter.report(self.span, message, "write `true` or `false`");
                false
            }
        }
    }

    /// The texts of a node that has to be one text or a list of texts.
    pub(super) fn texts<'n>(&'n self, what: &str, reporter: &mut Reporter<'_>) -> Vec<(Span, &'n str)> {
        let nodes = match &self.kind {
            Kind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(self),
        };
        nodes.iter().filter_map(|node| Some((node.span, node.text(what, reporter)?))).collect()
    }

    /// The elements of a node that has to be a list.
    pub(super) fn items(&self, what: &str, reporter: &mut Reporter<'_>) -> &[Node] {
        match &self.kind {
            Kind::List(items) => items,
            _ => {
                let message = format!("{what} is a list, this is {}", self.describe());
                reporter.report(self.span, message, "write a list: `[…]`, or lines that begin with `- `");
                &[]
            }
        }
    }

    /// The entries of a node that has to be a map with names of the user's choice.
    pub(super) fn entries(&self, what: &str, reporter: &mut Reporter<'_>) -> &[(Key, Node)] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => {
                let message = format!("{what} is a map, this is {}", self.describe());
                reporter.report(self.span, message, "write lines of the form `name: value`");
                &[]
            }
        }
    }

    /// The entries of a node that has to be a map of known keys; every other key is reported.
    pub(super) fn fields<'n>(
        &'n self,
        what: &str,
        known: &[&str],
        reporter: &mut Reporter<'_>,
    ) -> Fields<'n> {
        let entries = self.entries(what, reporter);
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.name.as_str())) {
            let advice = format!("{}{what} takes {}", did_you_mean(&key.name, known.iter().copied()), {
                listed(known.iter().copied())
            });
            reporter.report(key.span, format!("unknown key `{}`", key.name), advice);
        }
        Fields { span: self.span, is_map: matches!(self.kind, Kind::Map(_)), entries }
    }

    /// The entries of a map whose keys were checked before.
    pub(super) fn checked_fields(&self) -> Fields<'_> {
        let entries = match &self.kind {
            Kind::Map(entries) => entries.as_slice(),
            _ => &[],
        };
        Fields { span: self.span, is_map: false, entries }
    }
}

/// The entries of a map of known keys.
#[derive(Clone, Copy)]
pub(super) struct Fields<'n> {
    pub(super) span: Span,
    /// What is no map was reported as that; nothing is missing in it.
    is_map: bool,
    entries: &'n [(Key, Node)],
}

impl<'n> Fields<'n> {
    /// The value of a key. A key without a value counts as one that is not there.
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        self.entry(name).map(|(_, node)| node).filter(|node| node.kind != Kind::Null)
    }

    /// A key with its value, also without a value.
    pub(super) fn entry(&self, name: &str) -> Option<(&'n Key, &'n Node)> {
        self.entries.iter().find(|(key, _)| key.name == name).map(|(key, node)| (key, node))
    }

    /// The value of a key that has to be there.
    pub(super) fn require(&self, name: &str, example: &str, reporter: &mut Reporter<'_>) -> Option<&'n Node> {
        let found = self.get(name);
        if found.is_none() && self.is_map {
            let span = self.entry(name).map_or(self.span, |(key, _)| key.span);
            reporter.report(span, format!("`{name}` is missing"), format!("write `{name}: {example}`"));
        }
        found
    }
}

fn span_of(location: Location) -> Span {
    let number = |value: u64| usize::try_from(value).unwrap_or(0);
    let span = location.span();
    Span {
        line: number(location.line()),
        column: number(location.column()),
        offset: span.byte_offset().map_or(0, number),
        length: span.byte_len().map_or(0, number),
    }
}

/// What the YAML reader hands over, before it is a [`Node`].
#[derive(Deserialize)]
#[serde(transparent)]
struct Tree(Spanned<Tagged<Content>>);

enum Content {
    Scalar(Kind),
    List(Vec<Tree>),
    Map(Vec<(Spanned<String>, Tree)>),
}

impl From<Tree> for Node {
    fn from(Tree(tree): Tree) -> Self {
        let Tagged(content, tag) = tree.value;
        let kind = match content {
            Content::Scalar(kind) => kind,
            Content::List(items) => Kind::List(items.into_iter().map(Node::from).collect()),
            Content::Map(entries) => {
                let key = |key: Spanned<String>| Key { name: key.value, span: span_of(key.defined) };
                Kind::Map(entries.into_iter().map(|(name, node)| (key(name), node.into())).collect())
            }
        };
        // The tags of YAML itself (`!!str`) have done their work in the reader.
        let tag = tag.filter(|tag| tag.starts_with('!') && !tag.starts_with("!!"));
        Node { span: span_of(tree.defined), tag, kind }
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list or a map")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Kind::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Scalar(Kind::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Scalar(Kind::Integer(value)))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Content, E> {
        let value = i64::try_from(value).map_err(|_| E::custom("the integer has more than 64 bits"))?;
        Ok(Content::Scalar(Kind::Integer(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Content, E> {
        Ok(Content::Scalar(Kind::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Scalar(Kind::Text(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Content, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Content::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Content::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::diagnostics::{Diagnostics, Problem};

    fn read(text: &str) -> (Option<Node>, Vec<Problem>) {
        let file = SourceFile::new("x.yaml", text);
        let mut problems = Vec::new();
        let node = Node::read(&file, &mut Reporter::new(&file, &mut problems));
        (node, problems)
    }

    #[test]
    fn every_node_and_key_knows_its_place() {
        let (node, problems) = read("ä: 1\nlist:\n  - !date 2024-01-31\n  - {b: yes, c: -0.0}\n");
        assert!(problems.is_empty(), "{:?}", Diagnostics::new(problems));
        let Some(Node { kind: Kind::Map(entries), .. }) = node else { panic!("no map") };
        let (key, list) = &entries[1];
        assert_eq!((key.name.as_str(), key.span.line, key.span.column, key.span.offset), ("list", 2, 1, 6));
        let Kind::List(items) = &list.kind else { panic!("no list") };
        assert_eq!(items[0].tag.as_deref(), Some("!date"));
        assert_eq!(items[0].kind, Kind::Text("2024-01-31".into()));
        assert_eq!(items[0].span.line, 3);
        let Kind::Map(inner) = &items[1].kind else { panic!("no map") };
        assert_eq!(inner[0].1.kind, Kind::Text("yes".into()), "`yes` is text in YAML 1.2");
        assert!(matches!(inner[1].1.kind, Kind::Float(zero) if zero == 0.0 && zero.is_sign_negative()));
        assert_eq!((inner[1].0.span.line, inner[1].0.span.column), (4, 14));
    }

    #[test]
    fn anchors_merge_and_duplicates_do_not() {
        let (node, problems) = read("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n");
        assert!(problems.is_empty(), "{problems:?}");
        let Some(Node { kind: Kind::Map(entries), .. }) = node else { panic!("no map") };
        let Kind::Map(merged) = &entries[1].1.kind else { panic!("no map") };
        let mut names: Vec<_> = merged.iter().map(|(key, node)| (key.name.as_str(), &node.kind)).collect();
        names.sort_by_key(|(name, _)| *name);
        assert_eq!(names, [("x", &Kind::Integer(1)), ("y", &Kind::Integer(3))]);
        let (_, problems) = read("a: {x: 1, x: 2}\na: 2\n");
        let said = Diagnostics::new(problems).to_string();
        assert!(said.starts_with("x.yaml:1:11: the key `x` is there twice"), "{said}");
        assert!(said.contains("\nx.yaml:2:1: the key `a` is there twice"), "{said}");
    }

    #[test]
    fn broken_syntax_is_reported_where_it_is() {
        let (node, problems) = read("a: [1, 2\nb: 3\n");
        assert!(node.is_none());
        assert!(problems[0].span().line >= 1, "{problems:?}");
        assert!(!problems[0].message().contains('\n'), "{}", problems[0].message());
    }

    #[test]
    fn json_with_tabs_is_read_too() {
        let (node, problems) = read("{\n\t\"a\": [1,\n\t\t{\"b\": \"\\u00e4\\/\"}]\n}\n");
        assert!(node.is_some(), "{problems:?}");
    }
}
