//! One entity that occurs with as many others as asked for, which have no other purpose.

use crate::graph::{Carries, End, Fragment, Node, Outcome};
use crate::nodes::entity::ENTITY;
use crate::plan::Plan;
use crate::relationships::CO_OCCURS_WITH;

/// What the key of the dense one says.
const PURPOSE: &str = "dense";

pub fn fragments(plan: &Plan) -> impl Iterator<Item = Fragment> {
    let names = std::iter::once(None).filter(|_| plan.dense > 0).chain((0..plan.dense).map(Some));
    let nodes = names.map(|other| Fragment::of_node(entity(key(plan, other), other)));
    nodes.chain((0..plan.dense).map(|other| relationship(plan, other)))
}

/// The key of the dense one, or that of another.
fn key(plan: &Plan, other: Option<u64>) -> String {
    match other {
        None => plan.planted_key(ENTITY.prefix, PURPOSE, 0),
        Some(other) => plan.planted_key(ENTITY.prefix, "beside-dense", other),
    }
}

fn entity(key: String, other: Option<u64>) -> Node {
    let name = other.map_or("Everything".to_owned(), |other| format!("One of many: {other}"));
    let node = Node::new(ENTITY.label).with("id", key).with("name", name).with("type", "concept");
    node.expecting(ENTITY.pipeline, Outcome::Loaded)
}

/// Every third one ends there, the others start there.
fn relationship(plan: &Plan, other: u64) -> Fragment {
    let dense = End::Keyed(ENTITY.label, key(plan, None));
    let others = End::Keyed(ENTITY.label, key(plan, Some(other)));
    let (start, end) = if other.is_multiple_of(3) { (&others, &dense) } else { (&dense, &others) };
    let weight = vec![("weight", (other as f64 / 8.0).into())];
    let relationship = CO_OCCURS_WITH.between(start, end, weight);
    Fragment::of_relationship(relationship.expecting(CO_OCCURS_WITH.pipeline, Outcome::Loaded))
}
