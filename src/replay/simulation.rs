//! One partition through both stages, with replays of every kind in between: whatever is done in whatever order, the
//! account and the open dead letters are those of the attempts that came last.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use uuid::Uuid;

use crate::checkpoint::{
    Counts, Cursor, ExtractCheckpoint, Finished, LetterSet, Move, PartitionMove, Replay, Stage,
    StageCheckpoint, Taken, TakenLetters, account,
};
use crate::dead_letters::{Before, Earlier, History, LetterState, Stood};
use crate::kafka::{CheckpointState, Names};
use crate::load::judge::{Judge, Model, Prior, Upstream};
use crate::load::letters::replace as replace_loaded;
use crate::record::{
    DeadLetter, EarlierLetter, Finding, Identity, ModelPosition, RawEntity, RawRecord, Reason, ReplayMark,
    Value,
};
use crate::transform::Ending;
use crate::transform::repeat::{mark, replace};

const RECORDS: i64 = 8;

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// Transformation goes on over so many records.
    Transform(i64),
    /// Loading goes on by one batch of so many records.
    Load(usize),
    /// A replay of transformation from there.
    TransformFrom(i64),
    /// A replay of loading from there, relative to where it is.
    LoadFrom(i64),
    /// Both at once.
    BothFrom(i64, i64),
    /// Every open dead letter is put back whose place modulo 3 is this.
    PutBack(usize),
    /// A loader is replaced by another one.
    OtherLoader,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..RECORDS + 1).prop_map(Step::Transform),
        4 => (1usize..6).prop_map(Step::Load),
        2 => (0..RECORDS).prop_map(Step::TransformFrom),
        2 => (0i64..12).prop_map(Step::LoadFrom),
        1 => (0..RECORDS, 0i64..12).prop_map(|(transform, load)| Step::BothFrom(transform, load)),
        2 => (0usize..3).prop_map(Step::PutBack),
        1 => Just(Step::OtherLoader),
    ]
}

/// A model record on its topic.
struct Sent {
    of: Identity,
    mark: Option<ReplayMark>,
}

struct World {
    /// Decides what becomes of attempts: used up one after the other.
    fate: Vec<bool>,
    used: usize,
    state: CheckpointState,
    transform: StageCheckpoint,
    load: StageCheckpoint,
    model: Vec<Sent>,
    letters: Vec<(DeadLetter, Stage)>,
    /// What the loader at work remembers.
    loader: Option<Earlier>,
    /// Of each record what its last attempt came to: rejected, or made into the model record at an offset.
    transformed: BTreeMap<i64, Result<usize, ()>>,
    /// Of each model record what loading last made of it.
    loaded: BTreeMap<usize, bool>,
}

impl World {
    fn new(fate: Vec<bool>) -> Self {
        let checkpoint = || StageCheckpoint::new(Uuid::nil());
        Self {
            fate,
            used: 0,
            state: CheckpointState::default(),
            transform: checkpoint(),
            load: checkpoint(),
            model: Vec::new(),
            letters: Vec::new(),
            loader: None,
            transformed: BTreeMap::new(),
            loaded: BTreeMap::new(),
        }
    }

    fn succeeds(&mut self) -> bool {
        self.used += 1;
        self.fate[self.used % self.fate.len()]
    }

    fn history(&self) -> History {
        History::new(&Names::new("r"), &self.state)
    }

    fn earlier(&self, wanted: impl Fn(Stage) -> bool) -> Earlier {
        let (mut earlier, history) = (Earlier::default(), self.history());
        for (at, (letter, stage)) in self.letters.iter().enumerate().filter(|(_, (_, stage))| wanted(*stage))
        {
            earlier.add(letter, *stage, (0, i64::try_from(at).unwrap()), &history);
        }
        earlier
    }

    fn letter(&self, of: Identity, reason: Reason) -> DeadLetter {
        DeadLetter {
            pipeline: "p".into(),
            entity_type: "P".into(),
            key: None,
            start: None,
            end: None,
            reason,
            message: String::new(),
            property: None,
            value: None,
            derived: false,
            charged: reason != Reason::EndpointMissing,
            pass: 1,
            read_at_micros: 0,
            topic: "r.raw.p".into(),
            lineage: of.lineage,
            partition: of.partition,
            offset: of.offset,
            output: of.output,
            epoch: of.epoch,
            model: None,
            earlier: None,
        }
    }

    /// One attempt at a raw record, counted where `counts` says.
    fn attempt(
        &mut self,
        of: Identity,
        before: Option<&Before>,
        earlier: Option<EarlierLetter>,
        counts: &mut Counts,
    ) {
        let counts = counts.of(1, if before.is_some() { of.epoch } else { 0 });
        let ending = if self.succeeds() { Ending::Passed } else { Ending::Rejected };
        match ending {
            Ending::Passed => {
                (counts.records, counts.passed) = (counts.records + 1, counts.passed + 1);
                self.transformed.insert(of.offset, Ok(self.model.len()));
                let mark = before.map(|before| ReplayMark { earlier, ..mark(before) });
                self.model.push(Sent { of, mark });
            }
            _ => {
                counts.dead_letter(Reason::RuleViolated, true);
                self.transformed.insert(of.offset, Err(()));
                self.letters.push((self.letter(of, Reason::RuleViolated), Stage::Transform));
            }
        }
        if let Some(before) = before {
            replace(counts, before, ending, &raw());
        }
    }

