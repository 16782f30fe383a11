//! One node with very many relationships: no two transactions may write at it at the same time.

use crate::support::{Regraft, Sample, Stack, counts};

const RELATIONSHIPS: i64 = 100_000;

#[test]
#[ignore = "a hundred thousand relationships: make soak"]
fn a_dense_node_gets_all_its_relationships_and_each_once() {
    let stack = Stack::any();
    let sample = Sample::fill(&stack, 2, &["--no-dirty", "--dense", &RELATIONSHIPS.to_string()]);
    let regraft = Regraft::new(&stack);
    let report = regraft.migrate();
    assert_eq!(counts(&report), sample.counts());
    eprintln!("{} records a second", report["records_per_second"]);
    let most = "MATCH (n:Entity) RETURN max(count { (n)-[:CO_OCCURS_WITH]-() })";
    assert!(stack.target.number(most) >= RELATIONSHIPS);
    let pairs = "MATCH (a:Entity)-[r:CO_OCCURS_WITH]->(b:Entity) WITH a, b, count(r) AS parallel \
                 RETURN max(parallel)";
    assert_eq!(stack.target.number(pairs), 1);
}
