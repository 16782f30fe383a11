//! `derive:`: relationships that the lists of a node stand for. Declared, not programmed.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Serialize;

use super::compile::{Pipeline, UnknownProperties};
use super::convert::{Conversion, Mismatch};
use super::diagnostics::{Problem, Reporter, Span, did_you_mean};
use super::document::{Fields, Node};
use super::outcome::Derived;
use super::rejection::Rejection;
use super::source::Source;
use crate::record::Value;

/// Every element of a list of the source becomes a relationship with the node itself.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Derive {
    /// The pipeline that the relationships come to.
    pub(super) pipeline: Box<str>,
    /// The list: a property of the source.
    pub(super) list: Box<str>,
    /// Whether they start at the elements and end at the node; otherwise the other way round.
    each_is_start: bool,
    #[serde(skip)]
    span: Span,
}

/// What a list has to be.
pub(super) fn list_conversion() -> Conversion {
    Conversion::List(Box::new(Conversion::String))
}

/// The ids in a list, none where there is no list; the value itself where it is no list of strings.
pub(super) fn ids(value: Value<'_>) -> Result<Vec<Cow<'_, str>>, (Value<'_>, Mismatch)> {
    let items = match value {
        Value::Null => return Ok(Vec::new()),
        Value::List(items) => items,
        other => return Err((other, Mismatch { element: None, why: "it is no list" })),
    };
    if let Some(element) = items.iter().position(|item| !matches!(item, Value::String(_))) {
        return Err((Value::List(items), Mismatch { element: Some(element), why: "it is no string" }));
    }
    let text = |item| if let Value::String(text) = item { Some(text) } else { None };
    Ok(items.into_iter().filter_map(text).collect())
}

impl Derive {
    /// Reads `derive:`. Whether the pipelines that it names fit is seen once all are compiled: [`check`].
    pub(super) fn read_all(file: &Fields<'_>, is_node: bool, reporter: &mut Reporter<'_>) -> Vec<Self> {
        let Some((key, node)) = file.entry("derive") else { return Vec::new() };
        if !is_node {
            let advice = "derive from the nodes at its ends";
            reporter.report(key.span, "a relationship derives nothing", advice);
            return Vec::new();
        }
        let items = node.items("`derive`", reporter);
        items.iter().filter_map(|node| Self::read(node, reporter)).collect()
    }

    fn read(node: &Node, reporter: &mut Reporter<'_>) -> Option<Self> {
        let fields = node.fields("an entry of `derive`", &["pipeline", "for_each", "start", "end"], reporter);
        let mut text = |key: &str, example: &str| {
            let node = fields.require(key, example, reporter)?;
            Some((node.span, node.text(&format!("`{key}`"), reporter)?))
        };
        let pipeline = text("pipeline", "contains_thing");
        let list = text("for_each", "part_ids");
        let (start, end) = (text("start", "this"), text("end", "each"));
        let ((span, pipeline), (_, list)) = (pipeline?, list?);
        let each_is_start = match (start?.1, end?.1) {
            ("each", "this") => true,
            ("this", "each") => false,
            _ => {
                let advice = "write `start: this` and `end: each`, or the other way round";
                reporter.report(node.span, "a relationship joins the node and an element", advice);
                return None;
            }
        };
        Some(Self { pipeline: pipeline.into(), list: list.into(), each_is_start, span })
    }
}

/// What a node with this key derives, in the order of the entries and of their lists. A pair comes once.
pub(super) fn derived<'a>(
    derives: &'a [Derive],
    key: &Cow<'a, str>,
    lists: Vec<Vec<Cow<'a, str>>>,
) -> Vec<Derived<'a>> {
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    for (derive, ids) in derives.iter().zip(lists) {
        for each in ids {
            let (start, end) = if derive.each_is_start { (each, key.clone()) } else { (key.clone(), each) };
            if seen.insert((derive.pipeline.as_ref(), start.clone(), end.clone())) {
                let id = if derive.each_is_start { &start } else { &end };
                let rejection = id.trim().is_empty().then(|| Rejection::blank_element(&derive.list, id));
                all.push(Derived { pipeline: &derive.pipeline, start, end, rejection });
            }
        }
    }
    all
}

/// Whether what pipelines derive fits the pipelines that it comes to.
pub(super) fn check(compiled: &[impl AsRef<Pipeline>], names: &[String], problems: &mut Vec<Problem>) {
    let find = |name: &str| compiled.iter().map(AsRef::as_ref).find(|each: &&Pipeline| each.name() == name);
    for pipeline in compiled.iter().map(AsRef::as_ref) {
        let mut reporter = Reporter::new(&pipeline.file, problems);
        for derive in &pipeline.derives {
            let receiver = match find(&derive.pipeline) {
                Some(receiver) => receiver,
                // A file that does not compile is reported as such.
                None if names.iter().any(|name| **name == *derive.pipeline) => continue,
                None => {
                    let known = names.iter().map(String::as_str);
                    let advice = did_you_mean(&derive.pipeline, known);
                    let advice = format!("{advice}name the file that declares the relationship");
                    reporter.report(
                        derive.span,
                        format!("there is no pipeline `{}`", derive.pipeline),
                        advice,
                    );
                    continue;
                }
            };
            if let Some((message, advice)) = misfit(pipeline, derive, receiver) {
                reporter.report(derive.span, message, advice);
            }
        }
    }
    for pipeline in compiled.iter().map(AsRef::as_ref).filter(|each| !each.is_read()) {
        let comes = |other: &Pipeline| other.derives.iter().any(|derive| *derive.pipeline == *pipeline.name);
        if names.len() == compiled.len() && !compiled.iter().map(AsRef::as_ref).any(comes) {
            let advice = "derive it from a node's list, or remove `read: false`";
            let mut reporter = Reporter::new(&pipeline.file, problems);
            reporter.report(Span::default(), "nothing comes to this pipeline", advice);
        }
    }
}

fn misfit(pipeline: &Pipeline, derive: &Derive, receiver: &Pipeline) -> Option<(String, String)> {
    let name = &derive.pipeline;
    let (Source::Node { label, .. }, Source::Relationship { start, end, .. }) =
        (pipeline.source(), receiver.source())
    else {
        return Some((format!("`{name}` moves nodes"), "name a pipeline of relationships".to_owned()));
    };
    let (this, which) = if derive.each_is_start { (end, "end") } else { (start, "start") };
    if this.label != *label {
        let message = format!("relationships of `{name}` {which} at {}, this is {label}", this.label);
        return Some((message, "turn `start` and `end` round, or name another pipeline".to_owned()));
    }
    if !receiver.contract().fields().is_empty() {
        let message = format!("relationships of `{name}` have properties, a derived one has none");
        return Some((message, "give it a pipeline of its own".to_owned()));
    }
    if receiver.unknown_properties() == UnknownProperties::Keep {
        let message =
            format!("relationships of `{name}` keep whatever properties they have, a derived one has none");
        return Some((
            message,
            "give it a pipeline of its own, or set its unknown_properties otherwise".to_owned(),
        ));
    }
    None
}
