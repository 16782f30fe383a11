//! Up, down and up again, once or twice, with data present.

use regraft::error::Cause;
use regraft::neo4j::{Statement, TargetGraph};
use regraft::schema::{
    MigrationResult, Options, Origin, Plan, SchemaManager, Step, StepKind, current_version, load, migrate,
};
use regraft::stop::Stop;

use super::{counts, data, edit, folder, fresh, inventory, options, seed, small, to, version, write};
use crate::neo4j::number;

#[tokio::test]
async fn the_newest_version_is_reached_and_a_second_time_nothing_is_done() {
    let (_turn, target) = fresh().await;
    seed(&target).await;
    assert_eq!(current_version(&target).await.unwrap(), version("0.0.0"));
    let report = migrate(&target, &folder(), &Options::default(), &|_| {}).await.unwrap();
    assert_eq!((report.result, report.to), (MigrationResult::Migrated, version("1.1.0")));
    assert_eq!(report.versions.len(), 2);
    assert_eq!(report.versions[0].schema_added, 27);
    // Those that had none, of 25 podcasts and 25 episodes.
    assert_eq!(report.versions[0].properties_set, 38);
    assert_eq!(current_version(&target).await.unwrap(), version("1.1.0"));
    for (text, count) in [
        ("MATCH (n:Podcast {schema_version: '1.0.0'}) RETURN [count(n)] AS r", 25),
        ("MATCH (n:Episode {schema_version: '1.1.0'}) RETURN [count(n)] AS r", 12),
        (
            "MATCH (n:SchemaVersion) WHERE n.version IN ['1.0.0', '1.1.0'] RETURN [count(n.applied_at)] AS r",
            2,
        ),
        (
            "MATCH (n:MigrationHistory {kind: 'schema', outcome: 'applied'}) RETURN [count(n.finished_at)] AS r",
            1,
        ),
        (
            "MATCH (n:_RegraftMigration {outcome: 'applied', direction: 'up'}) RETURN [count(n.finished)] AS r",
            2,
        ),
        ("MATCH (n:_RegraftLock) WHERE n.purpose IS NOT NULL RETURN [count(n)] AS r", 0),
    ] {
        assert_eq!(number(&target, text).await, count, "{text}");
    }
    let before = (inventory(&target).await, data(&target).await, counts(&target).await);
    let again = migrate(&target, &folder(), &Options::default(), &|_| {}).await.unwrap();
    assert_eq!(again.result, MigrationResult::NothingToDo);
    assert!(again.plan.is_empty() && again.versions.is_empty());
    assert_eq!((inventory(&target).await, data(&target).await, counts(&target).await), before);
}

#[tokio::test]
async fn up_and_down_and_up_is_up() {
    let (_turn, target) = fresh().await;
    seed(&target).await;
    let nothing = (inventory(&target).await, data(&target).await);
    to(&target, &folder(), "1.0.0").await.unwrap();
    let first = (inventory(&target).await, data(&target).await);
    to(&target, &folder(), "1.1.0").await.unwrap();
    let second = (inventory(&target).await, data(&target).await);
    assert_ne!(first, second);
    for (version, expected) in [
        ("1.0.0", &first),
        ("1.1.0", &second),
        ("0.0.0", &nothing),
        ("1.1.0", &second),
        ("1.0.0", &first),
        ("0.0.0", &nothing),
        ("1.0.0", &first),
    ] {
        to(&target, &folder(), version).await.unwrap();
        assert_eq!(&(inventory(&target).await, data(&target).await), expected, "{version}");
        let nodes = number(&target, "MATCH (n:SchemaVersion) RETURN [count(n)] AS r").await;
        assert_eq!(nodes, i64::from(version >= "1.0.0") + i64::from(version >= "1.1.0"), "{version}");
    }
}

