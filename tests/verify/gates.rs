//! The gates before and after a migration.

use std::time::Duration;

use crate::observe::{free_port, get, runtime};
use crate::support::{Regraft, Sample, Stack};

/// What validate-pre has kept explains what is there afterwards; what has gone since is an error.
#[test]
fn what_was_there_before_explains_what_is_there_after() {
    let stack = Stack::any();
    Sample::dirty(&stack, 1);
    let regraft = Regraft::new(&stack);
    let before = stack.source.last_transaction();
    let pre = regraft.run(&["validate-pre", "--name", "test-gates"]);
    pre.expect(0);
    let statistics = pre.report()["statistics"]["types"].clone();
    let nodes = stack.source.number("MATCH (n:Episode) RETURN count(n)");
    assert_eq!(statistics["episode"]["count"], nodes);
    assert!(statistics["episode"]["properties"]["title"][0]["count"].as_i64().unwrap() > 0, "{statistics}");
    assert!(statistics["episode"]["degrees"]["max"].as_i64().unwrap() > 0, "{statistics}");
    assert!(statistics["speaker"]["without_key"].as_i64().unwrap() > 0, "{statistics}");
    assert_eq!(stack.source.last_transaction(), before, "transactions of the source");

    regraft.migrate();
    let post = ["validate-post", "--name", "test-gates"];
    let ended = regraft.run(&post);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.err, ended.out);
    let report = ended.report();
    for (pipeline, change) in report["before_after"]["types"].as_object().unwrap() {
        assert_eq!(change["unexplained"], 0, "{pipeline}: {change}");
    }
    let found = |report: &serde_json::Value, check: &str| {
        report["findings"].as_array().unwrap().iter().any(|finding| finding["check"] == check)
    };
    assert!(found(&report, "consequence") && found(&report, "dead_letters"), "{report}");

    let dangling = stack.target.number(
        "MATCH (s:Segment) WHERE NOT EXISTS { MATCH (e:Episode) WHERE e.id = s.episode_id } RETURN count(s)",
    );
    let mut consequences = report["findings"].as_array().unwrap().iter().filter(|finding| {
        finding["check"] == "consequence" && finding["message"].as_str().unwrap().starts_with("`episode_id`")
    });
    assert!(dangling > 0);
    assert!(consequences.any(|each| each["pipeline"] == "segment" && each["count"] == dangling), "{report}");

    stack.target.run("MATCH (e:Episode) WITH e ORDER BY e.id LIMIT 1 SET e.migrated_at = null");
    stack.target.run("MATCH (t:Topic) WITH t ORDER BY t.id LIMIT 1 DETACH DELETE t");
    let port = free_port();
    let watched = regraft.with("metrics.listen", format!("127.0.0.1:{port}"));
    let mut running = watched.spawn(&post);
    let (runtime, mut counts) = (runtime(), String::new());
    while running.is_running() {
        // Whoever asks regularly is waited for: the last answer has all counts.
        if let Ok((200, text)) = runtime.block_on(get(&format!("http://127.0.0.1:{port}/metrics"))) {
            counts = text;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    let ended = running.wait();
    ended.expect(1);
    let counted = |series: &str| counts.lines().any(|line| line == series);
    assert!(counted(r#"regraft_verify_mismatches_total{kind="missing",pipeline="topic"} 1"#), "{counts}");
    assert!(counted(r#"regraft_verify_mismatches_total{kind="missing",pipeline="podcast"} 0"#), "{counts}");
    assert!(!counted(r#"regraft_verify_records_total{pipeline="podcast"} 0"#), "{counts}");
    for check in ["unstamped", "content", "unexplained"] {
        assert!(found(&ended.report(), check), "{check}: {}", ended.out);
    }
}
