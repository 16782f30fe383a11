//! Where a consuming stage starts on a partition: a function of the places that may know, and what to do where they
//! contradict each other.
//!
//! | | Kafka has nothing | Kafka behind | level | Kafka ahead |
//! |---|---|---|---|---|
//! | transform, checkpoint in Kafka | the checkpoint's | Kafka's, as a replay | Kafka's | refused |
//! | load, checkpoint in the target | the target's | Kafka's, written again without harm | Kafka's | refused |
//! | no checkpoint | the first offset | | the first offset | refused |
//!
//! A checkpoint of another lineage is refused in any case.

use uuid::Uuid;

use super::{Stage, StageCheckpoint};
use crate::error::{Cause, Error};

/// Where to start, or why not to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// At this offset.
    At(i64),
    /// Another tool moved the group's offset back: transformation takes it as a replay.
    MovedBack {
        /// Where to.
        to: i64,
    },
    /// Kafka says further than the checkpoint knows: for loading, the target was restored from a backup.
    Ahead {
        /// Offset that Kafka has committed.
        kafka: i64,
        /// Offset of the checkpoint; none where there is no checkpoint at all.
        checkpoint: Option<i64>,
    },
    /// The checkpoint belongs to other topics.
    OtherLineage {
        /// Lineage of the topics.
        topics: Uuid,
        /// Lineage of the checkpoint.
        checkpoint: Uuid,
    },
}

/// Transformation: its offsets and its checkpoint are one transaction. Where they differ another tool has moved the
/// group: back is a replay, forward would leave records out.
pub fn transform_start(lineage: Uuid, committed: Option<i64>, checkpoint: Option<&StageCheckpoint>) -> Start {
    start(lineage, committed, checkpoint, |to, from| match to < from {
        true => Start::MovedBack { to },
        false => Start::At(to),
    })
}

/// Loading: rows are written in order and again without harm, so Kafka at or behind the target starts at
/// Kafka's; Kafka's lost starts at the target's; Kafka ahead of the target is refused, since rows are missing.
pub fn load_start(lineage: Uuid, committed: Option<i64>, checkpoint: Option<&StageCheckpoint>) -> Start {
    start(lineage, committed, checkpoint, |to, _| Start::At(to))
}

fn start(
    lineage: Uuid,
    committed: Option<i64>,
    checkpoint: Option<&StageCheckpoint>,
    not_ahead: impl Fn(i64, i64) -> Start,
) -> Start {
    let known = checkpoint.map(|checkpoint| checkpoint.next_offset);
    match (committed, checkpoint) {
        (_, Some(checkpoint)) if checkpoint.lineage != lineage => {
            Start::OtherLineage { topics: lineage, checkpoint: checkpoint.lineage }
        }
        (Some(kafka), _) if kafka > known.unwrap_or(0) => Start::Ahead { kafka, checkpoint: known },
        (Some(kafka), _) => not_ahead(kafka, known.unwrap_or(0)),
        // Never the earliest that is left: what retention has removed must not go missing in silence.
        (None, _) => Start::At(known.unwrap_or(0)),
    }
}

/// The partition that a start is asked for, by its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Stage.
    pub stage: Stage,
    /// Pipeline.
    pub pipeline: &'a str,
    /// Topic that it reads.
    pub topic: &'a str,
    /// Its group.
    pub group: &'a str,
    /// Partition.
    pub partition: i32,
}

/// Why a start is refused, and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What contradicts what.
    pub message: String,
    /// What to do.
    pub way_out: String,
}

impl Refusal {
    /// As the error that it stands for.
    pub fn error(self) -> Error {
        Error::new(Cause::Lineage, self.message).what_to_do(self.way_out)
    }
}

impl Start {
    /// The offset to start from; nothing where it is refused.
    pub fn offset(&self) -> Option<i64> {
        match self {
            Start::At(offset) | Start::MovedBack { to: offset } => Some(*offset),
            Start::Ahead { .. } | Start::OtherLineage { .. } => None,
        }
    }

