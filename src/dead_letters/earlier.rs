//! How records stood before a replay took them once more. Outcomes that were no dead letter leave no trace of their
//! own: what was attempted and is no dead letter got through.

use std::collections::{BTreeMap, HashMap};

use tracing::warn;
use uuid::Uuid;

use super::history::{History, Place};
use crate::checkpoint::Stage;
use crate::error::Result;
use crate::kafka::{Kafka, read_dead_letter, scan_settled, stage_of_dead_letter};
use crate::record::{DeadLetter, Identity, ModelPosition, Reason};

/// A record or derived record, whatever the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Outcome {
    lineage: Uuid,
    partition: i32,
    offset: i64,
    output: u32,
}

impl From<Identity> for Outcome {
    fn from(of: Identity) -> Self {
        Self { lineage: of.lineage, partition: of.partition, offset: of.offset, output: of.output }
    }
}

/// What is known of a dead letter that stood for a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stood {
    stage: Stage,
    epoch: u32,
    model: Option<ModelPosition>,
    put_back: Option<u32>,
    /// Loading was set back to before its model record.
    loaded_again: bool,
    /// Reason.
    pub reason: Reason,
    /// Whether it was charged to the limit.
    pub charged: bool,
    /// Pass that it was counted under.
    pub pass: u32,
}

/// How a raw record stood before it is transformed once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// Epoch of the last attempt.
    pub attempt: u32,
    /// The dead letter that transformation made of it; where there is none, it was merged or got through.
    pub rejected: Option<Stood>,
    /// The dead letter that loading made of it.
    pub not_loaded: Option<Stood>,
}

/// Dead letters by the records that they stood for: some 80 bytes each, held only while records are replayed.
#[derive(Debug, Clone, Default)]
pub struct Earlier {
    letters: HashMap<Outcome, Vec<Stood>>,
}

impl Earlier {
    /// Reads those that `wanted` takes, up to the topic's `ends`. Blocks: call it on a thread of its own.
    pub fn read(
        kafka: &Kafka,
        ends: &BTreeMap<i32, i64>,
        history: &History,
        wanted: impl Fn(&DeadLetter, Stage) -> bool,
    ) -> Result<Self> {
        let mut earlier = Self::default();
        scan_settled(kafka, &kafka.names.dead_letters(), ends, |record| {
            match (read_dead_letter(&record), stage_of_dead_letter(&record)) {
                (Ok(letter), Some(stage)) if wanted(&letter, stage) => {
                    earlier.add(&letter, stage, (record.partition, record.offset), history);
                }
                (Ok(_), _) => {}
                (Err(error), _) => warn!("left out: {}", error.chain().join(": ")),
            }
            Ok(())
        })?;
        Ok(earlier)
    }

    /// Adds one that stands on the topic.
    pub(crate) fn add(&mut self, letter: &DeadLetter, stage: Stage, place: Place, history: &History) {
        let (put_back, loaded_again) = (history.put_back(place), history.is_loaded_again(letter));
        self.insert(letter, Stood { put_back, loaded_again, ..Stood::of(letter, stage) });
    }

    /// Adds one that loading has just made.
    pub fn add_new(&mut self, letter: &DeadLetter) {
        self.insert(letter, Stood::of(letter, Stage::Load));
    }

    fn insert(&mut self, letter: &DeadLetter, stood: Stood) {
        let known = self.letters.entry(letter.identity().into()).or_default();
        // Loading may have told Kafka the same one twice.
        if !known.iter().any(|other| (other.stage, other.epoch) == (stood.stage, stood.epoch)) {
            known.push(stood);
        }
    }

    /// How a raw record stood whose last attempt by transformation itself was in epoch `attempt`.
    pub fn before_transform(&self, of: Identity, attempt: u32) -> Before {
        let known = self.letters.get(&Outcome::from(of)).map(Vec::as_slice).unwrap_or_default();
        let put_back = known.iter().filter_map(|stood| stood.put_back).max().unwrap_or(0);
        let attempt = attempt.max(put_back);
        let rejected = known.iter().find(|stood| stood.stage == Stage::Transform && stood.epoch == attempt);
        let not_loaded = known.iter().filter(|stood| stood.made(attempt) && !stood.loaded_again);
        let not_loaded = not_loaded.max_by_key(|stood| stood.epoch).filter(|_| rejected.is_none());
        Before { attempt, rejected: rejected.copied(), not_loaded: not_loaded.copied() }
    }

