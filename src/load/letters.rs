//! The dead letters of a batch, and its counts.

use std::collections::HashMap;
use std::sync::Arc;

use crate::checkpoint::{Counts, PassCounts, StageCheckpoint};
use crate::error::{Cause, Error, Result};
use crate::neo4j::load_checkpoints::OutboxEntry;
use crate::pipeline::Source;
use crate::record::{
    DeadLetter, Key, ModelEntity, ModelPosition, ModelRecord, Reason, letter_message, named, shorten,
};

use super::Context;
use super::batch::{Batch, Row};
use super::judge::{Again, Prior};

/// A relationship whose end is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Miss {
    pub row: usize,
    pub start_found: bool,
    pub end_found: bool,
}

/// Dead letters that a batch has brought so far. Records before `counted_from` are being written again: they were
/// counted, and their dead letters published, when they came first.
#[derive(Clone)]
pub(super) struct Letters {
    context: Arc<Context>,
    counted_from: i64,
    /// Epoch of loading on the partition.
    epoch: u32,
    /// Rows that come once more.
    again: Arc<HashMap<usize, Again>>,
    letters: Vec<Letter>,
    outbox: Vec<OutboxEntry>,
}

#[derive(Debug, Clone)]
struct Letter {
    /// The batch's row; none for bytes that are no record.
    row: Option<usize>,
    /// Bytes that are no record, come once more.
    foreign_again: bool,
    reason: Reason,
    charged: bool,
}

impl Letters {
    pub(super) fn new(
        context: &Arc<Context>,
        batch: &Batch,
        checkpoint: &StageCheckpoint,
        again: HashMap<usize, Again>,
    ) -> Self {
        let mut letters = Self {
            context: context.clone(),
            counted_from: checkpoint.next_offset,
            epoch: checkpoint.epoch,
            again: Arc::new(again),
            letters: Vec::new(),
            outbox: Vec::new(),
        };
        for (offset, payload, undecodable) in &batch.foreign {
            if *offset >= letters.counted_from {
                let again = checkpoint.moves.earlier_attempt(*offset).is_some();
                letters.foreign(batch.partition, *offset, payload, &undecodable.message, again);
            }
        }
        letters
    }

    /// Bytes on the model topic that are no model record. Nobody's pass read them.
    fn foreign(&mut self, partition: i32, offset: i64, payload: &[u8], message: &str, again: bool) {
        let context = &self.context;
        let letter = DeadLetter {
            pipeline: context.pipeline.name().to_owned(),
            entity_type: context.pipeline.source().entity_type().to_owned(),
            key: None,
            start: None,
            end: None,
            reason: Reason::Undecodable,
            message: message.to_owned(),
            property: None,
            value: None,
            derived: false,
            charged: true,
            pass: 0,
            read_at_micros: 0,
            topic: context.kafka.names.model(context.pipeline.name()),
            lineage: context.lineage.id,
            partition,
            offset,
            output: 0,
            epoch: self.epoch,
            model: Some(ModelPosition { partition, offset, epoch: 0 }),
            earlier: None,
        };
        self.add(None, letter, None, payload);
        if let Some(letter) = self.letters.last_mut() {
            letter.foreign_again = again;
        }
    }

    /// Relationships whose ends are not there although all that can bring them is through.
    pub(super) fn missing(&mut self, batch: &Batch, misses: &[Miss]) -> Result<()> {
        for miss in misses {
            let Some((row, record)) = self.uncounted(batch, miss.row)? else { continue };
            let ModelEntity::Relationship { start, end } = &record.entity else { continue };
            let Source::Relationship { start: from, end: to, .. } = self.context.pipeline.source() else {
                continue;
            };
            let mut sentences = Vec::new();
            let mut charged = false;
            let mut look = |found: bool, which: &str, label: &str, key: &str| {
                if found {
                    return;
                }
                let dead = self.context.dead_ends.contains(&self.context.pipelines_of(label), key);
                let why = if dead { "is a dead letter itself" } else { "is not in the target" };
                sentences.push(format!("its {which}, the {label} {:?}, {why}", shorten(key, 200)));
                charged |= !dead;
            };
            look(miss.start_found, "start", &from.label, start);
            look(miss.end_found, "end", &to.label, end);
            let letter =
                self.letter(batch, row, &record, (Reason::EndpointMissing, sentences.join("; "), charged));
            let key = Key::Relationship(start.as_ref().into(), end.as_ref().into()).message_key();
            let payload = batch.payload(row).to_vec();
            self.add(Some(miss.row), letter, key, &payload);
        }
        Ok(())
    }

    /// A record that Neo4j refused.
    pub(super) fn rejected(&mut self, batch: &Batch, row: usize, error: &Error) -> Result<()> {
        let Some((at, record)) = self.uncounted(batch, row)? else {
            return Ok(());
        };
        let said = error.chain().into_iter().skip(1).collect::<Vec<_>>().join(": ");
        let letter = self.letter(batch, at, &record, (Reason::TargetRejected, said, true));
        let key = match &record.entity {
            ModelEntity::Node { key, .. } => Key::Node(key.as_ref().into()).message_key(),
            ModelEntity::Relationship { start, end } => {
                Key::Relationship(start.as_ref().into(), end.as_ref().into()).message_key()
            }
        };
        let payload = batch.payload(at).to_vec();
        self.add(Some(row), letter, key, &payload);
        Ok(())
    }

