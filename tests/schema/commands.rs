//! `migrate-schema` and `schema` as a user calls them: exit codes, results, what is said.

use serde_json::{Value, json};

use super::{cleared, copied};
use crate::support::{Regraft, Stack};

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn status_validate_and_repair_from_the_command_line() {
    let stack = Stack::any();
    block_on(cleared(&stack));
    let regraft = Regraft::new(&stack);
    let status = || {
        let ended = regraft.run(&["schema", "status"]);
        ended.expect(0);
        ended.report()
    };
    let states = |status: &Value| -> Vec<Value> {
        status["versions"].as_array().unwrap().iter().map(|it| it["state"].clone()).collect()
    };
    let before = status();
    assert_eq!((&before["version"], &before["newest"]), (&json!("0.0.0"), &json!("1.1.0")));
    assert_eq!(states(&before), ["pending", "pending"]);
    regraft.run(&["schema", "validate"]).expect(0);

    let planned = regraft.run(&["migrate-schema", "--dry-run"]);
    planned.expect(0);
    let plan = &planned.report()["plan"];
    let first = &plan["versions"][0]["steps"][0];
    assert_eq!(first["kind"], "schema");
    assert_eq!(first["explain"]["operators"][0]["name"], "CreateConstraint");
    assert_eq!(states(&status()), ["pending", "pending"]);

    let migrated = regraft.run(&["migrate-schema", "--target-version", "1.0.0"]);
    migrated.expect(0);
    assert_eq!(migrated.report()["result"], "migrated");
    let after = status();
    assert_eq!(states(&after), ["applied", "pending"]);
    assert!(after["versions"][0]["applied_at"].as_str().unwrap().ends_with('Z'), "{after}");

    let down = regraft.run(&["migrate-schema", "--target-version", "0.0.0"]);
    down.expect(0);
    assert_eq!(down.report()["result"], "needs_execute");
    assert_eq!(down.report()["plan"]["versions"][0]["removes"][0]["what"], "constraints");

    stack.target.run("DROP INDEX podcast_title");
    let invalid = regraft.run(&["schema", "validate"]);
    invalid.expect(1);
    let finding = &invalid.report()["findings"][0];
    assert_eq!((&finding["kind"], &finding["severity"]), (&json!("missing"), &json!("error")));
    assert_eq!(finding["remedy"]["by"], "statements");
    let planned = regraft.run(&["schema", "repair"]);
    planned.expect(0);
    assert_eq!(planned.report()["result"], "planned");
    regraft.run(&["schema", "validate"]).expect(1);
    let mended = regraft.run(&["schema", "repair", "--execute"]);
    mended.expect(0);
    assert_eq!(mended.report()["findings"][0]["mended"], true);
    regraft.run(&["schema", "validate"]).expect(0);

    let undo = regraft.run(&["migrate-schema", "--undo"]);
    undo.expect(0);
    assert_eq!(undo.report()["result"], "nothing_to_undo");
    regraft.run(&["migrate-schema", "--target-version", "3.0.0"]).expect_saying(2, &["0.0.0, 1.0.0, 1.1.0"]);
    regraft.run(&["migrate-schema", "--target-version", "0.0.0", "--execute"]).expect(0);
    assert_eq!(states(&status()), ["pending", "pending"]);
}

