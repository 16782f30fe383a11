//! Killed between any two steps, the next run finishes what was begun, or takes it back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use regraft::neo4j::{Statement, TargetGraph};
use regraft::schema::{Event, MigrationResult, Options, current_version, migrate};
use tokio::sync::Notify;

use super::{copied, data, edit, folder, fresh, inventory, options, seed, some_of, to, version};
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
        done = migrate(target, folder, options, &observe) => {
            done.unwrap();
            false
        }
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
    up_killed_at(some_of(0..34, 4)).await;
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
        if let Some(ended) = report.ended {
            assert!(ended.resumed_at.is_some() && !ended.undone);
        }
    }
    let twice = "MATCH (m:_RegraftMigration {outcome: 'applied'}) WITH m ORDER BY m.number \
                 WITH collect(m.version + m.direction) AS done \
                 RETURN [size([i IN range(1, size(done) - 1) WHERE done[i] = done[i - 1]])] AS r";
    assert_eq!(number(&target, twice).await, 0, "a version counts twice");
}

#[tokio::test]
async fn an_interrupted_way_down_is_finished_by_the_next_run() {
    down_killed_at(some_of(0..35, 4)).await;
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
        let undo = Options { undo: true, ..Options::default() };
        let report = migrate(&target, &folder(), &undo, &|_| {}).await.unwrap();
        assert_eq!(report.result, MigrationResult::Undone, "killed at {at}");
        assert_eq!((inventory(&target).await, data(&target).await), expected, "killed at {at}");
        assert_eq!(current_version(&target).await.unwrap(), version("0.0.0"));
        let again = migrate(&target, &folder(), &undo, &|_| {}).await.unwrap();
        assert_ne!(again.result, MigrationResult::Undone);
        to(&target, &folder(), "0.0.0").await.unwrap();
    }
}

#[tokio::test]
async fn a_file_that_changed_meanwhile_is_not_gone_on_with() {
    let (_turn, target) = fresh().await;
    seed(&target).await;
    let expected = (inventory(&target).await, data(&target).await);
    assert!(killed_at(&target, &folder(), &Options::default(), 12).await);
    let copy = copied();
    edit(copy.path(), "1.0.0_schema_versioning.up.cypher", |text| {
        text.replace("podcast_title", "podcast_titles")
    });
    let error = migrate(&target, copy.path(), &Options::default(), &|_| {}).await.unwrap_err();
    assert!(error.to_string().contains("was changed after it had been begun"), "{error:?}");
    assert!(error.advice().contains("--undo"));
    let undo = Options { undo: true, ..Options::default() };
    assert_eq!(migrate(&target, copy.path(), &undo, &|_| {}).await.unwrap().result, MigrationResult::Undone);
    assert_eq!((inventory(&target).await, data(&target).await), expected);
}

/// The server went down while it made a constraint: its index is left, without the constraint.
#[tokio::test]
async fn what_is_left_of_half_a_constraint_is_not_in_the_way() {
    let (_turn, target) = fresh().await;
    assert!(killed_at(&target, &folder(), &Options::default(), 0).await);
    for text in [
        "MATCH (s:_RegraftMigrationStep) DELETE s",
        "DROP CONSTRAINT podcast_id IF EXISTS",
        "CREATE INDEX podcast_id IF NOT EXISTS FOR (n:Podcast) ON (n.id)",
    ] {
        target.run_auto_commit(Statement::new(text)).await.unwrap();
    }
    let report = migrate(&target, &folder(), &Options::default(), &|_| {}).await.unwrap();
    assert_eq!(report.ended.unwrap().resumed_at, Some(1));
    assert_eq!(current_version(&target).await.unwrap(), version("1.1.0"));
}
