//! What is long passes, what is too long is a dead letter that says so.

use serde_json::json;

use super::{Keyed, block_on, both, migration};
use crate::support::{Regraft, Stack};

const THING: &str = "source: {label: ForeignThing, key: id}\ncontract: thing\nunknown_properties: keep\n";

#[test]
fn a_record_of_900_kb_passes_and_a_larger_one_is_too_large() {
    let stack = Stack::first();
    let _keyed = Keyed::of(&stack, &["ForeignThing"]);
    let text = |length: usize| format!("reduce(t = '', i IN range(1, {}) | t + '0123456789')", length / 10);
    for (id, length) in [("small", 900_000), ("large", 1_100_000)] {
        stack.source.run(&format!("CREATE (:ForeignThing {{id: '{id}', text: {}}})", text(length)));
    }
    let regraft = migration(&stack, &[("thing", THING)]);
    let report = regraft.migrate();
    let thing = &report["pipelines"]["thing"];
    assert_eq!((&thing["loaded"], &thing["dead_letters"]), (&json!(1), &json!({"too_large": 1})));
    assert_eq!(stack.target.number("MATCH (n:ForeignThing {id: 'small'}) RETURN size(n.text)"), 900_000);
    let letters = regraft.topics().dead_letters();
    assert_eq!(letters[0].text("key"), "large");
    let value = &letters[0].known["value"];
    assert!(value["bytes"].as_u64().unwrap() > 1_100_000 && value["xxh3_128"].is_string(), "{value}");
}

#[test]
fn long_ids_texts_and_embeddings_pass() {
    let stack = Stack::first();
    let long = |first: &str| format!("reduce(t = '{first}', i IN range(1, 299) | t + 'ö')");
    stack.source.run(&format!(
        "CREATE (e:Episode {{id: {}, title: 'T', description: {text}, published_date: date('2024-02-29')}}) \
         CREATE (p:Podcast {{id: {}, title: 'T', description: '', rss_url: 'r'}})-[:HAS_EPISODE]->(e) \
         CREATE (e)-[:HAS_SEGMENT]->(:Segment {{id: {}, text: {text}, start_time: 0, end_time: 1, \
           embedding: [i IN range(1, 4096) | i / 7.0]}})",
        long("e"),
        long("p"),
        long("s"),
        text = "reduce(t = '', i IN range(1, 3000) | t + 'nine\\u00e4word ')",
    ));
    let report = Regraft::new(&stack).migrate();
    assert_eq!(report["totals"]["read"], report["totals"]["loaded"], "{report}");
    assert_eq!(report["totals"]["loaded"], 5);
    let compared = "MATCH (e:Episode)-[:HAS_SEGMENT]->(s:Segment) \
                    RETURN [size(e.id), size(s.id), e.description = s.text, s.text, s.embedding] AS row";
    let [before, after] = block_on(both(&stack, compared));
    assert_eq!(after, before);
    let derived = "MATCH (s:Segment) RETURN s.word_count + size(s.content_hash) + size(s.episode_id)";
    assert_eq!(stack.target.number(derived), 3000 + 64 + 300);
}
