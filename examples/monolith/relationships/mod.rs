//! The relationship types: those that carry nothing, and those with properties of their own.

mod co_occurs_with;
mod discusses;
mod has_sentiment;
mod plain;

use crate::graph::{End, Fragment, Outcome};
use crate::kinds::{NodeKind, RELATIONSHIPS, RelationshipKind};
use crate::plan::{Plan, Random};

pub use co_occurs_with::CO_OCCURS_WITH;
pub use discusses::DISCUSSES;
pub use plain::{
    CONTAINS_TOPIC, HAS_EPISODE, HAS_SEGMENT, INSIGHT_EXTRACTED_FROM, QUOTE_EXTRACTED_FROM, SPEAKS, SPEAKS_IN,
};

pub const ALL: [&RelationshipKind; 18] = [
    &plain::HAS_EPISODE,
    &plain::COVERS_TOPIC,
    &plain::HAS_SEGMENT,
    &plain::HAS_TOPIC,
    &plain::MENTIONED_IN,
    &plain::RELATED_TO,
    &plain::CONTRIBUTES_TO,
    &co_occurs_with::CO_OCCURS_WITH,
    &has_sentiment::HAS_SENTIMENT,
    &plain::SPEAKS_IN,
    &plain::SPEAKS,
    &discusses::DISCUSSES,
    &plain::QUOTE_EXTRACTED_FROM,
    &plain::INSIGHT_EXTRACTED_FROM,
    &plain::QUOTED_IN,
    &plain::CONTAINS_TOPIC,
    &plain::BELONGS_TO_TOPIC,
    &plain::CONNECTS,
];

/// Adds a relationship that has nothing wrong itself: what becomes of it follows from its ends.
pub fn tie(fragment: &mut Fragment, kind: &RelationshipKind, start: &End, end: &End, random: &mut Random) {
    let outcome = fragment.consequence(start, end);
    tie_expecting(fragment, kind, start, end, random, outcome);
}

/// Adds one of which more is known. It expects the outcome of every pipeline that reads it.
pub fn tie_expecting(
    fragment: &mut Fragment,
    kind: &RelationshipKind,
    start: &End,
    end: &End,
    random: &mut Random,
    outcome: Outcome,
) {
    let (starts, ends) = (fragment.labels(start), fragment.labels(end));
    let mut relationship = kind.between(start, end, (kind.properties)(random));
    for reader in RELATIONSHIPS.iter().filter(|reader| reader.reads(kind.relationship_type, &starts, &ends)) {
        relationship = relationship.expecting(reader.pipeline, outcome);
    }
    fragment.relationships.push(relationship);
}

/// Ties a node to a healthy parent, where its type has one.
pub fn tie_to_parent(
    fragment: &mut Fragment,
    plan: &Plan,
    kind: &NodeKind,
    node: &End,
    purpose: &str,
    copy: u64,
) {
    if let Some(parent) = kind.parent() {
        let host = parent.start.host(plan, purpose, copy);
        tie(fragment, parent, &host, node, &mut plan.random(purpose, copy));
    }
}

/// Ties a node to a healthy one by those of its label's relationships, in both directions, whose place `wanted` says.
/// Its parent and children are not among them.
pub fn tie_around(
    fragment: &mut Fragment,
    plan: &Plan,
    kind: &NodeKind,
    node: &End,
    (purpose, copy): (&str, u64),
    wanted: impl Fn(usize) -> bool,
) {
    let ways = ways_around(kind);
    for (place, (tied_by, starts_here)) in ways.into_iter().enumerate().filter(|(place, _)| wanted(*place)) {
        let purpose = format!("{purpose} way {place}");
        let random = &mut plan.random(&purpose, copy);
        if starts_here {
            let host = tied_by.end.host(plan, &purpose, copy);
            tie(fragment, tied_by, node, &host, random);
        } else {
            let host = tied_by.start.host(plan, &purpose, copy);
            tie(fragment, tied_by, &host, node, random);
        }
    }
}

/// The relationships of a label, each with whether it starts there.
pub fn ways_around(kind: &NodeKind) -> Vec<(&'static RelationshipKind, bool)> {
    let stored = || RELATIONSHIPS.iter().copied().filter(|tie| tie.is_stored() && !tie.is_parental);
    let starting = stored().filter(|tie| tie.start.label == kind.label).map(|tie| (tie, true));
    let ending = stored().filter(|tie| tie.end.label == kind.label).map(|tie| (tie, false));
    starting.chain(ending).collect()
}
