//! `tests:` of a pipeline file: what a record is given and what is expected of it.

use crate::pipeline::contract::Contract;
use crate::pipeline::diagnostics::{Reporter, Span, did_you_mean, listed};
use crate::pipeline::document::{Fields, Kind, Node};
use crate::pipeline::literal;
use crate::pipeline::lookups::Lookup;
use crate::pipeline::source::Source;
use crate::record::{Finding, Property, RawEntity, Reason, Value};

/// One example.
#[derive(Debug)]
pub(in crate::pipeline) struct Case {
    pub(super) name: String,
    pub(super) span: Span,
    pub(super) entity: RawEntity<'static>,
    pub(super) finding: Finding,
    pub(super) expected: Expected,
}

/// What an example has to become.
#[derive(Debug)]
pub(super) enum Expected {
    Record {
        /// Slot and value of the properties that the example names.
        properties: Vec<(usize, Value<'static>)>,
        /// Labels beyond the pipeline's own, where the example names them.
        labels: Option<Vec<String>>,
        /// Properties that are kept, where the example names them.
        kept: Option<Vec<Property<'static>>>,
        /// Properties that are dropped, where the example names them.
        dropped: Option<Vec<String>>,
        /// Relationships that are derived, where the example names them.
        derived: Option<Vec<ExpectedDerived>>,
    },
    Merged,
    Rejected {
        reason: Reason,
        /// The property that is wrong, where the example names it.
        property: Option<String>,
        /// A part of the message, where the example names it.
        message: Option<String>,
    },
}

/// A relationship that an example derives.
#[derive(Debug)]
pub(super) struct ExpectedDerived {
    pub(super) pipeline: String,
    pub(super) start: String,
    pub(super) end: String,
    /// Why it is a dead letter.
    pub(super) reason: Option<Reason>,
}

impl Case {
    /// Reads `tests:` against source, contract and lookups.
    pub(in crate::pipeline) fn read_all(
        file: &Fields<'_>,
        source: &Source,
        contract: &Contract,
        lookups: &[Lookup],
        reporter: &mut Reporter<'_>,
    ) -> Vec<Self> {
        let nodes = file.get("tests").map_or(&[][..], |node| node.items("`tests`", reporter));
        let mut reader = CaseReader { source, contract, lookups, reporter };
        nodes.iter().filter_map(|node| reader.case(node)).collect()
    }
}

struct CaseReader<'r, 'p> {
    source: &'r Source,
    contract: &'r Contract,
    lookups: &'r [Lookup],
    reporter: &'r mut Reporter<'p>,
}

impl CaseReader<'_, '_> {
    fn case(&mut self, node: &Node) -> Option<Case> {
        let fields = node.fields("a test", &["name", "given", "expect"], self.reporter);
        let name = fields.require("name", "what it shows", self.reporter);
        let name = name.and_then(|node| Some((node.span, node.text("the name", self.reporter)?)));
        let given = fields.require("given", "{properties: {…}}", self.reporter);
        let given = given.and_then(|node| self.given(node));
        let expected = fields.require("expect", "{reason: missing_field}", self.reporter);
        let expected = expected.and_then(|node| self.expected(node));
        let ((span, name), (entity, finding)) = (name?, given?);
        Some(Case { name: name.to_owned(), span, entity, finding, expected: expected? })
    }

    fn given(&mut self, node: &Node) -> Option<(RawEntity<'static>, Finding)> {
        match self.source {
            Source::Node { label, key } => {
                let known = ["properties", "labels", "lookups", "finding"];
                let fields = node.fields("`given` of a node", &known, self.reporter);
                let finding = self.finding(&fields)?;
                let properties = self.properties(&fields, "properties")?;
                let key = properties.iter().find(|(name, _)| name == key.as_ref());
                let key = key.map_or(Value::Null, |(_, value)| value.clone());
                let mut labels = vec![label.to_string().into()];
                labels.extend(self.texts(&fields, "labels").unwrap_or_default().into_iter().map(Into::into));
                let lookups = self.given_lookups(&fields)?;
                Some((RawEntity::Node { key, labels, properties, lookups }, finding))
            }
            Source::Relationship { .. } => {
                let known = ["start", "end", "properties", "finding"];
                let fields = node.fields("`given` of a relationship", &known, self.reporter);
                let finding = self.finding(&fields)?;
                let properties = self.properties(&fields, "properties")?;
                let mut end = |name| match fields.get(name) {
                    Some(node) => literal::native(node, self.reporter),
                    None => Some(Value::Null),
                };
                let (start, end) = (end("start"), end("end"));
                Some((RawEntity::Relationship { start: start?, end: end?, properties }, finding))
            }
        }
    }

    /// What extraction would have seen.
    fn finding(&mut self, fields: &Fields<'_>) -> Option<Finding> {
        let Some(node) = fields.get("finding") else { return Some(Finding::None) };
        match &node.kind {
            Kind::Text(text) if text == "duplicate" => Some(Finding::Duplicate),
            Kind::Text(text) if text == "merged" => Some(Finding::Merged),
            Kind::Text(text) if text == "too_large" => {
                Some(Finding::TooLarge { bytes: 2_000_000, digest: 0 })
            }
            _ => {
                let advice = "write `duplicate`, `merged` or `too_large`";
                self.reporter.report(node.span, "extraction finds no such thing", advice);
                None
            }
        }
    }

