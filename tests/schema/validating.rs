//! What is there against what was recorded, on a real server: each difference is found for what it is.

use regraft::neo4j::{Statement, TargetGraph};
use regraft::schema::{SchemaManager, Severity, State, Validation};

use super::{edit, folder, fresh, run_all, seed, small, to, version, write};

async fn validate(target: &TargetGraph, folder: &std::path::Path) -> Validation {
    SchemaManager::open(target, folder).unwrap().validate().await.unwrap()
}

fn shown(validation: &Validation) -> Vec<String> {
    let mark = |severity| if severity == Severity::Note { "(note) " } else { "" };
    let shown = validation.findings.iter();
    shown.map(|it| format!("{}{} {} {}", mark(it.severity), it.kind.as_str(), it.object, it.name)).collect()
}

#[tokio::test]
async fn what_was_applied_is_valid_at_every_version() {
    let (_turn, target) = fresh().await;
    seed(&target).await;
    for at in ["0.0.0", "1.0.0", "1.1.0", "1.0.0", "0.0.0"] {
        to(&target, &folder(), at).await.unwrap();
        let validation = validate(&target, &folder()).await;
        assert!(validation.valid && validation.findings.is_empty(), "{at}: {validation:?}");
        assert_eq!(validation.version, version(at));
    }
}

#[tokio::test]
async fn drift_of_constraints_and_indexes_is_found() {
    let (_turn, target) = fresh().await;
    let files = small();
    to(&target, files.path(), "1.1.0").await.unwrap();
    let long = "CREATE (:Topic {id: 'long', name: reduce(s = '', i IN range(1, 9000) | s + 'x')})";
    run_all(
        &target,
        &[
            "DROP CONSTRAINT podcast_id",
            "DROP CONSTRAINT episode_id",
            "CREATE CONSTRAINT episode_id FOR (n:Episode) REQUIRE (n.id, n.title) IS UNIQUE",
            "DROP INDEX podcast_title",
            "CREATE INDEX more FOR (n:Podcast) ON (n.website)",
            "CREATE INDEX foreign FOR (n:NobodysLabel) ON (n.x)",
            "DROP INDEX topic_name",
        ],
    )
    .await;
    target.run(Statement::new(long)).await.unwrap();
    let again = "CREATE INDEX topic_name FOR (n:Topic) ON (n.name)";
    target.run_auto_commit(Statement::new(again)).await.unwrap();
    // It fails, which is what is wanted.
    let _ = target.run_auto_commit(Statement::new("CALL db.awaitIndexes(60)")).await;
    let validation = validate(&target, files.path()).await;
    assert!(!validation.valid);
    assert_eq!(
        shown(&validation),
        [
            "changed constraint episode_id",
            "missing constraint podcast_id",
            "missing index podcast_title",
            "failed index topic_name",
            "(note) extra index foreign",
            "extra index more",
        ]
    );
    let by_name = |name: &str| validation.findings.iter().find(|it| it.name == name).unwrap();
    assert_eq!(by_name("podcast_id").version, Some(version("1.0.0")));
    assert!(by_name("topic_name").message.contains("too large"), "{:?}", by_name("topic_name"));
    target.run(Statement::new("MATCH (n:Topic {id: 'long'}) DELETE n")).await.unwrap();
}

/// A later version makes no drift the schema's, and what it finds as it wants it becomes its own.
#[tokio::test]
async fn drift_is_not_forgotten_by_migrating() {
    let (_turn, target) = fresh().await;
    let files = small();
    to(&target, files.path(), "1.0.0").await.unwrap();
    run_all(
        &target,
        &[
            "DROP INDEX podcast_title",
            "CREATE INDEX more FOR (n:Podcast) ON (n.website)",
            "CREATE CONSTRAINT backup_marker_id FOR (n:BackupMarker) REQUIRE n.id IS UNIQUE",
        ],
    )
    .await;
    to(&target, files.path(), "1.1.0").await.unwrap();
    let validation = validate(&target, files.path()).await;
    assert_eq!(shown(&validation), ["missing index podcast_title", "extra index more"]);
    run_all(&target, &["DROP CONSTRAINT backup_marker_id"]).await;
    let validation = validate(&target, files.path()).await;
    assert_eq!(shown(&validation)[0], "missing constraint backup_marker_id");
    assert_eq!(validation.findings[0].version, Some(version("1.1.0")));
}

#[tokio::test]
async fn files_that_do_not_fit_are_found() {
    let (_turn, target) = fresh().await;
    let copy = small();
    write(copy.path(), "1.2.0_new", "CREATE INDEX new FOR (n:Podcast) ON (n.new);", "DROP INDEX new;");
    to(&target, copy.path(), "1.2.0").await.unwrap();
    // Line ends and mark don't matter.
    edit(copy.path(), "1.2.0_new.up.cypher", |text| format!("\u{feff}{}", text.replace('\n', "\r\n")));
    assert!(validate(&target, copy.path()).await.valid);
    edit(copy.path(), "1.0.0_schema_versioning.up.cypher", |text| format!("// Another word.\n{text}"));
    for half in ["up", "down"] {
        std::fs::remove_file(copy.path().join(format!("1.2.0_new.{half}.cypher"))).unwrap();
    }
    write(copy.path(), "1.0.5_late", "", "");
    target.run(Statement::new("MATCH (m:_RegraftMigration {version: '1.1.0'}) DELETE m")).await.unwrap();
    let validation = validate(&target, copy.path()).await;
    assert_eq!(
        shown(&validation),
        [
            "changed_checksum file 1.0.0_schema_versioning.up.cypher",
            "gap version 1.1.0",
            "missing_file file 1.2.0_new.up.cypher",
            "older_file file 1.0.5_late.up.cypher",
        ]
    );
    let status = SchemaManager::open(&target, copy.path()).unwrap().status().await.unwrap();
    let states: Vec<_> = status.versions.iter().map(|it| (it.version.to_string(), it.state)).collect();
    let expected = [
        ("1.0.0", State::Changed),
        ("1.0.5", State::Older),
        ("1.1.0", State::Older),
        ("1.2.0", State::MissingFile),
    ];
    assert_eq!(states, expected.map(|(version, state)| (version.to_owned(), state)));
}
