//! Repair explains, changes nothing without a word, and brings back what was recorded.

use std::path::Path;
use std::time::Duration;

use regraft::error::{Cause, Result};
use regraft::neo4j::catalog::Inventory;
use regraft::neo4j::{Statement, TargetGraph};
use regraft::schema::{History, MigrationResult, RepairReport, RepairResult, SchemaManager, migrate};

use super::{counts, edit, fresh, inventory, run_all, small, to, version, write};
use crate::neo4j::number;

async fn repair(target: &TargetGraph, folder: &Path, execute: bool) -> Result<RepairReport> {
    SchemaManager::open(target, folder).unwrap().repair(execute, Duration::ZERO, &|_| {}).await
}

fn left(report: &RepairReport) -> Vec<&str> {
    report.findings.iter().filter(|it| !it.mended).map(|it| it.finding.name.as_str()).collect()
}

fn without(inventory: Inventory, name: &str) -> Inventory {
    let mut rest = inventory;
    rest.indexes.retain(|index| index.name != name);
    rest
}

#[tokio::test]
async fn constraints_and_indexes_are_brought_back_as_recorded() {
    let (_turn, target) = fresh().await;
    let files = small();
    to(&target, files.path(), "1.1.0").await.unwrap();
    assert_eq!(repair(&target, files.path(), true).await.unwrap().result, RepairResult::NothingToDo);
    let recorded = inventory(&target).await;
    run_all(
        &target,
        &[
            "DROP CONSTRAINT podcast_id",
            "DROP CONSTRAINT episode_id",
            "CREATE CONSTRAINT episode_id FOR (n:Episode) REQUIRE (n.id, n.title) IS UNIQUE",
            "DROP INDEX podcast_title",
            // In the way of the one that is missing.
            "CREATE INDEX another_name FOR (n:Podcast) ON (n.title)",
            "CREATE INDEX foreign FOR (n:NobodysLabel) ON (n.x)",
        ],
    )
    .await;
    let drifted = (inventory(&target).await, counts(&target).await);
    let planned = repair(&target, files.path(), false).await.unwrap();
    assert_eq!((planned.result, planned.findings.len()), (RepairResult::Planned, 5));
    assert_eq!((inventory(&target).await, counts(&target).await), drifted);
    let mended = repair(&target, files.path(), true).await.unwrap();
    assert_eq!(mended.result, RepairResult::Mended, "{mended:?}");
    assert_eq!(left(&mended), ["foreign"]);
    assert_eq!(without(inventory(&target).await, "foreign"), recorded);
    let written = "MATCH (r:_RegraftSchemaRepair) RETURN [count(r.done)] AS r";
    assert_eq!(number(&target, written).await, 4);
    let seen = "MATCH (h:MigrationHistory) WHERE h.what STARTS WITH 'schema repair' RETURN [count(h)] AS r";
    assert_eq!(number(&target, seen).await, 1);
    run_all(&target, &["DROP INDEX foreign"]).await;
}

#[tokio::test]
async fn what_the_data_do_not_allow_leaves_all_as_it_was() {
    let (_turn, target) = fresh().await;
    let files = small();
    to(&target, files.path(), "1.1.0").await.unwrap();
    run_all(&target, &["DROP CONSTRAINT podcast_id", "CREATE INDEX more FOR (n:Podcast) ON (n.website)"])
        .await;
    target.run(Statement::new("CREATE (:Podcast {id: 'twice'}), (:Podcast {id: 'twice'})")).await.unwrap();
    let drifted = inventory(&target).await;
    let error = repair(&target, files.path(), true).await.unwrap_err();
    assert_eq!((error.cause(), error.policy().exit_code), (Cause::CheckFailed, 1), "{error:?}");
    assert!(error.chain().join("\n").contains("twice"), "{error:?}");
    assert_eq!(inventory(&target).await, drifted);
    let alone = "MATCH (b:BackupMarker) WHERE NOT EXISTS { MATCH (:MigrationHistory {id: b.id}) } RETURN [count(b)] AS r";
    assert_eq!(number(&target, alone).await, 0);
    target.run(Statement::new("MATCH (n:Podcast {id: 'twice'}) DELETE n")).await.unwrap();
    assert_eq!(repair(&target, files.path(), true).await.unwrap().result, RepairResult::Mended);
}

