//! Where a consuming stage starts on a partition: a function of the three places that may know.

use uuid::Uuid;

use super::StageCheckpoint;

/// Where to start, or why not to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// At this offset.
    At(i64),
    /// At the earliest record that the topic still holds.
    Earliest,
    /// Kafka says further than the target knows: the target was restored from a backup.
    TargetBehind {
        /// Offset that Kafka has committed.
        kafka: i64,
        /// Offset up to which the target has rows; none where it has no checkpoint at all.
        target: Option<i64>,
    },
    /// The checkpoint belongs to other topics.
    OtherLineage {
        /// Lineage of the topics.
        topics: Uuid,
        /// Lineage of the checkpoint.
        checkpoint: Uuid,
    },
}

/// Transformation: its offsets and its checkpoint are one transaction, so Kafka's word stands; the checkpoint
/// helps where the group's offsets expired (seven days after the group empties, by default).
pub fn transform_start(lineage: Uuid, committed: Option<i64>, checkpoint: Option<&StageCheckpoint>) -> Start {
    match (committed, checkpoint) {
        (_, Some(checkpoint)) if checkpoint.lineage != lineage => {
            Start::OtherLineage { topics: lineage, checkpoint: checkpoint.lineage }
        }
        (Some(offset), _) => Start::At(offset),
        (None, Some(checkpoint)) if checkpoint.next_offset > 0 => Start::At(checkpoint.next_offset),
        (None, _) => Start::Earliest,
    }
}

/// Loading: rows are written in order and again without harm, so Kafka at or behind the target starts at
/// Kafka's; Kafka's lost starts at the target's; Kafka ahead of the target is refused, since rows are missing.
pub fn load_start(lineage: Uuid, committed: Option<i64>, checkpoint: Option<&StageCheckpoint>) -> Start {
    let target = checkpoint.map(|checkpoint| checkpoint.next_offset);
    match (committed, checkpoint) {
        (_, Some(checkpoint)) if checkpoint.lineage != lineage => {
            Start::OtherLineage { topics: lineage, checkpoint: checkpoint.lineage }
        }
        (Some(kafka), _) if kafka > target.unwrap_or(0) => Start::TargetBehind { kafka, target },
        (Some(kafka), _) => Start::At(kafka),
        (None, Some(checkpoint)) if checkpoint.next_offset > 0 => Start::At(checkpoint.next_offset),
        (None, _) => Start::Earliest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(next_offset: i64) -> StageCheckpoint {
        StageCheckpoint { next_offset, ..StageCheckpoint::new(Uuid::from_u128(1)) }
    }

    #[test]
    fn loading_starts_where_nothing_can_be_missing() {
        let ours = Uuid::from_u128(1);
        let cases = [
            (None, None, Start::Earliest),
            (None, Some(at(7)), Start::At(7)),
            (Some(5), Some(at(7)), Start::At(5)),
            (Some(7), Some(at(7)), Start::At(7)),
            (Some(8), Some(at(7)), Start::TargetBehind { kafka: 8, target: Some(7) }),
            (Some(8), None, Start::TargetBehind { kafka: 8, target: None }),
            (Some(0), None, Start::At(0)),
        ];
        for (kafka, target, expected) in cases {
            assert_eq!(load_start(ours, kafka, target.as_ref()), expected, "{kafka:?} {target:?}");
        }
        let other = Start::OtherLineage { topics: Uuid::from_u128(2), checkpoint: ours };
        assert_eq!(load_start(Uuid::from_u128(2), Some(1), Some(&at(7))), other);
    }

    #[test]
    fn transformation_believes_its_own_transaction() {
        let ours = Uuid::from_u128(1);
        assert_eq!(transform_start(ours, Some(9), Some(&at(7))), Start::At(9));
        assert_eq!(transform_start(ours, None, Some(&at(7))), Start::At(7));
        assert_eq!(transform_start(ours, None, None), Start::Earliest);
    }
}
