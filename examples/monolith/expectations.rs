//! What to expect of a run: per pipeline how many records are read, loaded, merged and dead-lettered, and how many
//! derived ones come to it.

use std::collections::BTreeMap;

use regraft::error::{Cause, Error, Result};
use regraft::record::Reason;
use serde_json::{Map, Value, json};

use crate::graph::{Expected, Fragment, Outcome};
use crate::kinds::{NODES, RELATIONSHIPS, pipelines};
use crate::plan::Plan;

/// Counts of the whole graph.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Expectations {
    pipelines: BTreeMap<&'static str, Counts>,
    pub nodes: u64,
    pub relationships: u64,
    uncovered_nodes: u64,
    uncovered_relationships: u64,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Counts {
    /// Counted by what the pipeline reads, the others by what was said to become of it.
    read: u64,
    ended: Ended,
    /// Derived records, which nobody reads.
    emitted: Ended,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Ended {
    loaded: u64,
    merged: u64,
    dead_letters: BTreeMap<Reason, u64>,
}

impl Expectations {
    /// Goes through all fragments once. An error is a mistake of the sample itself.
    pub fn of(fragments: impl Iterator<Item = Fragment>) -> Result<Self> {
        let mut expectations = Self::default();
        for fragment in fragments {
            expectations.add(&fragment);
        }
        for (name, counts) in &expectations.pipelines {
            let (read, accounted) = (counts.read, counts.ended.total());
            if read != accounted {
                let attempt = format!("{name}: {read} are read and {accounted} accounted for");
                return Err(Error::new(Cause::Unexpected, attempt));
            }
        }
        Ok(expectations)
    }

    fn add(&mut self, fragment: &Fragment) {
        for node in &fragment.nodes {
            self.nodes += 1;
            self.uncovered_nodes += u64::from(node.expected.is_empty());
            for kind in NODES.iter().filter(|kind| node.labels.contains(&kind.label)) {
                self.of_pipeline(kind.pipeline).read += 1;
            }
            self.count(&node.expected);
            for derived in node.derived() {
                self.of_pipeline(derived.pipeline).emitted.add(derived.outcome, derived.count);
            }
        }
        for relationship in &fragment.relationships {
            self.relationships += 1;
            self.uncovered_relationships += u64::from(relationship.expected.is_empty());
            let (starts, ends) = (fragment.labels(&relationship.start), fragment.labels(&relationship.end));
            for kind in RELATIONSHIPS.iter().filter(|kind| kind.reads(relationship.kind, &starts, &ends)) {
                self.of_pipeline(kind.pipeline).read += 1;
            }
            self.count(&relationship.expected);
        }
    }

    fn of_pipeline(&mut self, name: &'static str) -> &mut Counts {
        self.pipelines.entry(name).or_default()
    }

    fn count(&mut self, expected: &[Expected]) {
        for Expected { pipeline, outcome } in expected {
            self.of_pipeline(pipeline).ended.add(*outcome, 1);
        }
    }

    /// The JSON object that a run is compared with.
    pub fn to_json(&self, plan: &Plan) -> Value {
        let mut entries = Map::new();
        let mut totals = Counts::default();
        for (pipeline, entity_type) in pipelines() {
            let counts = self.pipelines.get(pipeline).cloned().unwrap_or_default();
            let mut entry = Map::from_iter([("type".to_owned(), entity_type.into())]);
            entry.extend(counts.to_json());
            entries.insert(pipeline.to_owned(), entry.into());
            totals.read += counts.read;
            totals.ended.add_all(&counts.ended);
            totals.emitted.add_all(&counts.emitted);
        }
        json!({
            "seed": plan.seed,
            "podcasts": plan.podcasts,
            "dirty": plan.dirty,
            "embeddings": plan.embeddings,
            "dense": plan.dense,
            "pipelines": entries,
            "totals": totals.to_json(),
            "graph": { "nodes": self.nodes, "relationships": self.relationships },
            "uncovered": { "nodes": self.uncovered_nodes, "relationships": self.uncovered_relationships },
        })
    }
}

impl Counts {
    fn to_json(&self) -> Map<String, Value> {
        let emitted = json!({
            "total": self.emitted.total(),
            "loaded": self.emitted.loaded,
            "dead_letters": self.emitted.reasons(),
        });
        Map::from_iter([
            ("read".to_owned(), self.read.into()),
            ("loaded".to_owned(), self.ended.loaded.into()),
            ("merged".to_owned(), self.ended.merged.into()),
            ("dead_letters".to_owned(), self.ended.reasons()),
            ("emitted".to_owned(), emitted),
        ])
    }
}

impl Ended {
    fn add(&mut self, outcome: Outcome, count: u64) {
        match outcome {
            Outcome::Loaded => self.loaded += count,
            Outcome::Merged => self.merged += count,
            Outcome::DeadLetter(reason) => *self.dead_letters.entry(reason).or_default() += count,
        }
    }

    fn add_all(&mut self, other: &Self) {
        self.add(Outcome::Loaded, other.loaded);
        self.add(Outcome::Merged, other.merged);
        for (reason, count) in &other.dead_letters {
            self.add(Outcome::DeadLetter(*reason), *count);
        }
    }

    fn total(&self) -> u64 {
        self.loaded + self.merged + self.dead_letters.values().sum::<u64>()
    }

    fn reasons(&self) -> Value {
        let reasons = self.dead_letters.iter().map(|(reason, count)| (reason.to_string(), (*count).into()));
        reasons.collect::<Map<_, _>>().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::{Drawn, graph};
    use crate::planted;

    fn plan(podcasts: u64, dirty: bool) -> Plan {
        Plan { seed: 1, podcasts, dirty, embeddings: false, dense: 0 }
    }

    fn counted(plan: &Plan) -> Value {
        Expectations::of(graph(plan)).unwrap().to_json(plan)
    }

    #[test]
    fn every_record_that_is_read_is_accounted_for_at_any_size() {
        for podcasts in [1, 2, 9] {
            for dirty in [false, true] {
                counted(&Plan { seed: podcasts, dense: podcasts, ..plan(podcasts, dirty) });
            }
        }
        Expectations::of(planted::fragments(&plan(600, true))).unwrap();
    }

    #[test]
    fn a_clean_graph_expects_nothing_but_loading() {
        let json = counted(&plan(9, false));
        for kind in RELATIONSHIPS {
            let counts = &json["pipelines"][kind.pipeline];
            assert_eq!(counts["read"], counts["loaded"], "{}", kind.pipeline);
            assert_eq!(counts["read"] == 0, matches!(kind.drawn, Drawn::Derived), "{}", kind.pipeline);
        }
        for kind in NODES {
            let counts = &json["pipelines"][kind.pipeline];
            assert_eq!(counts["read"], counts["loaded"], "{}", kind.pipeline);
            assert_ne!(counts["read"], 0, "{}", kind.pipeline);
        }
        assert_eq!(json["totals"]["emitted"]["total"], json["totals"]["emitted"]["loaded"]);
        assert_eq!(json["uncovered"], json!({ "nodes": 0, "relationships": 0 }));
    }

    #[test]
    fn a_dense_entity_has_as_many_relationships_as_asked_for() {
        let json = |dense| counted(&Plan { dense, ..plan(1, false) });
        let read = |json: &Value, pipeline: &str| json["pipelines"][pipeline]["read"].as_u64().unwrap();
        let (without, with) = (json(0), json(1000));
        assert_eq!(read(&with, "co_occurs_with") - read(&without, "co_occurs_with"), 1000);
        assert_eq!(read(&with, "entity") - read(&without, "entity"), 1001);
    }

    /// Every reason that data can cause, for every type that it can befall.
    #[test]
    fn every_reason_is_planted_for_every_type() {
        let json = counted(&plan(1, true));
        let planted = |pipeline: &str, of: &str| -> Vec<Reason> {
            let entry = &json["pipelines"][pipeline];
            let letters = if of.is_empty() { &entry["dead_letters"] } else { &entry[of]["dead_letters"] };
            Reason::ALL.into_iter().filter(|reason| letters.get(reason.as_str()).is_some()).collect()
        };
        use Reason::*;
        for kind in NODES {
            let mut reasons =
                vec![TooLarge, MissingKey, DuplicateKey, UnknownProperty, TypeMismatch, MissingField];
            reasons.extend(kind.parent().map(|_| Orphaned));
            reasons.push(RuleViolated);
            // Where the target has an index that the monolith lacks.
            reasons.extend(["Podcast", "Speaker", "Quote"].contains(&kind.label).then_some(TargetRejected));
            assert_eq!(planted(kind.pipeline, ""), reasons, "{}", kind.pipeline);
        }
        for kind in RELATIONSHIPS.iter().filter(|kind| kind.is_stored()) {
            let mut reasons = vec![TooLarge, MissingKey, DuplicateKey, UnknownProperty];
            if !kind.defects.is_empty() {
                reasons.extend([TypeMismatch, MissingField]);
            }
            reasons.extend((kind.relationship_type == "HAS_SENTIMENT").then_some(RuleViolated));
            reasons.push(EndpointMissing);
            assert_eq!(planted(kind.pipeline, ""), reasons, "{}", kind.pipeline);
            assert_ne!(json["pipelines"][kind.pipeline]["merged"], 0, "{}", kind.pipeline);
        }
        for pipeline in ["contains_topic", "connects"] {
            assert_eq!(planted(pipeline, "emitted"), [MissingKey, EndpointMissing], "{pipeline}");
        }
    }
}
