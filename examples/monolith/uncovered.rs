//! What no pipeline covers: it is not read, and counts nowhere but in what the run says is left behind.

use crate::graph::{Fragment, Fragments, Node, Relationship};
use crate::plan::Plan;
use crate::{has_episode, podcast};

pub fn fragments(plan: &Plan) -> Fragments<'_> {
    Box::new((0..plan.copies()).map(|copy| fragment(plan, copy)))
}

fn fragment(plan: &Plan, copy: u64) -> Fragment {
    let mut fragment = Fragment::default();
    let podcast = podcast::host(plan, "uncovered", copy);
    let bare = Node { labels: Vec::new(), properties: Vec::new(), expected: Vec::new() };
    let unlabelled = fragment.add(bare.with("note", "left by a script"));
    let sponsor = fragment.add(Node::new("Sponsor").with("id", plan.planted_key("sponsor", "sponsor", copy)));
    let log = fragment.add(Node::new("Import Log").with("at", copy as i64).with("by", "feed`er"));
    // A declared type between ends that are not the declared ones.
    for (kind, start, end) in [
        ("SPONSORED_BY", &podcast, &sponsor),
        ("IMPORTED BY", &podcast, &log),
        (has_episode::TYPE, &sponsor, &unlabelled),
        (has_episode::TYPE, &podcast, &sponsor),
    ] {
        fragment.relationships.push(Relationship::new(kind, start, end).with("since", "2019-05-01"));
    }
    fragment
}
