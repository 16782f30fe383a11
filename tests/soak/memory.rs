//! Memory is bounded by the configuration, not by the graph or the number of pipelines; comparing takes little longer than
//! reading.

use super::reading::time_of_reading;
use crate::support::{Regraft, Stack};

const NODE_TYPES: usize = 24;
const RELATIONSHIP_TYPES: usize = 3;

/// Bytes that `migrate-data` may take at most.
const LIMIT: u64 = 200 << 20;

/// Bytes that `verify` may take at most.
const VERIFY_LIMIT: u64 = 300 << 20;

/// How many times as long as reading both sides `verify` may take.
const VERIFY_RATIO: f64 = 1.5;

/// Pipelines and contracts `thing_0` … for labels `Thing0` …, and `next_0` … for relationships between the nodes of one
/// of these, in the folder of `regraft`, which is told to read them there.
fn define(regraft: Regraft) -> Regraft {
    let (pipelines, contracts) =
        (regraft.folder().join("pipelines"), regraft.folder().join("schemas/contracts"));
    for folder in [&pipelines, &contracts] {
        std::fs::create_dir_all(folder).unwrap();
    }
    let write = |name: &str, pipeline: String, contract: String| {
        std::fs::write(pipelines.join(format!("{name}.yaml")), pipeline).unwrap();
        std::fs::write(contracts.join(format!("{name}.avsc")), contract).unwrap();
    };
    for number in 0..NODE_TYPES {
        let contract = format!(
            r#"{{"type": "record", "name": "Thing{number}", "fields": [
              {{"name": "id", "type": "string"}}, {{"name": "text", "type": "string"}}, {{"name": "number", "type": "long"}},
              {{"name": "tags", "type": {{"type": "array", "items": "string"}}, "default": []}}]}}"#
        );
        write(&format!("thing_{number}"), format!("source: {{label: Thing{number}, key: id}}\n"), contract);
    }
    for number in 0..RELATIONSHIP_TYPES {
        write(
            &format!("next_{number}"),
            format!("source: {{type: NEXT_{number}, start: Thing{number}, end: Thing{number}}}\n"),
            format!(r#"{{"type": "record", "name": "Next{number}", "fields": []}}"#),
        );
    }
    let folder = regraft.folder().display().to_string();
    regraft
        .with("paths.pipelines", format!("{folder}/pipelines"))
        .with("paths.schemas", format!("{folder}/schemas"))
}

fn fill(stack: &Stack, of_each: usize) {
    for number in 0..NODE_TYPES {
        let label = format!("Thing{number}");
        for graph in [&stack.source, &stack.target] {
            graph.wipe(&format!("n:{label}"));
            graph.run(&format!(
                "CREATE CONSTRAINT thing_{number} IF NOT EXISTS FOR (n:{label}) REQUIRE n.id IS UNIQUE"
            ));
        }
        stack.source.run(&format!(
            "UNWIND range(1, {of_each}) AS i CALL (i) {{ CREATE (:{label} {{id: '{label}-' + i, number: i, \
             text: reduce(t = '', x IN range(1, 20) | t + 'some text '), tags: ['a', 'b']}}) }} IN TRANSACTIONS OF 5000 ROWS"
        ));
    }
    for number in 0..RELATIONSHIP_TYPES {
        stack.source.run(&format!(
            "UNWIND range(1, {of_each}) AS i CALL (i) {{ MATCH (a:Thing{number} {{id: 'Thing{number}-' + i}}), \
             (b:Thing{number} {{id: 'Thing{number}-' + (i * 7 % {of_each} + 1)}}) CREATE (a)-[:NEXT_{number}]->(b) }} \
             IN TRANSACTIONS OF 5000 ROWS"
        ));
    }
}

/// Peak resident memory of a whole `migrate-data` over so many nodes or relationships of each type, and what did it.
fn peak(stack: &Stack, of_each: usize, with: &[(&str, usize)]) -> (u64, Regraft) {
    fill(stack, of_each);
    let regraft =
        with.iter().fold(define(Regraft::new(stack)), |regraft, (key, value)| regraft.with(key, value));
    let (ended, peak) = regraft.spawn(&["migrate-data"]).wait_and_measure();
    ended.expect(0);
    assert_eq!(ended.report()["totals"]["loaded"], of_each * (NODE_TYPES + RELATIONSHIP_TYPES));
    eprintln!(
        "{} pipelines of {of_each} records: {} MB, {with:?}",
        NODE_TYPES + RELATIONSHIP_TYPES,
        peak >> 20
    );
    (peak, regraft)
}

/// What `verify` takes: bytes, and seconds for each that reading alone takes.
fn comparing(stack: &Stack, regraft: &Regraft) -> (u64, f64) {
    let labels: Vec<String> = (0..NODE_TYPES).map(|number| format!("Thing{number}")).collect();
    let types: Vec<_> =
        (0..RELATIONSHIP_TYPES).map(|number| (format!("NEXT_{number}"), format!("Thing{number}"))).collect();
    // One before and one after: what is read the first time comes slower.
    let before = time_of_reading(stack, &labels, &types);
    let (ended, peak) = regraft.spawn(&["verify"]).wait_and_measure();
    ended.expect(0);
    let after = time_of_reading(stack, &labels, &types);
    let (seconds, reading) = (ended.report()["seconds"].as_f64().unwrap(), (before + after) / 2.0);
    eprintln!(
        "verify: {} MB, {seconds:.1} s for {} records of each side; reading both: {before:.1} s and {after:.1} s",
        peak >> 20,
        ended.report()["totals"]["target"]
    );
    (peak, seconds / reading)
}

#[test]
#[ignore = "a million records: make soak"]
fn memory_grows_with_neither_pipelines_nor_records() {
    let stack = Stack::any();
    // So that a small graph fills what there is to fill as well.
    let small_steps = [("load.batch_size", 250), ("source.page_size", 250)];
    let (small, _) = peak(&stack, 4_000, &small_steps);
    let (ten_times, _) = peak(&stack, 40_000, &small_steps);
    let (large, regraft) = peak(&stack, 40_000, &[]);
    let (verify, ratio) = comparing(&stack, &regraft);
    for number in 0..NODE_TYPES {
        for graph in [&stack.source, &stack.target] {
            graph.wipe(&format!("n:Thing{number}"));
            graph.run(&format!("DROP CONSTRAINT thing_{number} IF EXISTS"));
        }
    }
    assert!(large < LIMIT, "{} MB", large >> 20);
    assert!(verify < VERIFY_LIMIT, "verify: {} MB", verify >> 20);
    assert!(ratio <= VERIFY_RATIO, "verify takes {ratio:.2} times as long as reading");
    let (small, ten_times) = (small >> 20, ten_times >> 20);
    assert!(ten_times * 10 <= small * 11, "{ten_times} MB for ten times as many as took {small} MB");
}
