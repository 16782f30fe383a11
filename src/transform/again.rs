//! Single raw records through a pipeline once more, in place of a worker: for dead letters that are put back.

use super::Context;
use super::derived::{Further, Outcome};
use super::outcome::{Decision, Position, Scratch, decide};
use super::partition::Partition;
use super::repeat::{Ending, mark};
use super::sending::{Raw, Sender};
use crate::checkpoint::{Counts, StageCheckpoint};
use crate::dead_letters::Before;
use crate::error::Result;
use crate::kafka::TransactionalProducer;
use crate::record::{DeadLetter, EarlierLetter, Reason, ReplayMark, named};

/// A pipeline that takes single records, under one epoch.
pub struct Again {
    context: Context,
    /// The same, but what its records derive is left out.
    alone: Context,
    partition: Partition,
    scratch: Scratch,
    sender: Sender,
}

/// A dead letter on its way back.
#[derive(Debug, Clone, Copy)]
pub struct Returning<'a> {
    /// What it says.
    pub letter: &'a DeadLetter,
    /// Its place.
    pub earlier: EarlierLetter,
    /// How its record stood.
    pub before: Before,
}

impl Again {
    /// Takes records of the context's pipeline.
    pub fn new(context: Context, epoch: u32) -> Self {
        let checkpoint = StageCheckpoint { epoch, ..StageCheckpoint::new(context.lineage.id) };
        let (partition, _) = Partition::new(checkpoint, 0, &context.digest, 0);
        let alone = Context { receivers: Vec::new(), ..context.clone() };
        Self { partition, scratch: Scratch::default(), sender: Sender::new(&context), context, alone }
    }

    /// Sends what becomes of a record now, within the producer's transaction. Returns the reason where it is a dead
    /// letter again.
    ///
    /// What loading refused has derived its records before: only the record itself is sent again then.
    pub fn put(
        &mut self,
        producer: &mut TransactionalProducer,
        raw: Raw<'_>,
        returning: &Returning<'_>,
    ) -> Result<(Ending, Option<Reason>)> {
        let Returning { before, earlier, .. } = *returning;
        let position = Position { partition: raw.partition, offset: raw.offset };
        let context = if before.rejected.is_some() { &self.context } else { &self.alone };
        self.partition.repeat(before);
        let mut decision = decide(context, &mut self.partition, position, raw.payload, &mut self.scratch)?;
        let reason = match &mut decision {
            Decision::DeadLetter(letter) => {
                letter.earlier = Some(earlier);
                Some(letter.reason)
            }
            Decision::Model(..) | Decision::Merged(_) => None,
        };
        self.partition.replace(&mut decision, &context.receivers, raw.payload);
        let mark = ReplayMark { earlier: Some(earlier), ..mark(&before) };
        self.sender.send(context, producer, raw, &decision, Some(&mark))?;
        Ok((decision.ending(), reason))
    }

    /// The same for a record that this pipeline's raw record derives: of all that it derives now, the one with the same
    /// ends. Nothing where it derives no such record any more.
    pub fn put_derived(
        &mut self,
        producer: &mut TransactionalProducer,
        raw: Raw<'_>,
        returning: &Returning<'_>,
    ) -> Result<Option<(Ending, Option<Reason>)>> {
        let Returning { letter, before, earlier } = *returning;
        let position = Position { partition: raw.partition, offset: raw.offset };
        // Nothing but the derived record counts, and that at the end.
        let checkpoint = StageCheckpoint {
            epoch: self.partition.epoch(),
            ..StageCheckpoint::new(self.context.lineage.id)
        };
        let (mut uncounted, _) = Partition::new(checkpoint, 0, &self.context.digest, 0);
        let decision = decide(&self.context, &mut uncounted, position, raw.payload, &mut self.scratch)?;
        let Decision::Model(_, further) = decision else { return Ok(None) };
        let is_it = |each: &Further<'_>| {
            self.context.receivers[each.receiver].pipeline.name() == letter.pipeline && each.joins(letter)
        };
        let Some(mut further) = further.into_iter().find(is_it) else { return Ok(None) };
        let mark = ReplayMark { earlier: Some(earlier), ..mark(&before) };
        let reason = further.returns(letter, mark);
        self.sender.send_derived(&self.context, producer, &further, raw.payload)?;
        self.partition.repeat(before);
        let counts = self.partition.counts(letter.pass);
        let emitted = counts.emitted.entry(letter.pipeline.clone()).or_default();
        emitted.total += 1;
        reason.iter().for_each(|reason| *emitted.dead_letters.entry(*reason).or_default() += 1);
        let replaced = counts.replaced().emitted.entry(letter.pipeline.clone()).or_default();
        replaced.total += 1;
        if let Some(rejected) = before.rejected {
            *replaced.dead_letters.entry(rejected.reason).or_default() += 1;
        }
        Ok(Some((if reason.is_some() { Ending::Rejected } else { Ending::Passed }, reason)))
    }

    /// What was counted since this was last asked.
    pub fn take_counts(&mut self) -> Counts {
        self.partition.take_counts()
    }
}

impl Further<'_> {
    /// Whether it is between the same ends as a derived record that is a dead letter.
    fn joins(&self, letter: &DeadLetter) -> bool {
        let (start, end) = (letter.start.as_deref(), letter.end.as_deref());
        match &self.outcome {
            Outcome::Model(record) => {
                let (own_start, own_end) = record.entity.ends();
                (own_start.map(named).as_deref(), own_end.map(named).as_deref()) == (start, end)
            }
            Outcome::DeadLetter(own) => (own.start.as_deref(), own.end.as_deref()) == (start, end),
        }
    }

    /// Takes the place of an earlier dead letter. Returns the reason where it is one again.
    fn returns(&mut self, letter: &DeadLetter, mark: ReplayMark) -> Option<Reason> {
        // Its number may be another one by now; its identity stays.
        match &mut self.outcome {
            Outcome::Model(record) => {
                record.identity.output = letter.output;
                self.mark = Some(mark);
                None
            }
            Outcome::DeadLetter(own) => {
                (own.output, own.earlier) = (letter.output, mark.earlier);
                Some(own.reason)
            }
        }
    }
}
