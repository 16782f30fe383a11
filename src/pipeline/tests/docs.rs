//! What docs/pipelines.md shows is true.

use std::collections::BTreeSet;

use super::compile;
use crate::pipeline::{program, testing};

const DOCS: &str = include_str!("../../../docs/pipelines.md");

fn block(language: &str) -> &'static str {
    let start = format!("```{language}\n");
    DOCS.split(&start).nth(1).and_then(|rest| rest.split("```").next()).expect("a block")
}

#[test]
fn the_example_compiles_and_passes_its_own_tests() {
    let files = [
        ("film.yaml", block("yaml")),
        ("film.avsc", block("json")),
        ("sequel_of.yaml", "source: {type: SEQUEL_OF, start: Film, end: Film}"),
        ("sequel_of.avsc", r#"{"type": "record", "name": "SequelOf", "fields": []}"#),
    ];
    let pipelines = compile(&files).unwrap_or_else(|said| panic!("{said}"));
    let report = testing::run(pipelines.all());
    assert!(report.passed() && report.cases.len() == 3, "{report}");
}

#[test]
fn the_functions_are_those_that_programs_are_offered() {
    let list = DOCS.split("whenever and wherever:").nth(1).unwrap().split("\n\n").nth(1).unwrap();
    let documented: BTreeSet<&str> = list.split('`').skip(1).step_by(2).collect();
    let offered: BTreeSet<&str> = program::offered().iter().map(|function| function.identifier()).collect();
    assert_eq!(documented, offered);
}