    /// Properties in the order of their names, as extraction hands them over.
    fn properties(&mut self, fields: &Fields<'_>, key: &str) -> Option<Vec<Property<'static>>> {
        let Some(node) = fields.get(key) else { return Some(Vec::new()) };
        let entries = node.entries(&format!("`{key}`"), self.reporter);
        let property = |(name, node): &(_, Node)| {
            let name: &crate::pipeline::document::Key = name;
            Some((name.name.clone().into(), literal::native(node, self.reporter)?))
        };
        let properties: Vec<Option<Property<'static>>> = entries.iter().map(property).collect();
        let mut properties: Vec<_> = properties.into_iter().collect::<Option<_>>()?;
        properties.sort_by(|(a, _), (b, _)| a.cmp(b));
        Some(properties)
    }

    fn given_lookups(&mut self, fields: &Fields<'_>) -> Option<Vec<Property<'static>>> {
        let lookups = self.properties(fields, "lookups")?;
        let is_defined = |name: &str| self.lookups.iter().any(|lookup| lookup.name() == name);
        if let Some((name, _)) = lookups.iter().find(|(name, _)| !is_defined(name)) {
            let span = fields.get("lookups").map_or(fields.span, |node| node.span);
            let advice = did_you_mean(name, self.lookups.iter().map(Lookup::name));
            let advice = format!("{advice}define it under `lookups:` of the file");
            self.reporter.report(span, format!("there is no lookup `{name}`"), advice);
            return None;
        }
        Some(lookups)
    }

    fn texts(&mut self, fields: &Fields<'_>, key: &str) -> Option<Vec<String>> {
        let node = fields.get(key)?;
        let texts = node.texts(&format!("an element of `{key}`"), self.reporter);
        Some(texts.into_iter().map(|(_, text)| text.to_owned()).collect())
    }

    /// `merged`, a map with `record`, or a map with `reason`.
    fn expected(&mut self, node: &Node) -> Option<Expected> {
        if node.kind == Kind::Text("merged".into()) {
            return Some(Expected::Merged);
        }
        let known = ["record", "labels", "kept", "dropped", "derived", "reason", "property", "message"];
        let fields = node.fields("`expect`", &known, self.reporter);
        match (fields.get("record"), fields.get("reason")) {
            (Some(record), None) => self.expected_record(record, &fields),
            (None, Some(reason)) => self.expected_reason(reason, &fields),
            _ => {
                let advice = "write `record: {…}`, `reason: missing_field`, or `expect: merged`";
                self.reporter.report(node.span, "a record has one outcome", advice);
                None
            }
        }
    }

    fn expected_record(&mut self, record: &Node, fields: &Fields<'_>) -> Option<Expected> {
        let mut properties = Vec::new();
        for (name, node) in record.entries("`record`", self.reporter) {
            let Some((slot, field)) = self.contract.field(&name.name) else {
                let known = self.contract.fields().iter().map(|field| field.name.as_ref());
                let message =
                    format!("the contract `{}` has no property `{}`", self.contract.name(), name.name);
                let advice = did_you_mean(&name.name, known);
                self.reporter.report(name.span, message, format!("{advice}name a property of the contract"));
                continue;
            };
            let value = match node.kind {
                Kind::Null => Some(Value::Null),
                _ => literal::typed(node, &field.field_type, self.reporter),
            };
            properties.extend(value.map(|value| (slot, value)));
        }
        let labels = self.texts(fields, "labels");
        let kept = match fields.get("kept") {
            Some(_) => Some(self.properties(fields, "kept")?),
            None => None,
        };
        let dropped = self.texts(fields, "dropped");
        let derived = match fields.get("derived") {
            Some(node) => Some(self.derived(node)?),
            None => None,
        };
        Some(Expected::Record { properties, labels, kept, dropped, derived })
    }

    fn derived(&mut self, node: &Node) -> Option<Vec<ExpectedDerived>> {
        let items = node.items("`derived`", self.reporter);
        let each = items.iter().map(|node| {
            let known = ["pipeline", "start", "end", "reason"];
            let fields = node.fields("a derived relationship", &known, self.reporter);
            let mut text = |key: &str| match &fields.require(key, "x", self.reporter)?.kind {
                // Blank ones too: these are worth an example.
                Kind::Text(text) => Some(text.clone()),
                _ => {
                    let advice = "put text here, in quotes if it looks like a number";
                    self.reporter.report(node.span, format!("`{key}` is no text"), advice);
                    None
                }
            };
            let (pipeline, start, end) = (text("pipeline"), text("start"), text("end"));
            let reason = match fields.get("reason") {
                Some(node) => Some(self.reason(node)?),
                None => None,
            };
            Some(ExpectedDerived { pipeline: pipeline?, start: start?, end: end?, reason })
        });
        each.collect()
    }

    fn expected_reason(&mut self, reason: &Node, fields: &Fields<'_>) -> Option<Expected> {
        let found = self.reason(reason)?;
        let mut text =
            |key| fields.get(key).and_then(|node| node.text("it", self.reporter)).map(str::to_owned);
        Some(Expected::Rejected { reason: found, property: text("property"), message: text("message") })
    }

    fn reason(&mut self, node: &Node) -> Option<Reason> {
        let text = node.text("a reason", self.reporter)?;
        let found = Reason::ALL.into_iter().find(|reason| reason.as_str() == text);
        if found.is_none() {
            let known = Reason::ALL.map(Reason::as_str);
            let advice = format!("{}write {}", did_you_mean(text, known), listed(known));
            self.reporter.report(node.span, format!("there is no reason `{text}`"), advice);
        }
        found
    }
}
