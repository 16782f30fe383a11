//! What is long passes, what is too long is a dead letter that says so.

use regraft::neo4j::Statement;
use serde_json::json;

use super::{Keyed, block_on, both, migration, monolith};
use crate::support::{Regraft, Stack};

const THING: &str = "source: {label: ForeignThing, key: id}\ncontract: thing\nunknown_properties: keep\n";

#[test]
fn a_record_of_900_kb_passes_and_a_larger_one_is_too_large() {
    let stack = Stack::any();
    let _keyed = Keyed::of(&stack, &["ForeignThing"]);
    block_on(async {
        let monolith = monolith(&stack).await;
        for (id, length) in [("small", 900_000), ("large", 1_100_000)] {
            let create = Statement::new("CREATE (:ForeignThing {id: $id, text: $text})");
            monolith.run(create.param("id", id).param("text", "x".repeat(length).as_str())).await.unwrap();
        }
    });
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
fn what_its_own_reshaping_makes_too_large_is_so_to_all_who_look() {
    let stack = Stack::any();
    let _keyed = Keyed::of(&stack, &["ForeignThing"]);
    stack.source.run(
        "CREATE (:ForeignThing {id: 'twice', text: reduce(t = '01234', i IN range(1, 17) | t + t)}), \
         (:ForeignThing {id: 'small', text: 'x'})",
    );
    let twice =
        "source: {label: ForeignThing, key: id}\ncontract: thing\nmapping: {one: [text], other: [text]}\n";
    let regraft = migration(&stack, &[("thing", twice)]);
    let contract = r#"{"type": "record", "name": "Thing", "fields": [{"name": "id", "type": "string"},
        {"name": "one", "type": "string"}, {"name": "other", "type": "string"}]}"#;
    std::fs::write(regraft.folder().join("schemas/contracts/thing.avsc"), contract).unwrap();
    let dead_letters = json!({"too_large": 1});

    let foreseen = regraft.run(&["migrate-data", "--dry-run"]);
    foreseen.expect(0);
    assert_eq!(foreseen.report()["pipelines"]["thing"]["dead_letters"], dead_letters);
    assert_eq!(regraft.migrate()["pipelines"]["thing"]["dead_letters"], dead_letters);
    for against in ["source", "raw"] {
        let compared = regraft.run(&["verify", "--against", against]);
        compared.expect(0);
        assert_eq!(
            compared.report()["pipelines"]["thing"]["source"]["dead_letters"],
            dead_letters,
            "{against}"
        );
    }
}

#[test]
fn long_ids_texts_and_embeddings_pass() {
    let stack = Stack::any();
    // A sample's, which takes no text of this length.
    stack.source.run("DROP INDEX segment_text IF EXISTS");
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
