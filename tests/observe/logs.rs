//! The log: whose work a line is about stands in its spans; never a secret, never a record's values above debug.

use serde_json::Value;

use super::TYPES;
use crate::support::{Regraft, Sample, Stack, eventually};

/// Runs a migration with its log as JSON and returns its lines.
fn logged(stack: &Stack, verbosity: &str) -> Vec<Value> {
    let ended =
        Regraft::new(stack).run(&["migrate-data", "--types", TYPES, "--log-format", "json", verbosity]);
    ended.expect(0);
    ended.err.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn lines_stand_in_spans_of_run_stage_type_and_batch() {
    let stack = Stack::any();
    Sample::dirty(&stack, 1);
    let lines = logged(&stack, "-vv");
    let spans = |line: &Value| -> Vec<String> {
        let spans = line["spans"].as_array().cloned().unwrap_or_default();
        spans.iter().map(|span| span["name"].as_str().unwrap().to_owned()).collect()
    };
    for stage in ["extract", "transform", "load"] {
        let batch = lines.iter().find(|line| {
            spans(line) == ["run", "stage", "type", "batch"] && line["spans"][1]["stage"] == stage
        });
        let batch = batch.unwrap_or_else(|| panic!("no batch of {stage} among {} lines", lines.len()));
        assert!(batch["spans"][0]["id"].is_string(), "{batch}");
        assert!(batch["spans"][2]["pipeline"].is_string(), "{batch}");
    }
    let begins = lines.iter().find(|line| line["fields"]["message"] == "the run begins").unwrap();
    assert_eq!(spans(begins), ["run"]);
}

#[test]
fn the_log_has_no_secret_and_above_debug_no_record() {
    let stack = Stack::any();
    Sample::clean(&stack, 2);
    // The target refuses a title that another episode has: Neo4j's message quotes it.
    stack.target.run("CREATE CONSTRAINT episode_title FOR (n:Episode) REQUIRE n.title IS UNIQUE");
    stack.source.run("MATCH (n:Episode) WITH n ORDER BY n.id LIMIT 2 SET n.title = 'Of Two Cellars'");
    let regraft = Regraft::new(&stack);
    let ended = regraft.run(&["migrate-data", "--types", TYPES, "--log-format", "json", "-v"]);
    ended.expect(0);
    let lines: Vec<Value> = ended.err.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let refused = lines.iter().any(|line| line["fields"]["message"] == "the target refused a record");
    assert!(refused, "{}", ended.err);
    let values = stack.source.rows::<String>(
        "MATCH (n) UNWIND keys(n) AS k WITH n[k] AS v WHERE v IS :: STRING NOT NULL AND size(v) > 8 RETURN DISTINCT v",
    );
    assert!(values.len() > 50, "{} values", values.len());
    for value in values {
        assert!(!ended.err.contains(&value), "{value:?} is in the log:\n{}", ended.err);
    }
    let everything =
        regraft.run(&["migrate-data", "--types", TYPES, "--new-pass", "--log-format", "json", "-vvv"]);
    everything.expect(0);
    for name in ["SOURCE", "TARGET"] {
        let file = &stack.settings()[&format!("REGRAFT__{name}__PASSWORD_FILE")];
        let password = std::fs::read_to_string(file).unwrap();
        assert!(!everything.err.contains(password.trim()), "the password of the {name} is in the log");
    }
}

#[test]
fn without_a_terminal_there_is_a_line_every_ten_seconds() {
    let stack = Stack::any();
    Sample::clean(&stack, 2);
    let regraft =
        Regraft::new(&stack).in_small_steps().with("source.page_size", 10).with("source.rows_per_second", 10);
    // Types with enough rows for half a minute.
    let running = regraft.spawn(&["extract", "--types", "segment,has_segment,belongs_to_topic"]);
    eventually("two lines of progress", || running.said().matches("pipelines: ").count() >= 2);
    let said = running.said();
    let line = said.lines().filter(|line| line.contains("pipelines: ")).nth(1).unwrap();
    assert!(line.starts_with("read ") && line.contains("transformed 0") && line.contains("/s"), "{line}");
    running.terminate();
    running.wait().expect(3);
}