#[tokio::test]
async fn going_down_says_what_it_removes_and_waits_to_be_allowed() {
    let (_turn, target) = fresh().await;
    seed(&target).await;
    to(&target, &folder(), "1.1.0").await.unwrap();
    let before = (inventory(&target).await, data(&target).await, counts(&target).await);
    let not_allowed = Options { execute: false, ..options("0.0.0") };
    let report = migrate(&target, &folder(), &not_allowed, &|_| {}).await.unwrap();
    assert_eq!(report.result, MigrationResult::NeedsExecute);
    assert!(report.plan.goes_down());
    let removes: Vec<_> = report.plan.versions.iter().flat_map(|version| &version.removes).collect();
    let shown: Vec<_> = removes.iter().map(|removed| (removed.what.as_str(), removed.count)).collect();
    assert_eq!(
        shown,
        [
            ("constraints", 2),
            ("MigrationHistory nodes", 1),
            ("BackupMarker nodes", 0),
            ("constraints", 9),
            ("indexes", 18),
            ("schema_version from nodes", 38)
        ]
    );
    assert_eq!(removes[0].names, ["backup_marker_id", "migration_history_id"]);
    assert_eq!((inventory(&target).await, data(&target).await, counts(&target).await), before);
}

#[tokio::test]
async fn a_dry_run_shows_the_plan_and_changes_nothing() {
    let (_turn, target) = fresh().await;
    seed(&target).await;
    let before = (inventory(&target).await, data(&target).await, counts(&target).await);
    let dry = Options { dry_run: true, ..Options::default() };
    let report = migrate(&target, &folder(), &dry, &|_| {}).await.unwrap();
    assert_eq!(report.result, MigrationResult::Planned);
    assert_eq!((inventory(&target).await, data(&target).await, counts(&target).await), before);
    let kinds: Vec<_> = report.plan.versions[0].steps.iter().map(|step| step.kind).collect();
    assert_eq!(kinds.iter().filter(|&&kind| kind == StepKind::Schema).count(), 27);
    assert_eq!(kinds[27..], [StepKind::Data, StepKind::Wait, StepKind::Record]);
    assert_eq!(report.plan.versions[1].steps.len(), 4);
    // The server explains every statement.
    let steps = || report.plan.versions.iter().flat_map(|version| &version.steps);
    let operators = |step: &Step| -> Vec<String> {
        let explained = step.explain.as_ref();
        explained.map_or(Vec::new(), |it| it.operators.iter().map(|it| it.name.clone()).collect())
    };
    for step in steps().filter(|step| matches!(step.kind, StepKind::Schema | StepKind::Data)) {
        assert!(!operators(step).is_empty(), "{step:?}");
    }
    let (first, data) = (&report.plan.versions[0].steps[0], &report.plan.versions[0].steps[27]);
    assert_eq!(operators(first), ["CreateConstraint"]);
    assert!(data.in_batches && !first.in_batches);
    assert!(data.explain.as_ref().unwrap().most_rows() > Some(1.0), "{data:?}");
    // What a run does is what the dry run showed.
    let run = migrate(&target, &folder(), &Options::default(), &|_| {}).await.unwrap();
    assert_eq!(bare(&run.plan), bare(&report.plan));
    let down = Options { dry_run: true, ..options("0.0.0") };
    let before = (inventory(&target).await, data_and_counts(&target).await);
    let shown = migrate(&target, &folder(), &down, &|_| {}).await.unwrap();
    assert_eq!((inventory(&target).await, data_and_counts(&target).await), before);
    let run = migrate(&target, &folder(), &options("0.0.0"), &|_| {}).await.unwrap();
    assert_eq!(bare(&run.plan), bare(&shown.plan));
}

async fn data_and_counts(target: &TargetGraph) -> (Vec<String>, Vec<String>) {
    (data(target).await, counts(target).await)
}

/// A plan without the server's estimates.
fn bare(plan: &Plan) -> Plan {
    let mut bare = plan.clone();
    bare.versions.iter_mut().flat_map(|version| &mut version.steps).for_each(|step| step.explain = None);
    bare
}

