//! Moves of a stage's position on a partition, and what they say of an offset: which attempt at it was the last.
//!
//! Between two moves a stage goes through its topic in order, so a list of moves is a list of stretches, each of
//! one epoch: from where the move before it led to where the next one found the stage.

use serde::{Deserialize, Serialize};

/// One move of a stage's position on one partition, by a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Epoch of all that the stage does after it.
    pub epoch: u32,
    /// Where the stage stood: everything that its counts say is below this.
    pub at: i64,
    /// Where it goes on.
    pub from: i64,
}

/// All moves of a stage on a partition, in the order of their epochs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moves(pub Vec<Move>);

impl Moves {
    /// Nothing was ever moved.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The epoch of the last move, 0 before the first.
    pub fn epoch(&self) -> u32 {
        self.0.last().map_or(0, |last| last.epoch)
    }

    /// No offset from here on was attempted before the last move.
    pub fn repeats_below(&self) -> i64 {
        self.0.iter().map(|each| each.at).max().unwrap_or(0)
    }

    /// The epoch of the last attempt at an offset before the last move; none where there was none.
    pub fn earlier_attempt(&self, offset: i64) -> Option<u32> {
        self.stretches().filter_map(|(epoch, from, to)| (from..to?).contains(&offset).then_some(epoch)).last()
    }

    /// The same with what the stage did after the last move, up to `now`.
    pub fn last_attempt(&self, offset: i64, now: i64) -> Option<u32> {
        self.attempts(offset, now).next()
    }

    /// The epochs of all attempts at an offset, up to `now`, the last one first.
    pub fn attempts(&self, offset: i64, now: i64) -> impl Iterator<Item = u32> {
        let within = move |(epoch, from, to): (u32, i64, Option<i64>)| {
            (from..to.unwrap_or(now)).contains(&offset).then_some(epoch)
        };
        let mut attempts: Vec<u32> = self.stretches().filter_map(within).collect();
        attempts.reverse();
        attempts.into_iter()
    }

    /// The epochs, up to `epoch`, in which the stage was to come over an offset since it was last there before `epoch`.
    pub fn due(&self, offset: i64, epoch: u32) -> impl Iterator<Item = u32> {
        let known: Vec<_> = self.stretches().take_while(|(of, _, _)| *of <= epoch).collect();
        let was_there = |(of, from, to): &(u32, i64, Option<i64>)| {
            *of < epoch && *from <= offset && to.is_some_and(|to| offset < to)
        };
        let since = known.iter().rposition(was_there).map_or(0, |last| last + 1);
        known.into_iter().skip(since).filter(move |(_, from, _)| *from <= offset).map(|(of, _, _)| of)
    }

    /// The moves before one of another stage.
    pub fn before(&self, epoch: u32) -> Moves {
        Moves(self.0.iter().take_while(|each| each.epoch < epoch).copied().collect())
    }

    /// Whether a move after `epoch` takes the stage over an offset again, or will as soon as the stage runs.
    pub fn supersedes(&self, offset: i64, epoch: u32) -> bool {
        self.stretches()
            .any(|(later, from, to)| later > epoch && from <= offset && to.is_none_or(|to| offset < to))
    }

    /// Epoch, first offset, and the offset where it ended; none for the one that lasts.
    fn stretches(&self) -> impl Iterator<Item = (u32, i64, Option<i64>)> {
        let ends = self.0.iter().map(|next| Some(next.at)).chain([None]);
        let begins = std::iter::once((0, 0)).chain(self.0.iter().map(|each| (each.epoch, each.from)));
        begins.zip(ends).map(|((epoch, from), to)| (epoch, from, to))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn moves(all: &[(u32, i64, i64)]) -> Moves {
        Moves(all.iter().map(|&(epoch, at, from)| Move { epoch, at, from }).collect())
    }

    #[test]
    fn the_last_attempt_is_that_of_the_last_stretch_which_got_so_far() {
        // Came to 10, went back to 2 and came to 5, went back to 4.
        let moves = moves(&[(1, 10, 2), (4, 5, 4)]);
        let found = [0, 2, 4, 5, 9, 10].map(|offset| moves.earlier_attempt(offset));
        assert_eq!(found, [Some(0), Some(1), Some(1), Some(0), Some(0), None]);
        assert_eq!(moves.last_attempt(4, 6), Some(4));
        assert_eq!(moves.last_attempt(7, 6), Some(0));
        assert_eq!((moves.repeats_below(), moves.epoch()), (10, 4));
        assert!(moves.supersedes(7, 1), "it is still to come");
        assert!(!moves.supersedes(3, 1) && moves.supersedes(3, 0) && !moves.supersedes(7, 4));
    }

    #[test]
    fn what_was_jumped_over_was_not_attempted() {
        let moves = moves(&[(1, 3, 8), (2, 9, 0)]);
        let found = [2, 3, 7, 8].map(|offset| moves.earlier_attempt(offset));
        assert_eq!(found, [Some(0), None, None, Some(1)]);
    }

    #[test]
    fn a_move_that_was_cut_short_is_still_due() {
        // Came to 10, went back to 0 and was moved again at once, to 4 and then to 2.
        let moves = moves(&[(1, 10, 0), (3, 0, 4), (5, 6, 2)]);
        let due = |offset, epoch| moves.due(offset, epoch).collect::<Vec<_>>();
        assert_eq!(due(3, 5), [1, 5]);
        assert_eq!(due(5, 5), [5], "it was there in epoch 3");
        assert_eq!(due(5, 3), [1, 3]);
        assert_eq!(due(3, 0), [0]);
    }

    proptest! {
        /// A stage that really goes through its topic, noting the epoch of each attempt.
        #[test]
        fn it_is_what_a_stage_did(steps in prop::collection::vec((0i64..12, 0i64..20), 0..6), last in 0i64..12) {
            let (mut moves, mut attempts, mut position) = (Moves::default(), [None; 40], 0);
            let go = |position: i64, by: i64, epoch: u32, attempts: &mut [Option<u32>; 40]| {
                (position..position + by).for_each(|at| attempts[usize::try_from(at).unwrap()] = Some(epoch));
                position + by
            };
            for (number, (by, from)) in steps.into_iter().enumerate() {
                position = go(position, by, moves.epoch(), &mut attempts);
                moves.0.push(Move { epoch: u32::try_from(number).unwrap() + 1, at: position, from });
                position = from;
            }
            for at in 0..40 {
                prop_assert_eq!(moves.earlier_attempt(at), attempts[usize::try_from(at).unwrap()]);
            }
            position = go(position, last, moves.epoch(), &mut attempts);
            for at in 0..40 {
                let attempt = attempts[usize::try_from(at).unwrap()];
                prop_assert_eq!(moves.last_attempt(at, position), attempt);
                prop_assert!(attempt.is_none_or(|epoch| epoch == 0 || moves.supersedes(at, epoch - 1)));
                prop_assert!(!moves.supersedes(at, moves.epoch()));
            }
        }
    }
}
