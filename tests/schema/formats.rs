//! What the target keeps must stay readable: one node of each kind as the first release writes it, kept for good.

use regraft::neo4j::Statement;
use regraft::schema::{Direction, History, Outcome};

use super::{edit, folder, fresh, small, to, version};

/// Names and types of the properties of every kind of node, as they are written now.
#[tokio::test]
async fn bookkeeping_has_the_properties_that_it_always_had() {
    let (_turn, target) = fresh().await;
    let copy = small();
    super::seed(&target).await;
    to(&target, copy.path(), "1.1.0").await.unwrap();
    edit(copy.path(), "1.0.0_schema_versioning.up.cypher", |text| format!("// x\n{text}"));
    let manager = regraft::schema::SchemaManager::open(&target, copy.path()).unwrap();
    manager.repair(true, std::time::Duration::ZERO, &|_| {}).await.unwrap();
    let text = "MATCH (n:_RegraftMigration|_RegraftMigrationStep|_RegraftSchemaRepair|SchemaVersion|MigrationHistory|BackupMarker) \
                UNWIND keys(n) AS key WITH DISTINCT labels(n)[0] AS label, key, replace(valueType(n[key]), ' NOT NULL', '') AS type \
                RETURN [label, key, type] AS row ORDER BY label, key";
    let rows = target.rows(Statement::new(text)).await.unwrap();
    let line = |row: &Vec<regraft::neo4j::Cell<'static>>| {
        row.iter().map(|cell| cell.as_str().unwrap()).collect::<Vec<_>>().join(" ")
    };
    let lines: Vec<String> = rows.iter().map(line).collect();
    assert_eq!(lines.join("\n"), include_str!("../golden/schema_bookkeeping.v1.txt").trim_end());
}

#[tokio::test]
async fn what_the_first_release_wrote_is_read() {
    let (_turn, target) = fresh().await;
    for statement in regraft::schema::split(include_str!("../golden/schema_history.v1.cypher")).unwrap() {
        target.run(Statement::new(statement.text)).await.unwrap();
    }
    let history = History::read(&target).await.unwrap();
    let [applied, undone, begun] = history.attempts.as_slice() else { panic!("{history:?}") };
    assert_eq!(applied.version, version("1.0.0"));
    assert_eq!((applied.direction, applied.outcome), (Direction::Up, Some(Outcome::Applied)));
    assert_eq!(applied.after.as_ref().unwrap().constraints[0].name, "podcast_id");
    assert_eq!(applied.after.as_ref().unwrap().indexes[0].owning_constraint.as_deref(), Some("podcast_id"));
    assert_eq!((undone.outcome, undone.failure.as_deref()), (Some(Outcome::Undone), Some("because")));
    assert_eq!((begun.outcome, begun.steps_done, begun.undoing), (None, 2, true));
    assert_eq!(begun.found, ["x1", "x2"]);
    assert_eq!(history.current(), version("1.0.0"));
    assert!(history.is_as_applied(applied, "another"));
    // A migration goes on from it.
    let undo = regraft::schema::Options {
        on_interrupted: regraft::schema::OnInterrupted::Undo,
        ..Default::default()
    };
    let report = regraft::schema::migrate(&target, &folder(), &undo, &|_| {}).await.unwrap();
    assert_eq!(report.to, version("1.0.0"));
    // What it says was there before has none of the indexes that every database begins with: they were taken for its own.
    for on in ["(n) ON EACH labels(n)", "()-[r]-() ON EACH type(r)"] {
        let anew = format!("CREATE LOOKUP INDEX IF NOT EXISTS FOR {on}");
        target.run_auto_commit(Statement::new(anew)).await.unwrap();
    }
}
