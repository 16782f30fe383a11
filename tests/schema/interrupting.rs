//! Killed between any two steps, the next run finishes what was begun, or takes it back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use regraft::error::Cause;
use regraft::neo4j::{Statement, TargetGraph};
use regraft::schema::{
    Event, History, MigrationResult, OnInterrupted, Options, Origin, Way, current_version, migrate,
};
use tokio::sync::Notify;

use super::{data, edit, folder, fresh, inventory, options, seed, small, some_of, to, version, write};
use crate::neo4j::number;

/// Lets a killed process's claim run out, without waiting for it.
async fn forget_claims(target: &TargetGraph) {
    target.run(Statement::new("MATCH (c:_RegraftLock) WHERE c.purpose IS NOT NULL DELETE c")).await.unwrap();
}

/// Migrates and is gone at the given event, as after a kill.
async fn killed_at(target: &TargetGraph, folder: &std::path::Path, options: &Options, at: usize) -> bool {
    let (seen, reached) = (AtomicUsize::new(0), Notify::new());
    let observe = |event: Event<'_>| {
        if matches!(event, Event::Step(_)) && seen.fetch_add(1, Ordering::Relaxed) == at {
            reached.notify_one();
        }
    };
    let killed = tokio::select! {
        // It was through before.
        _ = migrate(target, folder, options, &observe) => false,
        () = async {
            reached.notified().await;
            // Somewhere within the step, or after it.
            tokio::time::sleep(Duration::from_micros(u64::from(rand::random::<u16>()) / 4)).await;
        } => true,
    };
    forget_claims(target).await;
    killed
}

#[tokio::test]
async fn an_interrupted_way_up_is_finished_by_the_next_run() {
    up_killed_at(some_of(0..34, 2)).await;
}

#[tokio::test]
#[ignore = "at every step: make soak"]
async fn a_way_up_that_is_interrupted_anywhere_is_finished_by_the_next_run() {
    up_killed_at((0..34).collect()).await;
}

async fn up_killed_at(moments: Vec<usize>) {
    let (_turn, target) = fresh().await;
    seed(&target).await;
    to(&target, &folder(), "1.1.0").await.unwrap();
    let expected = (inventory(&target).await, data(&target).await);
    for at in moments {
        to(&target, &folder(), "0.0.0").await.unwrap();
        let killed = killed_at(&target, &folder(), &Options::default(), at).await;
        let report = migrate(&target, &folder(), &Options::default(), &|_| {}).await.unwrap();
        assert_eq!((inventory(&target).await, data(&target).await), expected, "killed at {at}: {killed}");
        assert_eq!(current_version(&target).await.unwrap(), version("1.1.0"));
        if killed && report.result == MigrationResult::Migrated {
            assert!(report.versions.iter().all(|it| it.way != Way::Undo), "{report:?}");
        }
    }
    let twice = "MATCH (m:_RegraftMigration {outcome: 'applied'}) WITH m ORDER BY m.number \
                 WITH collect(m.version + m.direction) AS done \
                 RETURN [size([i IN range(1, size(done) - 1) WHERE done[i] = done[i - 1]])] AS r";
    assert_eq!(number(&target, twice).await, 0, "a version counts twice");
}

#[tokio::test]
async fn an_interrupted_way_down_is_finished_by_the_next_run() {
    down_killed_at(some_of(0..35, 2)).await;
}

#[tokio::test]
#[ignore = "at every step: make soak"]
async fn a_way_down_that_is_interrupted_anywhere_is_finished_by_the_next_run() {
    down_killed_at((0..35).collect()).await;
}