#[test]
fn what_people_read_says_the_same() {
    let stack = Stack::any();
    block_on(cleared(&stack));
    let copy = copied();
    let schemas = copy.path().join("schemas");
    std::fs::create_dir_all(&schemas).unwrap();
    let migrations = schemas.join("migrations");
    std::fs::create_dir(&migrations).unwrap();
    super::write(
        &migrations,
        "1.0.0_a",
        "CREATE CONSTRAINT key FOR (n:Podcast) REQUIRE n.key IS UNIQUE;",
        "",
    );
    super::write(&migrations, "1.0.1_b", "MATCH (n:Podcast) SET n.b = 1;", "// removes b: RETURN 7\n");
    let regraft = Regraft::new(&stack).with("paths.schemas", schemas.display());
    let human = |arguments: &[&str]| {
        let ended = regraft.run(&[arguments, &["--output", "human"]].concat());
        ended.expect(0);
        ended.out
    };
    let plan = human(&["migrate-schema", "--dry-run"]);
    for part in [
        "1.0.0 a, up\n   1. schema CREATE CONSTRAINT key FOR (n:Podcast) REQUIRE n.key IS UNIQUE\n",
        "→ CreateConstraint\n",
        "   1. data   MATCH (n:Podcast) SET n.b = 1\n",
        "in one transaction\n",
        "A dry run: nothing was done.",
    ] {
        assert!(plan.contains(part), "{part}\n{plan}");
    }
    assert!(human(&["schema", "status"]).contains("2 versions are pending: regraft migrate-schema."));
    assert!(
        human(&["migrate-schema"]).contains("The target's schema has version 1.0.1 now (before: 0.0.0).")
    );
    let down = human(&["migrate-schema", "--target-version", "0.0.0"]);
    for part in ["removes b: 7\n", "removes constraints: 1 (key)\n", "--execute does it."] {
        assert!(down.contains(part), "{part}\n{down}");
    }
    assert!(human(&["schema", "validate"]).contains("The target's schema is that of version 1.0.1."));
    stack.target.run("DROP CONSTRAINT key");
}

/// `load` is at work: the schema stays as it is until it is ended.
#[test]
fn a_loader_at_work_is_respected_and_respects() {
    let stack = Stack::any();
    block_on(cleared(&stack));
    stack.target.run("CREATE CONSTRAINT podcast_id IF NOT EXISTS FOR (n:Podcast) REQUIRE n.id IS UNIQUE");
    stack.source.run("CREATE (:Podcast {id: 'a', title: 'T', description: 'D', rss_url: 'R'})");
    let regraft = Regraft::new(&stack);
    regraft.run(&["migrate-schema"]).expect(0);
    let types = ["--types", "podcast"];
    regraft.run(&[&["migrate-data"], &types[..]].concat()).expect(0);
    let mut loader = regraft.spawn(&[&["load"], &types[..]].concat());
    crate::support::eventually("the loader has its claim", || {
        assert!(loader.is_running(), "{}", loader.said());
        stack.target.number("MATCH (c:_RegraftLock {purpose: 'load'}) RETURN count(c)") == 1
    });
    let down = ["migrate-schema", "--target-version", "1.0.0", "--execute"];
    regraft.run(&down).expect_saying(3, &["a loader is at work there: loading (process ", "end it"]);
    let held = regraft.run(&["schema", "status"]).report();
    assert_eq!(held["held"][0]["purpose"], "load");
    loader.terminate();
    loader.wait().expect(0);
    regraft.run(&down).expect(0);

    // Nor does anybody load into a schema that is half way.
    stack.target.run("MATCH (m:_RegraftMigration {version: '1.0.0'}) REMOVE m.outcome");
    regraft
        .run(&["load", "--until-drained"])
        .expect_saying(2, &["schema 1.0.0 up of the target", "is half way"]);
    stack.target.run("MATCH (m:_RegraftMigration {version: '1.0.0'}) SET m.outcome = 'applied'");

    // The other way round: nobody loads while the target is somebody's.
    stack.target.run(
        "CREATE (:_RegraftLock {id: 'x', purpose: 'exclusive', holder: 'a rollback', since: datetime.realtime(), \
         until: datetime.realtime() + duration('PT1H')})",
    );
    let impatient = regraft.with("run.retry_seconds", 1);
    impatient.run(&["load", "--until-drained"]).expect_saying(3, &["waits for a rollback, since "]);
    stack.target.run("MATCH (c:_RegraftLock {id: 'x'}) DELETE c");
}
