//! One pipeline file, with all contracts and labels known → compiled pipeline, or every error in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::contract::{Contract, Type};
use super::derive::Derive;
use super::diagnostics::{Problem, Reporter, SourceFile, Span, did_you_mean};
use super::document::{Fields, Kind, Node};
use super::lookups::Lookup;
use super::mapping::{Elsewhere, Mapping};
use super::program::{Outline, Program};
use super::rules::{self, Rule};
use super::source::{DeclaredLabels, Labels, Source, SourceKeys};
use super::testing::Case;

/// Properties that loading adds to every node. No contract has them, no policy carries them over.
pub const ADDED_TO_NODES: [&str; 2] = ["schema_version", "migrated_at"];

const KEYS: [&str; 10] = [
    "source",
    "contract",
    "lookups",
    "mapping",
    "unknown_properties",
    "declares",
    "transform",
    "derive",
    "rules",
    "tests",
];

/// What becomes of a source property that the pipeline neither maps nor declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownProperties {
    /// The record goes to the dead letters.
    #[default]
    Reject,
    /// The property is loaded as it is.
    Keep,
    /// The property is left out, which the report says.
    Drop,
}

/// A compiled pipeline: everything that is to be known of one type.
#[derive(Debug)]
pub struct Pipeline {
    pub(super) name: Box<str>,
    pub(super) source: Source,
    pub(super) contract: Arc<Contract>,
    pub(super) lookups: Box<[Lookup]>,
    pub(super) mapping: Mapping,
    pub(super) unknown: UnknownProperties,
    pub(super) program: Option<Program>,
    pub(super) derives: Box<[Derive]>,
    pub(super) rules: Box<[Rule]>,
    is_read: bool,
    pub(super) declared: Arc<DeclaredLabels>,
    pub(super) tests: Vec<Case>,
    pub(super) file: Arc<SourceFile>,
}

impl Pipeline {
    /// The name: that of its file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it reads. Label, type and keys are the target's too.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Whether it moves nodes; otherwise relationships.
    pub fn is_node(&self) -> bool {
        matches!(self.source, Source::Node { .. })
    }

    /// Whether the source is read for it; otherwise derived records alone come to it.
    pub fn is_read(&self) -> bool {
        self.is_read
    }

    /// The pipelines that its records derive relationships for, each once.
    pub fn receivers(&self) -> BTreeSet<&str> {
        self.derives.iter().map(|derive| derive.pipeline.as_ref()).collect()
    }

    /// The properties of the target.
    pub fn contract(&self) -> &Arc<Contract> {
        &self.contract
    }

    /// What extraction reads beside a node's own properties.
    pub fn lookups(&self) -> &[Lookup] {
        &self.lookups
    }

    /// What becomes of properties that it neither maps nor declares.
    pub fn unknown_properties(&self) -> UnknownProperties {
        self.unknown
    }

    /// The properties of the source that it maps, declares or derives from, in no order.
    pub fn source_properties(&self) -> impl Iterator<Item = &str> {
        self.mapping.names.keys().map(AsRef::as_ref)
    }

    /// Whether it maps or declares a property of the source.
    pub fn knows(&self, property: &str) -> bool {
        self.mapping.names.contains_key(property)
    }