    fn letter(
        &self,
        batch: &Batch,
        row: &Row,
        record: &ModelRecord<'_>,
        (reason, message, charged): (Reason, String, bool),
    ) -> DeadLetter {
        let pipeline = &self.context.pipeline;
        let origin = record.derived_from.as_deref().unwrap_or(pipeline.name());
        let (key, start, end) = match &record.entity {
            ModelEntity::Node { key, .. } => (Some(named(key).into_owned()), None, None),
            ModelEntity::Relationship { start, end } => {
                (None, Some(named(start).into_owned()), Some(named(end).into_owned()))
            }
        };
        let at = record.identity;
        DeadLetter {
            pipeline: pipeline.name().to_owned(),
            entity_type: pipeline.source().entity_type().to_owned(),
            key,
            start,
            end,
            reason,
            message: letter_message(&message),
            property: None,
            value: None,
            derived: record.derived_from.is_some(),
            charged: charged && record.derived_from.is_none(),
            pass: record.pass,
            read_at_micros: record.read_at_micros,
            topic: self.context.kafka.names.raw(origin),
            lineage: at.lineage,
            partition: at.partition,
            offset: at.offset,
            output: at.output,
            // Higher than every replay that is behind it, of either stage.
            epoch: at.epoch.max(self.epoch),
            model: Some(ModelPosition { partition: batch.partition, offset: row.offset, epoch: at.epoch }),
            earlier: row.mark.as_ref().and_then(|mark| mark.earlier),
        }
    }

    fn add(&mut self, row: Option<usize>, letter: DeadLetter, key: Option<Vec<u8>>, payload: &[u8]) {
        let (topic, at) = (&letter.topic, letter.identity());
        let id = format!("{topic}/{}/{}/{}/{}/{}", at.lineage, at.partition, at.offset, at.output, at.epoch);
        self.letters.push(Letter {
            row,
            foreign_again: false,
            reason: letter.reason,
            charged: letter.charged,
        });
        // A letter of plain fields always has a JSON form.
        let letter = serde_json::to_string(&letter).unwrap_or_default();
        self.outbox.push(OutboxEntry { id, letter, key, payload: payload.to_vec() });
    }

    /// A row and its record, unless it was counted before or does not matter any more.
    fn uncounted<'b>(&self, batch: &'b Batch, row: usize) -> Result<Option<(&'b Row, ModelRecord<'b>)>> {
        let Some(at) = batch.rows.get(row) else { return Ok(None) };
        let known = self.letters.iter().any(|letter| letter.row == Some(row));
        let obsolete = self.again.get(&row).is_some_and(|again| again.obsolete);
        if known || obsolete || at.offset < self.counted_from {
            return Ok(None);
        }
        let record = batch.record(at);
        let record =
            record.map_err(|error| Error::new(Cause::Unexpected, "read a record again").source(error))?;
        Ok(Some((at, record)))
    }

    /// What is to be published once the batch is durable.
    pub(super) fn outbox(&self) -> &[OutboxEntry] {
        &self.outbox
    }

    /// Counts of the batch's records that were not counted before.
    pub(super) fn counts(&self, batch: &Batch, newest_pass: u32) -> Counts {
        let mut counts = Counts::default();
        let by_row: HashMap<usize, &Letter> =
            self.letters.iter().filter_map(|letter| Some((letter.row?, letter))).collect();
        for (index, row) in batch.rows.iter().enumerate().filter(|(_, row)| row.offset >= self.counted_from) {
            let (letter, again) = (by_row.get(&index), self.again.get(&index));
            let of = counts.of(row.pass, again.map_or(0, |again| again.epoch));
            let emitter = batch.derived_by(row);
            match (letter, emitter) {
                (None, None) => {
                    of.records += 1;
                    of.passed += 1;
                }
                (Some(letter), None) => of.dead_letter(letter.reason, letter.charged),
                (letter, Some(emitter)) => {
                    let arrived = of.arrived.entry(emitter.to_owned()).or_default();
                    arrived.total += 1;
                    if let Some(letter) = letter {
                        *arrived.dead_letters.entry(letter.reason).or_default() += 1;
                    }
                }
            }
            if let Some(again) = again {
                let before = match again.before {
                    Prior::Row(before) => by_row.get(&before).map_or(Prior::Applied, |letter| letter.prior()),
                    known => known,
                };
                replace(of, before, emitter);
            }
        }
        for letter in self.letters.iter().filter(|letter| letter.row.is_none()) {
            let of = counts.of(newest_pass, if letter.foreign_again { self.epoch } else { 0 });
            of.foreign += 1;
            of.dead_letter(letter.reason, letter.charged);
            if letter.foreign_again {
                of.replaced().foreign += 1;
                of.replaced().dead_letter(letter.reason, letter.charged);
            }
        }
        counts
    }
}

impl Letter {
    fn prior(&self) -> Prior {
        Prior::Dead { reason: self.reason, charged: self.charged }
    }
}

/// Counts what an outcome stands in place of; `emitter` is the pipeline that derived its record.
pub(crate) fn replace(counts: &mut PassCounts, before: Prior, emitter: Option<&str>) {
    let dead = match before {
        // That of another row has been looked up.
        Prior::Absent | Prior::Row(_) => return,
        Prior::Applied => None,
        Prior::Dead { reason, charged } => Some((reason, charged)),
    };
    match (emitter, dead) {
        (None, None) => counts.replaced().passed += 1,
        (None, Some((reason, charged))) => counts.replaced().dead_letter(reason, charged),
        (Some(emitter), dead) => {
            let arrived = counts.replaced().arrived.entry(emitter.to_owned()).or_default();
            arrived.total += 1;
            if let Some((reason, _)) = dead {
                *arrived.dead_letters.entry(reason).or_default() += 1;
            }
        }
    }
}
