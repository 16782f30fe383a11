//! What was executed to have records go through a stage once more. Each has an epoch of its own, under which the
//! outcomes stand that it leads to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Counts, Stage};

/// An executed replay, or a part of one: moved positions, or dead letters that were dealt with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// Its epoch: higher than every one before it, of whatever stage and pipeline.
    pub epoch: u32,
    /// When, microseconds since 1970.
    pub at_micros: i64,
    /// The run that it was; none where a worker found that another tool had moved its group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Uuid>,
    /// Positions that it moved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moves: Vec<PartitionMove>,
    /// Of a replay of loading, where transformation stood, by pipeline and partition: what it had made by then of the
    /// records that are loaded once more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub transformed: BTreeMap<String, BTreeMap<i32, i64>>,
    /// Dead letters that it dealt with. Those of one epoch may be spread over several entries, one a transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letters: Option<TakenLetters>,
}

/// A position that a replay moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionMove {
    /// Stage.
    pub stage: Stage,
    /// Pipeline.
    pub pipeline: String,
    /// Partition of the stage's input.
    pub partition: i32,
    /// Where the stage stood.
    pub at: i64,
    /// Where it goes on.
    pub from: i64,
}

/// What was done with dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taken {
    /// Their records were put through the pipeline again.
    Replayed,
    /// They were set aside by a person.
    Resolved,
}

/// Dead letters that were dealt with in one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenLetters {
    /// What was done with them.
    pub taken: Taken,
    /// Where they stand on the dead-letters topic.
    pub letters: LetterSet,
    /// Why they were set aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Who set them aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// What became of their records, counted as transformation counts, by the pipeline that the dead letters count for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, Counts>,
}

/// Places on the dead-letters topic: by partition the runs of offsets, first and last of each, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LetterSet(BTreeMap<i32, Vec<(i64, i64)>>);

impl LetterSet {
    /// Adds a place. Those of a partition are added in the order of their offsets.
    pub fn insert(&mut self, partition: i32, offset: i64) {
        let runs = self.0.entry(partition).or_default();
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == offset => *last = offset,
            _ => runs.push((offset, offset)),
        }
    }

    /// Whether a place is in it.
    pub fn contains(&self, partition: i32, offset: i64) -> bool {
        let Some(runs) = self.0.get(&partition) else { return false };
        let behind = runs.partition_point(|(first, _)| *first <= offset);
        behind.checked_sub(1).and_then(|run| runs.get(run)).is_some_and(|(_, last)| offset <= *last)
    }

    /// Nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_holds_what_was_put_in(offsets in prop::collection::btree_set(0i64..60, 0..40), partition in 0i32..2) {
            let mut set = LetterSet::default();
            offsets.iter().for_each(|offset| set.insert(partition, *offset));
            let found: BTreeSet<i64> = (-1..61).filter(|offset| set.contains(partition, *offset)).collect();
            prop_assert_eq!(&found, &offsets);
            prop_assert!((-1..61).all(|offset| !set.contains(partition + 1, offset)));
            let json = serde_json::to_string(&set).unwrap();
            prop_assert_eq!(serde_json::from_str::<LetterSet>(&json).unwrap(), set);
        }
    }

    #[test]
    fn runs_keep_a_set_short() {
        let mut set = LetterSet::default();
        [3, 4, 5, 9].into_iter().for_each(|offset| set.insert(2, offset));
        assert_eq!(serde_json::to_string(&set).unwrap(), r#"{"2":[[3,5],[9,9]]}"#);
    }
}
