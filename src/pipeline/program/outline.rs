//! A program before it is compiled: its paths say what the mapping has to leave to it.

use std::collections::BTreeSet;

use vrl::compiler::{CompileConfig, compile_with_state};
use vrl::diagnostic::{Diagnostic, DiagnosticList, DiagnosticMessage};
use vrl::path::{OwnedSegment, PathPrefix};
use vrl::value::kind::Kind;

use super::paths::{Access, Path, paths};
use super::place::Place;
use super::{Field, File, Program, RAW, offered, types};
use crate::pipeline::contract::{Contract, Type};
use crate::pipeline::diagnostics::{Reporter, did_you_mean};
use crate::pipeline::document::Fields;
use crate::pipeline::mapping::Mapping;

/// A program whose text could be read.
pub(in crate::pipeline) struct Outline<'f> {
    text: &'f str,
    place: Place,
    paths: Vec<Path>,
}

impl<'f> Outline<'f> {
    /// Reads `transform:`.
    pub(in crate::pipeline) fn read(
        fields: &Fields<'f>,
        file: &File,
        reporter: &mut Reporter<'_>,
    ) -> Option<Self> {
        let node = fields.get("transform")?;
        let text = node.text("the program", reporter)?;
        let place = Place::find(file, node.span, text);
        match vrl::parser::parse(text) {
            Ok(program) => Some(Self { text, place, paths: paths(program) }),
            Err(error) => {
                let error: Box<dyn DiagnosticMessage> = Box::new(error);
                report(&place, &DiagnosticList::from(vec![error]), reporter);
                None
            }
        }
    }

    /// Properties of the contract that it assigns.
    pub(in crate::pipeline) fn assigned(&self) -> Vec<&str> {
        let written = self.paths.iter().filter(|path| path.access == Access::Write);
        written.filter_map(|path| field_of(path, PathPrefix::Event, 0)).collect()
    }

    /// Properties of the source that it reads.
    pub(in crate::pipeline) fn read_of_source(&self) -> Vec<&str> {
        self.paths.iter().filter_map(|path| field_of(path, PathPrefix::Metadata, 1)).collect()
    }

    /// Compiles it. Reports paths that lead nowhere, what VRL says, and what can't become the contract's.
    pub(in crate::pipeline) fn compile(
        self,
        contract: &Contract,
        mapping: &Mapping,
        key: Option<&str>,
        reporter: &mut Reporter<'_>,
    ) -> Option<Program> {
        let mut wrong = false;
        for path in &self.paths {
            if let Err((message, advice)) = check(path, contract, mapping, key) {
                reporter.report(self.place.of(path.span), message, advice);
                wrong = true;
            }
        }
        if wrong {
            return None;
        }
        let state = types::at_start(contract, mapping);
        let compiled = compile_with_state(self.text, offered(), &state, CompileConfig::default());
        let compiled = match compiled {
            Ok(compiled) => compiled,
            Err(problems) => {
                report(&self.place, &problems, reporter);
                return None;
            }
        };
        // What has no effect is a mistake too.
        report(&self.place, &compiled.warnings, reporter);
        let program = compiled.program;
        let fields = |names: &BTreeSet<&str>| {
            let fields = contract.fields().iter().zip(&mapping.slots).enumerate();
            let named = fields.filter(|(_, (field, _))| names.contains(field.name.as_ref()));
            let each = named.map(|(slot, (field, of))| Field {
                slot,
                name: field.name.as_ref().into(),
                starts_empty: types::starts_empty(of),
            });
            each.collect()
        };
        let assigned: BTreeSet<&str> = self.assigned().into_iter().collect();
        let info = program.final_type_info();
        for name in &assigned {
            self.check_assigned(name, contract, info.state.external.target_kind(), reporter);
        }
        let raw: BTreeSet<&str> = self.read_of_source().into_iter().collect();
        let raw = raw.into_iter().map(Into::into).collect();
        let (read, assigned) = (fields(&self.read_of_record()), fields(&assigned));
        Some(Program { text: self.text.into(), program, fields: read, raw, assigned })
    }

    /// Properties of the contract whose value it needs: what it reads, and lists of which it assigns an element.
    fn read_of_record(&self) -> BTreeSet<&str> {
        let needed = |path: &&Path| path.access == Access::Read || path.path.path.segments.len() > 1;
        self.paths.iter().filter(needed).filter_map(|path| field_of(path, PathPrefix::Event, 0)).collect()
    }