/// Also where nothing is known of the first time, as after a restored backup of the bookkeeping alone.
#[tokio::test]
async fn each_version_applied_twice_is_the_same_as_once() {
    let (_turn, target) = fresh().await;
    seed(&target).await;
    for (version, forget) in [
        ("1.0.0", "MATCH (m:_RegraftMigration) DETACH DELETE m"),
        ("1.1.0", "MATCH (m:_RegraftMigration {version: '1.1.0'}) DETACH DELETE m"),
    ] {
        to(&target, &folder(), version).await.unwrap();
        let once = (inventory(&target).await, data(&target).await);
        target.run(Statement::new(forget)).await.unwrap();
        let again = to(&target, &folder(), version).await.unwrap();
        assert_eq!((again.versions.len(), again.versions[0].schema_added), (1, 0));
        assert_eq!((inventory(&target).await, data(&target).await), once, "{version}");
    }
    let nodes = "MATCH (n:SchemaVersion) RETURN [count(n)] AS r";
    assert_eq!(number(&target, nodes).await, 2);
}

#[tokio::test]
async fn a_new_version_is_two_new_files() {
    let (_turn, target) = fresh().await;
    let copy = small();
    let up = "CREATE INDEX podcast_website FOR (n:Podcast) ON (n.website);\n\
              UNWIND range(1, 100) AS i CALL (i) { MERGE (:Podcast {id: 'new' + i}) } IN TRANSACTIONS OF 7 ROWS";
    let down =
        "MATCH (n:Podcast) WHERE n.id STARTS WITH 'new' DELETE n; DROP INDEX podcast_website IF EXISTS";
    write(copy.path(), "1.2.0_websites", up, down);
    let report = migrate(&target, copy.path(), &Options::default(), &|_| {}).await.unwrap();
    assert_eq!(report.to, version("1.2.0"));
    assert_eq!(report.versions[2].nodes_created, 100);
    let nodes = "MATCH (n:BackupMarker) WHERE n.nodes >= 0 AND n.relationships >= 0 RETURN [count(n)] AS r";
    assert_eq!(number(&target, nodes).await, 1);
    // The files of 1.2.0 are gone: what was kept when it was applied leads down, by default and only with a word.
    let gone = small();
    let refused = migrate(&target, gone.path(), &Options::default(), &|_| {}).await.unwrap();
    assert_eq!((refused.result, refused.to), (MigrationResult::NeedsExecute, version("1.1.0")));
    assert_eq!(refused.plan.versions[0].statements_from, Origin::Target);
    let down = migrate(&target, gone.path(), &options("1.1.0"), &|_| {}).await.unwrap();
    assert_eq!(down.versions[0].nodes_deleted, 100);
    assert_eq!(current_version(&target).await.unwrap(), version("1.1.0"));
}

#[tokio::test]
async fn what_does_not_fit_what_was_applied_is_refused() {
    let (_turn, target) = fresh().await;
    let copy = small();
    to(&target, copy.path(), "1.1.0").await.unwrap();
    // Line ends don't matter.
    edit(copy.path(), "1.0.0_schema_versioning.up.cypher", |text| {
        format!("\u{feff}{}", text.replace('\n', "\r\n"))
    });
    assert_eq!(to(&target, copy.path(), "1.1.0").await.unwrap().result, MigrationResult::NothingToDo);
    edit(copy.path(), "1.0.0_schema_versioning.up.cypher", |text| text + "RETURN 1;");
    let changed = to(&target, copy.path(), "1.1.0").await.unwrap_err();
    assert!(changed.to_string().contains("1.0.0_schema_versioning.up.cypher was changed"), "{changed:?}");
    assert_eq!(changed.cause(), Cause::Definition);

    let copy = small();
    for half in ["up", "down"] {
        std::fs::write(copy.path().join(format!("1.0.5_late.{half}.cypher")), "").unwrap();
    }
    let late = to(&target, copy.path(), "1.1.0").await.unwrap_err();
    assert!(late.to_string().contains("1.0.5_late.up.cypher is not applied, and older"), "{late:?}");

    let unknown = to(&target, small().path(), "1.5.0").await.unwrap_err();
    assert_eq!(unknown.cause(), Cause::Usage);
    assert_eq!(unknown.advice(), "name one of 0.0.0, 1.0.0, 1.1.0");
}

