//! What a worker knows of one raw partition: its checkpoint as committed, and what came since.

use std::sync::Arc;

use super::derived::Receiver;
use super::outcome::Decision;
use super::repeat::{replace, replace_derived};
use crate::checkpoint::{Counts, Move, Moves, PassCounts, PipelineChange, StageCheckpoint};
use crate::dead_letters::{Before, Earlier};
use crate::record::Identity;

/// A partition at work.
#[derive(Debug)]
pub(super) struct Partition {
    /// As the last commit left it.
    committed: StageCheckpoint,
    /// With everything done since.
    current: StageCheckpoint,
    /// Moves of the position so far.
    moves: Moves,
    /// How records stood before a replay; nothing where none is to be repeated.
    earlier: Option<Arc<Earlier>>,
    /// A move by another tool that is to be written down with the first commit.
    moved_back: Option<Move>,
    /// How the record stood that is looked at now, where it comes once more.
    before: Option<Before>,
}

impl Partition {
    /// Takes a partition over, noting that another definition of the pipeline holds from here on.
    pub(super) fn new(committed: StageCheckpoint, start: i64, digest: &str, now_micros: i64) -> (Self, bool) {
        let mut current = committed.clone();
        current.next_offset = start.max(0);
        // Where the position was moved back, the first commit behind it is one that moves it on.
        let committed =
            StageCheckpoint { next_offset: current.next_offset.min(committed.next_offset), ..committed };
        let known = current.changes.last().is_some_and(|change| change.digest == digest);
        let changed = !known && !current.changes.is_empty();
        if !known {
            let from_offset = current.next_offset;
            current.changes.push(PipelineChange {
                digest: digest.to_owned(),
                from_offset,
                at_micros: now_micros,
            });
        }
        let (moves, earlier, moved_back, before) = (Moves::default(), None, None, None);
        (Self { committed, current, moves, earlier, moved_back, before }, changed)
    }

    /// Takes over what replays have moved, with a move that another tool has made and that is not written down yet.
    pub(super) fn with_moves(mut self, moves: Moves, moved_back: Option<Move>) -> Self {
        self.moves = moves;
        if let Some(moved) = moved_back {
            self.moves.0.push(moved);
            self.current.epoch = moved.epoch;
        }
        self.moved_back = moved_back;
        self
    }

    /// Whether records are ahead that were transformed before.
    pub(super) fn is_replaying(&self) -> bool {
        self.current.next_offset < self.moves.repeats_below()
    }

    /// Says how the records stood that come once more.
    pub(super) fn know(&mut self, earlier: Arc<Earlier>) {
        self.earlier = Some(earlier);
    }

    /// Turns to a record: from now on it is the one that is counted.
    pub(super) fn turn_to(&mut self, record: Identity) {
        let attempt = self.moves.earlier_attempt(record.offset);
        self.before = attempt.map(|attempt| match &self.earlier {
            Some(earlier) => earlier.before_transform(record, attempt),
            None => Before { attempt, rejected: None, not_loaded: None },
        });
    }

    /// Turns to a record that comes once more, and stood so.
    pub(super) fn repeat(&mut self, before: Before) {
        self.before = Some(before);
    }

    /// Takes the counts out.
    pub(super) fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.current.counts)
    }

    /// How the record stood, where it comes once more.
    pub(super) fn before(&self) -> Option<&Before> {
        self.before.as_ref()
    }

    /// Counts what a decision stands in place of, and marks what it derives; nothing for a record that comes first.
    pub(super) fn replace(&mut self, decision: &mut Decision<'_>, receivers: &[Receiver], payload: &[u8]) {
        let Some(before) = self.before else { return };
        let pass = decision.pass();
        replace(self.counts(pass), &before, decision.ending(), payload);
        if let Decision::Model(_, further) = decision {
            let nothing = Earlier::default();
            let earlier = self.earlier.clone();
            let earlier = earlier.as_deref().unwrap_or(&nothing);
            replace_derived(self.counts(pass), &before, earlier, further, receivers);
        }
    }

    /// A move by another tool that the next commit has to write down.
    pub(super) fn moved_back(&self) -> Option<Move> {
        self.moved_back
    }

    /// The stage's epoch here.
    pub(super) fn epoch(&self) -> u32 {
        self.current.epoch
    }

    /// The newest pass seen here.
    pub(super) fn newest_pass(&self) -> u32 {
        self.current.counts.newest_pass()
    }

    /// The pass that a record counts under that does not say itself: that of its earlier dead letter, or the newest.
    pub(super) fn pass_of_foreign(&self) -> u32 {
        let rejected = self.before.and_then(|before| before.rejected);
        rejected.map_or_else(|| self.newest_pass(), |rejected| rejected.pass)
    }

    /// Counts of a pass, to be added to: those of the replay for a record that comes once more.
    pub(super) fn counts(&mut self, pass: u32) -> &mut PassCounts {
        let epoch = if self.before.is_some() { self.current.epoch } else { 0 };
        self.current.counts.of(pass, epoch)
    }

    /// What a commit up to `position` is to write; nothing where nothing moved.
    pub(super) fn checkpoint_at(&mut self, position: i64) -> Option<&StageCheckpoint> {
        let moved = position > self.committed.next_offset;
        self.current.next_offset = self.current.next_offset.max(position);
        moved.then_some(&self.current)
    }

    /// The commit is through.
    pub(super) fn committed(&mut self) {
        self.moved_back = None;
        self.committed.clone_from(&self.current);
    }

    /// The state with everything done since the last commit.
    pub(super) fn current(&self) -> &StageCheckpoint {
        &self.current
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_changed_pipeline_is_noted_with_the_offset_it_holds_from() {
        let first = StageCheckpoint::new(Uuid::nil());
        let (mut partition, changed) = Partition::new(first, 0, "a", 1);
        assert!(!changed);
        assert!(partition.checkpoint_at(0).is_none());
        let committed = partition.checkpoint_at(7).unwrap().clone();
        let (partition, changed) = Partition::new(committed.clone(), 7, "b", 2);
        assert!(changed);
        let noted = partition.current().changes.last().unwrap();
        assert_eq!((noted.digest.as_str(), noted.from_offset), ("b", 7));
        assert!(!Partition::new(committed, 7, "a", 3).1);
    }

    fn at(partition: &mut Partition, offset: i64) {
        let lineage = Uuid::nil();
        partition.turn_to(Identity { lineage, partition: 0, offset, output: 0, epoch: partition.epoch() });
    }

    #[test]
    fn what_comes_once_more_counts_under_the_replay_and_what_is_new_does_not() {
        let checkpoint = StageCheckpoint { next_offset: 10, ..StageCheckpoint::new(Uuid::nil()) };
        let (partition, _) = Partition::new(checkpoint, 4, "a", 1);
        let mut partition = partition.with_moves(Moves::default(), Some(Move { epoch: 3, at: 10, from: 4 }));
        assert!(partition.is_replaying());
        assert_eq!(partition.epoch(), 3);
        at(&mut partition, 9);
        let mut merged = Decision::Merged(1);
        partition.counts(1).records += 1;
        partition.replace(&mut merged, &[], b"");
        at(&mut partition, 10);
        let mut merged = Decision::Merged(1);
        partition.counts(1).records += 1;
        partition.replace(&mut merged, &[], b"");
        let counts = &partition.checkpoint_at(5).unwrap().counts.0;
        let found: Vec<_> = counts.iter().map(|counts| (counts.epoch, counts.replaced.is_some())).collect();
        assert_eq!(found, [(3, true), (0, false)]);
    }
}
