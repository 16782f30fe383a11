//! What there is, as the server says it.

use regraft::neo4j::catalog::{Own, is_own};
use regraft::neo4j::{Statement, bookkeeping};

use super::{source, target};
use crate::support::Stack;

#[tokio::test]
async fn constraints_and_indexes_are_listed() {
    let _turn = Stack::first_as_it_is().await;
    let (target, source) = (target().await, source().await);
    let statements = [
        "CREATE CONSTRAINT catalog_test_id IF NOT EXISTS FOR (n:CatalogTest) REQUIRE n.id IS UNIQUE",
        "CREATE INDEX catalog_test_name IF NOT EXISTS FOR (n:CatalogTest) ON (n.name)",
        "CREATE TEXT INDEX catalog_test_text IF NOT EXISTS FOR (n:CatalogTest) ON (n.text)",
        "CREATE FULLTEXT INDEX catalog_test_full IF NOT EXISTS FOR (n:CatalogTest) ON EACH [n.text, n.name]",
        "CREATE INDEX catalog_test_rel IF NOT EXISTS FOR ()-[r:CATALOG_TEST]-() ON (r.w)",
        "CALL db.awaitIndexes(60)",
    ];
    for text in statements {
        target.run_auto_commit(Statement::new(text)).await.unwrap();
    }
    let there = source.inventory(Own::LeftOut).await.unwrap();
    assert_eq!(there.constraints.len() + there.indexes.len(), {
        let same = target.inventory(Own::LeftOut).await.unwrap();
        same.constraints.len() + same.indexes.len()
    });
    assert!(there.has_key_constraint("CatalogTest", "id"));
    assert!(!there.has_key_constraint("CatalogTest", "name"));
    assert!(there.has_range_index("CatalogTest", "name") && there.has_range_index("CatalogTest", "id"));
    assert!(!there.has_range_index("CatalogTest", "text"));
    let index = |name: &str| there.indexes.iter().find(|index| index.name == name).unwrap().clone();
    assert_eq!(index("catalog_test_full").properties, ["text", "name"]);
    assert_eq!(index("catalog_test_id").owning_constraint.as_deref(), Some("catalog_test_id"));
    assert!(index("catalog_test_text").create_statement.starts_with("CREATE TEXT INDEX"));
    assert!(there.indexes.iter().any(|index| index.kind == "LOOKUP" && index.labels_or_types.is_empty()));
    for text in [
        "DROP CONSTRAINT catalog_test_id",
        "DROP INDEX catalog_test_name",
        "DROP INDEX catalog_test_text",
        "DROP INDEX catalog_test_full",
        "DROP INDEX catalog_test_rel",
    ] {
        target.run_auto_commit(Statement::new(text)).await.unwrap();
    }
}

#[tokio::test]
async fn the_server_is_known() {
    let server = source().await.server().await.unwrap();
    assert!(server.numbers() >= (5, 26, 0), "{server:?}");
    assert_eq!(server, target().await.server().await.unwrap());
    assert_eq!(server.edition, "community");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bookkeeping_is_set_up_once_by_however_many() {
    let _turn = Stack::first_as_it_is().await;
    let target = target().await;
    for label in bookkeeping::LABELS {
        let name = target.inventory(Own::Listed).await.unwrap();
        for constraint in name.constraints.iter().filter(|constraint| constraint.labels_or_types == [label]) {
            target
                .run_auto_commit(Statement::new(format!("DROP CONSTRAINT {}", constraint.name)))
                .await
                .unwrap();
        }
    }
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(async {
                let target = super::target().await;
                bookkeeping::prepare(&target).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let there = target.inventory(Own::Listed).await.unwrap();
    for label in bookkeeping::LABELS {
        assert!(there.has_key_constraint(label, "id"), "{label}");
    }
    let others = target.inventory(Own::LeftOut).await.unwrap();
    assert!(others.constraints.iter().all(|constraint| !is_own(&constraint.name)));
    assert!(others.indexes.iter().all(|index| !is_own(&index.name)));
}

/// What a process leaves that is killed while it makes the constraint: an index that no constraint owns.
#[tokio::test]
async fn what_a_killed_process_left_of_the_bookkeeping_is_cleared_away() {
    let _turn = Stack::first_as_it_is().await;
    let target = target().await;
    bookkeeping::prepare(&target).await.unwrap();
    for (of, left) in [(bookkeeping::HOLD, "_regraft_hold_id"), (bookkeeping::OUTBOX, "of_another_name")] {
        let there = target.inventory(Own::Listed).await.unwrap();
        let made = there.constraints.iter().find(|constraint| constraint.labels_or_types == [of]).unwrap();
        for text in
            [format!("DROP CONSTRAINT {}", made.name), format!("CREATE INDEX {left} FOR (n:{of}) ON (n.id)")]
        {
            target.run_auto_commit(Statement::new(text)).await.unwrap();
        }
    }
    bookkeeping::prepare(&target).await.unwrap();
    let there = target.inventory(Own::Listed).await.unwrap();
    assert!(bookkeeping::LABELS.iter().all(|label| there.has_key_constraint(label, "id")));
    assert!(there.indexes.iter().all(|index| index.name != "of_another_name"));
}
