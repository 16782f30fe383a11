//! The types of the monolith. A further type is a module with a [`Kind`] and a line in [`KINDS`].

use crate::graph::{Fragment, Fragments};
use crate::plan::Plan;
use crate::{episode, has_episode, podcast, uncovered};

/// A node type or relationship type that a pipeline reads.
pub struct Kind {
    /// The pipeline's name, which is its file's.
    pub pipeline: &'static str,
    pub reads: Reads,
    /// Constraint and indexes of the monolith.
    pub schema: &'static [&'static str],
    pub healthy: fn(&Plan) -> Fragments<'_>,
    pub defects: fn(&Plan) -> Fragments<'_>,
}

/// What a pipeline reads.
pub enum Reads {
    Nodes { label: &'static str },
    Relationships { kind: &'static str, start: &'static str, end: &'static str },
}

impl Reads {
    /// Label or relationship type.
    pub fn name(&self) -> &'static str {
        match self {
            Reads::Nodes { label } => label,
            Reads::Relationships { kind, .. } => kind,
        }
    }
}

/// All types, ends before the relationships between them.
pub const KINDS: &[Kind] = &[podcast::KIND, episode::KIND, has_episode::KIND];

/// The whole graph in the order in which it is written. Only a fragment at a time is in memory.
pub fn graph(plan: &Plan) -> impl Iterator<Item = Fragment> {
    let healthy = KINDS.iter().flat_map(|kind| (kind.healthy)(plan));
    let defects = KINDS.iter().flat_map(|kind| (kind.defects)(plan)).chain(uncovered::fragments(plan));
    healthy.chain(defects.take(if plan.dirty { usize::MAX } else { 0 }))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::batch::Batch;
    use crate::expectations::Expectations;

    fn plan(seed: u64) -> Plan {
        Plan { seed, podcasts: 60, dirty: true }
    }

    fn written_out(plan: &Plan) -> Vec<String> {
        graph(plan).map(|fragment| format!("{fragment:?}")).collect()
    }

    #[test]
    fn a_seed_gives_one_graph_and_another_seed_another() {
        assert!(written_out(&plan(7)) == written_out(&plan(7)));
        assert!(written_out(&plan(7)) != written_out(&plan(8)));
    }

    #[test]
    fn a_larger_graph_keeps_the_healthy_entities_of_a_smaller_one() {
        let healthy = |podcasts| written_out(&Plan { podcasts, dirty: false, ..plan(7) });
        let (small, large) = (healthy(10), healthy(11));
        assert!(small[..10] == large[..10]);
        assert!(small[10] == large[11]);
    }

    #[test]
    fn no_two_nodes_of_a_label_have_the_same_key() {
        let mut seen = HashSet::new();
        for podcasts in [1, 900] {
            seen.clear();
            for node in graph(&Plan { podcasts, ..plan(7) }).flat_map(|fragment| fragment.nodes) {
                let Some((_, key)) = node.properties.iter().find(|(name, _)| *name == "id") else { continue };
                if matches!(key, crate::graph::Value::Null(_)) {
                    continue;
                }
                for label in node.labels {
                    assert!(seen.insert((label, format!("{key:?}"))), "{label} {key:?}");
                }
            }
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
