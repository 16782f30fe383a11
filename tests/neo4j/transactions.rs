//! A transaction that is not committed leaves no lock and no trace, however it ends.

use std::time::{Duration, Instant};

use regraft::error::Cause;
use regraft::neo4j::{Parameter, SourceGraph, Statement, TargetGraph, Transaction, between, quote};

use super::{clear, number, settings, source, target};

async fn locked(target: &TargetGraph, label: &str) -> Transaction {
    let mut transaction = target.begin().await.unwrap();
    let text = format!("MERGE (n:{label} {{id: 1}}) SET n.x = coalesce(n.x, 0) + 1");
    transaction.run(Statement::new(text)).await.unwrap();
    transaction
}

/// Fails unless the node can be locked soon, and by someone else.
async fn assert_free(label: &str, after: &str) {
    let target = target().await;
    let start = Instant::now();
    let text = format!("MERGE (n:{label} {{id: 1}}) SET n.y = 1");
    let write = target.run(Statement::new(text));
    tokio::time::timeout(Duration::from_secs(5), write)
        .await
        .unwrap_or_else(|_| panic!("locked after {after}"))
        .unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "{after}: {:?}", start.elapsed());
    let x = number(&target, &format!("MATCH (n:{label}) RETURN [coalesce(sum(n.x), 0)] AS r")).await;
    assert_eq!(x, 0, "something was left after {after}");
}

#[tokio::test]
async fn dropping_or_rolling_back_releases_locks() {
    let target = target().await;
    clear(&target, "Locked1").await;
    drop(locked(&target, "Locked1").await);
    assert_free("Locked1", "a drop").await;
    locked(&target, "Locked1").await.rollback().await.unwrap();
    assert_free("Locked1", "a rollback").await;
    // The pool goes on.
    locked(&target, "Locked1").await.commit().await.unwrap();
    assert_eq!(number(&target, "MATCH (n:Locked1) RETURN [n.x] AS r").await, 1);
}

#[tokio::test]
async fn cancelling_at_any_point_releases_locks() {
    let target = target().await;
    clear(&target, "Locked2").await;
    for micros in [0, 50, 100, 200, 400, 800, 1_600, 3_200, 20_000, 100_000] {
        let work = async {
            let mut transaction = locked(&target, "Locked2").await;
            let long = "UNWIND range(1, 100000000) AS x CREATE (:Locked2Many {x: x})";
            transaction.run(Statement::new(long)).await.unwrap();
        };
        assert!(tokio::time::timeout(Duration::from_micros(micros), work).await.is_err());
        assert_free("Locked2", &format!("a cancel after {micros} µs")).await;
    }
}

#[tokio::test]
async fn a_failed_statement_releases_locks_before_the_caller_knows() {
    let target = target().await;
    clear(&target, "Locked3").await;
    for text in [
        "CREATE (:Locked3Not {x: 1 / 0})",
        "THIS IS NO CYPHER",
        "UNWIND ['no'] AS x CREATE (:Locked3Not {x: datetime(x)})",
    ] {
        let mut transaction = locked(&target, "Locked3").await;
        transaction.run(Statement::new(text)).await.unwrap_err();
        // Still alive: not its drop is what releases.
        assert_free("Locked3", text).await;
        let after = transaction.run(Statement::new("RETURN 1")).await.unwrap_err();
        assert_eq!(after.cause(), Cause::Unexpected);
        assert_eq!(
            transaction.commit().await.unwrap_err().outcome,
            regraft::neo4j::CommitOutcome::RolledBack
        );

        let mut transaction = locked(&target, "Locked3").await;
        let rows = transaction.rows(Statement::new("UNWIND [1, 0] AS x RETURN [1 / x] AS r")).await;
        assert_eq!(rows.unwrap_err().cause(), Cause::DataRefused);
        assert_free("Locked3", "a failure among rows").await;
    }
}

