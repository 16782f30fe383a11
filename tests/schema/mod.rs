//! The schema of a target, on a real server. These tests change it as a whole, so each has a stack for itself.

mod applying;
mod claims;
mod commands;
mod failing;
mod formats;
mod interrupting;
mod killing;
mod picture;
mod repairing;
mod taking_back;
mod validating;

use std::path::{Path, PathBuf};

use regraft::error::Result;
use regraft::neo4j::catalog::{Inventory, Own};
use regraft::neo4j::{Statement, TargetGraph, bookkeeping, quote};
use regraft::schema::{MigrationReport, Options, Version, load, migrate};

use crate::support::{Stack, Taken, migrated, schema_bookkeeping, wiping};

/// The files of the repository.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/migrations")
}

/// A server without schema and without what the schema's bookkeeping knew.
pub async fn fresh() -> (Taken, TargetGraph) {
    let stack = Stack::any_as_it_is().await;
    let target = cleared(&stack).await;
    (stack, target)
}

/// The same for who has one.
pub async fn cleared(stack: &Stack) -> TargetGraph {
    let target = stack.target.connected().await;
    bookkeeping::prepare(&target).await.unwrap();
    for condition in [migrated("n"), schema_bookkeeping("n")] {
        target.run_auto_commit(Statement::new(wiping(&condition))).await.unwrap();
    }
    let there = target.inventory(Own::LeftOut).await.unwrap();
    for constraint in &there.constraints {
        let name = quote(&constraint.name).unwrap();
        target.run_auto_commit(Statement::new(format!("DROP CONSTRAINT {name}"))).await.unwrap();
    }
    for index in
        there.indexes.iter().filter(|index| index.owning_constraint.is_none() && index.kind != "LOOKUP")
    {
        let name = quote(&index.name).unwrap();
        target.run_auto_commit(Statement::new(format!("DROP INDEX {name}"))).await.unwrap();
    }
    target
}

/// The labels of the schema.
pub const LABELS: [&str; 9] = [
    "Podcast",
    "Episode",
    "Segment",
    "Speaker",
    "Entity",
    "Insight",
    "Quote",
    "Topic",
    "PotentialConnection",
];

pub fn version(text: &str) -> Version {
    text.parse().unwrap()
}

pub fn options(to: &str) -> Options {
    Options { target_version: Some(version(to)), execute: true, ..Options::default() }
}

pub async fn to(target: &TargetGraph, folder: &Path, to: &str) -> Result<MigrationReport> {
    migrate(target, folder, &options(to), &|_| {}).await
}

pub async fn inventory(target: &TargetGraph) -> Inventory {
    let mut inventory = target.inventory(Own::LeftOut).await.unwrap();
    // Whether an index that nobody waits for is populated yet is no part of the schema.
    inventory.indexes.iter_mut().for_each(|index| index.state.clear());
    inventory
}

/// Runs statements, each in a transaction of its own.
pub async fn run_all(target: &TargetGraph, statements: &[&str]) {
    for text in statements {
        target.run_auto_commit(Statement::new(*text)).await.unwrap();
    }
}

/// Files of a version in a copy.
pub fn write(copy: &Path, version_and_name: &str, up: &str, down: &str) {
    for (half, text) in [("up", up), ("down", down)] {
        std::fs::write(copy.join(format!("{version_and_name}.{half}.cypher")), text).unwrap();
    }
}

/// All data but bookkeeping and what carries the time of the migration, as text.
pub async fn data(target: &TargetGraph) -> Vec<String> {
    let text = "MATCH (n) WHERE none(l IN labels(n) WHERE l STARTS WITH '_Regraft' \
                OR l IN ['SchemaVersion', 'MigrationHistory', 'BackupMarker']) \
                AND any(l IN labels(n) WHERE l IN $labels) \
                RETURN [labels(n), properties(n), [(n)-[r]->(m) | [type(r), properties(r), m.id]]] AS row \
                ORDER BY labels(n)[0], n.id";
    let labels: Vec<String> = LABELS.map(String::from).into();
    let rows = target.rows(Statement::new(text).param("labels", labels)).await.unwrap();
    rows.iter().map(|row| format!("{row:?}")).collect()
}