    /// The dead letter that loading made of the model record of an attempt, if that still stands. `looked_at` says in
    /// which epoch the record at an offset of the model topic was last looked at.
    pub fn before_load(
        &self,
        of: Identity,
        attempt: u32,
        looked_at: impl Fn(i64) -> Option<u32>,
    ) -> Option<Stood> {
        let known = self.letters.get(&Outcome::from(of))?;
        let last = known.iter().filter(|stood| stood.made(attempt)).max_by_key(|stood| stood.epoch)?;
        let looked_at = looked_at(last.model?.offset)?;
        (last.epoch >= attempt.max(looked_at)).then_some(*last)
    }

    /// Whether the record of an attempt was put back after it, and before an epoch.
    pub fn is_put_back_between(&self, of: Identity, attempt: u32, epoch: u32) -> bool {
        let known = self.letters.get(&Outcome::from(of)).map(Vec::as_slice).unwrap_or_default();
        known
            .iter()
            .any(|stood| stood.put_back.is_some_and(|put_back| attempt < put_back && put_back < epoch))
    }
}

impl Stood {
    /// What a dead letter of a stage says of its record.
    pub fn of(letter: &DeadLetter, stage: Stage) -> Self {
        Self {
            stage,
            epoch: letter.epoch,
            model: letter.model,
            put_back: None,
            loaded_again: false,
            reason: letter.reason,
            charged: letter.charged,
            pass: letter.pass,
        }
    }

    /// Whether loading made it of the model record of an attempt.
    fn made(&self, attempt: u32) -> bool {
        self.stage == Stage::Load && self.model.is_some_and(|model| model.epoch == attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::letter;
    use super::*;

    fn rejected(epoch: u32) -> DeadLetter {
        DeadLetter { epoch, ..letter(Some("e1"), 17) }
    }

    fn not_loaded(attempt: u32, epoch: u32, offset: i64) -> DeadLetter {
        let model = Some(ModelPosition { partition: 2, offset, epoch: attempt });
        DeadLetter { epoch, model, reason: Reason::EndpointMissing, ..letter(Some("e1"), 17) }
    }

    #[test]
    fn the_last_attempt_decides_how_a_record_stood() {
        let of = letter(Some("e1"), 17).identity();
        let mut earlier = Earlier::default();
        assert_eq!(earlier.before_transform(of, 0), Before { attempt: 0, rejected: None, not_loaded: None });
        earlier.insert(&rejected(0), Stood::of(&rejected(0), Stage::Transform));
        assert!(earlier.before_transform(of, 0).rejected.is_some());
        assert!(earlier.before_transform(of, 1).rejected.is_none(), "the attempt after it got through");
        earlier.add_new(&not_loaded(1, 1, 40));
        assert_eq!(earlier.before_transform(of, 1).not_loaded.unwrap().reason, Reason::EndpointMissing);
        assert_eq!(earlier.before_transform(of, 0).not_loaded, None);
    }

    #[test]
    fn a_record_that_was_put_back_got_through_or_was_rejected_then() {
        let of = letter(Some("e1"), 17).identity();
        let mut earlier = Earlier::default();
        earlier
            .insert(&rejected(0), Stood { put_back: Some(4), ..Stood::of(&rejected(0), Stage::Transform) });
        assert_eq!(earlier.before_transform(of, 0), Before { attempt: 4, rejected: None, not_loaded: None });
        let between =
            [(0, 9), (4, 9), (0, 4)].map(|(attempt, epoch)| earlier.is_put_back_between(of, attempt, epoch));
        assert_eq!(between, [true, false, false]);
        earlier.insert(&rejected(4), Stood::of(&rejected(4), Stage::Transform));
        assert_eq!(earlier.before_transform(of, 0).rejected.map(|stood| stood.epoch), Some(4));
        assert_eq!(earlier.before_transform(of, 5).attempt, 5, "transformed since");
    }

    #[test]
    fn a_failed_loading_stands_until_its_model_record_is_loaded_again() {
        let of = letter(Some("e1"), 17).identity();
        let mut earlier = Earlier::default();
        earlier.add_new(&not_loaded(0, 0, 40));
        assert!(earlier.before_load(of, 0, |_| Some(0)).is_some());
        assert!(earlier.before_load(of, 0, |_| None).is_none(), "never looked at");
        assert!(
            earlier.before_load(of, 0, |offset| Some(u32::from(offset == 40) * 2)).is_none(),
            "it got through"
        );
        earlier.add_new(&not_loaded(0, 2, 40));
        assert!(earlier.before_load(of, 0, |_| Some(2)).is_some());
        assert!(earlier.before_load(of, 1, |_| Some(2)).is_none(), "another attempt");
    }
}
