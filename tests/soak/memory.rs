//! Memory is bounded by the configuration, not by the graph or the number of pipelines.

use crate::support::{Regraft, Stack};

const PIPELINES: usize = 27;

/// Bytes that `migrate-data` may take at most.
const LIMIT: u64 = 200 << 20;

/// Bytes that `verify` may take at most.
const VERIFY_LIMIT: u64 = 300 << 20;

/// Pipelines and contracts `thing_0` … for labels `Thing0` …, in the folder of `regraft`.
fn define(regraft: &Regraft) {
    let (pipelines, contracts) =
        (regraft.folder().join("pipelines"), regraft.folder().join("schemas/contracts"));
    for folder in [&pipelines, &contracts] {
        std::fs::create_dir_all(folder).unwrap();
    }
    for number in 0..PIPELINES {
        let name = format!("thing_{number}");
        let pipeline = format!("source: {{label: Thing{number}, key: id}}\n");
        let contract = format!(
            r#"{{"type": "record", "name": "Thing{number}", "fields": [
              {{"name": "id", "type": "string"}}, {{"name": "text", "type": "string"}}, {{"name": "number", "type": "long"}},
              {{"name": "tags", "type": {{"type": "array", "items": "string"}}, "default": []}}]}}"#
        );
        std::fs::write(pipelines.join(format!("{name}.yaml")), pipeline).unwrap();
        std::fs::write(contracts.join(format!("{name}.avsc")), contract).unwrap();
    }
}

fn fill(stack: &Stack, nodes_each: usize) {
    for number in 0..PIPELINES {
        let label = format!("Thing{number}");
        for graph in [&stack.source, &stack.target] {
            graph.wipe(&format!("n:{label}"));
            graph.run(&format!(
                "CREATE CONSTRAINT thing_{number} IF NOT EXISTS FOR (n:{label}) REQUIRE n.id IS UNIQUE"
            ));
        }
        stack.source.run(&format!(
            "UNWIND range(1, {nodes_each}) AS i CALL (i) {{ CREATE (:{label} {{id: '{label}-' + i, number: i, \
             text: reduce(t = '', x IN range(1, 20) | t + 'some text '), tags: ['a', 'b']}}) }} IN TRANSACTIONS OF 5000 ROWS"
        ));
    }
}

/// Peak resident memory of a whole `migrate-data` over so many nodes of each label, and of a `verify` after it.
fn peaks(stack: &Stack, nodes_each: usize) -> (u64, u64) {
    fill(stack, nodes_each);
    let regraft = Regraft::new(stack);
    define(&regraft);
    let folder = regraft.folder().display().to_string();
    let regraft = regraft
        .with("paths.pipelines", format!("{folder}/pipelines"))
        .with("paths.schemas", format!("{folder}/schemas"));
    let (ended, peak) = regraft.spawn(&["migrate-data"]).wait_and_measure();
    ended.expect(0);
    assert_eq!(ended.report()["totals"]["loaded"], nodes_each * PIPELINES);
    let (ended, verify) = regraft.spawn(&["verify"]).wait_and_measure();
    ended.expect(0);
    assert_eq!(ended.report()["totals"]["target"], nodes_each * PIPELINES);
    eprintln!("{PIPELINES} pipelines of {nodes_each} nodes: {} MB, verify {} MB", peak >> 20, verify >> 20);
    (peak, verify)
}

#[test]
#[ignore = "a million nodes: make soak"]
fn memory_grows_with_neither_pipelines_nor_records() {
    let stack = Stack::any();
    let (small, _) = peaks(&stack, 4_000);
    let (large, verify) = peaks(&stack, 40_000);
    for number in 0..PIPELINES {
        for graph in [&stack.source, &stack.target] {
            graph.wipe(&format!("n:Thing{number}"));
            graph.run(&format!("DROP CONSTRAINT thing_{number} IF EXISTS"));
        }
    }
    assert!(large < LIMIT, "{} MB", large >> 20);
    assert!(verify < VERIFY_LIMIT, "verify: {} MB", verify >> 20);
    assert!(large * 10 <= small * 11, "{} MB for ten times as many as took {} MB", large >> 20, small >> 20);
}
