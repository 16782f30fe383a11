//! A version that fails leaves everything as it was.

use regraft::error::Cause;
use regraft::neo4j::{Statement, TargetGraph};
use regraft::schema::{MigrationResult, OnInterrupted, Options, current_version, load, migrate};

use super::{copied, data, edit, folder, fresh, inventory, seed, small, to, up_files, version, write};
use crate::neo4j::number;
use crate::support::Taken;

/// Data that no uniqueness constraint can be made on, wherever it is put.
const FAILS: &str = "CREATE CONSTRAINT fails FOR (n:Failing) REQUIRE n.id IS UNIQUE;\n";

async fn make_failing(target: &TargetGraph) {
    target
        .run(Statement::new("MERGE (:Failing {id: 1, n: 1}) MERGE (:Failing {id: 1, n: 2})"))
        .await
        .unwrap();
}

/// The text with a failing statement before the statement `at`, or at the end.
fn broken(text: &str, at: usize) -> String {
    let pieces = regraft::schema::split(text).unwrap();
    match pieces.get(at) {
        Some(piece) => text.replacen(&piece.text, &format!("{FAILS}{}", piece.text), 1),
        None => format!("{text}\n{FAILS}"),
    }
}

/// Fails at a statement of the version that comes after `from`, and compares what is there with what was.
async fn fails_at(target: &TargetGraph, file: &str, at: usize) {
    let copy = copied();
    edit(copy.path(), file, |text| broken(&text, at));
    let before = (inventory(target).await, data(target).await, current_version(target).await.unwrap());
    let error = migrate(target, copy.path(), &Options::default(), &|_| {}).await.unwrap_err();
    assert_eq!(error.cause(), Cause::CheckFailed, "{file} {at}: {error:?}");
    assert!(error.to_string().ends_with("failed and was taken back"), "{error:?}");
    assert_eq!(error.policy().exit_code, 1);
    assert_eq!(inventory(target).await, before.0, "{file} {at}");
    assert_eq!(
        (data(target).await, current_version(target).await.unwrap()),
        (before.1, before.2),
        "{file} {at}"
    );
}

async fn prepared() -> (Taken, TargetGraph) {
    let (turn, target) = fresh().await;
    seed(&target).await;
    make_failing(&target).await;
    for text in [
        "CREATE CONSTRAINT podcast_id FOR (n:Podcast) REQUIRE n.id IS UNIQUE",
        "CREATE INDEX topic_trend FOR (n:Topic) ON (n.trend)",
        "CREATE INDEX own_index FOR (n:Podcast) ON (n.own)",
        "CALL db.awaitIndexes(60)",
    ] {
        target.run_auto_commit(Statement::new(text)).await.unwrap();
    }
    (turn, target)
}

#[tokio::test]
async fn a_failure_at_the_ends_and_the_data_leaves_everything_as_it_was() {
    let (_turn, target) = prepared().await;
    let (_, file, statements) = up_files().remove(0);
    for at in [0, statements / 2, statements] {
        fails_at(&target, &file, at).await;
    }
    assert_eq!(current_version(&target).await.unwrap(), version("0.0.0"));
    let undone = "MATCH (m:_RegraftMigration {outcome: 'undone'}) WHERE m.failure CONTAINS 'Failing' RETURN [count(m)] AS r";
    assert_eq!(number(&target, undone).await, 3);
    // And after all that it works.
    to(&target, &folder(), "1.1.0").await.unwrap();
}

#[tokio::test]
#[ignore = "every statement: make soak"]
async fn a_failure_at_every_statement_leaves_everything_as_it_was() {
    let (_turn, target) = prepared().await;
    for (version, file, statements) in up_files() {
        for at in 0..=statements {
            fails_at(&target, &file, at).await;
        }
        to(&target, &folder(), &version.to_string()).await.unwrap();
    }
}

