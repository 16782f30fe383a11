//! The second reading: buckets that differ, record by record. The target's rows are held as digests, the source's
//! records come by, and what is left over has nothing in the source.

use std::collections::HashMap;

use super::Shared;
use super::buckets::BucketSet;
use super::compare::Ends;
use super::describe::Wanted;
use super::feed::Item;
use super::held::{Held, MOST_KEYS, Meeting, Remaining};
use super::judge::{Fate, Judge, Work};
use super::plan::Compared;
use super::reading::BEGINNING;
use super::subject::{entity_digest, key_of};
use crate::checkpoint::LastKey;
use crate::error::Result;
use crate::extract::{Resent, place_of};
use crate::pipeline::Derived;
use crate::record::{ModelEntity, RawRecord, Reason};

/// A record that differs, as it is found.
pub(super) enum Event {
    /// It is not there.
    Missing {
        /// Its key.
        key: LastKey,
        /// As an end of relationships.
        end: Option<u128>,
        /// The record to send again, where records are wanted.
        send: Option<Resent>,
    },
    /// A derived one is not there. Unless its ends are not there either, and should not be.
    MissingDerived {
        /// Its key.
        key: LastKey,
        /// Its ends.
        ends: [u128; 2],
        /// The record that derives it, where records are wanted, and its pipeline.
        send: Option<(String, Resent)>,
    },
    /// It is there and not as expected.
    Different {
        /// Its key.
        key: LastKey,
        /// What is expected.
        wanted: Wanted,
        /// The record to send again, where records are wanted, and its pipeline.
        send: Option<(String, Resent)>,
    },
    /// Rows of one key that are not expected, or too many.
    Left {
        /// The key, if it is usable.
        key: Option<LastKey>,
        /// Element ids of all rows with it, and whether each has the content that is expected of one.
        rows: Vec<(String, bool)>,
        /// Why.
        why: Remaining,
    },
}

/// Who is told of differences.
pub(super) trait Sink {
    /// Whether the records are wanted, to be sent again.
    fn wants_records(&self) -> bool;
    /// Takes what was found in a type.
    async fn take(&mut self, compared: &Compared, events: Vec<Event>) -> Result<()>;
}

/// One turn: some buckets of a type, and what is found in them.
struct Turn<'t> {
    shared: &'t Shared,
    compared: &'t Compared,
    active: BucketSet,
    held: Held,
    work: Work,
    events: Vec<Event>,
    wants_records: bool,
}

impl Shared {
    /// Looks at buckets of a type record by record. False where `stop` came first.
    pub(super) async fn look_again(
        &self,
        compared: &Compared,
        differing: &BucketSet,
        ends: &Ends,
        sink: &mut impl Sink,
    ) -> Result<bool> {
        let mut turns = self.turns(compared, differing);
        while let Some(active) = turns.pop().filter(|active| !active.is_empty()) {
            let mut turn = Turn {
                shared: self,
                compared,
                active,
                held: Held::new(compared.buckets),
                work: Work::default(),
                events: Vec::new(),
                wants_records: sink.wants_records(),
            };
            if !turn.hold_target(&mut turns).await?
                || !turn.meet_source(ends, sink).await?
                || !turn.tell_left(sink).await?
            {
                return Ok(false);
            }
        }
        self.tally.end(compared.subject.name());
        Ok(true)
    }

    /// The buckets in as many turns as derived relationships need, all of which may be missing. The target's rows make
    /// more of them.
    fn turns(&self, compared: &Compared, differing: &BucketSet) -> Vec<BucketSet> {
        let derived = self.derived.counts(compared.subject.name()).expected;
        let most = (MOST_KEYS / 2) as u64 * compared.buckets.number() as u64;
        let mut turns = Vec::new();
        let mut waiting = vec![differing.clone()];
        while let Some(mut turn) = waiting.pop() {
            match (derived * turn.len() as u64 > most).then(|| turn.split()).flatten() {
                Some(half) => waiting.extend([half, turn]),
                None => turns.push(turn),
            }
        }
        turns
    }
}

