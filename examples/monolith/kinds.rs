//! The types of the monolith: a node type is a file in `nodes/`, a relationship type a declaration in `relationships/`.

use crate::defects::Defect;
use crate::graph::{Carries, End, Fragment, Fragments, Node, Outcome, Properties, Relationship};
use crate::plan::{Plan, Random};
use crate::{dense, nodes, planted, relationships};

/// A node type.
pub struct NodeKind {
    pub label: &'static str,
    /// The pipeline's name, which is its file's.
    pub pipeline: &'static str,
    /// What every key begins with.
    pub prefix: &'static str,
    /// Constraint and indexes of the monolith.
    pub schema: &'static [&'static str],
    /// A string that no index is on, neither in the monolith nor in the target, so that it may have megabytes.
    pub long_text: &'static str,
    /// A property without which the node is a `missing_field`.
    pub required: &'static str,
    /// The healthy ones, each by a number of its own.
    pub ordinals: fn(&Plan) -> Box<dyn Iterator<Item = u64> + '_>,
    /// Any healthy one.
    pub any: fn(&Plan, &mut Random) -> u64,
    /// One as the monolith usually wrote them, not yet expecting anything.
    pub shaped: fn(&Plan, String, &mut Random) -> Node,
    /// What can be wrong with one, beside what can be wrong with any node.
    pub defects: &'static [Defect<Node>],
    /// The same for those that have no parent.
    pub orphans: &'static [Defect<Node>],
}

impl NodeKind {
    pub fn key(&self, plan: &Plan, ordinal: u64) -> String {
        plan.key(self.prefix, ordinal)
    }

    pub fn healthy(&self, plan: &Plan, ordinal: u64) -> Node {
        let mut random = plan.random(self.pipeline, ordinal);
        (self.shaped)(plan, self.key(plan, ordinal), &mut random).expecting(self.pipeline, Outcome::Loaded)
    }

    /// A node that says in its key what it was planted for, not yet expecting anything.
    pub fn planted(&self, plan: &Plan, purpose: &str, copy: u64) -> Node {
        let key = plan.planted_key(self.prefix, purpose, copy);
        (self.shaped)(plan, key, &mut plan.random(purpose, copy))
    }

    /// A healthy one that is there, for what is planted to be tied to.
    pub fn host(&self, plan: &Plan, purpose: &str, copy: u64) -> End {
        let random = &mut plan.random(&format!("{purpose} {}", self.prefix), copy);
        End::Keyed(self.label, self.key(plan, (self.any)(plan, random)))
    }

    /// The relationship without which one is orphaned.
    pub fn parent(&self) -> Option<&'static RelationshipKind> {
        RELATIONSHIPS.iter().copied().find(|kind| kind.is_parental && kind.end.label == self.label)
    }
}

/// A relationship type between two node types.
pub struct RelationshipKind {
    pub pipeline: &'static str,
    pub relationship_type: &'static str,
    pub start: &'static NodeKind,
    pub end: &'static NodeKind,
    /// Whether its end is orphaned without it.
    pub is_parental: bool,
    pub drawn: Drawn,
    pub properties: fn(&mut Random) -> Properties,
    /// What can be wrong with its own properties.
    pub defects: &'static [Defect<Relationship>],
}

/// The healthy relationships of a type. Each is drawn once, so that no two of them are parallel.
pub enum Drawn {
    /// For a start, by its number, those of its ends.
    OfStart(fn(&Plan, u64, &mut Random) -> Vec<u64>),
    /// For an end those of its starts.
    OfEnd(fn(&Plan, u64, &mut Random) -> Vec<u64>),
    /// The monolith has none: all are derived.
    Derived,
}

impl RelationshipKind {
    /// Whether the pipeline reads such relationships.
    pub fn reads(&self, relationship_type: &str, starts: &[&str], ends: &[&str]) -> bool {
        self.relationship_type == relationship_type
            && starts.contains(&self.start.label)
            && ends.contains(&self.end.label)
    }

    pub fn is_stored(&self) -> bool {
        !matches!(self.drawn, Drawn::Derived)
    }

    pub fn between(&self, start: &End, end: &End, properties: Properties) -> Relationship {
        let mut relationship = Relationship::new(self.relationship_type, start, end);
        *relationship.properties_mut() = properties;
        relationship
    }

    fn healthy<'p>(&'static self, plan: &'p Plan) -> Fragments<'p> {
        let (one, other, draw, from_start) = match self.drawn {
            Drawn::OfStart(draw) => (self.start, self.end, draw, true),
            Drawn::OfEnd(draw) => (self.end, self.start, draw, false),
            Drawn::Derived => return Box::new(std::iter::empty()),
        };
        Box::new((one.ordinals)(plan).flat_map(move |ordinal| {
            let random = &mut plan.random(self.pipeline, ordinal);
            let others = draw(plan, ordinal, random);
            let ones = End::Keyed(one.label, one.key(plan, ordinal));
            let fragment = |drawn| {
                let others = End::Keyed(other.label, other.key(plan, drawn));
                let (start, end) = if from_start { (&ones, &others) } else { (&others, &ones) };
                let relationship = self.between(start, end, (self.properties)(random));
                Fragment::of_relationship(relationship.expecting(self.pipeline, Outcome::Loaded))
            };
            others.into_iter().map(fragment).collect::<Vec<_>>()
        }))
    }
}

/// All node types.
pub static NODES: [&NodeKind; 9] = [
    &nodes::podcast::PODCAST,
    &nodes::episode::EPISODE,
    &nodes::segment::SEGMENT,
    &nodes::speaker::SPEAKER,
    &nodes::entity::ENTITY,
    &nodes::insight::INSIGHT,
    &nodes::quote::QUOTE,
    &nodes::topic::TOPIC,
    &nodes::potential_connection::POTENTIAL_CONNECTION,
];

