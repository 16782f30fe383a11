//! Every type that Neo4j stores survives the way from the monolith into the new graph, whatever it is a property of.

use regraft::neo4j::exact::exactly;
use regraft::neo4j::{Encoding, Statement, TargetGraph};
use regraft::record::Value;

use super::{Keyed, block_on, both, migration, monolith};
use crate::neo4j::values::{plain, with_lists, zones};
use crate::support::Stack;

const THING: &str = "source: {label: ForeignThing, key: id}\ncontract: thing\nunknown_properties: keep\n";
const TIE: &str = "source: {type: FOREIGN_TIE, start: ForeignThing, end: ForeignThing}\ncontract: tie\n\
                   unknown_properties: keep\n";

#[test]
fn every_type_of_property_survives_under_the_policy_keep() {
    let stack = Stack::any();
    let _keyed = Keyed::of(&stack, &["ForeignThing"]);
    let mut values = with_lists(plain());
    values.extend(zones());
    values.push(Value::Float(f64::NAN));
    block_on(async {
        let monolith = monolith(&stack).await;
        for (number, value) in values.iter().enumerate() {
            create(&monolith, number, value).await;
        }
    });
    let regraft = migration(&stack, &[("thing", THING), ("tie", TIE)]);
    let report = regraft.migrate();
    for pipeline in ["thing", "tie"] {
        assert_eq!(report["pipelines"][pipeline]["loaded"], values.len(), "{pipeline}: {report}");
    }
    assert_same(&stack, &values);

    // What is there already goes another way.
    stack.target.run("MATCH (n:ForeignThing)-[t:FOREIGN_TIE]->() SET n.v = 'other', t.v = 'other'");
    regraft.run(&["migrate-data", "--new-pass"]).expect(0);
    assert_same(&stack, &values);
}

/// Every value is in the target as it is in the monolith, on nodes and on relationships.
#[track_caller]
fn assert_same(stack: &Stack, values: &[Value<'static>]) {
    // Zoned datetimes with a zone's name are compared in their parts, which others may be too far away to have.
    let named = values.iter().position(|value| Encoding::of(value) != Encoding::AsIs).unwrap();
    let parts = exactly("e.v");
    let looks = [
        ("RETURN [e.number, e.v, valueType(e.v)]".to_owned(), values.len()),
        (
            format!("WHERE {named} <= e.number < {named} + {} RETURN [e.number, {parts}]", zones().len()),
            zones().len(),
        ),
    ];
    let patterns = ["(e:ForeignThing)", "()-[e:FOREIGN_TIE]->()"];
    for (pattern, (look, number)) in
        patterns.iter().flat_map(|pattern| looks.iter().map(move |look| (pattern, look)))
    {
        let [before, after] =
            block_on(both(stack, &format!("MATCH {pattern} {look} AS row ORDER BY e.number")));
        assert_eq!(before.len(), *number);
        for (before, after) in before.iter().zip(&after) {
            // -0.0 equals 0.0 and NaN nothing, so what is shown is compared.
            assert_eq!(format!("{after:?}"), format!("{before:?}"), "{pattern}");
        }
        assert_eq!(after.len(), before.len());
    }
}

async fn create(monolith: &TargetGraph, number: usize, value: &Value<'static>) {
    let v = Encoding::of(value).expression("$v");
    let text = format!(
        "CREATE (n:ForeignThing {{id: 't' + $number, number: $number, v: {v}}}) \
         CREATE (n)-[:FOREIGN_TIE {{number: $number, v: {v}}}]->(n)"
    );
    let statement =
        Statement::new(text).param("number", i64::try_from(number).unwrap()).param("v", value.clone());
    monolith.run(statement).await.unwrap_or_else(|error| panic!("{value:?}: {error:?}"));
}
