//! Dead letters grouped by pipeline, reason and state, with a few of each: as many as there are may be added.

use std::collections::BTreeMap;

use super::{LetterState, View};
use crate::record::Reason;

/// Groups of dead letters and the first few of them. What it holds does not grow with their number.
#[derive(Debug, Clone)]
pub struct Listing {
    /// How many of each state there are, by pipeline and reason.
    pub groups: BTreeMap<(String, Reason), BTreeMap<LetterState, u64>>,
    /// The first ones.
    pub first: Vec<View>,
    /// How many `first` takes.
    pub limit: usize,
}

impl Listing {
    /// An empty one that keeps up to `limit` dead letters as they are.
    pub fn new(limit: usize) -> Listing {
        Listing { groups: BTreeMap::new(), first: Vec::new(), limit }
    }

    /// Adds one.
    pub fn add(&mut self, view: View) {
        let group = self.groups.entry((view.pipeline.clone(), view.reason)).or_default();
        *group.entry(view.state).or_default() += 1;
        if self.first.len() < self.limit {
            self.first.push(view);
        }
    }

    /// How many were added.
    pub fn total(&self) -> u64 {
        self.groups.values().flat_map(BTreeMap::values).sum()
    }
}
