//! A dry run: what it says is what a run then does, and nothing anywhere has changed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Digest, Regraft, Sample, Stack, counts};

/// All that a dry run could have changed.
struct Picture {
    target: Digest,
    everything: i64,
    /// The last transaction that each server has committed.
    transactions: [String; 2],
    topics: BTreeMap<String, Vec<i64>>,
    groups: Vec<(String, String)>,
}

impl Picture {
    fn of(stack: &Stack, regraft: &Regraft) -> Self {
        Self {
            target: stack.target.digest(),
            everything: stack
                .target
                .number("MATCH (n) OPTIONAL MATCH (n)-[r]->() RETURN count(*) + count(r)"),
            transactions: [stack.source.last_transaction(), stack.target.last_transaction()],
            topics: regraft.topics().ends(),
            groups: regraft.topics().groups(),
        }
    }

    #[track_caller]
    fn assert_same(&self, before: &Self, when: &str) {
        self.target.assert_same(&before.target, when);
        assert_eq!(self.everything, before.everything, "nodes and relationships of the target {when}");
        assert_eq!(self.transactions, before.transactions, "the servers' last transactions {when}");
        assert_eq!(self.topics, before.topics, "ends of the topics {when}");
        assert_eq!(self.groups, before.groups, "consumer groups {when}");
    }
}

#[track_caller]
fn look_ahead(regraft: &Regraft, options: &[&str]) -> Value {
    let ended = regraft.run(&[&["migrate-data", "--dry-run"], options].concat());
    ended.expect(0);
    ended.report()
}

#[test]
fn what_it_foresees_is_what_a_run_does_and_it_changes_nothing() {
    let stack = Stack::any();
    let sample = Sample::dirty(&stack, 1);
    let regraft = Regraft::new(&stack);

    let before = Picture::of(&stack, &regraft);
    let foreseen = look_ahead(&regraft, &["--batch-size", "500"]);
    Picture::of(&stack, &regraft).assert_same(&before, "after a dry run before the first run");
    assert!(before.topics.is_empty(), "{:?}", before.topics);
    assert_eq!(counts(&foreseen), sample.counts(), "foreseen before the first run");
    let totals = &foreseen["totals"];
    assert_eq!((&totals["written"], &totals["unchanged"]), (&totals["loaded"], &json!(0)), "{totals}");

    assert_eq!(counts(&regraft.migrate()), counts(&foreseen), "done by the run");

    let before = Picture::of(&stack, &regraft);
    let again = look_ahead(&regraft, &[]);
    Picture::of(&stack, &regraft).assert_same(&before, "after a dry run behind a run");
    assert_eq!(counts(&again), sample.counts(), "foreseen behind a run");
    let totals = &again["totals"];
    assert_eq!((&totals["unchanged"], &totals["updated"]), (&totals["loaded"], &json!(0)), "{totals}");
    let emitted = &totals["emitted"];
    assert_eq!(emitted["unchanged"], emitted["loaded"], "{emitted}");
    let remarks = again["remarks"].to_string();
    assert!(remarks.contains("is through already of `entity`"), "{remarks}");
}