/// All relationship types.
pub static RELATIONSHIPS: [&RelationshipKind; 18] = relationships::ALL;

/// Every pipeline with the label or relationship type that it reads.
pub fn pipelines() -> impl Iterator<Item = (&'static str, &'static str)> {
    let nodes = NODES.iter().map(|kind| (kind.pipeline, kind.label));
    nodes.chain(RELATIONSHIPS.iter().map(|kind| (kind.pipeline, kind.relationship_type)))
}

/// The whole graph in the order in which it is written. Only a fragment at a time is in memory.
pub fn graph(plan: &Plan) -> impl Iterator<Item = Fragment> {
    healthy(plan).chain(planted::fragments(plan))
}

pub fn healthy(plan: &Plan) -> impl Iterator<Item = Fragment> {
    let nodes = NODES
        .iter()
        .flat_map(|kind| (kind.ordinals)(plan).map(|ordinal| Fragment::of_node(kind.healthy(plan, ordinal))));
    let relationships = RELATIONSHIPS.iter().flat_map(|kind| kind.healthy(plan));
    nodes.chain(relationships).chain(dense::fragments(plan))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::batch::Batch;
    use crate::expectations::Expectations;
    use crate::graph::Value;

    fn plan(seed: u64) -> Plan {
        Plan { seed, podcasts: 2, dirty: true, embeddings: false, dense: 3 }
    }

    /// What is no number equals nothing, so that only its text tells whether it is the same.
    fn are_equal(one: &Plan, other: &Plan) -> bool {
        let same =
            |(one, other): (Fragment, Fragment)| one == other || format!("{one:?}") == format!("{other:?}");
        graph(one).count() == graph(other).count() && graph(one).zip(graph(other)).all(same)
    }

    #[test]
    fn a_seed_gives_one_graph_and_another_seed_another() {
        assert!(are_equal(&plan(7), &plan(7)));
        assert!(!are_equal(&plan(7), &plan(8)));
    }

    #[test]
    fn a_larger_graph_keeps_the_healthy_nodes_of_a_smaller_one() {
        let (small, large) = (plan(7), Plan { podcasts: 3, ..plan(7) });
        for kind in NODES {
            let ordinals = |plan| (kind.ordinals)(plan).collect::<Vec<_>>();
            let (few, many) = (ordinals(&small), ordinals(&large));
            assert!(!few.is_empty() && few.len() < many.len(), "{}", kind.label);
            assert_eq!(few, many[..few.len()], "{}", kind.label);
        }
    }

    #[test]
    fn every_label_has_a_healthy_node_to_tie_to_however_small_the_graph() {
        let small = Plan { podcasts: 1, ..plan(7) };
        for kind in NODES {
            let all: HashSet<u64> = (kind.ordinals)(&small).collect();
            for copy in 0..50 {
                let any = (kind.any)(&small, &mut Random::new(copy));
                assert!(all.contains(&any), "{} {any}", kind.label);
            }
        }
    }

    #[test]
    fn no_two_nodes_of_a_label_have_the_same_key_but_speakers() {
        let (small, with_copies) = (plan(7), Plan { podcasts: 600, ..plan(7) });
        let everything: crate::graph::Fragments<'_> = Box::new(graph(&small));
        for fragments in [everything, planted::fragments(&with_copies)] {
            let mut seen = HashSet::new();
            for node in fragments.flat_map(|fragment| fragment.nodes) {
                let declared = |label: &&str| NODES.iter().any(|kind| kind.label == *label);
                let Some((_, key)) = node.properties.iter().find(|(name, _)| *name == "id") else { continue };
                if matches!(key, Value::Null(_)) || node.labels.contains(&"Speaker") {
                    continue;
                }
                for label in node.labels.into_iter().filter(declared) {
                    assert!(seen.insert((label, format!("{key:?}"))), "{label} {key:?}");
                }
            }
        }
    }

    #[test]
    fn every_end_that_is_named_by_key_is_there() {
        let plan = Plan { podcasts: 12, ..plan(7) };
        let key = |node: &crate::graph::Node| Some((node.labels[0], node.usable_key()?.to_owned()));
        let nodes: HashSet<_> =
            healthy(&plan).flat_map(|fragment| fragment.nodes).filter_map(|node| key(&node)).collect();
        for relationship in graph(&plan).flat_map(|fragment| fragment.relationships) {
            for end in [&relationship.start, &relationship.end] {
                if let End::Keyed(label, key) = end {
                    assert!(nodes.contains(&(*label, key.clone())), "{} {label} {key:?}", relationship.kind);
                }
            }
        }
    }

    #[test]
    fn no_two_healthy_relationships_are_parallel() {
        let mut seen = HashSet::new();
        for relationship in
            graph(&Plan { podcasts: 12, dirty: false, ..plan(7) }).flat_map(|fragment| fragment.relationships)
        {
            let pair = format!("{:?} {:?}", relationship.start, relationship.end);
            assert!(seen.insert((relationship.kind, pair.clone())), "{} {pair}", relationship.kind);
        }
    }

    #[test]
    fn batches_hold_every_row_whatever_their_size() {
        let expected = Expectations::of(graph(&plan(7))).unwrap();
        for size in [1, 1000] {
            let (mut rows, mut batch) = (0, Batch::default());
            for fragment in graph(&plan(7)) {
                batch.add(fragment);
                if batch.rows >= size {
                    rows += std::mem::take(&mut batch).rows;
                }
            }
            assert_eq!((rows + batch.rows) as u64, expected.nodes + expected.relationships);
        }
    }
}
