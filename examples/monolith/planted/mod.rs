//! What is planted into a dirty graph: a known number of everything that can be wrong, with all that it drags along.

mod cascade;
mod derived;
mod duplicate_keys;
mod nodes;
mod relationships;
mod two_labels;
mod uncovered;

use crate::graph::{Fragment, Fragments};
use crate::plan::Plan;

/// A piece that is planted once for each copy.
type Scenario = fn(&Plan, u64) -> Fragment;

/// Everything, in the order in which it is written; nothing where the graph is not to be dirty.
pub fn fragments(plan: &Plan) -> Fragments<'_> {
    let single = [two_labels::SCENARIOS, duplicate_keys::SCENARIOS, derived::SCENARIOS, cascade::SCENARIOS]
        .into_iter()
        .flatten()
        .flat_map(move |scenario| (0..plan.copies()).map(move |copy| scenario(plan, copy)));
    let heavy = duplicate_keys::HEAVY.iter();
    let heavy = heavy.flat_map(move |scenario| (0..plan.few_copies()).map(move |copy| scenario(plan, copy)));
    if !plan.dirty {
        return Box::new(std::iter::empty());
    }
    Box::new(
        nodes::fragments(plan)
            .chain(relationships::fragments(plan))
            .chain(single)
            .chain(heavy)
            .chain(uncovered::fragments(plan)),
    )
}