#[test]
fn it_tells_new_from_changed_and_takes_what_the_target_has_for_ends() {
    let stack = Stack::any();
    stack.source.run(
        "CREATE (a:Podcast {id: 'p1', title: 'A', description: '', rss_url: 'r'})-[:HAS_EPISODE]->\
         (:Episode {id: 'e1', title: 'One', description: '', published_date: '2024-01-02'}), \
         (a)-[:HAS_EPISODE]->(:Episode {id: 'e2', title: 'Two', description: '', published_date: '2024-01-02'}), \
         (n:Entity:Person {id: 'n1', name: 'N', type: 'person'})-[:CO_OCCURS_WITH {weight: 1}]->\
         (m:Entity {id: 'n2', name: 'M', type: 'person'}), (m)-[:CO_OCCURS_WITH {weight: 2}]->(n), \
         (:PotentialConnection {id: 'c1', description: '', strength: 1, entities: ['n1', 'gone']})",
    );
    let regraft = Regraft::new(&stack)
        .of_types("podcast,episode,has_episode,entity,co_occurs_with,potential_connection,connects");
    regraft.migrate();
    // A property taken away, one of another type, one changed by the smallest amount, a label taken away, one that others
    // have put there, and one node gone.
    stack.target.run("MATCH (n:Episode {id: 'e1'}) REMOVE n.title");
    stack
        .target
        .run("MATCH (n:Podcast {id: 'p1'}) SET n.theirs = datetime('2024-01-01T00:00:00[Europe/Berlin]')");
    stack.target.run("MATCH (n:Entity {id: 'n1'}) REMOVE n:Person");
    stack.target.run("MATCH (:Entity {id: 'n1'})-[r:CO_OCCURS_WITH]->() SET r.weight = 1");
    stack.target.run("MATCH (n:Episode {id: 'e2'}) DETACH DELETE n");
    // Dead now, but the target has it: what ends there is no dead letter.
    stack.source.run("MATCH (n:Entity {id: 'n2'}) SET n.name = ' '");
    let report = look_ahead(&regraft, &[]);
    let of = |pipeline: &str| {
        let found = &report["pipelines"][pipeline];
        ["written", "updated", "unchanged"].map(|what| found[what].as_u64().unwrap())
    };
    assert_eq!(of("podcast"), [0, 0, 1]);
    assert_eq!(of("episode"), [1, 1, 0]);
    assert_eq!(of("has_episode"), [1, 0, 1]);
    assert_eq!(of("entity"), [0, 1, 0]);
    assert_eq!(of("co_occurs_with"), [0, 1, 1], "{report}");
    let emitted = &report["pipelines"]["connects"]["emitted"];
    assert_eq!((&emitted["unchanged"], &emitted["dead_letters"]["endpoint_missing"]), (&json!(1), &json!(1)));

    let selected = look_ahead(&regraft, &["--types", "HAS_EPISODE,CONNECTS"]);
    assert_eq!(selected["pipelines"].as_object().unwrap().len(), 2);
    assert_eq!(selected["pipelines"]["has_episode"]["loaded"], 2);
    let remarks = selected["remarks"].to_string();
    assert!(remarks.contains("podcast") && remarks.contains("derive for `connects`"), "{remarks}");
}

#[test]
fn a_target_without_a_schema_is_looked_into_as_far_as_that_goes() {
    let stack = Stack::any();
    stack.target.without_schema();
    stack
        .source
        .run("CREATE (:Topic {id: 't1', name: 'One', child_topics: ['t2']}), (:Topic {id: 't2', name: 'T'})");
    stack.source.run("CREATE (:Topic {name: 'No key'})");
    let regraft = Regraft::new(&stack).with("load.max_dead_letters", 0);
    let before = Picture::of(&stack, &regraft);
    let ended = regraft.run(&["migrate-data", "--dry-run", "--types", "topic,contains_topic"]);
    ended.expect(1);
    let report = ended.report();
    Picture::of(&stack, &regraft).assert_same(&before, "after a dry run without a schema");
    let topic = &report["pipelines"]["topic"];
    assert_eq!((&topic["written"], &topic["dead_letters"]), (&json!(2), &json!({"missing_key": 1})));
    assert_eq!(topic["beyond_limit"], true);
    assert_eq!(report["pipelines"]["contains_topic"]["emitted"]["written"], 1);
    assert!(report["not_foreseen"].to_string().contains("no uniqueness constraint"), "{report}");
    let shown = regraft.run(&["migrate-data", "--dry-run", "--output", "human", "--types", "topic"]);
    shown.expect(1);
    assert!(shown.out.contains("such as topic elementId "), "{}", shown.out);
    assert!(shown.out.ends_with("Nothing was changed: this was a dry run.\n"), "{}", shown.out);
}