#[tokio::test]
async fn an_index_that_failed_is_filled_anew_once_the_data_allow_it() {
    let (_turn, target) = fresh().await;
    let files = small();
    to(&target, files.path(), "1.1.0").await.unwrap();
    run_all(&target, &["DROP INDEX topic_name"]).await;
    let long = "CREATE (:Topic {id: 'long', name: reduce(s = '', i IN range(1, 9000) | s + 'x')})";
    target.run(Statement::new(long)).await.unwrap();
    // Left out of the record on purpose: missing, and it can't be made.
    let error = repair(&target, files.path(), true).await.unwrap_err();
    assert_eq!(error.cause(), Cause::CheckFailed, "{error:?}");
    assert!(error.chain().join("\n").contains("topic_name"), "{error:?}");
    run_all(&target, &["CREATE INDEX topic_name FOR (n:Topic) ON (n.name)"]).await;
    let _ = target.run_auto_commit(Statement::new("CALL db.awaitIndexes(60)")).await;
    repair(&target, files.path(), true).await.unwrap_err();
    target.run(Statement::new("MATCH (n:Topic {id: 'long'}) DELETE n")).await.unwrap();
    assert_eq!(repair(&target, files.path(), true).await.unwrap().result, RepairResult::Mended);
}

#[tokio::test]
async fn files_and_history_are_mended_as_far_as_no_decision_is_needed() {
    let (_turn, target) = fresh().await;
    let copy = small();
    write(copy.path(), "1.2.0_new", "CREATE INDEX new FOR (n:Podcast) ON (n.new);", "DROP INDEX new;");
    to(&target, copy.path(), "1.2.0").await.unwrap();
    let up = copy.path().join("1.2.0_new.up.cypher");
    let text = std::fs::read_to_string(&up).unwrap();
    std::fs::remove_file(&up).unwrap();
    std::fs::remove_file(copy.path().join("1.2.0_new.down.cypher")).unwrap();
    edit(copy.path(), "1.0.0_schema_versioning.up.cypher", |text| format!("// Another word.\n{text}"));
    target.run(Statement::new("MATCH (m:_RegraftMigration {version: '1.1.0'}) DELETE m")).await.unwrap();
    write(copy.path(), "1.0.5_late", "", "");

    let planned = repair(&target, copy.path(), false).await.unwrap();
    assert_eq!(planned.result, RepairResult::Planned);
    assert!(!up.exists());
    let report = repair(&target, copy.path(), true).await.unwrap();
    // A file that came late needs a name: a person's decision.
    assert_eq!((report.result, left(&report)), (RepairResult::Left, vec!["1.0.5_late.up.cypher"]));
    assert_eq!(std::fs::read_to_string(&up).unwrap().trim(), text.trim());
    let history = History::read(&target).await.unwrap();
    let applied: Vec<String> = history.applied().iter().map(|it| it.version.to_string()).collect();
    assert_eq!(applied, ["1.0.0", "1.1.0", "1.2.0"]);
    for half in ["up", "down"] {
        std::fs::remove_file(copy.path().join(format!("1.0.5_late.{half}.cypher"))).unwrap();
    }
    assert_eq!(repair(&target, copy.path(), true).await.unwrap().result, RepairResult::NothingToDo);
    // And everything leads down again.
    assert_eq!(
        migrate(&target, copy.path(), &super::options("1.2.0"), &|_| {}).await.unwrap().result,
        MigrationResult::NothingToDo
    );
    to(&target, copy.path(), "0.0.0").await.unwrap();
    assert_eq!(regraft::schema::current_version(&target).await.unwrap(), version("0.0.0"));
}

/// Of two files one is gone: what was applied is known, and is written again.
#[tokio::test]
async fn half_a_version_is_written_again_from_what_is_kept() {
    let (_turn, target) = fresh().await;
    let copy = small();
    to(&target, copy.path(), "1.1.0").await.unwrap();
    for half in ["down", "up"] {
        let file = format!("1.0.0_schema_versioning.{half}.cypher");
        let text = std::fs::read_to_string(copy.path().join(&file)).unwrap();
        std::fs::remove_file(copy.path().join(&file)).unwrap();
        assert_eq!(to(&target, copy.path(), "1.1.0").await.unwrap().result, MigrationResult::NothingToDo);
        let planned = repair(&target, copy.path(), false).await.unwrap();
        assert_eq!(left(&planned), [&file]);
        assert_eq!(repair(&target, copy.path(), true).await.unwrap().result, RepairResult::Mended);
        assert_eq!(std::fs::read_to_string(copy.path().join(&file)).unwrap(), text);
    }
}
