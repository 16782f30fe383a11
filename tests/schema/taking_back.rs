//! What is taken back is what was done, once, and nothing else.

use regraft::error::{Cause, Result};
use regraft::neo4j::TargetGraph;
use regraft::schema::{MigrationReport, MigrationResult, OnInterrupted, Options, SchemaManager, migrate};
use regraft::stop::Stop;

use super::{data, fresh, inventory, run_all, seed, small, to, version, write};
use crate::neo4j::number;
use crate::support::Taken;

const TOPICS: &str = "CREATE (:Topic {id: 'old1'}), (:Topic {id: 'old2'})";
const FAILS: &str = "MATCH (n:Podcast) SET n.rank = 1 / 0;\n";

/// A target with the first two versions and a few topics, and the files to add a third one to.
async fn ready() -> (Taken, TargetGraph, tempfile::TempDir) {
    let (turn, target) = fresh().await;
    let copy = small();
    seed(&target).await;
    run_all(&target, &[TOPICS, "MATCH (n:Podcast) SET n.rank = 7"]).await;
    to(&target, copy.path(), "1.1.0").await.unwrap();
    (turn, target, copy)
}

async fn undo(target: &TargetGraph, copy: &tempfile::TempDir) -> Result<MigrationReport> {
    let options = Options { on_interrupted: OnInterrupted::Undo, ..Options::default() };
    migrate(target, copy.path(), &options, &|_| {}).await
}

async fn count_of_topics(target: &TargetGraph) -> i64 {
    number(target, "MATCH (n:Topic) RETURN [sum(n.count)] AS r").await
}

#[tokio::test]
async fn a_single_statement_that_failed_or_never_ran_takes_nothing_back() {
    let (_turn, target, copy) = ready().await;
    let before = (inventory(&target).await, data(&target).await);
    let down = "MATCH (n:Podcast) REMOVE n.rank;\nMATCH (n:Topic) DETACH DELETE n;";
    write(copy.path(), "1.2.0_topics", &format!("{FAILS}CREATE (:Topic {{id: 'new'}});"), down);
    let error = to(&target, copy.path(), "1.2.0").await.unwrap_err();
    assert_eq!(error.cause(), Cause::CheckFailed, "{error:?}");
    assert!(error.advice().starts_with("mend the statement, or the data"), "{}", error.advice());
    assert_eq!((inventory(&target).await, data(&target).await), before);

    // Interrupted before it.
    write(copy.path(), "1.2.0_topics", "CREATE (:Topic {id: 'new'});", down);
    let stop = Stop::new();
    let manager = SchemaManager::open(&target, copy.path()).unwrap().until(stop.clone());
    manager.migrate(&Options::default(), &|_| stop.request()).await.unwrap_err();
    assert_eq!(undo(&target, &copy).await.unwrap().result, MigrationResult::Undone);
    assert_eq!((inventory(&target).await, data(&target).await), before);
}

#[tokio::test]
async fn a_way_down_that_fails_at_its_data_doubles_none() {
    let (_turn, target, copy) = ready().await;
    let up =
        "CREATE CONSTRAINT topic_id FOR (n:Topic) REQUIRE n.id IS UNIQUE;\nCREATE (:Topic {id: 'intro'});";
    let down = "DROP CONSTRAINT topic_id IF EXISTS;\nMATCH (n:Topic {id: 'intro'}) DELETE n;";
    write(copy.path(), "1.2.0_intro", up, down);
    to(&target, copy.path(), "1.2.0").await.unwrap();
    run_all(&target, &["MATCH (n:Topic {id: 'intro'}) CREATE (n)-[:X]->(:Speaker {id: 's'})"]).await;
    let before = (inventory(&target).await, data(&target).await);
    let error = to(&target, copy.path(), "1.1.0").await.unwrap_err();
    assert_eq!(error.cause(), Cause::CheckFailed, "{error:?}");
    assert!(error.to_string().ends_with("failed and was taken back"), "{error:?}");
    assert_eq!((inventory(&target).await, data(&target).await), before);
}