    /// Why this is no start, and the way out; nothing where it is one.
    pub fn refusal(&self, place: &Place<'_>) -> Option<Refusal> {
        let Place { stage, pipeline, topic, group, partition } = place;
        let at = format!("{stage} {topic}, partition {partition}");
        let replay = format!("regraft replay --stage {stage} --types {pipeline}");
        let (message, way_out) = match (self, stage) {
            (Start::At(_) | Start::MovedBack { .. }, _) => return None,
            (Start::Ahead { kafka, checkpoint }, Stage::Load) => {
                let has = match checkpoint {
                    Some(offset) => format!("the target has rows up to offset {offset}"),
                    None => "the target has no checkpoint at all".to_owned(),
                };
                let message = format!("{at}: group {group} has committed offset {kafka}, but {has}");
                let way_out = format!(
                    "the target was restored or emptied. To load what it lacks: `{replay} --to-checkpoint --execute`, \
                     then start again (without --types for all types at once). Or restore the target that belongs to \
                     these topics"
                );
                (message, way_out)
            }
            (Start::Ahead { kafka, checkpoint }, _) => {
                let is = checkpoint.map_or("there is no checkpoint".to_owned(), |offset| {
                    format!("the checkpoint says that the records before {offset} are through")
                });
                let message = format!("{at}: group {group} has committed offset {kafka}, but {is}");
                let way_out = format!(
                    "another tool has moved the group over records that were not read. To read them: \
                     `{replay} --to-checkpoint --execute`; to leave them out: `{replay} --to-current --execute`"
                );
                (message, way_out)
            }
            (Start::OtherLineage { topics, checkpoint }, Stage::Load) => {
                let message = format!(
                    "{at}: the topics are of lineage {topics}, the target's checkpoint is of {checkpoint}"
                );
                let way_out = format!(
                    "the target was loaded from other topics under this prefix. To load these into it from their start: \
                     `{replay} --to-earliest --execute`; otherwise point to the topics or the target that belong \
                     together, or use another kafka.topic_prefix"
                );
                (message, way_out)
            }
            (Start::OtherLineage { topics, checkpoint }, _) => {
                let message =
                    format!("{at}: the topics are of lineage {topics}, the checkpoint is of {checkpoint}");
                let way_out = format!(
                    "the topics were made anew under the same prefix: use another kafka.topic_prefix, or delete the topics \
                     of `{pipeline}` together with the checkpoints topic and extract again"
                );
                (message, way_out)
            }
        };
        Some(Refusal { message, way_out })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(next_offset: i64) -> StageCheckpoint {
        StageCheckpoint { next_offset, ..StageCheckpoint::new(Uuid::from_u128(1)) }
    }

    #[test]
    fn a_stage_starts_where_nothing_can_be_missing() {
        let ours = Uuid::from_u128(1);
        let ahead = |kafka, checkpoint| Start::Ahead { kafka, checkpoint };
        let back = Start::MovedBack { to: 5 };
        // Kafka, checkpoint, transform, load.
        let cases = [
            (None, None, Start::At(0), Start::At(0)),
            (None, Some(at(7)), Start::At(7), Start::At(7)),
            (None, Some(at(0)), Start::At(0), Start::At(0)),
            (Some(5), Some(at(7)), back, Start::At(5)),
            (Some(7), Some(at(7)), Start::At(7), Start::At(7)),
            (Some(8), Some(at(7)), ahead(8, Some(7)), ahead(8, Some(7))),
            (Some(8), None, ahead(8, None), ahead(8, None)),
            (Some(0), None, Start::At(0), Start::At(0)),
        ];
        for (kafka, checkpoint, transform, load) in cases {
            assert_eq!(
                transform_start(ours, kafka, checkpoint.as_ref()),
                transform,
                "{kafka:?} {checkpoint:?}"
            );
            assert_eq!(load_start(ours, kafka, checkpoint.as_ref()), load, "{kafka:?} {checkpoint:?}");
        }
        let other = Start::OtherLineage { topics: Uuid::from_u128(2), checkpoint: ours };
        assert_eq!(load_start(Uuid::from_u128(2), Some(1), Some(&at(7))), other);
        assert_eq!(transform_start(Uuid::from_u128(2), Some(1), Some(&at(7))), other);
    }

    #[test]
    fn every_refusal_names_both_and_the_way_out() {
        let refused =
            [Start::Ahead { kafka: 8, checkpoint: Some(7) }, Start::Ahead { kafka: 8, checkpoint: None }];
        for stage in [Stage::Transform, Stage::Load] {
            let place = Place { stage, pipeline: "p", topic: "t.model.p", group: "t.load.p", partition: 3 };
            assert_eq!(Start::At(3).refusal(&place), None);
            for start in &refused {
                let Refusal { message, way_out } = start.refusal(&place).unwrap();
                assert!(message.contains("t.load.p has committed offset 8"), "{message}");
                assert!(way_out.contains(&format!("regraft replay --stage {stage} --types p")), "{way_out}");
            }
            let (topics, checkpoint) = (Uuid::from_u128(1), Uuid::from_u128(2));
            let Refusal { message, way_out } =
                Start::OtherLineage { topics, checkpoint }.refusal(&place).unwrap();
            assert!(message.contains(&topics.to_string()) && message.contains(&checkpoint.to_string()));
            assert!(way_out.contains("kafka.topic_prefix"), "{way_out}");
        }
    }
}
