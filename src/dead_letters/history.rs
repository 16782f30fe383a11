//! What has become of dead letters: a function of what they say, of where they stand, and of what was started and
//! replayed since.

use std::collections::HashMap;

use uuid::Uuid;

use super::LetterState;
use crate::checkpoint::{Moves, Stage, Taken, TakenLetters};
use crate::kafka::{CheckpointState, Names};
use crate::record::DeadLetter;

/// The place of a dead letter on its topic: partition and offset.
pub type Place = (i32, i64);

/// All that decides about dead letters, as it is known at one moment.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Lineage and newest pass by the topics that a dead letter may name.
    newest: HashMap<String, (Uuid, u32)>,
    /// Moves of transformation by raw topic and partition.
    transform: HashMap<(String, i32), Moves>,
    /// Moves of loading by pipeline and partition of the model topic.
    load: HashMap<(String, i32), Moves>,
    /// Dead letters that were dealt with, in the order of epochs.
    taken: Vec<(u32, TakenLetters)>,
}

impl History {
    /// What the checkpoints topic says.
    pub fn new(names: &Names, state: &CheckpointState) -> Self {
        let newest = state.extract.iter().flat_map(|(pipeline, extract)| {
            let topics = [names.raw(pipeline), names.model(pipeline)];
            topics.map(|topic| (topic, (extract.lineage, extract.pass)))
        });
        let transform = state.moves(Stage::Transform).into_iter();
        let load = state.moves(Stage::Load).into_iter();
        let taken = state.replays.values().filter_map(|replay| Some((replay.epoch, replay.letters.clone()?)));
        Self {
            newest: newest.collect(),
            transform: transform.map(|((name, at), moves)| ((names.raw(name), at), moves)).collect(),
            load: load.map(|((name, at), moves)| ((name.to_owned(), at), moves)).collect(),
            taken: taken.collect(),
        }
    }

    /// What has become of a dead letter that stands at this place.
    pub fn state(&self, letter: &DeadLetter, place: Place) -> LetterState {
        match self.taken(place).map(|(_, taken)| taken.taken) {
            Some(Taken::Replayed) => LetterState::Replayed,
            Some(Taken::Resolved) => LetterState::Resolved,
            None if self.is_read_again(letter) || self.is_attempted_again(letter) => LetterState::Superseded,
            None => LetterState::Open,
        }
    }

    /// What was done with a dead letter by hand, and in which epoch.
    pub fn taken(&self, (partition, offset): Place) -> Option<(u32, &TakenLetters)> {
        let found = self.taken.iter().find(|(_, taken)| taken.letters.contains(partition, offset));
        found.map(|(epoch, taken)| (*epoch, taken))
    }

    /// The epoch in which its record was put back.
    pub fn put_back(&self, place: Place) -> Option<u32> {
        self.taken(place).filter(|(_, taken)| taken.taken == Taken::Replayed).map(|(epoch, _)| epoch)
    }

    /// A later pass reads its record again, and other topics under the same name know nothing of it.
    fn is_read_again(&self, letter: &DeadLetter) -> bool {
        let newest = self.newest.get(&letter.topic);
        newest.is_some_and(|(lineage, pass)| letter.lineage != *lineage || (1..*pass).contains(&letter.pass))
    }

    /// A stage was set back to before its record.
    fn is_attempted_again(&self, letter: &DeadLetter) -> bool {
        self.is_transformed_again(letter) || self.is_loaded_again(letter)
    }

    fn is_transformed_again(&self, letter: &DeadLetter) -> bool {
        let epoch = letter.model.map_or(letter.epoch, |model| model.epoch);
        let moves = self.transform.get(&(letter.topic.clone(), letter.partition));
        moves.is_some_and(|moves| moves.supersedes(letter.offset, epoch))
    }

