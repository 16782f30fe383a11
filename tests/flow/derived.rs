//! Relationships that nodes derive from their lists, on top of stored ones and where there are none.

use serde_json::{Value, json};

use crate::support::{Regraft, Stack};

/// Of the topics one is a dead letter, of the ids that they name one is blank and one nobody's.
const TOPICS: &str = "CREATE (one:Topic {id: 't1', name: 'One', parent_topics: ['t0'], child_topics: ['t2', 't2', 't3', ' ']}), \
     (two:Topic {id: 't2', name: 'Two', parent_topics: ['t1', 'gone']}), (:Topic {id: 't0', name: 'Zero'}), \
     (:Topic {id: 't3', name: ' ', child_topics: ['t0', 't1']}), (one)-[:CONTAINS_TOPIC]->(two), \
     (one)-[:CONTAINS_TOPIC]->(one)";

/// The monolith has a relationship of the type that only the new graph is to have: it is left alone.
const CONNECTIONS: &str = "CREATE (c:PotentialConnection {id: 'c1', description: '', strength: 1, entities: ['n1', 'n2', 'n1']}), \
     (:PotentialConnection {id: 'c2', description: '', strength: 2, entities: ['n1']}), \
     (n:Entity {id: 'n1', name: 'N', type: 'person'}), (c)-[:CONNECTS {weight: 1}]->(n)";

/// What derives and what is derived, with the ends.
const TYPES: &str = "topic,contains_topic,potential_connection,entity,connects";

fn filled() -> impl std::ops::Deref<Target = Stack> {
    let stack = Stack::any();
    stack.source.run(TOPICS);
    stack.source.run(CONNECTIONS);
    stack
}

/// What a pipeline that derived records come to has to report.
fn expected() -> Value {
    json!({
        "contains_topic": {
            "read": 2, "loaded": 2, "merged": 0, "dead_letters": {},
            // t0 to t1, t1 to t2 (from both of them), and not those of the dead letter.
            "emitted": {"total": 6, "loaded": 3, "dead_letters": {"missing_key": 1, "endpoint_missing": 2}},
        },
        "connects": {
            "read": 0, "loaded": 0, "merged": 0, "dead_letters": {},
            "emitted": {"total": 2, "loaded": 1, "dead_letters": {"endpoint_missing": 1}},
        },
    })
}

#[track_caller]
fn assert_derived(report: &Value, when: &str) {
    for (pipeline, expected) in expected().as_object().unwrap() {
        let mut found = report["pipelines"][pipeline].clone();
        for other in ["pass", "extracted"] {
            found.as_object_mut().unwrap().remove(other);
        }
        assert_eq!(&found, expected, "{pipeline} {when}");
    }
}

const TIES: &str = "MATCH (a)-[r:CONTAINS_TOPIC|CONNECTS]->(b) RETURN a.id + '-' + b.id + size(keys(r))";

/// What ties the nodes of the new graph, in order.
fn ties(stack: &Stack) -> Vec<String> {
    let mut ties = stack.target.rows::<String>(TIES);
    ties.sort();
    ties
}

#[test]
fn derived_relationships_are_applied_on_top_of_stored_ones_and_counted_apart() {
    let stack = filled();
    // The topic and the connection that are dead letters themselves are charged; what is derived is not.
    let regraft = Regraft::new(&stack).of_types(TYPES).with("load.max_dead_letters", 1);
    let ended = regraft.run(&["migrate-data"]);
    ended.expect(0);
    assert_derived(&ended.report(), "of the first pass");
    assert_eq!(ties(&stack), ["c1-n10", "t0-t10", "t1-t10", "t1-t20"]);

    let letters = regraft.topics().dead_letters();
    let derived: Vec<_> = letters.iter().filter(|letter| letter.known["derived"] == true).collect();
    assert_eq!(derived.len(), 4);
    for letter in &derived {
        let (pipeline, topic) = (letter.text("pipeline"), letter.text("topic"));
        let emitter = if pipeline == "connects" { "potential_connection" } else { "topic" };
        assert!(topic.ends_with(&format!(".raw.{emitter}")), "{pipeline}: {topic}");
        assert!(letter.known["output"].as_u64().unwrap() >= 1, "{:?}", letter.known);
    }
    let shown =
        regraft.run(&["dead-letters", "show", "--types", "CONTAINS_TOPIC", "--reason", "missing_key"]);
    shown.expect(0);
    let shown = &shown.report()[0];
    assert_eq!((&shown["start"], &shown["end"]), (&json!("t1"), &json!(" ")));
    assert_eq!(shown["record"]["properties"]["name"], "One", "the record that derived it: {shown}");

    let again = regraft.run(&["migrate-data", "--output", "human"]);
    again.expect(0);
    assert!(again.out.contains("Nothing was left to do"), "{}", again.out);
    let new_pass = regraft.run(&["migrate-data", "--new-pass"]);
    new_pass.expect(0);
    assert_derived(&new_pass.report(), "of a new pass");
    assert_eq!(ties(&stack), ["c1-n10", "t0-t10", "t1-t10", "t1-t20"]);
}

#[test]
fn each_type_may_be_moved_on_its_own() {
    let stack = filled();
    let regraft = Regraft::new(&stack).of_types(TYPES);
    let moved = |types: &str| {
        let ended = regraft.run(&["migrate-data", "--types", types]);
        ended.expect(0);
        ended
    };
    // What nobody has moved yet is not waited for.
    let stored = moved("Topic").report();
    assert_eq!(stored["pipelines"].as_object().unwrap().len(), 1);
    let ties = moved("CONTAINS_TOPIC");
    assert!(
        ties.err.contains("`contains_topic` gets what is there already of that which is derived by topic")
    );
    assert_eq!(ties.report()["pipelines"]["contains_topic"]["emitted"]["loaded"], 3);
    moved("Entity,CONNECTS");
    assert_derived(&regraft.migrate(), "once all is moved");
}