#[tokio::test]
async fn a_statement_that_takes_back_counts_once() {
    let (_turn, target, copy) = ready().await;
    run_all(&target, &["MATCH (n:Topic {id: 'old1'}) SET n.count = 5"]).await;
    let before = (inventory(&target).await, data(&target).await);
    let up = format!(
        "CREATE INDEX more FOR (n:Topic) ON (n.more);\nMATCH (n:Topic) SET n.count = n.count + 1;\n{FAILS}"
    );
    let down =
        "// removes counts: MATCH (n:Topic) RETURN count(n)\nMATCH (n:Topic) SET n.count = n.count - 1;\n";
    write(copy.path(), "1.2.0_count", &up, &format!("{down}{FAILS}"));
    let error = to(&target, copy.path(), "1.2.0").await.unwrap_err();
    assert!(error.to_string().contains("failed too"), "{error:?}");
    assert!(!error.to_string().contains("n.count - 1"), "{error:?}");
    assert_eq!(count_of_topics(&target).await, 5);
    undo(&target, &copy).await.unwrap_err();
    assert_eq!(count_of_topics(&target).await, 5);
    write(copy.path(), "1.2.0_count", &up, down);
    let report = undo(&target, &copy).await.unwrap();
    assert_eq!(report.plan.versions[0].removes[0].what, "counts");
    assert_eq!((inventory(&target).await, data(&target).await), before);
}

/// An index that can't be filled shows that only after a while: data wait for it.
#[tokio::test]
async fn a_failing_index_is_noticed_before_data_are_touched() {
    let (_turn, target, copy) = ready().await;
    run_all(&target, &["MATCH (n:Topic) SET n.long = reduce(s = '', i IN range(1, 9000) | s + 'x')"]).await;
    let before = (inventory(&target).await, data(&target).await);
    let up = "CREATE INDEX long FOR (n:Topic) ON (n.long);\nMATCH (n:Podcast) SET n.rank = 1;";
    write(copy.path(), "1.2.0_long", up, "MATCH (n:Podcast) REMOVE n.rank;\nDROP INDEX long IF EXISTS;");
    let error = to(&target, copy.path(), "1.2.0").await.unwrap_err();
    assert_eq!(error.cause(), Cause::CheckFailed, "{error:?}");
    let said = error.chain().join("\n");
    assert!(said.contains("too large") && !said.contains("\tat "), "{said}");
    assert_eq!((inventory(&target).await, data(&target).await), before);
}

#[tokio::test]
async fn a_way_down_leaves_nothing_of_its_version_behind() {
    let (_turn, target, copy) = ready().await;
    let before = inventory(&target).await;
    write(copy.path(), "1.2.0_left", "CREATE INDEX left FOR (n:Topic) ON (n.left);", "");
    to(&target, copy.path(), "1.2.0").await.unwrap();
    let report = to(&target, copy.path(), "1.1.0").await.unwrap();
    assert_eq!(report.versions[0].schema_removed, 1);
    assert_eq!(inventory(&target).await, before);
}

#[tokio::test]
async fn what_can_not_be_taken_back_is_not_begun() {
    let (_turn, target, copy) = ready().await;
    let dry = Options { dry_run: true, target_version: Some(version("1.2.0")), ..Options::default() };
    for (up, down, place) in [
        ("CREATE (:Topic {id: 'x'});", "MATCH (n:Topic {id: 'x'}) DELET n;", "1.2.0_x.down.cypher:1"),
        ("CREATE USER nobody SET PASSWORD 'abcdefgh';", "", "1.2.0_x.up.cypher:1"),
    ] {
        write(copy.path(), "1.2.0_x", up, down);
        let error = migrate(&target, copy.path(), &dry, &|_| {}).await.unwrap_err();
        assert_eq!(error.cause(), Cause::Definition, "{error:?}");
        assert!(error.to_string().starts_with(place), "{error:?}");
        assert!(!error.advice().contains("regraft check"), "{}", error.advice());
    }
}
