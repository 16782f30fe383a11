//! Graphs that are not the sample's: every type of property, names of all kinds, records of every size.

mod limits;
mod names;
mod types;

use std::fs;

use regraft::neo4j::{Cell, SourceGraph, Statement, TargetGraph};

use crate::support::{Regraft, Stack};

/// A contract without more than a key.
const ID_ALONE: &str = r#"{"type": "record", "name": "Thing", "fields": [{"name": "id", "type": "string"}]}"#;
/// A contract without anything.
const NOTHING: &str = r#"{"type": "record", "name": "Tie", "fields": []}"#;

/// A migration with definitions of its own: pipeline files by name, and the contracts `thing` and `tie`.
fn migration(stack: &Stack, pipelines: &[(&str, &str)]) -> Regraft {
    let regraft = Regraft::new(stack);
    let (definitions, schemas) = (regraft.folder().join("pipelines"), regraft.folder().join("schemas"));
    for folder in [&definitions, &schemas.join("contracts"), &schemas.join("migrations")] {
        fs::create_dir_all(folder).unwrap();
    }
    for (name, text) in pipelines {
        fs::write(definitions.join(format!("{name}.yaml")), text).unwrap();
    }
    for (name, text) in [("thing", ID_ALONE), ("tie", NOTHING)] {
        fs::write(schemas.join(format!("contracts/{name}.avsc")), text).unwrap();
    }
    regraft.with("paths.pipelines", definitions.display()).with("paths.schemas", schemas.display())
}

/// The monolith, to be filled with values that Cypher has no literals for.
async fn monolith(stack: &Stack) -> TargetGraph {
    TargetGraph::connect(&stack.settings_of("SOURCE")).await.unwrap()
}

/// What both graphs answer to a statement, to be compared.
async fn both(stack: &Stack, text: &str) -> [Vec<Vec<Cell<'static>>>; 2] {
    let ask = |graph| async move {
        let graph = SourceGraph::connect(&stack.settings_of(graph)).await.unwrap();
        graph.rows(Statement::new(text)).await.unwrap_or_else(|error| panic!("{text}: {error:?}"))
    };
    [ask("SOURCE").await, ask("TARGET").await]
}

/// A runtime for what tests do with a driver while they hold the stack.
fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

/// One key for each node, in the target, where loading needs it.
struct Keyed<'s> {
    stack: &'s Stack,
    labels: Vec<String>,
}

impl<'s> Keyed<'s> {
    fn of(stack: &'s Stack, labels: &[&str]) -> Self {
        let labels = labels.iter().map(|label| regraft::neo4j::quote(label).unwrap().to_string()).collect();
        let keyed = Self { stack, labels };
        keyed.clear();
        for label in &keyed.labels {
            stack.target.run(&format!("CREATE CONSTRAINT FOR (n:{label}) REQUIRE n.id IS UNIQUE"));
        }
        keyed
    }

    fn clear(&self) {
        for label in &self.labels {
            self.stack.target.wipe(&format!("n:{label}"));
        }
        let those_of_tests = "SHOW CONSTRAINTS YIELD name, labelsOrTypes AS on WHERE any(l IN on WHERE \
                              l STARTS WITH 'Foreign') RETURN name";
        for name in self.stack.target.rows::<String>(those_of_tests) {
            self.stack.target.run(&format!("DROP CONSTRAINT `{name}`"));
        }
    }
}

impl Drop for Keyed<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.clear();
        }
    }
}
