//! Dead letters put back after a fix, read from the source again, overtaken by a newer pass, or set aside.

use serde_json::{Value, json};

use super::{closed_replays, letters};
use crate::support::{Regraft, Stack, counts};

const TYPES: &str = "podcast,topic,covers_topic,contains_topic";

/// Topics with a stored relationship, and others that only their lists tell of.
const GRAPH: &str = "CREATE (p:Podcast {id: 'p1', title: 'P', description: 'd', rss_url: 'http://x'}), \
     (zero:Topic {id: 't0', name: 'Zero', hierarchy_level: 0, child_topics: ['t2', ' ']}), \
     (one:Topic {id: 't1', name: 'One', hierarchy_level: 1, parent_topics: ['t0']}), \
     (:Topic {id: 't2', name: 'Two', hierarchy_level: 2, parent_topics: ['t1', 'gone'], child_topics: ['t0']}), \
     (zero)-[:CONTAINS_TOPIC]->(one), (p)-[:COVERS_TOPIC]->(zero), (p)-[:COVERS_TOPIC]->(one)";

const RIGHT: &str = "    not_blank: name";
const WRONG: &str = "    at_least: {hierarchy_level: 1}";

fn migrate(regraft: &Regraft, more: &[&str]) -> Value {
    let ended = regraft.run(&[&["migrate-data", "--types", TYPES], more].concat());
    ended.expect(0);
    ended.report()
}

/// A migration whose rule for topics is wrong.
fn with_a_wrong_rule(stack: &Stack) -> Regraft {
    stack.source.run(GRAPH);
    let regraft = Regraft::new(stack).with_own_definitions();
    regraft.edit("pipelines/topic.yaml", RIGHT, WRONG);
    regraft
}

#[test]
fn after_a_fix_the_dead_letters_make_the_target_what_it_would_have_been() {
    let stack = Stack::any();
    let regraft = with_a_wrong_rule(&stack);
    migrate(&regraft, &[]);
    let open = letters(&regraft, "open");
    assert_eq!(open["topic"]["rule_violated"], 1, "{open:?}");
    // t0-t1 stored, t0-t1 of t1, t2-t0 and gone-t2 of t2.
    assert_eq!(
        (open["contains_topic"]["endpoint_missing"], open["covers_topic"]["endpoint_missing"]),
        (4, 1)
    );
    regraft.edit("pipelines/topic.yaml", WRONG, RIGHT);
    let select = ["dead-letters", "replay", "--types", "topic", "--with-relationships"];
    let plan = regraft.run(&select);
    plan.expect(0);
    let plan = plan.report();
    assert_eq!(plan["dead_letters"], json!({"topic": {"rule_violated": 1}}));
    assert_eq!(plan["waiting"], json!({"contains_topic": 3, "covers_topic": 1}));
    assert_eq!(letters(&regraft, "open"), open, "a plan changes nothing");
    let ended = regraft.run(&[&select[..], &["--execute"]].concat());
    ended.expect(0);
    assert_eq!(
        (&ended.report()["passed"], &ended.report()["relationships"]["passed"]),
        (&json!(1), &json!(4))
    );
    let report = migrate(&regraft, &[]);
    assert!(closed_replays(&report) > 0, "{report}");
    let open = letters(&regraft, "open");
    // What the list of t2 names is nobody's, and a blank id among those of t0 came to light with it.
    let expected = json!({"contains_topic": {"endpoint_missing": 1, "missing_key": 1}});
    assert_eq!(serde_json::to_value(&open).unwrap(), expected);
    assert_eq!(letters(&regraft, "replayed")["topic"]["rule_violated"], 1);
    let repaired = (counts(&report), stack.target.digest_but_times());
    stack.target.empty();
    let right = Regraft::new(&stack);
    assert_eq!(counts(&migrate(&right, &[])), repaired.0);
    repaired.1.assert_same(&stack.target.digest_but_times(), "after the dead letters were put back");
}

#[test]
fn what_fails_again_is_a_new_dead_letter_that_names_the_earlier() {
    let stack = Stack::any();
    let regraft = with_a_wrong_rule(&stack);
    migrate(&regraft, &[]);
    let again = ["dead-letters", "replay", "--types", "topic", "--execute"];
    let ended = regraft.run(&again);
    ended.expect(0);
    assert_eq!(ended.report()["rejected"], json!({"rule_violated": 1}));
    let shown = regraft.run(&["dead-letters", "list", "--types", "topic", "--state", "open"]);
    let shown = shown.report();
    assert_eq!(shown.as_array().unwrap().len(), 1, "{shown}");
    assert_eq!(shown[0]["earlier"]["reason"], "rule_violated", "{shown}");
    assert_eq!(letters(&regraft, "replayed")["topic"]["rule_violated"], 1);
    let report = migrate(&regraft, &[]);
    assert_eq!(report["pipelines"]["topic"]["dead_letters"], json!({"rule_violated": 1}));
}

