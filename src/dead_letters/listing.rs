//! Dead letters grouped by pipeline, reason and state, with a few of each: as many as there are may be added.

use std::collections::BTreeMap;

use super::{LetterState, View};
use crate::record::Reason;

/// Groups of dead letters and the first few of them. What it holds does not grow with their number.
#[derive(Debug, Clone)]
pub struct Listing {
    /// By pipeline and reason.
    pub groups: BTreeMap<(String, Reason), Group>,
    /// The first ones.
    pub first: Vec<View>,
    /// How many `first` takes.
    pub limit: usize,
}

/// Dead letters of one pipeline for one reason.
#[derive(Debug, Clone)]
pub struct Group {
    /// How many of each state there are.
    pub states: BTreeMap<LetterState, u64>,
    /// The newest one; an open one where there is any.
    pub newest: View,
}

impl Listing {
    /// An empty one that keeps up to `limit` dead letters as they are.
    pub fn new(limit: usize) -> Listing {
        Listing { groups: BTreeMap::new(), first: Vec::new(), limit }
    }

    /// Adds one.
    pub fn add(&mut self, view: View) {
        if self.first.len() < self.limit {
            self.first.push(view.clone());
        }
        let state = view.state;
        let group = self.groups.entry((view.pipeline.clone(), view.reason));
        let group = group.or_insert_with(|| Group { states: BTreeMap::new(), newest: view.clone() });
        *group.states.entry(state).or_default() += 1;
        // Times are written so that their text sorts as they do.
        let rank = |view: &View| (view.state.is_open(), view.written_at.clone());
        if rank(&view) > rank(&group.newest) {
            group.newest = view;
        }
    }

    /// How many were added.
    pub fn total(&self) -> u64 {
        self.groups.values().flat_map(|group| group.states.values()).sum()
    }
}