/// The same for the ways down.
#[tokio::test]
#[ignore = "every statement: make soak"]
async fn a_failure_at_every_statement_of_a_way_down_leaves_everything_as_it_was() {
    let (_turn, target) = prepared().await;
    to(&target, &folder(), "1.1.0").await.unwrap();
    for (version, below) in [("1.1.0", "1.0.0"), ("1.0.0", "0.0.0")] {
        let migrations = load(&folder()).unwrap();
        let down = &migrations.iter().find(|it| it.version.to_string() == version).unwrap().down;
        for at in 0..=down.statements.len() {
            let copy = copied();
            edit(copy.path(), &down.file, |text| broken(&text, at));
            let before = (inventory(&target).await, data(&target).await);
            let error = to(&target, copy.path(), below).await.unwrap_err();
            assert_eq!(error.cause(), Cause::CheckFailed, "{version} {at}: {error:?}");
            assert_eq!((inventory(&target).await, data(&target).await), before, "{version} {at}");
            assert_eq!(current_version(&target).await.unwrap().to_string(), version);
        }
        to(&target, &folder(), below).await.unwrap();
    }
}

/// What was there before is not taken for what a version did, as long as it did nothing to data.
#[tokio::test]
async fn data_are_taken_back_only_where_data_were_touched() {
    let (_turn, target) = prepared().await;
    target.run(Statement::new("MATCH (n:Podcast) SET n.schema_version = '1.0.0'")).await.unwrap();
    let (_, file, statements) = up_files().remove(0);
    for at in [0, statements - 1] {
        fails_at(&target, &file, at).await;
    }
    let kept = "MATCH (n:Podcast {schema_version: '1.0.0'}) RETURN [count(n)] AS r";
    assert_eq!(number(&target, kept).await, 25);
}

#[tokio::test]
async fn where_taking_back_fails_too_the_message_says_what_is_left_and_how_to_finish() {
    let (_turn, target) = prepared().await;
    let copy = small();
    to(&target, copy.path(), "1.1.0").await.unwrap();
    let before = (inventory(&target).await, data(&target).await);
    let up = format!(
        "CREATE INDEX left_over FOR (n:Podcast) ON (n.extra);\nMATCH (n:Podcast) SET n.extra = 1;\n{FAILS}"
    );
    let broken = "MATCH (n:Podcast) SET n.extra = 1 / 0;\nDROP INDEX left_over IF EXISTS;";
    write(copy.path(), "1.2.0_extra", &up, broken);
    for attempt in 1..=2 {
        let options = match attempt {
            1 => Options::default(),
            _ => Options { on_interrupted: OnInterrupted::Undo, ..Options::default() },
        };
        let error = migrate(&target, copy.path(), &options, &|_| {}).await.unwrap_err();
        let message = error.to_string();
        assert!(message.contains("failed too"), "{error:?}");
        assert!(
            message.contains("left to be run: MATCH (n:Podcast) SET n.extra = 1 / 0; DROP INDEX"),
            "{error:?}"
        );
        assert!(error.advice().contains("`regraft migrate-schema --undo` finishes"), "{error:?}");
        assert_eq!(error.policy().exit_code, 1, "{error:?}");
        assert_eq!(current_version(&target).await.unwrap(), version("1.1.0"));
    }
    write(
        copy.path(),
        "1.2.0_extra",
        &up,
        "MATCH (n:Podcast) REMOVE n.extra;\nDROP INDEX left_over IF EXISTS;",
    );
    let undo = Options { on_interrupted: OnInterrupted::Undo, ..Options::default() };
    let report = migrate(&target, copy.path(), &undo, &|_| {}).await.unwrap();
    assert_eq!(report.result, MigrationResult::Undone);
    assert_eq!((inventory(&target).await, data(&target).await), before);
}

