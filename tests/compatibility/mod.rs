//! `check-compatibility` on real services: each planted defect with its exact count, and the fix script.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::{Graph, Regraft, Sample, Stack, counts};

const FIXES: &str = "fixes.cypher";

#[track_caller]
fn check(regraft: &Regraft, code: i32, options: &[&str]) -> Value {
    let ended = regraft.run(&[&["check-compatibility", "--fix-script", FIXES], options].concat());
    ended.expect(code);
    ended.report()
}

fn issues(report: &Value) -> &Vec<Value> {
    report["issues"].as_array().unwrap()
}

fn text<'r>(issue: &'r Value, key: &str) -> &'r str {
    issue[key].as_str().unwrap_or_default()
}

/// Issues' counts by pipeline and code, of those codes that are reasons of dead letters.
fn dead_letters(report: &Value) -> BTreeMap<(String, String), u64> {
    let reasons = regraft::record::Reason::ALL.map(|reason| reason.as_str());
    let mut found = BTreeMap::new();
    for issue in issues(report).iter().filter(|issue| reasons.contains(&text(issue, "code"))) {
        let place = (text(issue, "pipeline").to_owned(), text(issue, "code").to_owned());
        *found.entry(place).or_default() += issue["count"].as_u64().unwrap();
    }
    found
}

/// The same as the sample planted them, those of derived records included.
fn planted(counts: &Value) -> BTreeMap<(String, String), u64> {
    let mut planted = BTreeMap::new();
    for (pipeline, counted) in counts.as_object().unwrap() {
        for of in [counted, &counted["emitted"]] {
            for (reason, number) in of["dead_letters"].as_object().into_iter().flatten() {
                *planted.entry((pipeline.clone(), reason.clone())).or_default() += number.as_u64().unwrap();
            }
        }
    }
    planted
}

fn number_of(report: &Value, codes: &[&str]) -> u64 {
    let of = issues(report).iter().filter(|issue| codes.contains(&text(issue, "code")));
    of.map(|issue| issue["count"].as_u64().unwrap()).sum()
}

/// What the fix script claims to mend.
fn claims(report: &Value) -> BTreeSet<[String; 4]> {
    let mended = issues(report).iter().filter(|issue| issue["fix_script"] == "mended");
    mended
        .map(|issue| ["code", "pipeline", "property", "found"].map(|key| text(issue, key).to_owned()))
        .collect()
}

/// Runs every statement of the script, as a user would.
fn mend(regraft: &Regraft, source: &Graph) {
    let script = std::fs::read_to_string(regraft.folder().join(FIXES)).unwrap();
    for piece in regraft::schema::split(&script).unwrap() {
        source.run(&piece.text);
    }
}

#[test]
fn each_planted_defect_is_reported_and_what_the_script_mends_is_gone() {
    let stack = Stack::any();
    let sample = Sample::dirty(&stack, 1);
    let regraft = Regraft::new(&stack);
    let before = [stack.source.last_transaction(), stack.target.last_transaction()];
    let report = check(&regraft, 1, &[]);
    let after = [stack.source.last_transaction(), stack.target.last_transaction()];
    assert_eq!(after, before, "the servers' last transactions");
    assert!(regraft.topics().ends().is_empty(), "topics were made");

    assert_eq!(counts(&report["forecast"]), sample.counts(), "the forecast");
    assert_eq!(dead_letters(&report), planted(&sample.counts()), "issues by pipeline and reason");
    let uncovered = sample.uncovered();
    assert_eq!(number_of(&report, &["unmapped_label"]), uncovered["nodes"], "nodes that nobody reads");
    let relationships = number_of(&report, &["unmapped_type", "undeclared_ends"]);
    assert_eq!(relationships, uncovered["relationships"], "relationships that nobody reads");
    assert!(number_of(&report, &["two_labels"]) > 0 && number_of(&report, &["merged"]) > 0);
    for issue in issues(&report) {
        assert!(
            !text(issue, "message").is_empty() && !text(issue, "remedy").is_empty()
                || issue["severity"] == "note",
            "{issue}"
        );
        assert!(issue["examples"].as_array().unwrap().len() <= 5, "{issue}");
    }
    let unknown = report["parity"].as_array().unwrap().iter().filter(|each| each["fate"] == "unknown");
    assert!(unknown.count() > 0, "properties that nobody declares");

    let claimed = claims(&report);
    for code in ["missing_key", "type_mismatch"] {
        assert!(claimed.iter().any(|[claim, ..]| claim == code), "{code} is mended nowhere: {claimed:?}");
    }
    mend(&regraft, &stack.source);
    let again = check(&regraft, 1, &[]);
    let still: BTreeSet<_> = issues(&again)
        .iter()
        .map(|issue| ["code", "pipeline", "property", "found"].map(|key| text(issue, key).to_owned()))
        .collect();
    let left: Vec<_> = claimed.intersection(&still).collect();
    assert!(left.is_empty(), "not mended: {left:?}");
    mend(&regraft, &stack.source);
    let once_more = check(&regraft, 1, &[]);
    assert_eq!(dead_letters(&once_more), dead_letters(&again), "after the script ran twice");
}