async fn down_killed_at(moments: Vec<usize>) {
    let (_turn, target) = fresh().await;
    seed(&target).await;
    let expected = (inventory(&target).await, data(&target).await);
    for at in moments {
        to(&target, &folder(), "1.1.0").await.unwrap();
        let killed = killed_at(&target, &folder(), &options("0.0.0"), at).await;
        let begun = History::read(&target).await.unwrap().unfinished().is_some();
        let no_word = Options { execute: false, ..options("0.0.0") };
        if begun {
            // It takes something away: only with a word.
            let error = migrate(&target, &folder(), &no_word, &|_| {}).await.unwrap_err();
            assert_eq!(error.cause(), Cause::Usage);
            assert!(error.advice().contains("--resume"), "{error:?}");
        }
        to(&target, &folder(), "0.0.0").await.unwrap();
        assert_eq!((inventory(&target).await, data(&target).await), expected, "killed at {at}: {killed}");
        assert_eq!(current_version(&target).await.unwrap(), version("0.0.0"));
    }
}

#[tokio::test]
async fn an_interrupted_version_is_taken_back_when_that_is_asked_for() {
    let (_turn, target) = fresh().await;
    seed(&target).await;
    let expected = (inventory(&target).await, data(&target).await);
    for at in some_of(0..28, 2) {
        assert!(killed_at(&target, &folder(), &Options::default(), at).await);
        let undo = Options { on_interrupted: OnInterrupted::Undo, ..Options::default() };
        let dry = Options { dry_run: true, ..undo.clone() };
        let half = (inventory(&target).await, data(&target).await);
        let planned = migrate(&target, &folder(), &dry, &|_| {}).await.unwrap();
        assert_eq!(planned.plan.versions[0].way, Way::Undo);
        assert_eq!((inventory(&target).await, data(&target).await), half, "killed at {at}");
        let report = migrate(&target, &folder(), &undo, &|_| {}).await.unwrap();
        assert_eq!(report.result, MigrationResult::Undone, "killed at {at}");
        assert_eq!((inventory(&target).await, data(&target).await), expected, "killed at {at}");
        assert_eq!(current_version(&target).await.unwrap(), version("0.0.0"));
        let again = migrate(&target, &folder(), &undo, &|_| {}).await.unwrap();
        assert_eq!(again.result, MigrationResult::NothingToUndo);
        to(&target, &folder(), "0.0.0").await.unwrap();
    }
}

#[tokio::test]
async fn a_file_that_changed_meanwhile_is_not_gone_on_with() {
    let (_turn, target) = fresh().await;
    let files = small();
    seed(&target).await;
    let expected = (inventory(&target).await, data(&target).await);
    assert!(killed_at(&target, files.path(), &Options::default(), 3).await);
    let copy = small();
    edit(copy.path(), "1.0.0_schema_versioning.up.cypher", |text| {
        text.replace("podcast_title", "podcast_titles")
    });
    let error = migrate(&target, copy.path(), &Options::default(), &|_| {}).await.unwrap_err();
    assert!(error.to_string().contains("has changed since it was begun"), "{error:?}");
    assert!(error.advice().contains("--undo") && error.advice().contains("--resume"), "{error:?}");
    let undo = Options { on_interrupted: OnInterrupted::Undo, ..Options::default() };
    assert_eq!(migrate(&target, copy.path(), &undo, &|_| {}).await.unwrap().result, MigrationResult::Undone);
    assert_eq!((inventory(&target).await, data(&target).await), expected);
    // The other way is safe as well: the text that it was begun with is kept.
    assert!(killed_at(&target, files.path(), &Options::default(), 3).await);
    let resume = Options { on_interrupted: OnInterrupted::Resume, ..Options::default() };
    let report = migrate(&target, copy.path(), &resume, &|_| {}).await.unwrap();
    assert_eq!((report.result, report.to), (MigrationResult::Migrated, version("1.0.0")));
    assert_eq!(report.plan.versions[0].statements_from, Origin::Target);
    let here = inventory(&target).await;
    assert!(here.indexes.iter().any(|index| index.name == "podcast_title"));
    let changed = migrate(&target, copy.path(), &Options::default(), &|_| {}).await.unwrap_err();
    assert!(changed.to_string().contains("was changed after it had been applied"), "{changed:?}");
}