    fn transform(&mut self, records: i64) {
        let moves = self.state.moves(Stage::Transform).remove(&("p", 0)).unwrap_or_default();
        let earlier = self.earlier(|_| true);
        for _ in 0..records.min(RECORDS - self.transform.next_offset) {
            let of = identity(self.transform.next_offset, self.transform.epoch);
            let before =
                moves.earlier_attempt(of.offset).map(|attempt| earlier.before_transform(of, attempt));
            let mut counts = std::mem::take(&mut self.transform.counts);
            self.attempt(of, before.as_ref(), None, &mut counts);
            self.transform.counts = counts;
            self.transform.next_offset += 1;
        }
        self.state.transform.entry("p".into()).or_default().insert(0, self.transform.clone());
    }

    fn load(&mut self, records: usize) {
        let from = usize::try_from(self.load.next_offset).unwrap();
        let to = self.model.len().min(from + records);
        let earlier = self.loader.take().unwrap_or_else(|| self.earlier(|stage| stage == Stage::Load));
        let upstream = Upstream::new(&self.state);
        let mut judge = Judge {
            moves: &self.load.moves,
            earlier: &earlier,
            upstream: &upstream,
            epoch: self.load.epoch,
            in_batch: HashMap::new(),
        };
        let again: Vec<_> = (from..to)
            .map(|row| {
                let Sent { of, mark } = &self.model[row];
                judge.again(row, Model { of: *of, origin: "p", offset: row as i64, mark: mark.as_ref() })
            })
            .collect();
        let (mut counts, mut dead, mut new) = (self.load.counts.clone(), HashMap::new(), Vec::new());
        for (row, again) in (from..to).zip(again) {
            let of = self.model[row].of;
            let counts = counts.of(1, again.map_or(0, |again| again.epoch));
            let applied = self.succeeds();
            if applied || again.is_some_and(|again| again.obsolete) {
                (counts.records, counts.passed) = (counts.records + 1, counts.passed + 1);
            } else {
                counts.dead_letter(Reason::EndpointMissing, false);
                dead.insert(row, Prior::Dead { reason: Reason::EndpointMissing, charged: false });
                let model = Some(ModelPosition { partition: 0, offset: row as i64, epoch: of.epoch });
                let epoch = of.epoch.max(self.load.epoch);
                new.push(DeadLetter { epoch, model, ..self.letter(of, Reason::EndpointMissing) });
            }
            if !again.is_some_and(|again| again.obsolete) {
                self.loaded.insert(row, applied);
            }
            let before = again.map(|again| match again.before {
                Prior::Row(row) => dead.get(&row).copied().unwrap_or(Prior::Applied),
                known => known,
            });
            before.into_iter().for_each(|before| replace_loaded(counts, before, None));
        }
        self.load.counts = counts;
        self.load.next_offset = self.load.next_offset.max(to as i64);
        let mut earlier = earlier;
        new.iter().for_each(|letter| earlier.add_new(letter));
        self.letters.extend(new.into_iter().map(|letter| (letter, Stage::Load)));
        self.loader = Some(earlier);
    }

    fn add(&mut self, replay: Replay) {
        self.state.replays.insert((replay.epoch, Uuid::nil()), replay);
    }

    fn transform_from(&mut self, from: i64) {
        let (epoch, at) = (self.state.newest_epoch() + 1, self.transform.next_offset);
        (self.transform.epoch, self.transform.next_offset) = (epoch, from);
        self.state.transform.entry("p".into()).or_default().insert(0, self.transform.clone());
        self.add(Replay { moves: vec![moved(Stage::Transform, at, from)], ..replay(epoch) });
    }

    fn load_from(&mut self, back: i64) {
        let (epoch, at) = (self.state.newest_epoch() + 1, self.load.next_offset);
        let from = (at - back).max(0);
        self.load.moves.0.push(Move { epoch, at, from });
        (self.load.epoch, self.load.next_offset) = (epoch, from);
        // Nobody loads while loading is moved; what goes on after it begins anew.
        self.loader = None;
        let transformed = [("p".to_owned(), [(0, self.transform.next_offset)].into())].into();
        self.add(Replay { moves: vec![moved(Stage::Load, at, from)], transformed, ..replay(epoch) });
    }

