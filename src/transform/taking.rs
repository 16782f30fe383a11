//! Taking partitions over: where to start, and what has to be known of records that come once more.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::info;
use uuid::Uuid;

use super::partition::Partition;
use super::{Context, now_micros};
use crate::checkpoint::{
    EntryKey, Move, Moves, PartitionMove, Replay, Stage, StageCheckpoint, Start, transform_start,
};
use crate::dead_letters::{Earlier, History};
use crate::error::Result;

/// Partitions ready to be worked on, and where to read them from.
pub(super) struct Taking {
    pub partitions: BTreeMap<i32, Partition>,
    pub starts: BTreeMap<i32, Start>,
}

/// Takes partitions over with what the group has `committed` of them. Blocks.
pub(super) fn take_over(context: &Context, committed: BTreeMap<i32, Option<i64>>) -> Result<Taking> {
    let name = context.pipeline.name();
    context.checkpoints.refresh_blocking()?;
    let (known, mut moves, newest_epoch) = context.checkpoints.read(|state| {
        let known = state.transform.get(name).cloned().unwrap_or_default();
        let moves = state.moves(Stage::Transform).into_iter();
        let moves = moves.filter_map(|((pipeline, at), moves)| (pipeline == name).then_some((at, moves)));
        (known, moves.collect::<BTreeMap<i32, Moves>>(), state.newest_epoch())
    });
    let mut taking = Taking { partitions: BTreeMap::new(), starts: BTreeMap::new() };
    for (number, committed) in committed {
        let checkpoint = known.get(&number);
        let start = transform_start(context.lineage.id, committed, checkpoint);
        let moved_back = moved_back(&start, checkpoint, newest_epoch + 1);
        if let Some(moved) = moved_back {
            let (at, from) = (moved.at, moved.from);
            info!(
                pipeline = name,
                partition = number,
                at,
                from,
                "another tool has moved the group back: a replay"
            );
        }
        if let Some(offset) = start.offset() {
            let checkpoint = checkpoint.cloned().unwrap_or_else(|| StageCheckpoint::new(context.lineage.id));
            let (partition, changed) = Partition::new(checkpoint, offset, &context.digest, now_micros());
            if changed {
                info!(
                    pipeline = name,
                    partition = number,
                    offset,
                    "the pipeline was changed; its new definition holds from this offset"
                );
            }
            let moves = moves.remove(&number).unwrap_or_default();
            taking.partitions.insert(number, partition.with_moves(moves, moved_back));
        }
        taking.starts.insert(number, start);
    }
    let mut replaying: Vec<_> =
        taking.partitions.values_mut().filter(|partition| partition.is_replaying()).collect();
    if !replaying.is_empty() {
        let earlier = Arc::new(earlier(context)?);
        replaying.iter_mut().for_each(|partition| partition.know(earlier.clone()));
    }
    Ok(taking)
}

fn moved_back(start: &Start, checkpoint: Option<&StageCheckpoint>, epoch: u32) -> Option<Move> {
    match (start, checkpoint) {
        (Start::MovedBack { to }, Some(checkpoint)) => {
            Some(Move { epoch, at: checkpoint.next_offset, from: *to })
        }
        _ => None,
    }
}

/// Dead letters of the pipeline's raw records.
fn earlier(context: &Context) -> Result<Earlier> {
    let (kafka, topic) = (&context.kafka, context.kafka.names.raw(context.pipeline.name()));
    let ends =
        context.watermarks.ends_of_blocking(&kafka.names.dead_letters(), kafka.settings().partitions)?;
    let history = context.checkpoints.read(|state| History::new(&kafka.names, state));
    Earlier::read(kafka, &ends, &history, |letter, _| letter.topic == topic)
}

/// The entry that says that another tool has moved the position.
pub(super) fn moved_back_entry(pipeline: &str, partition: i32, moved: Move) -> (EntryKey, Replay) {
    let (stage, pipeline) = (Stage::Transform, pipeline.to_owned());
    let moves = vec![PartitionMove { stage, pipeline, partition, at: moved.at, from: moved.from }];
    let replay = Replay {
        epoch: moved.epoch,
        at_micros: now_micros(),
        run: None,
        moves,
        transformed: BTreeMap::new(),
        letters: None,
    };
    (EntryKey::Replay(moved.epoch, Uuid::new_v4()), replay)
}
