//! Single raw records through a pipeline once more, in place of a worker: for dead letters that are put back.

use super::Context;
use super::outcome::{Decision, Position, Scratch, decide};
use super::partition::Partition;
use super::repeat::{Ending, mark};
use super::sending::{Raw, Sender};
use crate::checkpoint::{Counts, StageCheckpoint};
use crate::dead_letters::Before;
use crate::error::Result;
use crate::kafka::TransactionalProducer;
use crate::record::{EarlierLetter, Reason, ReplayMark};

/// A pipeline that takes single records, under one epoch.
pub struct Again {
    context: Context,
    partition: Partition,
    scratch: Scratch,
    sender: Sender,
}

impl Again {
    /// Takes records of the context's pipeline.
    pub fn new(context: Context, epoch: u32) -> Self {
        let checkpoint = StageCheckpoint { epoch, ..StageCheckpoint::new(context.lineage.id) };
        let (partition, _) = Partition::new(checkpoint, 0, &context.digest, 0);
        Self { partition, scratch: Scratch::default(), sender: Sender::new(&context), context }
    }

    /// Sends what becomes of a record now, within the producer's transaction. `before` says how it stood, `earlier` is
    /// the dead letter that is put back. Returns the reason where it is a dead letter again.
    pub fn put(
        &mut self,
        producer: &mut TransactionalProducer,
        raw: Raw<'_>,
        before: Before,
        earlier: EarlierLetter,
    ) -> Result<(Ending, Option<Reason>)> {
        let position = Position { partition: raw.partition, offset: raw.offset };
        self.partition.repeat(before);
        let mut decision = decide(&self.context, &mut self.partition, position, raw.payload, &mut self.scratch)?;
        let (pass, ending, reason) = match &mut decision {
            Decision::Model(record) => (record.pass, Ending::Passed, None),
            Decision::Merged(pass) => (*pass, Ending::Merged, None),
            Decision::DeadLetter(letter) => {
                letter.earlier = Some(earlier);
                (letter.pass, Ending::Rejected, Some(letter.reason))
            }
        };
        let mark = ReplayMark { earlier: Some(earlier), ..mark(&before) };
        self.sender.send(&self.context, producer, raw, &decision, Some(&mark))?;
        self.partition.replace(pass, ending, raw.payload);
        Ok((ending, reason))
    }

    /// What was counted since this was last asked.
    pub fn take_counts(&mut self) -> Counts {
        self.partition.take_counts()
    }
}