    /// SHA-256, in hexadecimal, of all that decides what becomes of a record, which comments and tests do not.
    pub fn digest(&self) -> String {
        #[derive(Serialize)]
        struct Definition<'p> {
            source: &'p Source,
            lookups: &'p [Lookup],
            mapping: &'p Mapping,
            unknown: UnknownProperties,
            program: Option<&'p str>,
            derives: &'p [Derive],
            rules: &'p [Rule],
            contract: u64,
            fields: &'p [super::contract::Field],
        }
        let definition = Definition {
            source: &self.source,
            lookups: &self.lookups,
            mapping: &self.mapping,
            unknown: self.unknown,
            program: self.program.as_ref().map(Program::text),
            derives: &self.derives,
            rules: &self.rules,
            contract: self.contract.fingerprint(),
            fields: self.contract.fields(),
        };
        // Names, numbers and texts always have a JSON form.
        let json = serde_json::to_vec(&definition).unwrap_or_default();
        Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A pipeline file that was read, before the other files are known.
pub(super) struct Unit {
    pub(super) name: String,
    pub(super) file: Arc<SourceFile>,
    root: Node,
    pub(super) keys: Option<SourceKeys>,
}

impl Unit {
    pub(super) fn read(name: String, file: Arc<SourceFile>, problems: &mut Vec<Problem>) -> Option<Self> {
        let mut reporter = Reporter::new(&file, problems);
        let root = Node::read(&file, &mut reporter)?;
        let fields = root.fields("a pipeline", &KEYS, &mut reporter);
        let keys = SourceKeys::read(&fields, &mut reporter);
        Some(Self { name, file, root, keys })
    }
}

/// What the other files say.
pub(super) struct Surroundings {
    /// Contracts by name; nothing behind the name of one that is broken.
    pub(super) contracts: BTreeMap<String, Option<Arc<Contract>>>,
    pub(super) labels: Labels,
    pub(super) declared: Arc<DeclaredLabels>,
}

/// Compiles one file. Nothing comes back where something was reported.
pub(super) fn compile(
    unit: &Unit,
    surroundings: &Surroundings,
    problems: &mut Vec<Problem>,
) -> Option<Pipeline> {
    let before = problems.len();
    let mut reporter = Reporter::new(&unit.file, problems);
    let file = unit.root.checked_fields();
    let unknown = unknown_properties(&file, &mut reporter);
    let is_node = !matches!(unit.keys, Some(SourceKeys::Relationship { .. }));
    let lookups = Lookup::read_all(&file, is_node, &mut reporter);
    let source = unit.keys.as_ref().and_then(|keys| keys.resolve(&surroundings.labels, &mut reporter));
    let contract = contract(&file, unit, surroundings, &mut reporter);
    let contract = contract?;
    let key = match &unit.keys {
        Some(SourceKeys::Node { key, span, .. }) => {
            node_contract(&contract, key, *span, &mut reporter);
            Some(key.as_ref())
        }
        _ => None,
    };
    let outline = Outline::read(&file, &unit.file, &mut reporter);
    let derives = Derive::read_all(&file, is_node, &mut reporter);
    let elsewhere = Elsewhere {
        assigned: outline.as_ref().map(Outline::assigned).unwrap_or_default(),
        read: outline.as_ref().map(Outline::read_of_source).unwrap_or_default(),
        lists: derives.iter().map(|derive| derive.list.as_ref()).collect(),
    };
    let mapping = Mapping::read(&file, &contract, &lookups, key, &elsewhere, &mut reporter);
    let program = outline.and_then(|outline| outline.compile(&contract, &mapping, key, &mut reporter));
    let rules = rules::read(&file, &contract, &mut reporter);
    let source = source?;
    let tests = Case::read_all(&file, &source, &contract, &lookups, &mut reporter);
    (problems.len() == before).then(|| Pipeline {
        name: unit.name.as_str().into(),
        source,
        contract,
        lookups: lookups.into(),
        mapping,
        unknown,
        program,
        derives: derives.into(),
        rules: rules.into(),
        is_read: unit.keys.as_ref().is_none_or(SourceKeys::is_read),
        declared: Arc::clone(&surroundings.declared),
        tests,
        file: Arc::clone(&unit.file),
    })
}

fn unknown_properties(file: &Fields<'_>, reporter: &mut Reporter<'_>) -> UnknownProperties {
    let Some(node) = file.get("unknown_properties") else { return UnknownProperties::default() };
    match &node.kind {
        Kind::Text(text) if text == "reject" => UnknownProperties::Reject,
        Kind::Text(text) if text == "keep" => UnknownProperties::Keep,
        Kind::Text(text) if text == "drop" => UnknownProperties::Drop,
        _ => {
            let advice = "write `reject`, `keep` or `drop`";
            reporter.report(node.span, "there is no such policy", advice);
            UnknownProperties::default()
        }
    }
}

/// The contract that the file names, else the one of the pipeline's own name.
fn contract(
    file: &Fields<'_>,
    unit: &Unit,
    surroundings: &Surroundings,
    reporter: &mut Reporter<'_>,
) -> Option<Arc<Contract>> {
    let (span, name) = match file.get("contract") {
        Some(node) => (node.span, node.text("the name of a contract", reporter)?),
        None => (file.span, unit.name.as_str()),
    };
    match surroundings.contracts.get(name) {
        Some(contract) => contract.clone(),
        None => {
            let known = surroundings.contracts.keys().map(String::as_str);
            let advice = format!(
                "{}write `{name}.avsc` beside the other contracts, or name one of them with `contract:`",
                did_you_mean(name, known)
            );
            reporter.report(span, format!("there is no contract `{name}`"), advice);
            None
        }
    }
}

/// What a node's contract has to have, and what it must not.
fn node_contract(contract: &Contract, key: &str, span: Span, reporter: &mut Reporter<'_>) {
    let name = contract.name();
    match contract.field(key) {
        Some((_, field)) if field.field_type == Type::String && !field.is_nullable() => {
            if field.default.is_some() {
                let message = format!("the key `{key}` has a default in the contract `{name}`");
                reporter.report(span, message, "remove the default: it would make one node of many");
            }
        }
        Some(_) => {
            let message = format!("the key `{key}` is no required string in the contract `{name}`");
            reporter.report(span, message, "write `\"type\": \"string\"` there");
        }
        None => {
            let message = format!("the contract `{name}` has no property `{key}`, which is the key");
            reporter.report(span, message, "add it there as a string");
        }
    }
    for added in ADDED_TO_NODES.iter().filter(|added| contract.field(added).is_some()) {
        let message = format!("the contract `{name}` has `{added}`, which loading adds to every node");
        reporter.report(span, message, "remove it from the contract");
    }
}