#[tokio::test]
async fn requirements_stop_before_anything_is_changed() {
    let (_turn, target) = fresh().await;
    let before = (inventory(&target).await, counts(&target).await);
    for (line, holds) in [
        ("edition community", true),
        ("edition enterprise", false),
        ("neo4j >= 5.26", true),
        ("neo4j >= 9999", false),
        ("query RETURN true", true),
        ("query MATCH (n:NoSuchLabel) RETURN count(n) > 0", false),
        ("query CREATE (n:Podcast) RETURN false", false),
    ] {
        let copy = small();
        edit(copy.path(), "1.1.0_migration_history.up.cypher", |text| format!("// requires {line}\n{text}"));
        let dry = Options { dry_run: true, ..Options::default() };
        let planned = migrate(&target, copy.path(), &dry, &|_| {}).await;
        assert_eq!(planned.is_ok(), holds, "{line}: {planned:?}");
        if let Err(error) = planned {
            let applied = migrate(&target, copy.path(), &Options::default(), &|_| {}).await.unwrap_err();
            assert_eq!(applied.chain(), error.chain());
            // A query that writes is a mistake in the file.
            let cause = if line.contains("CREATE") { Cause::Definition } else { Cause::TargetNotReady };
            assert_eq!(error.cause(), cause, "{error:?}");
        }
        assert_eq!((inventory(&target).await, counts(&target).await), before, "{line}");
    }
}

/// What holds at first may no longer hold when its turn comes.
#[tokio::test]
async fn a_requirement_is_asked_again_before_its_version() {
    let (_turn, target) = fresh().await;
    let copy = small();
    let line = "// requires query RETURN NOT EXISTS { MATCH (:SchemaVersion) }\n";
    edit(copy.path(), "1.1.0_migration_history.up.cypher", |text| format!("{line}{text}"));
    let error = migrate(&target, copy.path(), &Options::default(), &|_| {}).await.unwrap_err();
    assert_eq!(error.cause(), Cause::TargetNotReady, "{error:?}");
    assert_eq!(current_version(&target).await.unwrap(), version("1.0.0"));
}

#[tokio::test]
async fn a_way_down_that_was_mended_is_taken_and_one_of_a_changed_version_is_not() {
    let (_turn, target) = fresh().await;
    let copy = small();
    write(copy.path(), "1.2.0_x", "CREATE (:Topic {id: 'x'});", "MATCH (n:Topic) SET n.id = 1 / 0;");
    to(&target, copy.path(), "1.2.0").await.unwrap();
    let error = to(&target, copy.path(), "1.1.0").await.unwrap_err();
    assert_eq!(error.cause(), Cause::CheckFailed);
    write(copy.path(), "1.2.0_x", "CREATE (:Topic {id: 'x'});", "CREATE NONSENSE;");
    let error = to(&target, copy.path(), "1.1.0").await.unwrap_err();
    assert_eq!(error.cause(), Cause::Definition);
    write(copy.path(), "1.2.0_x", "CREATE (:Topic {id: 'y'});", "MATCH (n:Topic {id: 'y'}) DELETE n;");
    to(&target, copy.path(), "1.1.0").await.unwrap_err();
    write(copy.path(), "1.2.0_x", "CREATE (:Topic {id: 'x'});", "MATCH (n:Topic {id: 'x'}) DELETE n;");
    to(&target, copy.path(), "1.1.0").await.unwrap();
    assert_eq!(number(&target, "MATCH (n:Topic) RETURN [count(n)] AS r").await, 0);
}