impl Turn<'_> {
    /// Holds the target's rows of the turn's buckets.
    async fn hold_target(&mut self, turns: &mut Vec<BucketSet>) -> Result<bool> {
        let mut slots = Vec::new();
        let Some(target) = &self.compared.target else { return Ok(true) };
        let mut feed = target.open(BEGINNING).await?;
        while let Some(portion) = feed.next().await? {
            self.shared.tally.add(self.compared.subject.name(), portion.records.len() as u64);
            for item in portion.records {
                let Item::Row(row, _) = item else { continue };
                let digested = self.compared.subject.actual(&row, &mut self.work.canonical, &mut slots);
                if self.active.contains(self.compared.buckets.of(digested.key)) {
                    self.held.add(&digested);
                }
            }
            self.shrink(turns);
            if self.shared.stop.is_requested() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Leaves buckets to a later turn where the turn holds too much.
    fn shrink(&mut self, turns: &mut Vec<BucketSet>) {
        while self.held.is_too_much() {
            let Some(half) = self.active.split() else { return };
            self.held.leave(&half);
            turns.push(half);
        }
    }

    /// Holds every expected record against them: derived ones first, which stored ones don't change.
    async fn meet_source(&mut self, ends: &Ends, sink: &mut impl Sink) -> Result<bool> {
        let compared = self.compared;
        for deriver in &compared.derivers {
            let judge = self.shared.judge(deriver, ends);
            let meet = |turn: &mut Self, raw: RawRecord<'_>| turn.meet_deriving(raw, deriver, &judge, ends);
            if !self.each(deriver, meet, sink).await? {
                return Ok(false);
            }
        }
        let judge = self.shared.judge(compared, ends);
        self.each(compared, |turn, raw| turn.meet(raw, &judge), sink).await
    }

    /// Hands every record of a type's source to `meet`, and what is found of it to the sink.
    async fn each(
        &mut self,
        of: &Compared,
        mut meet: impl FnMut(&mut Self, RawRecord<'_>) -> Result<()>,
        sink: &mut impl Sink,
    ) -> Result<bool> {
        let mut feed = of.source.open(BEGINNING).await?;
        while let Some(portion) = feed.next().await? {
            self.shared.tally.add(self.compared.subject.name(), portion.records.len() as u64);
            for item in portion.records {
                item.with(&of.envelope, |raw| meet(self, raw))?;
            }
            self.tell(sink).await?;
            if self.shared.stop.is_requested() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn tell(&mut self, sink: &mut impl Sink) -> Result<()> {
        let events = std::mem::take(&mut self.events);
        if events.is_empty() { Ok(()) } else { sink.take(self.compared, events).await }
    }

    /// A record of the type itself.
    fn meet(&mut self, mut raw: RawRecord<'_>, judge: &Judge) -> Result<()> {
        let subject = &self.compared.subject;
        let key = entity_digest(&raw.entity, &raw.element_id, &mut self.work.canonical);
        if !self.active.contains(self.compared.buckets.of(key)) {
            return Ok(());
        }
        let send = self.wants_records.then(|| resent(&mut raw, self.compared));
        let end = judge.as_end(&raw.entity, &mut self.work.canonical);
        match judge.judge(raw, &mut self.work)? {
            Fate::Merged => {}
            Fate::Rejected(reason) => self.held.reject(key, reason),
            Fate::Accounted(record, reason) => {
                self.held.account(&subject.expected(&record, &mut self.work.canonical), reason);
            }
            Fate::Expected(record) => {
                let digested = subject.expected(&record, &mut self.work.canonical);
                let met = match self.held.is_known_missing(digested.key) {
                    true => Meeting::Again,
                    false => self.held.expect(&digested, false),
                };
                let Some(key) = last_key(&record.entity) else { return Ok(()) };
                match met {
                    Meeting::Equal | Meeting::Again => {}
                    Meeting::Missing => self.events.push(Event::Missing { key, end, send }),
                    Meeting::Different => {
                        let send = send.map(|send| (subject.name().to_owned(), send));
                        let wanted = Wanted::of(&record);
                        self.events.push(Event::Different { key, wanted, send });
                    }
                }
            }
        }
        Ok(())
    }

    /// A record that derives records of the type.
    fn meet_deriving(
        &mut self,
        mut raw: RawRecord<'_>,
        deriver: &Compared,
        judge: &Judge,
        ends: &Ends,
    ) -> Result<()> {
        let send = self.wants_records.then(|| resent(&mut raw, deriver));
        let record = match judge.judge(raw, &mut self.work)? {
            Fate::Expected(record) | Fate::Accounted(record, _) => record,
            Fate::Merged | Fate::Rejected(_) => return Ok(()),
        };
        let name = self.compared.subject.name();
        let is_wanted = |derived: &&Derived<'_>| derived.pipeline == name && derived.rejection.is_none();
        for derived in record.derived.iter().filter(is_wanted) {
            let send = send.as_ref().map(|send| (deriver.subject.name().to_owned(), send.clone()));
            self.meet_derived(derived, ends, send);
        }
        Ok(())
    }

    fn meet_derived(&mut self, derived: &Derived<'_>, known: &Ends, send: Option<(String, Resent)>) {
        let subject = &self.compared.subject;
        let (start, end) = (derived.start.as_ref(), derived.end.as_ref());
        let digested = subject.derived(start, end, &mut self.work.canonical);
        if !self.active.contains(self.compared.buckets.of(digested.key)) {
            return;
        }
        let Some(ends) = subject.ends(start, end, &mut self.work.canonical) else { return };
        let letters = &self.shared.letters;
        let misses = ends.iter().any(|end| known.dead.contains(end))
            || letters.still_misses(subject.name(), digested.key, &known.found);
        if misses {
            return self.held.account(&digested, Reason::EndpointMissing);
        }
        let key = LastKey::Relationship { start: start.to_owned(), end: end.to_owned() };
        match self.held.expect(&digested, true) {
            Meeting::Equal | Meeting::Again => {}
            Meeting::Missing => self.events.push(Event::MissingDerived { key, ends, send }),
            Meeting::Different => {
                self.events.push(Event::Different { key, wanted: Wanted::nothing(), send });
            }
        }
    }

    /// Reads the rows of keys that are left over once more, to name them.
    async fn tell_left(&mut self, sink: &mut impl Sink) -> Result<bool> {
        let remaining = self.held.remaining();
        let Some(target) = self.compared.target.as_ref().filter(|_| !remaining.is_empty()) else {
            return Ok(true);
        };
        let mut together: HashMap<u128, Event> = HashMap::new();
        let mut last = None;
        let mut slots = Vec::new();
        let mut feed = target.open(BEGINNING).await?;
        while let Some(portion) = feed.next().await? {
            for item in portion.records {
                let Item::Row(row, _) = item else { continue };
                let digested = self.compared.subject.actual(&row, &mut self.work.canonical, &mut slots);
                let (key, content) = (digested.key, digested.content);
                let Some(why) = remaining.get(&key) else { continue };
                let as_expected = matches!(why, Remaining::Surplus { content: wanted } if *wanted == content);
                let event = together.entry(key).or_insert_with(|| Event::Left {
                    key: key_of(&row.entity),
                    rows: Vec::new(),
                    why: *why,
                });
                if let Event::Left { rows, .. } = event {
                    rows.push((row.element_id, as_expected));
                }
                last = Some(key);
            }
            // Rows of a key come one after the other: all but the last key's are complete.
            let complete = together.extract_if(|key, _| last != Some(*key));
            self.events.extend(complete.map(|(_, event)| event));
            self.tell(sink).await?;
            if self.shared.stop.is_requested() {
                return Ok(false);
            }
        }
        self.events.extend(together.into_values());
        self.tell(sink).await?;
        Ok(true)
    }
}

/// The record as it is sent again.
fn resent(raw: &mut RawRecord<'_>, of: &Compared) -> Resent {
    let mut payload = Vec::new();
    of.envelope.encode(raw, &mut payload);
    let (key, partition) = place_of(raw, of.partitions);
    Resent { key, partition, payload }
}

fn last_key(entity: &ModelEntity<'_>) -> Option<LastKey> {
    Some(match entity {
        ModelEntity::Node { key, .. } => LastKey::Node(key.to_string()),
        ModelEntity::Relationship { start, end } => {
            LastKey::Relationship { start: start.to_string(), end: end.to_string() }
        }
    })
}