    /// Whether what it makes of a property can be the contract's at all.
    fn check_assigned(&self, name: &str, contract: &Contract, all: &Kind, reporter: &mut Reporter<'_>) {
        let Some((_, field)) = contract.field(name) else { return };
        let mut path = vrl::path::OwnedValuePath::root();
        path.push_field(name);
        let kind = all.at_path(&path);
        let written =
            |path: &&Path| path.access == Access::Write && field_of(path, PathPrefix::Event, 0) == Some(name);
        let Some(first) = self.paths.iter().find(written) else { return };
        let span = self.place.of(first.span);
        if !kind.intersects(&types::taken(&field.field_type).or_null()) {
            let message =
                format!("the program makes `{name}` {kind}, the contract says {}", field.field_type);
            reporter.report(span, message, "convert it, or change the contract");
        } else if kind.contains_undefined() {
            let message = format!("the program does not always give `{name}` a value, which is required");
            let advice = "assign it in every branch, give it a default, or make it nullable in the contract";
            reporter.report(span, message, advice);
        }
    }
}

/// The name at a position of a path under a prefix.
fn field_of(path: &Path, prefix: PathPrefix, position: usize) -> Option<&str> {
    if path.path.prefix != prefix {
        return None;
    }
    match path.path.path.segments.get(position)? {
        OwnedSegment::Field(name) => Some(name),
        OwnedSegment::Index(_) => None,
    }
}

/// What is wrong with a path, and what to write instead.
fn check(
    path: &Path,
    contract: &Contract,
    mapping: &Mapping,
    key: Option<&str>,
) -> Result<(), (String, String)> {
    let segments = &path.path.path.segments;
    match path.path.prefix {
        PathPrefix::Event => {
            let Some(name) = field_of(path, PathPrefix::Event, 0) else {
                let advice = "name the property: `.colour`".to_owned();
                return Err(("a program takes and gives properties one by one".to_owned(), advice));
            };
            let Some((_, field)) = contract.field(name) else {
                let known = contract.fields().iter().map(|field| field.name.as_ref());
                let advice = did_you_mean(name, known);
                let advice =
                    format!("{advice}name a property of the contract, or `%raw.…` for one of the source");
                return Err((format!("the contract `{}` has no property `{name}`", contract.name()), advice));
            };
            if path.access == Access::Write && key == Some(name) {
                let advice = "keys keep their value".to_owned();
                return Err((format!("the key `{name}` can't be assigned"), advice));
            }
            let is_element = matches!(segments.as_slice(), [_, OwnedSegment::Index(_)]);
            if segments.len() > 1 && !(is_element && matches!(field.field_type, Type::List(_))) {
                let message = format!("`{name}` is {}, which has no such part", field.field_type);
                return Err((message, "end the path there".to_owned()));
            }
            Ok(())
        }
        PathPrefix::Metadata => {
            if path.access == Access::Write {
                let advice = "assign a property of the contract: `.colour`".to_owned();
                return Err(("the source's record can't be changed".to_owned(), advice));
            }
            let name = field_of(path, PathPrefix::Metadata, 1);
            let (Some(RAW), Some(name)) = (field_of(path, PathPrefix::Metadata, 0), name) else {
                let advice = "name a property of the source: `%raw.colour`".to_owned();
                return Err(("behind `%` there are the source's properties, one by one".to_owned(), advice));
            };
            if mapping.names.contains_key(name) {
                return Ok(());
            }
            let known = mapping.names.keys().map(AsRef::as_ref);
            let advice = format!("{}map it, or list it under `declares:`", did_you_mean(name, known));
            Err((format!("the pipeline knows no property `{name}` of the source"), advice))
        }
    }
}

/// Hands on what VRL says, each at its place.
fn report(place: &Place, problems: &DiagnosticList, reporter: &mut Reporter<'_>) {
    for problem in problems.iter() {
        let label = problem.labels.iter().find(|label| label.primary).or(problem.labels.first());
        let span = label.map_or_else(|| place.of((0, 0).into()), |label| place.of(label.span));
        let detail = label.map(|label| format!(": {}", label.message)).unwrap_or_default();
        reporter.report(span, format!("{}{detail}", problem.message), advice(problem));
    }
}

/// What VRL proposes, where it does.
fn advice(problem: &Diagnostic) -> String {
    let others = problem.labels.iter().filter(|label| !label.primary).map(|label| label.message.as_str());
    let notes: Vec<String> = problem.notes.iter().map(|note| note.to_string().trim().to_owned()).collect();
    let notes = notes.iter().map(String::as_str).filter(|note| !note.is_empty() && !note.starts_with("see "));
    let all: Vec<&str> = others.chain(notes).collect();
    if all.is_empty() { "correct the program".to_owned() } else { all.join("; ").replace(":; ", ": ") }
}