/// Failed, and killed while that was taken back: what is left of it is never gone on with.
#[tokio::test]
async fn a_killed_taking_back_is_finished_by_the_next_run() {
    let (_turn, target) = fresh().await;
    let files = small();
    seed(&target).await;
    target.run(Statement::new("CREATE (:Failing {id: 1}), (:Failing {id: 1})")).await.unwrap();
    to(&target, files.path(), "1.1.0").await.unwrap();
    let expected = (inventory(&target).await, data(&target).await);
    to(&target, files.path(), "0.0.0").await.unwrap();
    let nothing = (inventory(&target).await, data(&target).await);
    let copy = small();
    edit(copy.path(), "1.0.0_schema_versioning.up.cypher", |text| {
        text + "CREATE CONSTRAINT fails FOR (n:Failing) REQUIRE n.id IS UNIQUE;"
    });
    // 6 steps until it fails, then data, 4 constraints and indexes, and two words.
    for (turn, at) in some_of(6..12, 2).into_iter().enumerate() {
        killed_at(&target, copy.path(), &Options::default(), at).await;
        let history = History::read(&target).await.unwrap();
        let resume = Options { on_interrupted: OnInterrupted::Resume, ..Options::default() };
        if let Some(unfinished) = history.unfinished() {
            assert!(unfinished.undoing, "killed at {at}: {unfinished:?}");
            let error = migrate(&target, copy.path(), &resume, &|_| {}).await.unwrap_err();
            assert_eq!(error.cause(), Cause::Usage, "{error:?}");
        }
        if turn == 0 {
            let undo = Options { on_interrupted: OnInterrupted::Undo, ..Options::default() };
            migrate(&target, copy.path(), &undo, &|_| {}).await.unwrap();
            assert_eq!((inventory(&target).await, data(&target).await), nothing, "killed at {at}");
        } else {
            // The file is mended: what was begun is taken back, then all of it is applied.
            migrate(&target, files.path(), &Options::default(), &|_| {}).await.unwrap();
            assert_eq!((inventory(&target).await, data(&target).await), expected, "killed at {at}");
        }
    }
    target.run(Statement::new("MATCH (n:Failing) DELETE n")).await.unwrap();
}

/// A statement in one transaction is written down in the same: it counts once, wherever it is killed.
#[tokio::test]
async fn data_in_one_transaction_count_once() {
    let (_turn, target) = fresh().await;
    seed(&target).await;
    let copy = small();
    to(&target, copy.path(), "1.1.0").await.unwrap();
    let up = "MATCH (n:Podcast) SET n.seen = coalesce(n.seen, 0) + 1;";
    write(copy.path(), "1.2.0_seen", up, "MATCH (n:Podcast) REMOVE n.seen;");
    for at in [0, 0, 0, 1, 1, 2] {
        killed_at(&target, copy.path(), &Options::default(), at).await;
        let report = migrate(&target, copy.path(), &Options::default(), &|_| {}).await.unwrap();
        assert!(!report.plan.versions.iter().flat_map(|it| &it.steps).any(|step| step.in_batches));
        let once = "MATCH (n:Podcast {seen: 1}) RETURN [count(n)] AS r";
        assert_eq!(number(&target, once).await, 25, "killed at {at}");
        to(&target, copy.path(), "1.1.0").await.unwrap();
    }
}

/// The server went down while it made a constraint: its index is left, without the constraint.
#[tokio::test]
async fn what_is_left_of_half_a_constraint_is_not_in_the_way() {
    let (_turn, target) = fresh().await;
    let files = small();
    assert!(killed_at(&target, files.path(), &Options::default(), 0).await);
    for text in [
        "MATCH (s:_RegraftMigrationStep) DELETE s",
        "DROP CONSTRAINT podcast_id IF EXISTS",
        "CREATE INDEX podcast_id IF NOT EXISTS FOR (n:Podcast) ON (n.id)",
    ] {
        target.run_auto_commit(Statement::new(text)).await.unwrap();
    }
    let report = migrate(&target, files.path(), &Options::default(), &|_| {}).await.unwrap();
    assert_eq!(report.versions[0].resumed_at, Some(1));
    assert_eq!(current_version(&target).await.unwrap(), version("1.1.0"));
}