#[tokio::test]
async fn who_is_asked_to_stop_stops_between_two_steps_and_goes_on_later() {
    let (_turn, target) = fresh().await;
    let (stop, copy) = (Stop::new(), small());
    let manager = SchemaManager::open(&target, copy.path()).unwrap().until(stop.clone());
    let observe = |event: regraft::schema::Event<'_>| {
        if matches!(event, regraft::schema::Event::Step(step) if step.number == 2) {
            stop.request();
        }
    };
    let error = manager.migrate(&Options::default(), &observe).await.unwrap_err();
    assert_eq!((error.cause(), error.policy().exit_code), (Cause::Busy, 3), "{error:?}");
    assert!(error.chain().join("\n").contains("before step 3"), "{error:?}");
    let manager = SchemaManager::new(&target, load(copy.path()).unwrap());
    let report = manager.migrate_to(&version("1.1.0"), false).await.unwrap();
    assert_eq!(report.versions[0].resumed_at, Some(3));
    assert_eq!(manager.current_version().await.unwrap(), version("1.1.0"));
    assert!(manager.validate().await.unwrap().valid);
}

#[tokio::test]
#[ignore = "a million nodes: make soak"]
async fn a_million_nodes_get_their_version_in_batches() {
    let (_turn, target) = fresh().await;
    let text = "UNWIND range(1, 1000000) AS i CALL (i) { CREATE (:Topic {id: 't' + i}) } IN TRANSACTIONS OF 20000 ROWS";
    target.run_auto_commit(Statement::new(text)).await.unwrap();
    let report = to(&target, &folder(), "1.0.0").await.unwrap();
    assert_eq!(report.versions[0].properties_set, 1_000_000);
    to(&target, &folder(), "0.0.0").await.unwrap();
    assert_eq!(number(&target, "MATCH (n:Topic) RETURN [count(n.schema_version)] AS r").await, 0);
}

/// What a user had before is not the schema's to take away.
#[tokio::test]
async fn what_was_there_before_stays_through_up_and_down() {
    let (_turn, target) = fresh().await;
    for text in [
        "CREATE CONSTRAINT podcast_id FOR (n:Podcast) REQUIRE n.id IS UNIQUE",
        "CREATE INDEX episode_title FOR (n:Episode) ON (n.title)",
        "CREATE INDEX own_index FOR (n:Podcast) ON (n.own)",
        "CALL db.awaitIndexes(60)",
    ] {
        target.run_auto_commit(Statement::new(text)).await.unwrap();
    }
    let before = inventory(&target).await;
    let report = to(&target, &folder(), "1.1.0").await.unwrap();
    assert_eq!(report.versions[0].schema_added, 25);
    to(&target, &folder(), "0.0.0").await.unwrap();
    assert_eq!(inventory(&target).await, before);
}

/// `IF NOT EXISTS` asks for a name only: what has it may be something else.
#[tokio::test]
async fn an_index_of_the_name_on_something_else_is_not_taken_for_the_versions() {
    let (_turn, target) = fresh().await;
    let copy = small();
    to(&target, copy.path(), "1.1.0").await.unwrap();
    target.run_auto_commit(Statement::new("CREATE INDEX item_z FOR (n:Item) ON (n.other)")).await.unwrap();
    let before = inventory(&target).await;
    write(
        copy.path(),
        "1.2.0_item",
        "CREATE INDEX item_z IF NOT EXISTS FOR (n:Item) ON (n.z);",
        "DROP INDEX item_z;",
    );
    let error = to(&target, copy.path(), "1.2.0").await.unwrap_err();
    assert!(error.chain().join("\n").contains("item_z"), "{error:?}");
    assert_eq!(inventory(&target).await, before);
    for text in ["DROP INDEX item_z", "CREATE INDEX items FOR (n:Item) ON (n.z)", "CALL db.awaitIndexes(60)"]
    {
        target.run_auto_commit(Statement::new(text)).await.unwrap();
    }
    // Of another name, but what is wanted.
    to(&target, copy.path(), "1.2.0").await.unwrap();
    target.run_auto_commit(Statement::new("DROP INDEX items")).await.unwrap();
}