/// Counts of everything, by label.
pub async fn counts(target: &TargetGraph) -> Vec<String> {
    let text = "MATCH (n) UNWIND labels(n) AS label WITH label, count(*) AS nodes RETURN [label, nodes] AS row ORDER BY label";
    let rows = target.rows(Statement::new(text)).await.unwrap();
    let schema = |row: &Vec<regraft::neo4j::Cell<'static>>| {
        let label = row[0].as_str().unwrap();
        LABELS.contains(&label)
            || label.starts_with("_RegraftM")
            || !label.starts_with('_') && label.ends_with("Version")
    };
    rows.iter().filter(|row| schema(row)).map(|row| format!("{row:?}")).collect()
}

/// A few nodes, as loading would have left them, and some that were there before.
pub async fn seed(target: &TargetGraph) {
    let text = "UNWIND range(1, 25) AS i \
                CREATE (p:Podcast {id: 'p' + i, title: 'Podcast ' + i})-[:HAS_EPISODE]->(e:Episode {id: 'e' + i}) \
                SET e.schema_version = CASE WHEN i % 2 = 0 THEN '1.1.0' END";
    target.run(Statement::new(text)).await.unwrap();
}

/// Some moments out of `all`, others each time: the seed is printed, and `REGRAFT_SEED` sets it.
pub fn some_of(all: std::ops::Range<usize>, count: usize) -> Vec<usize> {
    use rand::SeedableRng;
    let seed =
        std::env::var("REGRAFT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("REGRAFT_SEED={seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let offset = all.start;
    rand::seq::index::sample(&mut random, all.len(), count).into_iter().map(|index| index + offset).collect()
}

/// A copy of the repository's files that a test may change.
pub fn copied() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

/// A copy with a first version of a few statements of every kind: for what does not depend on the real ones, which
/// take their time.
pub fn small() -> tempfile::TempDir {
    let copy = copied();
    let up = "CREATE CONSTRAINT podcast_id FOR (n:Podcast) REQUIRE n.id IS UNIQUE;\n\
              CREATE CONSTRAINT episode_id FOR (n:Episode) REQUIRE n.id IS UNIQUE;\n\
              CREATE INDEX podcast_title FOR (n:Podcast) ON (n.title);\n\
              CREATE INDEX topic_name FOR (n:Topic) ON (n.name);\n\
              MATCH (n:Podcast|Episode) WHERE n.schema_version IS NULL\n\
              CALL (n) { SET n.schema_version = '1.0.0' } IN TRANSACTIONS OF 10 ROWS;\n";
    let down = "DROP INDEX topic_name IF EXISTS;\nDROP INDEX podcast_title IF EXISTS;\n\
                DROP CONSTRAINT episode_id IF EXISTS;\nDROP CONSTRAINT podcast_id IF EXISTS;\n\
                MATCH (n:Podcast|Episode) WHERE n.schema_version = '1.0.0'\n\
                CALL (n) { REMOVE n.schema_version } IN TRANSACTIONS OF 10 ROWS;\n";
    write(copy.path(), "1.0.0_schema_versioning", up, down);
    copy
}

/// A file of a copy, changed.
pub fn edit(copy: &Path, file: &str, change: impl Fn(String) -> String) {
    let path = copy.join(file);
    std::fs::write(&path, change(std::fs::read_to_string(&path).unwrap())).unwrap();
}

/// The names of the up files of the repository.
pub fn up_files() -> Vec<(Version, String, usize)> {
    let migrations = load(&folder()).unwrap();
    migrations.into_iter().map(|m| (m.version, m.up.file, m.up.statements.len())).collect()
}
