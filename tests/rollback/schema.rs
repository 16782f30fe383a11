//! Schema versions that came after the date, what the target tells of a rollback, and the marker before a run.

use super::{change, ended_at, fill, roll_back, started_at};
use crate::support::{FEW, Regraft, Stack};

/// As if nothing had been done to the schema yet.
fn without_history(stack: &Stack) {
    stack.target.without_schema();
    let history = "_RegraftMigration|_RegraftMigrationStep|_RegraftSchemaRepair|_RegraftLock|SchemaVersion|MigrationHistory|BackupMarker";
    stack.target.run(&format!("MATCH (n:{history}) DETACH DELETE n"));
}

#[test]
fn versions_that_came_since_are_listed_and_taken_down() {
    let stack = Stack::own();
    without_history(&stack);
    fill(&stack, 4);
    let regraft = Regraft::new(&stack).of_types(FEW);
    let before_all = chrono::Utc::now().to_rfc3339();
    let version =
        || stack.target.rows::<String>("MATCH (v:SchemaVersion) RETURN v.version ORDER BY v.version");
    regraft.run(&["migrate-schema", "--target-version", "1.0.0"]).expect(0);
    regraft.migrate();
    let date = ended_at(&regraft, "migrate-data");
    let first = stack.target.digest();

    regraft.run(&["migrate-schema"]).expect(0);
    change(&stack.source);
    regraft.run(&["migrate-data", "--new-pass"]).expect(0);
    assert_eq!(version(), ["1.0.0", "1.1.0"]);

    let done = roll_back(&regraft, &date);
    assert_eq!(done["schema"]["applied"], serde_json::json!(["1.1.0"]), "{done}");
    assert_eq!((&done["schema"]["then"], &done["schema"]["now"]), (&"1.0.0".into(), &"1.1.0".into()));
    stack.target.digest().assert_same(&first, "after the rollback");
    assert_eq!(version(), ["1.0.0", "1.1.0"], "the schema stays");
    let told = "MATCH (h:MigrationHistory {kind: 'rollback'}) MATCH (b:BackupMarker {id: h.id, kind: 'rollback'}) \
                WHERE h.outcome CONTAINS 'deleted' AND b.nodes > 0 RETURN count(h)";
    assert_eq!(stack.target.number(told), 1, "the target tells of the rollback");

    let some = ["rollback", "--types", "podcast", "--target-date", &date, "--execute", "--with-schema"];
    regraft.run(&some).expect_saying(2, &["it is also that of episode", "leave --types out"]);
    assert_eq!(version(), ["1.0.0", "1.1.0"]);

    let ended = regraft.run(&["rollback", "--target-date", &date, "--execute", "--with-schema"]);
    ended.expect(0);
    assert_eq!(ended.report()["schema"]["taken_down"], true);
    assert_eq!(version(), ["1.0.0"]);
    stack.target.digest().assert_same(&first, "after the schema was taken down");

    // Without constraints nothing is found by its key.
    let start = started_at(&regraft, "migrate-data --new-pass");
    stack.target.without_schema();
    regraft.run(&["rollback", "--target-date", &start]).expect_saying(2, &["Episode.id", "migrate-schema"]);
    stack.target.with_keys();

    // To where there was neither data nor a schema, and once more: the same command may always be given again.
    for _ in 0..2 {
        regraft.run(&["rollback", "--target-date", &before_all, "--execute", "--with-schema"]).expect(0);
        assert_eq!(stack.target.number("MATCH (n:Podcast|Episode|SchemaVersion) RETURN count(n)"), 0);
        stack.target.without_schema();
    }
    without_history(&stack);
}

#[test]
fn a_backup_marker_counts_and_says_how_to_dump() {
    let stack = Stack::own();
    without_history(&stack);
    fill(&stack, 2);
    let regraft = Regraft::new(&stack).of_types(FEW);
    let early = regraft.run(&["backup-marker"]);
    early.expect(0);
    assert_eq!(early.report()["recorded"], false, "{}", early.out);

    regraft.run(&["migrate-schema"]).expect(0);
    regraft.migrate();
    let ended = regraft.run(&["backup-marker", "--to-path", "/var/backups/regraft"]);
    ended.expect(0);
    let report = ended.report();
    assert_eq!((&report["recorded"], &report["schema_version"]), (&true.into(), &"1.1.0".into()));
    let dump = report["dump"].as_array().unwrap();
    assert!(
        dump.contains(&"neo4j-admin database dump neo4j --to-path=/var/backups/regraft".into()),
        "{dump:?}"
    );
    let loaded: i64 = report["offsets"]["episode"]["load"]
        .as_object()
        .unwrap()
        .values()
        .map(|at| at.as_i64().unwrap())
        .sum();
    let checkpoints =
        "MATCH (c:_RegraftCheckpoint {prefix: '$', pipeline: 'episode'}) RETURN sum(c.next_offset)";
    assert_eq!(loaded, stack.target.number(&checkpoints.replace('$', regraft.prefix())));
    let marker = "MATCH (b:BackupMarker {kind: 'backup'}) WHERE b.schema_version = '1.1.0' AND b.offsets CONTAINS 'episode' \
                  RETURN b.nodes";
    assert_eq!(report["nodes"].as_i64(), stack.target.rows::<i64>(marker).first().copied());
    without_history(&stack);
}
