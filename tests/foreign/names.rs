//! Names are carried as they are, whatever they look like to Cypher.

use regraft::neo4j::quote;
use serde_json::json;

use super::{Keyed, block_on, both, migration};
use crate::neo4j::identifiers::ODD_NAMES;
use crate::support::Stack;

/// A label and a type that are Cypher themselves, where they are not quoted.
const LABEL: &str = "Foreign`\\u0060\"'\n}) DETACH DELETE n //";
const TYPE: &str = "FOREIGN`\\u0060\"'\n]->() //";

#[test]
fn odd_names_of_labels_types_and_properties_arrive_as_they_are() {
    let stack = Stack::any();
    let _keyed = Keyed::of(&stack, &[LABEL]);
    let (label, kind) = (quote(LABEL).unwrap(), quote(TYPE).unwrap());
    for (number, name) in ODD_NAMES.iter().enumerate() {
        let odd = quote(name).unwrap();
        stack.source.run(&format!(
            "CREATE (n:{label}:{odd} {{id: 'n{number}', {odd}: {number}}})-[:{kind} {{{odd}: {number}}}]->(n)"
        ));
    }
    let text = |name: &str| serde_json::to_string(name).unwrap();
    let node = format!(
        "source: {{label: {}, key: id}}\ncontract: thing\nunknown_properties: keep\nmapping: {{}}\n",
        text(LABEL)
    );
    let tie = format!(
        "source: {{type: {}, start: {}, end: {}}}\ncontract: tie\nunknown_properties: keep\n",
        text(TYPE),
        text(LABEL),
        text(LABEL)
    );
    let regraft = migration(&stack, &[("odd", &node), ("odd_tie", &tie)]);
    let report = regraft.migrate();
    let number = ODD_NAMES.len();
    for pipeline in ["odd", "odd_tie"] {
        assert_eq!(report["pipelines"][pipeline]["loaded"], json!(number), "{report}");
    }
    let own = "'schema_version', 'migrated_at'";
    let nodes = format!(
        "MATCH (n:{label}) UNWIND labels(n) AS l WITH n, l ORDER BY l WITH n, collect(l) AS ls \
         UNWIND [k IN keys(n) WHERE NOT k IN [{own}]] AS k WITH n, ls, k ORDER BY k \
         WITH n.id AS id, ls, collect([k, toString(n[k])]) AS ps RETURN [id, ls, ps] AS row ORDER BY id"
    );
    let ties = format!(
        "MATCH (a:{label})-[r:{kind}]->(b) RETURN [a.id, b.id, type(r), keys(r), toString(r[keys(r)[0]])] AS row \
         ORDER BY a.id"
    );
    for text in [nodes, ties] {
        let [before, after] = block_on(both(&stack, &text));
        assert_eq!(before.len(), number);
        assert_eq!(after, before);
    }
}
