//! One at a time, and nobody for ever.

use std::sync::Arc;
use std::time::{Duration, Instant};

use regraft::error::Cause;
use regraft::neo4j::Statement;
use regraft::neo4j::claim::{self, Claim, Purpose, Wanted};
use regraft::schema::{Event, MigrationResult, Options, current_version, migrate};

use super::{fresh, options, small, to, version};
use crate::neo4j::number;

fn wanted(purpose: Purpose, lease: u64, patience: u64) -> Wanted {
    let (lease, patience) = (Duration::from_millis(lease), Duration::from_millis(patience));
    Wanted { lease, patience, ..Wanted::new(purpose, "a test") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_one_applies_and_the_other_finds_it_done() {
    let (stack, target) = fresh().await;
    let copy = Arc::new(small());
    let stack = Arc::new(stack);
    let tasks: Vec<_> = (0..3)
        .map(|_| {
            let (copy, stack) = (copy.clone(), stack.clone());
            tokio::spawn(async move {
                let target = stack.target.connected().await;
                migrate(&target, copy.path(), &Options::default(), &|_| {}).await
            })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap().unwrap().result);
    }
    results.sort_by_key(|&result| result != MigrationResult::Migrated);
    assert_eq!(
        results,
        [MigrationResult::Migrated, MigrationResult::NothingToDo, MigrationResult::NothingToDo]
    );
    assert_eq!(current_version(&target).await.unwrap(), version("1.1.0"));
    assert_eq!(number(&target, "MATCH (m:_RegraftMigration) RETURN [count(m)] AS r").await, 2);
}

#[tokio::test]
async fn a_claim_excludes_what_it_has_to() {
    let (_turn, target) = fresh().await;
    use Purpose::{Exclusive, Load};
    for (held, other, goes) in [
        (Load, Load, true),
        (Load, Exclusive, false),
        (Exclusive, Load, false),
        (Exclusive, Exclusive, false),
    ] {
        let claim = Claim::take(&target, &wanted(held, 20_000, 0)).await.unwrap();
        match Claim::take(&target, &wanted(other, 20_000, 0)).await {
            Ok(second) => {
                assert!(goes, "{held} {other}");
                second.release().await.unwrap();
            }
            Err(error) => {
                assert!(!goes, "{held} {other}: {error:?}");
                assert_eq!(error.cause(), Cause::Busy);
                assert!(error.to_string().contains("waits for a test (process "), "{error}");
            }
        }
        claim.check().unwrap();
        claim.release().await.unwrap();
    }
}

#[tokio::test]
async fn migrating_is_refused_while_a_loader_is_at_work() {
    let (_turn, target) = fresh().await;
    let copy = small();
    to(&target, copy.path(), "1.0.0").await.unwrap();
    let loader = Claim::take(&target, &wanted(Purpose::Load, 2_000, 0)).await.unwrap();
    // Not waited for to the end of all patience: it is seen to live.
    for version in ["0.0.0", "1.1.0"] {
        let error = migrate(&target, copy.path(), &options(version), &|_| {}).await.unwrap_err();
        assert_eq!(error.cause(), Cause::Busy);
        assert!(error.to_string().contains("a loader is at work there: a test (process "), "{error}");
    }
    // There is nothing to do: nobody is disturbed.
    let same = migrate(&target, copy.path(), &options("1.0.0"), &|_| {}).await.unwrap();
    assert_eq!(same.result, MigrationResult::NothingToDo);
    assert_eq!(current_version(&target).await.unwrap(), version("1.0.0"));
    loader.release().await.unwrap();
    let impatient = Options { patience: Duration::ZERO, ..options("0.0.0") };
    migrate(&target, copy.path(), &impatient, &|_| {}).await.unwrap();
}

#[tokio::test]
async fn a_killed_loader_is_not_in_the_way_for_long() {
    let (_turn, target) = fresh().await;
    drop(Claim::take(&target, &wanted(Purpose::Load, 1_500, 0)).await.unwrap());
    let told = std::sync::Mutex::new(Vec::new());
    let observe = |event: Event<'_>| {
        if let Event::Waiting(other) = event {
            told.lock().unwrap().push(other.to_owned());
        }
    };
    migrate(&target, small().path(), &Options::default(), &observe).await.unwrap();
    let told = told.into_inner().unwrap();
    assert!(matches!(told.as_slice(), [other] if other.starts_with("a test (process ")), "{told:?}");
}

#[tokio::test]
async fn a_claim_is_renewed_while_its_holder_lives_and_runs_out_after() {
    let (_turn, target) = fresh().await;
    let claim = Claim::take(&target, &wanted(Purpose::Exclusive, 800, 0)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_600)).await;
    claim.check().unwrap();
    Claim::take(&target, &wanted(Purpose::Load, 800, 0)).await.map(drop).unwrap_err();
    // Killed: not given back, not renewed.
    drop(claim);
    let start = Instant::now();
    let next = Claim::take(&target, &wanted(Purpose::Load, 20_000, 10_000)).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    next.release().await.unwrap();
    assert_eq!(
        number(&target, "MATCH (c:_RegraftLock) WHERE c.purpose IS NOT NULL RETURN [count(c)] AS r").await,
        0
    );
}

