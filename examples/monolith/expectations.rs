//! What to expect of a run: per pipeline how many records are read, loaded, merged and dead-lettered.

use std::collections::BTreeMap;

use regraft::error::{Cause, Error, Result};
use regraft::record::Reason;
use serde_json::{Map, Value, json};

use crate::graph::{Expected, Fragment, Outcome};
use crate::kinds::{KINDS, Kind, Reads};
use crate::plan::Plan;

/// Counts of the whole graph.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Expectations {
    /// By the place of the type in [`KINDS`].
    pipelines: BTreeMap<usize, Counts>,
    pub nodes: u64,
    pub relationships: u64,
    uncovered_nodes: u64,
    uncovered_relationships: u64,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Counts {
    /// Counted by what the pipeline reads, the others by what was said to become of it.
    read: u64,
    loaded: u64,
    merged: u64,
    dead_letters: BTreeMap<Reason, u64>,
}

impl Expectations {
    /// Goes through all fragments once. An error is a mistake of the sample itself.
    pub fn of(fragments: impl Iterator<Item = Fragment>) -> Result<Self> {
        let mut expectations = Self::default();
        for fragment in fragments {
            expectations.add(&fragment)?;
        }
        for (place, counts) in &expectations.pipelines {
            let accounted = counts.loaded + counts.merged + counts.dead_letters.values().sum::<u64>();
            if counts.read != accounted {
                let name = KINDS[*place].pipeline;
                let attempt = format!("{name}: {} are read and {accounted} accounted for", counts.read);
                return Err(Error::new(Cause::Unexpected, attempt));
            }
        }
        Ok(expectations)
    }

    fn add(&mut self, fragment: &Fragment) -> Result<()> {
        for node in &fragment.nodes {
            self.nodes += 1;
            self.uncovered_nodes += u64::from(node.expected.is_empty());
            self.count_reads(|reads| matches!(reads, Reads::Nodes { label } if node.labels.contains(label)));
            self.count_outcomes(&node.expected)?;
        }
        for relationship in &fragment.relationships {
            self.relationships += 1;
            self.uncovered_relationships += u64::from(relationship.expected.is_empty());
            let (starts, ends) = (fragment.labels(&relationship.start), fragment.labels(&relationship.end));
            self.count_reads(|reads| match reads {
                Reads::Nodes { .. } => false,
                Reads::Relationships { kind, start, end } => {
                    *kind == relationship.kind && starts.contains(start) && ends.contains(end)
                }
            });
            self.count_outcomes(&relationship.expected)?;
        }
        Ok(())
    }

    fn count_reads(&mut self, is_read: impl Fn(&Reads) -> bool) {
        for (place, kind) in KINDS.iter().enumerate() {
            if is_read(&kind.reads) {
                self.pipelines.entry(place).or_default().read += 1;
            }
        }
    }

    fn count_outcomes(&mut self, expected: &[Expected]) -> Result<()> {
        for Expected { pipeline, outcome } in expected {
            let place = KINDS.iter().position(|kind| kind.pipeline == *pipeline);
            let place = place.ok_or_else(|| Error::new(Cause::Unexpected, format!("no type {pipeline}")))?;
            let counts = self.pipelines.entry(place).or_default();
            match outcome {
                Outcome::Loaded => counts.loaded += 1,
                Outcome::Merged => counts.merged += 1,
                Outcome::DeadLetter(reason) => *counts.dead_letters.entry(*reason).or_default() += 1,
            }
        }
        Ok(())
    }

    /// The JSON object that a run is compared with.
    pub fn to_json(&self, plan: &Plan) -> Value {
        let mut pipelines = Map::new();
        let mut totals = Counts::default();
        for (place, Kind { pipeline, reads, .. }) in KINDS.iter().enumerate() {
            let counts = self.pipelines.get(&place).cloned().unwrap_or_default();
            let mut entry = Map::from_iter([("type".to_owned(), reads.name().into())]);
            entry.extend(counts.to_json());
            pipelines.insert((*pipeline).to_owned(), entry.into());
            totals.add(&counts);
        }
        json!({
            "seed": plan.seed,
            "podcasts": plan.podcasts,
            "dirty": plan.dirty,
            "pipelines": pipelines,
            "totals": totals.to_json(),
            "graph": { "nodes": self.nodes, "relationships": self.relationships },
            "uncovered": { "nodes": self.uncovered_nodes, "relationships": self.uncovered_relationships },
        })
    }
}

impl Counts {
    fn add(&mut self, other: &Counts) {
        self.read += other.read;
        self.loaded += other.loaded;
        self.merged += other.merged;
        for (reason, count) in &other.dead_letters {
            *self.dead_letters.entry(*reason).or_default() += count;
        }
    }

    fn to_json(&self) -> Map<String, Value> {
        let dead_letters: Map<String, Value> =
            self.dead_letters.iter().map(|(reason, count)| (reason.to_string(), (*count).into())).collect();
        Map::from_iter([
            ("read".to_owned(), self.read.into()),
            ("loaded".to_owned(), self.loaded.into()),
            ("merged".to_owned(), self.merged.into()),
            ("dead_letters".to_owned(), dead_letters.into()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::graph;

    fn counted(plan: &Plan) -> Value {
        Expectations::of(graph(plan)).unwrap().to_json(plan)
    }

    #[test]
    fn every_record_that_is_read_is_accounted_for_at_any_size() {
        for podcasts in [1, 2, 50, 450] {
            for dirty in [false, true] {
                counted(&Plan { seed: podcasts, podcasts, dirty });
            }
        }
    }

    #[test]
    fn a_clean_graph_expects_nothing_but_loading() {
        let json = counted(&Plan { seed: 1, podcasts: 60, dirty: false });
        for pipeline in ["podcast", "episode", "has_episode"] {
            let counts = &json["pipelines"][pipeline];
            assert_eq!(counts["read"], counts["loaded"], "{pipeline}");
            assert_ne!(counts["read"], 0, "{pipeline}");
        }
        assert_eq!(json["uncovered"], json!({ "nodes": 0, "relationships": 0 }));
    }

    #[test]
    fn every_reason_that_data_can_cause_is_planted() {
        let json = counted(&Plan { seed: 1, podcasts: 1, dirty: true });
        let dead_letters = &json["totals"]["dead_letters"];
        for reason in Reason::ALL {
            let by_data =
                !matches!(reason, Reason::Undecodable | Reason::TransformFailed | Reason::TargetRejected);
            assert_eq!(dead_letters.get(reason.as_str()).is_some(), by_data, "{reason}");
        }
        assert_ne!(json["totals"]["merged"], 0);
    }
}