#[test]
fn a_clean_source_has_neither_errors_nor_warnings() {
    let stack = Stack::any();
    let sample = Sample::fill(&stack, 2, &["--no-dirty", "--embeddings"]);
    let regraft = Regraft::new(&stack);
    let report = check(&regraft, 0, &[]);
    let bad: Vec<_> = issues(&report).iter().filter(|issue| issue["severity"] != "note").collect();
    assert!(bad.is_empty(), "{bad:#?}");
    assert_eq!((&report["errors"], &report["warnings"]), (&0.into(), &0.into()));
    assert_eq!(counts(&report["forecast"]), sample.counts());
    let unwritable = regraft.run(&["check-compatibility", "--fix-script", "/dev/null/fixes.cypher"]);
    unwritable.expect_saying(2, &["write the fix script to /dev/null/fixes.cypher"]);
    assert_eq!(unwritable.report()["errors"], 0, "what was found is not lost with the script");
    let index = |report: &Value| {
        let notes = issues(report).iter().filter(|issue| issue["code"] == "key_without_index");
        notes.map(|issue| text(issue, "type").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(index(&report), ["Speaker"]);
    assert_eq!(number_of(&report, &["schema_pending"]), 2);
    let losses =
        report["parity"].as_array().unwrap().iter().filter(|each| each["fate"] == "converted_with_loss");
    assert!(losses.count() > 0, "declared losses");

    mend(&regraft, &stack.source);
    assert!(index(&check(&regraft, 0, &[])).is_empty(), "the script makes the index");

    let sampled = check(&regraft, 0, &["--sample", "3"]);
    assert_eq!(sampled["sample"], 3);
    for (name, pipeline) in sampled["forecast"]["pipelines"].as_object().unwrap() {
        assert!(pipeline["read"].as_u64().unwrap() <= 3, "{name}: {pipeline}");
    }
    let human = regraft.run(&["check-compatibility", "--sample", "3", "--output", "human"]);
    human.expect(0);
    assert!(human.out.contains("Only the first 3 records of each type were looked at."), "{}", human.out);
    assert!(human.out.contains("0 errors, 0 warnings"), "{}", human.out);
}

#[test]
fn topics_of_another_shape_are_errors_and_lists_of_odd_lengths_warnings() {
    let stack = Stack::any();
    let floats = |number: usize| format!("[{}]", vec!["0.5"; number].join(", "));
    stack.source.run(&format!(
        "UNWIND range(1, 3) AS i CREATE (:Entity {{id: 'n' + i, name: 'N', type: 'person', embedding: {}}})",
        floats(32)
    ));
    stack.source.run(&format!(
        "CREATE (:Entity {{id: 'odd', name: 'N', type: 'person', embedding: {}}})",
        floats(31)
    ));
    let regraft = Regraft::new(&stack);
    regraft.run(&["migrate-data", "--types", "entity"]).expect(0);
    let regraft = regraft.with("kafka.partitions", 7).with("kafka.retention_ms", 3_600_000);
    let report = check(&regraft, 1, &["--types", "entity"]);
    assert_eq!(number_of(&report, &["embedding_lengths"]), 1);
    assert!(number_of(&report, &["topic_shape"]) >= 3, "{report}");
    assert!(number_of(&report, &["topic_retention"]) >= 1, "{report}");
}

/// A statement that fails ends the script where somebody runs it whole; a parent is given only where it can be no other.
#[test]
fn the_script_runs_to_its_end_and_ties_only_what_is_certain() {
    let stack = Stack::any();
    Sample::clean(&stack, 1);
    let source = &stack.source;
    source.run("CREATE (:Speaker {id: '', name: 'A'}), (:Speaker {id: '', name: 'B'})");
    source.run(
        "MATCH (:Podcast)-[h:HAS_EPISODE]->(e:Episode) WHERE EXISTS { (e)-[:HAS_TOPIC]->()<-[:COVERS_TOPIC]-() } WITH h LIMIT 1 DELETE h",
    );
    source.run(
        "MATCH (s:Segment)--(:Quote)--(:Episode) WITH s LIMIT 1 MATCH (:Episode)-[h:HAS_SEGMENT]->(s) DELETE h",
    );
    source.run(
        "MATCH (a)-[:CO_OCCURS_WITH]->(b) WITH a, b LIMIT 1 CREATE (a)-[:CO_OCCURS_WITH {weight: 12345.5}]->(b)",
    );
    let orphans = |label: &str, kind: &str| {
        source.number(&format!("MATCH (n:{label}) WHERE NOT EXISTS {{ ()-[:{kind}]->(n) }} RETURN count(n)"))
    };
    let before = (orphans("Episode", "HAS_EPISODE"), orphans("Segment", "HAS_SEGMENT"));
    assert_eq!(before, (1, 1));
    let regraft = Regraft::new(&stack);
    let report = check(&regraft, 1, &[]);
    assert_eq!(number_of(&report, &["orphaned"]), 2);
    let script = std::fs::read_to_string(regraft.folder().join(FIXES)).unwrap();
    assert!(script.contains("collect(properties(n)) AS properties"), "parallel relationships:\n{script}");
    mend(&regraft, source);
    assert_eq!((orphans("Episode", "HAS_EPISODE"), orphans("Segment", "HAS_SEGMENT")), (1, 0));
    let alone = check(&regraft, 0, &["--types", "SPEAKS_IN"]);
    assert!(claims(&alone).is_empty(), "what is not looked at is not mended: {alone}");
}