#[test]
fn a_dead_letter_never_overwrites_what_a_newer_pass_has_loaded() {
    let stack = Stack::any();
    let regraft = with_a_wrong_rule(&stack);
    migrate(&regraft, &[]);
    regraft.edit("pipelines/topic.yaml", WRONG, RIGHT);
    // Put back, but not loaded yet: the old record waits on its topic.
    regraft.run(&["dead-letters", "replay", "--types", "topic", "--execute"]).expect(0);
    stack.source.run("MATCH (n:Topic {id: 't0'}) SET n.name = 'Newer'");
    migrate(&regraft, &["--new-pass"]);
    let name = || stack.target.rows::<String>("MATCH (n:Topic {id: 't0'}) RETURN n.name");
    assert_eq!(name(), ["Newer"]);
    let open = letters(&regraft, "open");
    assert!(!open.contains_key("topic"), "{open:?}");
    let ended = regraft.run(&["dead-letters", "replay", "--types", "topic", "--execute", "--then-run"]);
    ended.expect(0);
    assert_eq!(ended.report()["total"], 0);
    assert_eq!(name(), ["Newer"]);
}

#[test]
fn what_a_repair_has_read_since_is_not_overwritten_by_an_old_dead_letter() {
    let stack = Stack::any();
    // Of two equal parallels one is merged: it is no later reading of the other.
    stack.source.run(
        "CREATE (a:Entity {id: 'a', name: 'A', type: 'person'})-[:CO_OCCURS_WITH {weight: 1.0}]->(b:Entity {id: 'b', type: 'person'}), \
         (c:Entity {id: 'c', type: 'person'}), \
         (a)-[:CO_OCCURS_WITH {weight: 3.0}]->(c), (a)-[:CO_OCCURS_WITH {weight: 3.0}]->(c)",
    );
    let regraft = Regraft::new(&stack).of_types("entity,co_occurs_with");
    regraft.migrate();
    stack.source.run("MATCH ()-[x:CO_OCCURS_WITH {weight: 1.0}]->(b) SET b.name = 'B', x.weight = 2.0");
    regraft.run(&["verify", "--repair"]).expect(0);
    stack.source.run("MATCH (c:Entity {id: 'c'}) SET c.name = 'C'");
    regraft.run(&["verify", "--types", "entity", "--repair"]).expect(0);
    let weights = || {
        stack.target.rows::<f64>("MATCH ()-[x:CO_OCCURS_WITH]->() RETURN x.weight AS weight ORDER BY weight")
    };
    assert_eq!(weights(), [2.0]);
    let again = ["dead-letters", "replay", "--types", "co_occurs_with", "--execute", "--then-run"];
    let ended = regraft.run(&again);
    ended.expect(0);
    assert_eq!(ended.report()["put_back"], 2, "{}", ended.out);
    assert_eq!(weights(), [2.0, 3.0]);
}

#[test]
fn of_those_that_lack_an_end_only_the_types_that_are_named_are_meant() {
    let stack = Stack::any();
    let regraft = with_a_wrong_rule(&stack);
    migrate(&regraft, &[]);
    let missing = ["--types", "covers_topic", "--reason", "endpoint_missing", "--execute"];
    let ended = regraft.run(&[&["dead-letters", "resolve", "--comment", "a test"], &missing[..]].concat());
    ended.expect(0);
    assert_eq!(ended.report()["resolved"], 1, "{}", ended.out);
    let open = letters(&regraft, "open");
    assert_eq!(open["contains_topic"]["endpoint_missing"], 4, "{open:?}");
    assert!(!open.contains_key("covers_topic"), "{open:?}");
}

#[test]
fn what_is_set_aside_says_why_and_no_longer_counts_towards_the_limit() {
    let stack = Stack::any();
    let regraft = with_a_wrong_rule(&stack).with("load.max_dead_letters", "0");
    let refused = regraft.run(&["migrate-data", "--types", TYPES]);
    refused.expect(1);
    regraft.run(&["dead-letters", "resolve", "--types", "topic", "--comment", " "]).expect(2);
    let resolve = ["dead-letters", "resolve", "--types", "topic", "--comment", "test data", "--execute"];
    let ended = regraft.run(&resolve);
    ended.expect(0);
    assert_eq!(ended.report()["resolved"], 1);
    let shown = regraft.run(&["dead-letters", "list", "--state", "resolved"]).report();
    assert!(shown[0]["comment"].as_str().unwrap().starts_with("test data ("), "{shown}");
    regraft.run(&["migrate-data", "--types", "topic"]).expect(0);
}

#[test]
fn what_was_too_large_is_read_from_the_source_again() {
    let stack = Stack::any();
    // Larger than what the topics take that are made for such a limit, and nothing that compressing makes much smaller.
    stack.source.run(
        "CREATE (:Topic {id: 't0', name: 'Zero', description: \
         reduce(s = '', i IN range(1, 9000) | s + substring(randomUUID(), 0, 23))})",
    );
    let regraft = Regraft::new(&stack).with("kafka.max_record_bytes", 4_096);
    migrate(&regraft, &[]);
    assert_eq!(letters(&regraft, "open")["topic"]["too_large"], 1);
    let regraft = regraft.with("kafka.max_record_bytes", 1_000_000);
    let again = ["dead-letters", "replay", "--reason", "too_large", "--execute", "--then-run"];
    let ended = regraft.run(&again);
    ended.expect(0);
    assert_eq!(ended.report()["passed"], 1, "{}", ended.out);
    assert_eq!(stack.target.number("MATCH (n:Topic {id: 't0'}) RETURN size(n.description)"), 207_000);
    assert!(letters(&regraft, "open").is_empty());
}
