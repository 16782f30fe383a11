//! `regraft test`: every example of every pipeline file goes through the pure function, without services.

mod case;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value as Json;
use uuid::Uuid;

use super::compile::Pipeline;
use super::outcome::{Outcome, Reshaped};
use super::rejection::Rejection;
use super::transform::Scratch;
use crate::record::{ModelEntity, RawRecord, Reason, Value, value_to_json};

pub(super) use case::Case;
use case::Expected;

/// How all examples came out.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Every example, in the order of pipelines and files.
    pub cases: Vec<Verdict>,
}

/// How one example came out.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// The pipeline.
    pub pipeline: String,
    /// The example's name.
    pub name: String,
    /// The file that it stands in.
    pub file: PathBuf,
    /// The line of its name.
    pub line: usize,
    /// What is not as expected; empty where it passed.
    pub differences: Vec<Difference>,
}

/// One thing that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it is: the outcome, or a part of it.
    pub what: String,
    /// What the example says.
    pub expected: String,
    /// What came out.
    pub actual: String,
}

impl Report {
    /// Whether all examples passed.
    pub fn passed(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The examples that did not pass.
    pub fn failures(&self) -> impl Iterator<Item = &Verdict> {
        self.cases.iter().filter(|case| !case.differences.is_empty())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in self.failures() {
            writeln!(f, "{failure}\n")?;
        }
        let failed = self.failures().count();
        write!(f, "{} of {} tests passed", self.cases.len() - failed, self.cases.len())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file.display(), self.line, self.pipeline, self.name)?;
        for Difference { what, expected, actual } in &self.differences {
            write!(f, "\n  {what}\n    expected: {expected}\n    actual:   {actual}")?;
        }
        Ok(())
    }
}

/// Runs every example of these pipelines.
pub fn run(pipelines: &[Arc<Pipeline>]) -> Report {
    let mut scratch = Scratch::default();
    let mut cases = Vec::new();
    for pipeline in pipelines {
        cases.extend(pipeline.tests.iter().map(|case| verdict(pipeline, case, &mut scratch)));
    }
    Report { cases }
}

fn verdict(pipeline: &Pipeline, case: &Case, scratch: &mut Scratch) -> Verdict {
    let raw = RawRecord {
        lineage: Uuid::nil(),
        pass: 1,
        read_at_micros: 0,
        element_id: "".into(),
        finding: case.finding,
        entity: case.entity.clone(),
    };
    let differences = match (&case.expected, pipeline.transform(raw, scratch)) {
        (Expected::Record { .. }, Outcome::Record(record)) => differences(pipeline, &case.expected, &record),
        (Expected::Merged, Outcome::Merged) => Vec::new(),
        (Expected::Rejected { reason, property, message }, Outcome::Rejected(rejection))
            if *reason == rejection.reason =>
        {
            rejection_differences(property.as_deref(), message.as_deref(), &rejection)
        }
        (expected, outcome) => {
            vec![Difference { what: "outcome".to_owned(), expected: asked(expected), actual: came(&outcome) }]
        }
    };
    Verdict {
        pipeline: pipeline.name().to_owned(),
        name: case.name.clone(),
        file: pipeline.file.path().to_owned(),
        line: case.span.line,
        differences,
    }
}

/// Only what an example names is compared.
fn differences(pipeline: &Pipeline, expected: &Expected, record: &Reshaped<'_>) -> Vec<Difference> {
    let Expected::Record { properties, labels, kept, dropped, derived } = expected else { return Vec::new() };
    let mut found = Vec::new();
    for (slot, expected) in properties {
        let actual = record.row.get(*slot).unwrap_or(&Value::Null);
        let name = pipeline.contract().fields().get(*slot).map_or("", |field| field.name.as_ref());
        compare(&mut found, name, shown(expected), shown(actual));
    }
    if let Some(expected) = labels {
        let actual = match &record.entity {
            ModelEntity::Node { labels, .. } => labels.as_slice(),
            ModelEntity::Relationship { .. } => &[],
        };
        compare(&mut found, "labels", sorted(expected), sorted(actual));
    }
    if let Some(expected) = kept {
        let list = |properties: &[crate::record::Property<'_>]| {
            sorted(properties.iter().map(|(name, value)| format!("{name}: {}", shown(value))))
        };
        compare(&mut found, "kept", list(expected), list(&record.kept));
    }
    if let Some(expected) = dropped {
        compare(&mut found, "dropped", sorted(expected), sorted(&record.dropped));
    }
    if let Some(expected) = derived {
        let expected =
            expected.iter().map(|each| derivation(&each.pipeline, &each.start, &each.end, each.reason));
        let actual = record.derived.iter().map(|each| {
            let reason = each.rejection.as_ref().map(|rejection| rejection.reason);
            derivation(each.pipeline, &each.start, &each.end, reason)
        });
        let list = |each: Vec<String>| format!("[{}]", each.join(", "));
        compare(&mut found, "derived", list(expected.collect()), list(actual.collect()));
    }
    found
}

fn derivation(pipeline: &str, start: &str, end: &str, reason: Option<Reason>) -> String {
    let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("{pipeline}: {start:?} to {end:?}{reason}")
}

fn rejection_differences(
    property: Option<&str>,
    message: Option<&str>,
    actual: &Rejection,
) -> Vec<Difference> {
    let mut found = Vec::new();
    if let Some(expected) = property {
        let actual = actual.property.as_deref().unwrap_or("none");
        compare(&mut found, "property", expected.to_owned(), actual.to_owned());
    }
    if let Some(part) = message.filter(|part| !actual.message.contains(part)) {
        compare(&mut found, "message", format!("… {part} …"), actual.message.to_string());
    }
    found
}

fn compare(found: &mut Vec<Difference>, what: &str, expected: String, actual: String) {
    if expected != actual {
        found.push(Difference { what: what.to_owned(), expected, actual });
    }
}

fn asked(expected: &Expected) -> String {
    match expected {
        Expected::Record { .. } => "a record".to_owned(),
        Expected::Merged => "merged".to_owned(),
        Expected::Rejected { reason, .. } => format!("{reason}"),
    }
}

fn came(outcome: &Outcome<'_>) -> String {
    match outcome {
        Outcome::Record(_) => "a record".to_owned(),
        Outcome::Merged => "merged".to_owned(),
        Outcome::Rejected(rejection) => format!("{}: {}", rejection.reason, rejection.message),
    }
}

/// A value with its type: `1` is an integer, `1.0` is a float, and −0.0 is not 0.0.
fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Null => "absent".to_owned(),
        Value::Float(number) => format!("{number:?}"),
        Value::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Value::String(text) => Json::String(text.as_ref().to_owned()).to_string(),
        other => format!("{} ({})", value_to_json(other).to_string().trim_matches('"'), other.type_name()),
    }
}

fn sorted<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let mut items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.sort();
    format!("[{}]", items.join(", "))
}
