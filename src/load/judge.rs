//! How a record stood before that comes once more to loading. Pure.

use std::collections::{BTreeMap, HashMap};

use crate::checkpoint::{Moves, Stage};
use crate::dead_letters::Earlier;
use crate::kafka::CheckpointState;
use crate::record::{Identity, Reason, ReplayMark};

/// A record that comes once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Again {
    /// The replay that it counts under.
    pub epoch: u32,
    /// How it stood before.
    pub before: Prior,
    /// A later attempt of transformation stands for it, or will: what becomes of this one is nobody's business.
    pub obsolete: bool,
}

/// How a record stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prior {
    /// It never got to loading.
    Absent,
    /// It was applied.
    Applied,
    /// It was a dead letter of loading.
    Dead { reason: Reason, charged: bool },
    /// As this row of the same batch comes out.
    Row(usize),
}

/// A model record, as far as it has to be known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Model<'a> {
    /// Which attempt at which raw record.
    pub of: Identity,
    /// The pipeline that read the raw record.
    pub origin: &'a str,
    /// Offset on the model topic.
    pub offset: i64,
    /// What a replay says of earlier attempts.
    pub mark: Option<&'a ReplayMark>,
}

/// Looks at one record after the other.
pub(crate) struct Judge<'a> {
    /// Moves of loading on the partition.
    pub moves: &'a Moves,
    /// Dead letters of the pipeline's loading.
    pub earlier: &'a Earlier,
    /// What is known of transformation.
    pub upstream: &'a Upstream,
    /// Epoch of loading on the partition.
    pub epoch: u32,
    /// Records of the same batch that came before, by attempt.
    pub in_batch: HashMap<Identity, usize>,
}

impl Judge<'_> {
    /// How the record of a row stood; nothing where it comes for the first time.
    pub fn again(&mut self, row: usize, model: Model<'_>) -> Option<Again> {
        let again = self.look(model);
        if again.is_none_or(|again| !again.obsolete) {
            self.in_batch.insert(model.of, row);
        }
        again
    }

    fn look(&self, model: Model<'_>) -> Option<Again> {
        // Transformation takes what it has made before as applied, unless it knows of a dead letter.
        let obsolete = self.upstream.comes_again(model.origin, model.of);
        if self.moves.earlier_attempt(model.offset).is_some() {
            let passed_over = self.is_passed_over(self.moves.epoch(), model.offset, model.origin, model.of);
            let before = if passed_over { Prior::Applied } else { self.stood(model, model.of.epoch) };
            return Some(Again { epoch: self.epoch, before, obsolete: obsolete || passed_over });
        }
        let Some(mark) = model.mark else {
            return obsolete.then_some(Again { epoch: 0, before: Prior::Absent, obsolete });
        };
        let before = match (mark.earlier, mark.after) {
            (_, None) => Prior::Absent,
            (Some(letter), Some(_)) => Prior::Dead { reason: letter.reason, charged: letter.charged },
            (None, Some(attempt)) => self.stood(model, attempt),
        };
        Some(Again { epoch: model.of.epoch, before, obsolete })
    }

    /// How the model record of an attempt came out when it was last looked at.
    fn stood(&self, model: Model<'_>, attempt: u32) -> Prior {
        let of = Identity { epoch: attempt, ..model.of };
        if let Some(row) = self.in_batch.get(&of) {
            return Prior::Row(*row);
        }
        let looked_at = |offset| {
            let mut attempts = self.moves.attempts(offset, model.offset);
            attempts.find(|epoch| !self.is_passed_over(*epoch, offset, model.origin, of))
        };
        match self.earlier.before_load(of, attempt, looked_at) {
            Some(stood) => Prior::Dead { reason: stood.reason, charged: stood.charged },
            None => Prior::Applied,
        }
    }

    /// Whether a replay of loading passes over a model record without counting it, since a later attempt at the same raw
    /// record stands in its place. An earlier replay that had it to count, and was cut short by this one, leaves that to
    /// this one: the later attempt has reckoned with it.
    fn is_passed_over(&self, replay: u32, offset: i64, origin: &str, record: Identity) -> bool {
        self.moves.due(offset, replay).all(|epoch| self.is_overtaken(epoch, origin, record))
    }

    /// Whether there was a later attempt at the same raw record when a replay of loading began.
    fn is_overtaken(&self, replay: u32, origin: &str, record: Identity) -> bool {
        let later = self.upstream.last_attempt(replay, origin, record);
        later.is_some_and(|attempt| attempt > record.epoch)
            || self.earlier.is_put_back_between(record, record.epoch, replay)
    }
}

/// What is known of transformation.
#[derive(Debug, Default)]
pub(crate) struct Upstream {
    /// Its moves by pipeline and partition.
    moves: BTreeMap<(String, i32), Moves>,
    /// Where it stood when replays of loading began, by their epochs.
    stood: BTreeMap<u32, BTreeMap<String, BTreeMap<i32, i64>>>,
}

impl Upstream {
    /// As the checkpoints topic says.
    pub fn new(state: &CheckpointState) -> Self {
        let moves = state.moves(Stage::Transform).into_iter();
        let moves = moves.map(|((pipeline, partition), moves)| ((pipeline.to_owned(), partition), moves));
        let of_loading = state.replays.values().filter(|replay| !replay.transformed.is_empty());
        let stood = of_loading.map(|replay| (replay.epoch, replay.transformed.clone()));
        Self { moves: moves.collect(), stood: stood.collect() }
    }

    /// Whether transformation was ever set back in one of these pipelines.
    pub fn was_moved(&self, origins: &[&str]) -> bool {
        self.moves.keys().any(|(pipeline, _)| origins.contains(&pipeline.as_str()))
    }

    /// Whether transformation was set back to before the raw record, since this attempt at it.
    fn comes_again(&self, origin: &str, record: Identity) -> bool {
        let moves = self.moves.get(&(origin.to_owned(), record.partition));
        moves.is_some_and(|moves| moves.supersedes(record.offset, record.epoch))
    }

    /// The last attempt at a raw record before a replay of loading.
    fn last_attempt(&self, replay: u32, origin: &str, record: Identity) -> Option<u32> {
        let now = *self.stood.get(&replay)?.get(origin)?.get(&record.partition)?;
        let moves = self.moves.get(&(origin.to_owned(), record.partition))?;
        moves.before(replay).last_attempt(record.offset, now)
    }
}
