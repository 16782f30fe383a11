//! Nodes with a defect, each tied to its surroundings, which suffer with it.

use regraft::record::Reason::Orphaned;

use crate::defects::{Defect, OF_ANY_NODE};
use crate::graph::{End, Fragment, Node, Outcome};
use crate::kinds::{NODES, NodeKind, RELATIONSHIPS};
use crate::plan::Plan;
use crate::relationships::{tie, tie_around, tie_to_parent, ways_around};

pub fn fragments(plan: &Plan) -> impl Iterator<Item = Fragment> {
    NODES.iter().copied().flat_map(move |kind| {
        let with_parent = OF_ANY_NODE.iter().chain(kind.defects).map(|defect| (defect, true));
        let without = kind.orphans.iter().map(|defect| (defect, false));
        let defects: Vec<_> = with_parent.chain(without).collect();
        let ways = ways_around(kind).len().max(1);
        let tied: Vec<Tied> = (0..defects.len())
            .map(|place| {
                let outcome = defects[place].0.outcome;
                let is_first = defects[..place].iter().all(|(defect, _)| defect.outcome != outcome);
                if is_first { Tied::EveryWay } else { Tied::OneWay(place % ways) }
            })
            .collect();
        defects.into_iter().zip(tied).flat_map(move |((defect, has_parent), tied)| {
            defect.copies(plan).map(move |copy| scenario(plan, kind, defect, copy, has_parent, tied))
        })
    })
}

/// By which of its label's relationships a node is tied to healthy ones. Every outcome meets every relationship once.
#[derive(Clone, Copy)]
enum Tied {
    EveryWay,
    OneWay(usize),
}

fn scenario(
    plan: &Plan,
    kind: &NodeKind,
    defect: &Defect<Node>,
    copy: u64,
    has_parent: bool,
    tied: Tied,
) -> Fragment {
    let mut fragment = Fragment::default();
    let node = fragment.add(with_defect(plan, kind, defect, defect.name, copy));
    if has_parent {
        tie_to_parent(&mut fragment, plan, kind, &node, defect.name, copy);
    }
    add_children(&mut fragment, plan, kind, &node, defect.name, copy);
    tie_around(&mut fragment, plan, kind, &node, (defect.name, copy), |place| match tied {
        Tied::EveryWay => true,
        Tied::OneWay(way) => place == way,
    });
    fragment
}

/// A node with a defect, not tied to anything.
pub fn with_defect(plan: &Plan, kind: &NodeKind, defect: &Defect<Node>, purpose: &str, copy: u64) -> Node {
    let mut node = kind.planted(plan, purpose, copy);
    (defect.change)(&mut node, copy);
    node.expecting(kind.pipeline, defect.outcome)
}

/// Two nodes that can have the node as their parent: one has no other, one has a healthy one as well.
pub fn add_children(
    fragment: &mut Fragment,
    plan: &Plan,
    kind: &NodeKind,
    node: &End,
    purpose: &str,
    copy: u64,
) {
    for parental in RELATIONSHIPS.iter().filter(|tie| tie.is_parental && tie.start.label == kind.label) {
        let only = add_child(fragment, plan, parental.end, node, &format!("of-{purpose}"), copy);
        tie(fragment, parental, node, &only, &mut plan.random(purpose, copy));
        let shared = parental.end.planted(plan, &format!("shared-{purpose}"), copy);
        let shared = fragment.add(shared.expecting(parental.end.pipeline, Outcome::Loaded));
        tie(fragment, parental, node, &shared, &mut plan.random(purpose, copy));
        tie_to_parent(fragment, plan, parental.end, &shared, &format!("shared-{purpose}"), copy);
    }
}

/// A node that is healthy itself: orphaned where its only parent has no usable key.
pub fn add_child(
    fragment: &mut Fragment,
    plan: &Plan,
    kind: &NodeKind,
    parent: &End,
    purpose: &str,
    copy: u64,
) -> End {
    let outcome = if fragment.has_key(parent) { Outcome::Loaded } else { Outcome::DeadLetter(Orphaned) };
    fragment.add(kind.planted(plan, purpose, copy).expecting(kind.pipeline, outcome))
}