    fn put_back(&mut self, which: usize) {
        let (epoch, history) = (self.state.newest_epoch() + 1, self.history());
        let (mut counts, mut taken, mut seen) = (Counts::default(), LetterSet::default(), Vec::new());
        for at in 0..self.letters.len() {
            let (letter, stage) = self.letters[at].clone();
            let place = (0, at as i64);
            let is_new = !seen.contains(&letter.identity());
            seen.push(letter.identity());
            if !is_new || at % 3 != which || history.state(&letter, place) != LetterState::Open {
                continue;
            }
            let stood = Some(Stood::of(&letter, stage));
            let before = match letter.model {
                Some(model) => Before { attempt: model.epoch, rejected: None, not_loaded: stood },
                None => Before { attempt: letter.epoch, rejected: stood, not_loaded: None },
            };
            let DeadLetter { epoch: then, reason, charged, .. } = letter;
            let earlier = EarlierLetter { partition: 0, offset: place.1, epoch: then, reason, charged };
            self.attempt(identity(letter.offset, epoch), Some(&before), Some(earlier), &mut counts);
            taken.insert(place.0, place.1);
        }
        if !taken.is_empty() {
            let counts = [("p".to_owned(), counts)].into();
            let letters =
                TakenLetters { taken: Taken::Replayed, letters: taken, comment: None, who: None, counts };
            self.add(Replay { letters: Some(letters), ..replay(epoch) });
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let extract = ExtractCheckpoint {
            lineage: Uuid::nil(),
            owner: Uuid::nil(),
            pass: 1,
            started_at_micros: 0,
            counted: RECORDS as u64,
            read: RECORDS as u64,
            repaired: 0,
            cursor: Cursor::Unkeyed { after: None },
            finished: Some(Finished { at_micros: 1, counted: RECORDS as u64 }),
        };
        let transform = self.state.transform_of("p");
        let account = account("p", Some(&extract), &transform, std::slice::from_ref(&self.load), &[]);
        let mut expected = (0, 0, 0);
        let mut open = Vec::new();
        for (offset, ending) in &self.transformed {
            match ending.map(|row| self.loaded[&row]) {
                Ok(true) => expected.0 += 1,
                Ok(false) => expected.1 += 1,
                Err(()) => expected.2 += 1,
            }
            if ending.map(|row| self.loaded[&row]) != Ok(true) {
                open.push(*offset);
            }
        }
        let dead = |reason| account.dead_letters.get(&reason).copied().unwrap_or(0);
        let found = (account.loaded, dead(Reason::EndpointMissing), dead(Reason::RuleViolated));
        prop_assert_eq!(found, expected, "{:#?}", self.state.replays);
        prop_assert_eq!(account.transformed, RECORDS as u64);
        prop_assert_eq!(account.charged, expected.2);
        prop_assert!(account.balances() && account.in_flight() == 0);
        prop_assert!(account.replays.iter().all(|replay| replay.in_flight() == 0), "{:?}", account.replays);
        let (history, mut seen, mut found) = (self.history(), Vec::new(), Vec::new());
        for (at, (letter, _)) in self.letters.iter().enumerate() {
            let is_new = !seen.contains(&letter.identity());
            seen.push(letter.identity());
            if is_new && history.state(letter, (0, at as i64)) == LetterState::Open {
                found.push(letter.offset);
            }
        }
        found.sort_unstable();
        prop_assert_eq!(found, open);
        Ok(())
    }
}

fn identity(offset: i64, epoch: u32) -> Identity {
    Identity { lineage: Uuid::nil(), partition: 0, offset, output: 0, epoch }
}

fn moved(stage: Stage, at: i64, from: i64) -> PartitionMove {
    PartitionMove { stage, pipeline: "p".into(), partition: 0, at, from }
}

fn replay(epoch: u32) -> Replay {
    let (moves, transformed) = (Vec::new(), BTreeMap::new());
    Replay { epoch, at_micros: 0, run: None, moves, transformed, letters: None }
}

fn raw() -> Vec<u8> {
    let entity =
        RawEntity::Relationship { start: Value::text("a"), end: Value::text("b"), properties: Vec::new() };
    let element_id = "4:x:7".into();
    let record = RawRecord {
        lineage: Uuid::nil(),
        pass: 1,
        read_at_micros: 0,
        element_id,
        finding: Finding::None,
        entity,
    };
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
    #[test]
    fn what_stands_is_what_came_last(fate in prop::collection::vec(any::<bool>(), 1..60), steps in prop::collection::vec(step(), 0..14)) {
        let mut world = World::new(fate);
        for step in steps {
            match step {
                Step::Transform(records) => world.transform(records),
                Step::Load(records) => world.load(records),
                Step::TransformFrom(from) => world.transform_from(from.min(world.transform.next_offset)),
                Step::LoadFrom(back) => world.load_from(back),
                Step::BothFrom(from, back) => {
                    world.transform_from(from.min(world.transform.next_offset));
                    world.load_from(back);
                }
                Step::PutBack(which) => world.put_back(which),
                Step::OtherLoader => world.loader = None,
            }
        }
        world.transform(RECORDS);
        while world.load.next_offset < world.model.len() as i64 {
            world.load(4);
        }
        world.check()?;
    }
}