    /// Whether loading was set back to before the model record of a dead letter.
    pub fn is_loaded_again(&self, letter: &DeadLetter) -> bool {
        let Some(model) = letter.model else { return false };
        let moves = self.load.get(&(letter.pipeline.clone(), model.partition));
        moves.is_some_and(|moves| moves.supersedes(model.offset, letter.epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::letter;
    use super::*;
    use crate::checkpoint::{LetterSet, PartitionMove, Replay};
    use crate::record::ModelPosition;

    fn history(replays: Vec<Replay>) -> History {
        let mut state = CheckpointState::default();
        for replay in replays {
            state.replays.insert((replay.epoch, Uuid::nil()), replay);
        }
        History::new(&Names::new("regraft"), &state)
    }

    fn moved(epoch: u32, stage: Stage, partition: i32, at: i64, from: i64) -> Replay {
        let moves = vec![PartitionMove { stage, pipeline: "episode".into(), partition, at, from }];
        Replay { epoch, at_micros: 0, run: None, moves, transformed: Default::default(), letters: None }
    }

    fn taken(epoch: u32, taken: Taken, (partition, offset): Place) -> Replay {
        let mut letters = LetterSet::default();
        letters.insert(partition, offset);
        let (counts, comment, who) = (Default::default(), None, None);
        let letters = Some(TakenLetters { taken, letters, comment, who, counts });
        Replay { epoch, at_micros: 0, run: None, moves: Vec::new(), transformed: Default::default(), letters }
    }

    #[test]
    fn a_replay_of_transformation_supersedes_what_stands_behind_its_start() {
        let history = history(vec![moved(1, Stage::Transform, 2, 30, 10)]);
        let states = [9, 10, 29].map(|offset| history.state(&letter(Some("e1"), offset), (0, 0)));
        assert_eq!(states, [LetterState::Open, LetterState::Superseded, LetterState::Superseded]);
        let after = DeadLetter { epoch: 1, ..letter(Some("e1"), 29) };
        assert_eq!(history.state(&after, (0, 0)), LetterState::Open);
        let elsewhere = DeadLetter { partition: 1, ..letter(Some("e1"), 29) };
        assert_eq!(history.state(&elsewhere, (0, 0)), LetterState::Open);
    }

    #[test]
    fn one_of_loading_goes_by_the_model_record() {
        let history = history(vec![moved(3, Stage::Load, 2, 100, 50)]);
        let of = |offset, epoch| {
            let model = Some(ModelPosition { partition: 2, offset, epoch: 0 });
            history.state(&DeadLetter { model, epoch, ..letter(Some("e1"), 29) }, (0, 0))
        };
        assert_eq!(
            [of(49, 0), of(50, 0), of(50, 3)],
            [LetterState::Open, LetterState::Superseded, LetterState::Open]
        );
        assert_eq!(
            history.state(&letter(Some("e1"), 60), (0, 0)),
            LetterState::Open,
            "it never got to loading"
        );
    }

    #[test]
    fn a_record_transformed_again_supersedes_its_failed_loading_however_often_that_was_tried() {
        let history = history(vec![moved(1, Stage::Transform, 2, 30, 10), moved(2, Stage::Load, 2, 100, 0)]);
        let model = Some(ModelPosition { partition: 2, offset: 50, epoch: 0 });
        let tried_again = DeadLetter { model, epoch: 2, ..letter(Some("e1"), 29) };
        assert_eq!(history.state(&tried_again, (0, 0)), LetterState::Superseded);
    }

    #[test]
    fn what_was_dealt_with_is_that_one_and_no_other() {
        let history = history(vec![taken(1, Taken::Replayed, (0, 4)), taken(2, Taken::Resolved, (1, 4))]);
        let letter = letter(Some("e1"), 29);
        let states = [(0, 4), (1, 4), (0, 5)].map(|place| history.state(&letter, place));
        assert_eq!(states, [LetterState::Replayed, LetterState::Resolved, LetterState::Open]);
        assert_eq!([(0, 4), (1, 4)].map(|place| history.put_back(place)), [Some(1), None]);
    }
}
