//! All pipelines of a folder, compiled together: what one file says of the others is checked here.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::compile::{Pipeline, Surroundings, Unit, compile};
use super::contract::Contract;
use super::derive;
use super::diagnostics::{Diagnostics, Problem, SourceFile, Span};
use super::source::{DeclaredLabels, Labels, SourceKeys};
use crate::error::{Cause, Error};

/// A file's name without its extension, and the file.
pub(super) type NamedFile = (String, Arc<SourceFile>);

/// A Kafka topic's name has up to 249 characters, which a prefix and a stage share.
const LONGEST_NAME: usize = 100;

/// All pipelines of a folder, nodes before relationships, each by name.
#[derive(Debug, Clone)]
pub struct Pipelines {
    pipelines: Vec<Arc<Pipeline>>,
    declared: Arc<DeclaredLabels>,
}

impl Pipelines {
    /// All of them.
    pub fn all(&self) -> &[Arc<Pipeline>] {
        &self.pipelines
    }

    /// The pipeline of a name.
    pub fn get(&self, name: &str) -> Option<&Arc<Pipeline>> {
        self.pipelines.iter().find(|pipeline| pipeline.name() == name)
    }

    /// The pipelines that derive relationships, by the pipeline that these come to.
    pub fn derivers(&self) -> BTreeMap<String, Vec<String>> {
        let mut derivers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for pipeline in &self.pipelines {
            for receiver in pipeline.receivers() {
                derivers.entry(receiver.to_owned()).or_default().push(pipeline.name().to_owned());
            }
        }
        derivers
    }

    /// Every label that one of them declares.
    pub fn declared_labels(&self) -> &Arc<DeclaredLabels> {
        &self.declared
    }

    /// Those that are wanted, by pipeline name, label or relationship type; all where nothing is.
    pub fn select<T: AsRef<str>>(&self, wanted: &[T]) -> Result<Vec<Arc<Pipeline>>, Error> {
        let is = |pipeline: &Pipeline, word: &T| {
            [pipeline.name(), pipeline.source().entity_type()].contains(&word.as_ref())
        };
        for word in wanted {
            if !self.pipelines.iter().any(|pipeline| is(pipeline, word)) {
                let names: Vec<_> = self.pipelines.iter().map(|pipeline| pipeline.name()).collect();
                let attempt = format!("select the type `{}`: no pipeline has it", word.as_ref());
                let advice = format!("name pipelines ({}), labels or relationship types", names.join(", "));
                return Err(Error::new(Cause::Usage, attempt).what_to_do(advice));
            }
        }
        let chosen =
            |pipeline: &&Arc<Pipeline>| wanted.is_empty() || wanted.iter().any(|word| is(pipeline, word));
        Ok(self.pipelines.iter().filter(chosen).cloned().collect())
    }
}

/// Compiles the files together. Reports everything that is wrong in any of them.
pub(super) fn compile_all(
    pipelines: Vec<NamedFile>,
    contracts: Vec<NamedFile>,
    mut problems: Vec<Problem>,
) -> Result<Pipelines, Diagnostics> {
    let read = |(name, file): NamedFile| {
        let contract = Contract::read(&file, &mut problems).map(Arc::new);
        (name, contract)
    };
    let contracts: BTreeMap<_, _> = contracts.into_iter().map(read).collect();
    let mut units = Vec::new();
    let mut complete = true;
    for (name, file) in pipelines {
        check_name(&name, &file, &mut problems);
        let unit = Unit::read(name, file, &mut problems);
        complete &= unit.as_ref().is_some_and(|unit| unit.keys.is_some());
        units.extend(unit);
    }
    let labels = Labels { keys: declared_keys(&units, &mut problems), complete };
    let declared = Arc::new(labels.keys.keys().cloned().collect::<DeclaredLabels>());
    let surroundings = Surroundings { contracts, labels, declared: Arc::clone(&declared) };
    let mut compiled: Vec<Arc<Pipeline>> = Vec::new();
    for unit in &units {
        if let Some(pipeline) = compile(unit, &surroundings, &mut problems) {
            if let (Some(other), Some(keys)) = (twin(&compiled, &pipeline), &unit.keys) {
                let message = format!("the pipeline `{other}` moves the same relationships");
                problems.push(Problem::new(&unit.file, keys.span(), message, "remove one of the files"));
            }
            compiled.push(Arc::new(pipeline));
        }
    }
    let names: Vec<String> = units.iter().map(|unit| unit.name.clone()).collect();
    derive::check(&compiled, &names, &mut problems);
    if !problems.is_empty() {
        return Err(Diagnostics::new(problems));
    }
    compiled.sort_by(|a, b| (!a.is_node(), a.name()).cmp(&(!b.is_node(), b.name())));
    Ok(Pipelines { pipelines: compiled, declared })
}

/// A pipeline's name is part of topics, groups and transactional ids.
fn check_name(name: &str, file: &Arc<SourceFile>, problems: &mut Vec<Problem>) {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(allowed) {
        let message = format!("a pipeline can't be named `{name}`: Kafka's topics carry the name");
        let advice =
            format!("use up to {LONGEST_NAME} letters, digits, `_` and `-` of ASCII in the file's name");
        problems.push(Problem::new(file, Span::default(), message, advice));
    }
}

/// The key property of every label that a file declares. Two files for one label are reported.
fn declared_keys(units: &[Unit], problems: &mut Vec<Problem>) -> BTreeMap<Box<str>, Box<str>> {
    let mut keys = BTreeMap::new();
    for unit in units {
        if let Some(SourceKeys::Node { label, key, span }) = &unit.keys
            && keys.insert(label.clone(), key.clone()).is_some()
        {
            let message = format!("another file declares the label `{label}` too");
            problems.push(Problem::new(&unit.file, *span, message, "keep one pipeline for a label"));
        }
    }
    keys
}

/// The relationship pipeline that moves the same; two for one label are found by [`declared_keys`].
fn twin<'p>(compiled: &'p [Arc<Pipeline>], pipeline: &Pipeline) -> Option<&'p str> {
    let same = |other: &&Arc<Pipeline>| !pipeline.is_node() && other.source() == pipeline.source();
    compiled.iter().find(same).map(|other| other.name())
}
