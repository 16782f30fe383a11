//! What no pipeline covers: it is not read, and counts nowhere but in what the run says is left behind.

use crate::graph::{Carries, Fragment, Node, Relationship};
use crate::nodes::episode::EPISODE;
use crate::nodes::podcast::PODCAST;
use crate::nodes::quote::QUOTE;
use crate::nodes::segment::SEGMENT;
use crate::nodes::topic::TOPIC;
use crate::plan::Plan;

pub fn fragments(plan: &Plan) -> impl Iterator<Item = Fragment> {
    (0..plan.copies()).map(move |copy| fragment(plan, copy))
}

fn fragment(plan: &Plan, copy: u64) -> Fragment {
    let mut fragment = Fragment::default();
    let podcast = PODCAST.host(plan, "uncovered", copy);
    let quote = QUOTE.host(plan, "uncovered", copy);
    let unlabelled = fragment.add(Node::default().with("note", "left by a script"));
    let sponsor = fragment.add(Node::new("Sponsor").with("id", plan.planted_key("sponsor", "sponsor", copy)));
    let log = fragment.add(Node::new("Import Log").with("at", copy as i64).with("by", "feed`er"));
    let of_another_case = fragment.add(Node::new("podcast").with("id", "no podcast"));
    let segment = SEGMENT.host(plan, "uncovered", copy);
    let (episode, topic) = (EPISODE.host(plan, "uncovered", copy), TOPIC.host(plan, "uncovered", copy));
    for (relationship_type, start, end) in [
        ("SPONSORED_BY", &podcast, &sponsor),
        ("IMPORTED BY", &podcast, &log),
        // A declared type between ends that are not the declared ones.
        ("HAS_EPISODE", &sponsor, &unlabelled),
        ("HAS_EPISODE", &podcast, &sponsor),
        ("HAS_EPISODE", &of_another_case, &sponsor),
        ("EXTRACTED_FROM", &quote, &episode),
        ("QUOTED_IN", &quote, &segment),
        ("CONTAINS_TOPIC", &podcast, &topic),
        // A declared type the other way round.
        ("HAS_SEGMENT", &segment, &episode),
    ] {
        fragment
            .relationships
            .push(Relationship::new(relationship_type, start, end).with("since", "2019-05-01"));
    }
    fragment
}
