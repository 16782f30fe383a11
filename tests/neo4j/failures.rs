//! What the server refuses, as the table of causes sees it.

use regraft::error::{Cause, Kind};
use regraft::neo4j::{Statement, server_code};

use super::{clear, source, target};
use crate::support::Stack;

#[tokio::test]
async fn refused_data_are_one_records_fault() {
    let _turn = Stack::first_as_it_is().await;
    let target = target().await;
    clear(&target, "Refused").await;
    for text in [
        "CREATE CONSTRAINT refused_id IF NOT EXISTS FOR (n:Refused) REQUIRE n.id IS UNIQUE",
        "CREATE INDEX refused_text IF NOT EXISTS FOR (n:Refused) ON (n.text)",
        "CALL db.awaitIndexes(60)",
    ] {
        target.run_auto_commit(Statement::new(text)).await.unwrap();
    }
    target.run(Statement::new("CREATE (:Refused {id: 'a'})")).await.unwrap();
    let long = "x".repeat(40_000);
    for text in [
        "CREATE (:Refused {id: 'a'})",
        "CREATE (:Refused {id: $long})",
        "CREATE (:Refused {id: 'b', text: $long})",
        "CREATE (:Refused {id: {a: 1}})",
        "CREATE (:Refused {id: [[1]]})",
        "CREATE (:Refused {id: [1, 'a']})",
        "WITH $long AS x CREATE (:Refused {id: x + 1 / 0})",
        "WITH $long AS x CREATE (:Refused {id: datetime(x)})",
    ] {
        let statement = Statement::new(text).param("long", long.as_str());
        let error = target.run(statement).await.unwrap_err();
        assert_eq!(
            error.cause(),
            Cause::DataRefused,
            "{text}: {:?} {:?}",
            server_code(&error),
            error.chain().last()
        );
    }
    for text in ["DROP CONSTRAINT refused_id", "DROP INDEX refused_text"] {
        target.run_auto_commit(Statement::new(text)).await.unwrap();
    }
}

#[tokio::test]
async fn wrong_statements_are_not_tried_again() {
    let target = target().await;
    for text in [
        "CREATE",
        "RETURN $missing",
        "RETURN nothing",
        "CALL no.such.procedure()",
        "DROP INDEX no_such_index",
    ] {
        let error = target.run(Statement::new(text)).await.unwrap_err();
        assert_eq!(error.policy().kind, Kind::Configuration, "{text}: {error:?}");
    }
}

#[tokio::test]
async fn what_the_edition_lacks_is_forbidden() {
    let target = target().await;
    let text = "CREATE CONSTRAINT enterprise_only FOR (n:EnterpriseOnly) REQUIRE n.id IS NOT NULL";
    assert_eq!(target.run_auto_commit(Statement::new(text)).await.unwrap_err().cause(), Cause::Forbidden);
}

#[tokio::test]
#[ignore = "takes the server's memory from whoever runs beside it: make soak"]
async fn too_much_at_once_asks_for_less() {
    let target = target().await;
    // More than the heap of any test server.
    let text = "UNWIND range(1, 200000000) AS x WITH collect([x, toString(x)]) AS xs RETURN [size(xs)] AS r";
    let error = target.rows(Statement::new(text)).await.unwrap_err();
    assert_eq!(error.cause(), Cause::TooMuchAtOnce, "{error:?}");
}

#[tokio::test]
async fn an_expression_that_fails_on_the_source_is_the_expressions_fault() {
    let source = source().await;
    for text in
        ["UNWIND [1, 0] AS x RETURN [1 / x] AS r", "UNWIND ['x'] AS x RETURN [date(x)] AS r", "RETURN x"]
    {
        let error = source.rows(Statement::new(text)).await.unwrap_err();
        assert_eq!(error.cause(), Cause::Definition, "{text}: {error:?}");
    }
    // A statement that returns what is no row of ours.
    for text in ["RETURN 1 AS r", "CREATE (n:X) RETURN [n]"] {
        let error = source.rows(Statement::new(text)).await.unwrap_err();
        assert_eq!(error.cause(), Cause::Definition, "{text}: {error:?}");
    }
    // A node of its own, never committed: what others leave there comes and goes.
    let target = target().await;
    let mut transaction = target.begin().await.unwrap();
    let error = transaction.rows(Statement::new("CREATE (n:Beside) RETURN [n] AS r")).await.unwrap_err();
    assert_eq!(error.cause(), Cause::Definition, "a node where values are asked for: {error:?}");
}