#[tokio::test]
async fn an_outage_takes_a_claim_from_nobody() {
    let (_turn, target) = fresh().await;
    let claim = Claim::take(&target, &wanted(Purpose::Load, 20_000, 0)).await.unwrap();
    let past = "MATCH (c:_RegraftLock) WHERE c.purpose IS NOT NULL SET c.until = datetime.realtime()";
    target.run(Statement::new(past)).await.unwrap();
    // Another loader needs no claim that it would exclude.
    Claim::take(&target, &wanted(Purpose::Load, 20_000, 0)).await.unwrap().release().await.unwrap();
    claim.confirm().await.unwrap();
    assert_eq!(claim::held(&target).await.unwrap().len(), 1);
    claim.release().await.unwrap();
    assert_eq!(claim.confirm().await.unwrap_err().cause(), Cause::Fenced);
}

#[tokio::test]
async fn who_lost_its_claim_commits_nothing_more() {
    let (_turn, target) = fresh().await;
    let checkpoint = "MERGE (c:_RegraftCheckpoint {id: 'a test'}) SET c.owner = 'loader'";
    target.run(Statement::new(checkpoint)).await.unwrap();
    // Renewed for the first time after five seconds.
    let claim = Claim::take(&target, &wanted(Purpose::Load, 20_000, 0)).await.unwrap();
    let mut transaction = target.begin().await.unwrap();
    claim.fence(&mut transaction).await.unwrap();
    transaction.commit().await.unwrap();
    let past = "MATCH (c:_RegraftLock) WHERE c.purpose IS NOT NULL SET c.until = datetime.realtime()";
    target.run(Statement::new(past)).await.unwrap();
    let next = Claim::take(&target, &wanted(Purpose::Exclusive, 20_000, 0)).await.unwrap();
    let mut transaction = target.begin().await.unwrap();
    assert_eq!(claim.fence(&mut transaction).await.unwrap_err().cause(), Cause::Fenced);
    transaction.rollback().await.unwrap();
    // It notices by itself, too.
    assert_eq!(claim.lost().await.cause(), Cause::Fenced);
    assert_eq!(claim.check().unwrap_err().cause(), Cause::Fenced);
    // A loader's transactions look at their checkpoint's owner: none of them commits either.
    let owned = "MATCH (c:_RegraftCheckpoint {id: 'a test', owner: 'loader'}) RETURN [count(c)] AS r";
    assert_eq!(number(&target, owned).await, 0);
    next.release().await.unwrap();
    crate::neo4j::clear(&target, "_RegraftCheckpoint").await;
}

/// A process that stands still with its connection open keeps the turn; what waits for it says so and ends.
#[tokio::test]
async fn a_turn_that_nobody_gives_back_is_not_waited_for_for_ever() {
    let (_turn, target) = fresh().await;
    let mut standing_still = target.begin().await.unwrap();
    let turn = "MERGE (m:_RegraftLock {id: 'turn'}) SET m.by = 'somebody'";
    standing_still.run(Statement::new(turn)).await.unwrap();
    let Err(error) = Claim::take(&target, &wanted(Purpose::Exclusive, 500, 800)).await else {
        panic!("taken beside another's turn")
    };
    assert_eq!((error.cause(), error.policy().exit_code), (Cause::Busy, 3), "{error:?}");
    assert!(error.to_string().contains("waits for its turn"), "{error:?}");
    standing_still.rollback().await.unwrap();
    let claim = Claim::take(&target, &wanted(Purpose::Exclusive, 20_000, 800)).await.unwrap();
    claim.release().await.unwrap();
}