/// Not an outage, though the server may call it one: it would fail again.
#[tokio::test]
async fn a_statement_that_takes_too_much_memory_is_taken_back() {
    let (_turn, target) = prepared().await;
    let before = (inventory(&target).await, data(&target).await);
    let copy = small();
    let up = "UNWIND range(1, 100000000) AS i WITH collect(toString(i) + 'x') AS all MATCH (n:Podcast) SET n.all = all;";
    write(copy.path(), "0.9.0_memory", up, "MATCH (n:Podcast) REMOVE n.all;");
    let error = to(&target, copy.path(), "0.9.0").await.unwrap_err();
    assert_eq!(error.cause(), Cause::CheckFailed, "{error:?}");
    assert!(error.advice().contains("IN TRANSACTIONS"), "{error:?}");
    assert_eq!((inventory(&target).await, data(&target).await), before);
}

#[tokio::test]
async fn a_failure_in_the_second_version_keeps_the_first() {
    let (_turn, target) = prepared().await;
    to(&target, &folder(), "1.0.0").await.unwrap();
    fails_at(&target, "1.1.0_migration_history.up.cypher", 1).await;
    assert_eq!(current_version(&target).await.unwrap(), version("1.0.0"));
}

#[tokio::test]
async fn another_thing_of_the_same_name_is_in_the_way_and_stays() {
    let (_turn, target) = fresh().await;
    for text in ["CREATE INDEX podcast_title FOR (n:Other) ON (n.title)", "CALL db.awaitIndexes(60)"] {
        target.run_auto_commit(Statement::new(text)).await.unwrap();
    }
    let before = inventory(&target).await;
    let error = to(&target, &folder(), "1.1.0").await.unwrap_err();
    assert!(error.chain().iter().any(|line| line.contains("podcast_title")), "{error:?}");
    assert_eq!(error.policy().exit_code, 1);
    assert_eq!(inventory(&target).await, before);
}

#[tokio::test]
async fn duplicate_keys_in_the_target_are_named_and_nothing_is_left() {
    let (_turn, target) = fresh().await;
    target.run(Statement::new("CREATE (:Entity {id: 'twice'}), (:Entity {id: 'twice'})")).await.unwrap();
    let before = (inventory(&target).await, data(&target).await);
    let error = to(&target, &folder(), "1.1.0").await.unwrap_err();
    assert!(error.chain().iter().any(|line| line.contains("entity_id")), "{error:?}");
    assert_eq!((inventory(&target).await, data(&target).await), before);
}

#[tokio::test]
async fn a_statement_that_the_server_does_not_understand_stops_before_the_first_change() {
    let (_turn, target) = fresh().await;
    let copy = small();
    edit(copy.path(), "1.1.0_migration_history.up.cypher", |text| format!("{text}\nCREATE NOTHING;"));
    let error = migrate(&target, copy.path(), &Options::default(), &|_| {}).await.unwrap_err();
    assert_eq!(error.cause(), Cause::Definition);
    assert!(error.to_string().starts_with("1.1.0_migration_history.up.cypher:6"), "{error:?}");
    assert_eq!(current_version(&target).await.unwrap(), version("0.0.0"));
    assert_eq!(number(&target, "MATCH (m:_RegraftMigration) RETURN [count(m)] AS r").await, 0);
}

#[tokio::test]
async fn a_way_down_that_fails_leaves_the_version_there() {
    let (_turn, target) = prepared().await;
    let copy = small();
    edit(copy.path(), "1.0.0_schema_versioning.down.cypher", |text| format!("{text}\n{FAILS}"));
    to(&target, copy.path(), "1.1.0").await.unwrap();
    to(&target, copy.path(), "1.0.0").await.unwrap();
    let before = (inventory(&target).await, data(&target).await);
    let error = to(&target, copy.path(), "0.0.0").await.unwrap_err();
    assert_eq!(error.cause(), Cause::CheckFailed, "{error:?}");
    assert_eq!((inventory(&target).await, data(&target).await), before);
    assert_eq!(current_version(&target).await.unwrap(), version("1.0.0"));
}