#[tokio::test]
async fn no_transaction_is_left_open() {
    let (target, source) = (target().await, source().await);
    let rows = source
        .rows(Statement::new("UNWIND range(1, 3000) AS left_open RETURN [left_open] AS r"))
        .await
        .unwrap();
    assert_eq!(rows.len(), 3000);
    // Dropped before the first row, between two portions, and in the middle of waiting for one.
    for rows in [0, 1, 1500] {
        let text = "UNWIND range(1, 1000000000) AS left_open RETURN [left_open] AS r";
        let mut stream = source.stream(Statement::new(text)).await.unwrap();
        for _ in 0..rows {
            stream.next().await.unwrap().unwrap();
        }
    }
    let slow =
        "UNWIND range(1, 1000000000) AS left_open WITH left_open WHERE left_open < 0 RETURN [left_open] AS r";
    let mut stream = source.stream(Statement::new(slow)).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(100), stream.next()).await.is_err());
    drop(stream);
    let open = "SHOW TRANSACTIONS YIELD currentQuery WHERE currentQuery CONTAINS 'left' + '_open' \
                RETURN [count(*)] AS r";
    let start = Instant::now();
    while number(&target, open).await > 0 {
        assert!(start.elapsed() < Duration::from_secs(5), "a transaction stayed open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn deadlocks_are_deadlocks_and_leave_the_other_alone() {
    let target = target().await;
    clear(&target, "Dead").await;
    target.run(Statement::new("UNWIND [1, 2] AS i CREATE (:Dead {id: i, x: 0})")).await.unwrap();
    let lock = |id: i64| Statement::new("MATCH (n:Dead {id: $id}) SET n.x = n.x + 1").param("id", id);
    let (mut one, mut other) = (target.begin().await.unwrap(), target.begin().await.unwrap());
    one.run(lock(1)).await.unwrap();
    other.run(lock(2)).await.unwrap();
    let (first, second) = tokio::join!(one.run(lock(2)), other.run(lock(1)));
    let (lost, won) = if first.is_err() { (first, other) } else { (second, one) };
    assert_eq!(lost.unwrap_err().cause(), Cause::Deadlock);
    won.commit().await.unwrap();
    assert_eq!(number(&target, "MATCH (n:Dead) RETURN [sum(n.x)] AS r").await, 2);
}

#[tokio::test]
async fn as_many_connections_as_configured_and_no_more() {
    let mut settings = settings();
    settings.connections = 2;
    let target = TargetGraph::connect(&settings).await.unwrap();
    let (one, two) = (target.begin().await.unwrap(), target.begin().await.unwrap());
    let third = tokio::time::timeout(Duration::from_millis(100), target.begin()).await;
    assert!(third.is_err(), "a third connection of two");
    drop(one);
    target.begin().await.unwrap().rollback().await.unwrap();
    two.rollback().await.unwrap();
}

#[tokio::test]
async fn statements_that_commit_by_themselves_run() {
    let target = target().await;
    clear(&target, "Batched").await;
    let text = "UNWIND range(1, 10) AS x CALL (x) { CREATE (:Batched {x: x}) } IN TRANSACTIONS OF 3 ROWS";
    assert!(target.run(Statement::new(text)).await.is_err());
    let counters = target.run_auto_commit(Statement::new(text)).await.unwrap();
    assert_eq!(counters.nodes_created, 10);
}

/// `run` has the rows thrown away on the server: the writes that make them happen all the same.
#[tokio::test]
async fn rows_that_nobody_reads_are_written() {
    let target = target().await;
    clear(&target, "Unread").await;
    let text = "UNWIND range(1, 20000) AS x CREATE (n:Unread {x: x}) RETURN n.x AS x";
    assert_eq!(target.run(Statement::new(text)).await.unwrap().nodes_created, 20_000);
    assert_eq!(target.run_auto_commit(Statement::new(text)).await.unwrap().nodes_created, 20_000);
    assert_eq!(number(&target, "MATCH (n:Unread) RETURN [count(n)] AS r").await, 40_000);
}

#[tokio::test]
async fn a_million_parameters_move_and_arrive() {
    let target = target().await;
    let rows =
        (0..200_000_i64).map(|i| Parameter::list(vec![i.into(), format!("text {i}").into()])).collect();
    let text = "UNWIND $rows AS r RETURN [count(r), sum(r[0]), sum(size(r[1]))] AS r";
    let rows = target.rows(Statement::new(text).param("rows", Parameter::list(rows))).await.unwrap();
    assert_eq!(rows[0][0].as_i64(), Some(200_000));
    assert_eq!(rows[0][1].as_i64(), Some(19_999_900_000));
}

#[tokio::test]
async fn a_source_and_a_target_can_be_shared() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    shared::<SourceGraph>();
    shared::<TargetGraph>();
}

/// Whichever way the server's statistics point, a dense node's relationships are not gone through for each row.
#[tokio::test]
async fn relationships_between_two_nodes_are_looked_for_between_them() {
    let target = target().await;
    clear(&target, "Hub").await;
    target
        .run(Statement::new("CREATE CONSTRAINT hub IF NOT EXISTS FOR (n:Hub) REQUIRE n.id IS UNIQUE"))
        .await
        .unwrap();
    let dense =
        "CREATE (h:Hub {id: 0}) WITH h UNWIND range(1, 2000) AS i CREATE (h)-[:HAS_SPOKE]->(:Hub {id: i})";
    target.run(Statement::new(dense)).await.unwrap();
    let operators = async |find: &str| {
        let text = format!(
            "UNWIND [[0, 1]] AS r MATCH (a:Hub {{id: r[0]}}) MATCH (b:Hub {{id: r[1]}}) {find} RETURN e"
        );
        let explained = target.explain(&text).await.unwrap();
        explained.operators.into_iter().map(|operator| operator.name).collect::<Vec<_>>()
    };
    let between = between("e", &quote("HAS_SPOKE").unwrap());
    let found = operators(&between).await;
    assert!(found.iter().any(|name| name.starts_with("Expand(Into)")), "{found:?}");
    assert!(!found.iter().any(|name| name.starts_with("Expand(All)")), "{found:?}");
    target.run(Statement::new("DROP CONSTRAINT hub")).await.unwrap();
    clear(&target, "Hub").await;
}
