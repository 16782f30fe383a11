//! One type's records as they come by: read as extraction does, seen, judged and counted.

use super::judge::{Judge, Subject};
use super::{Look, Seen, Shared};
use crate::error::Result;
use crate::extract::RowsRead;
use crate::pipeline::{Pipeline, Reshaped};

/// A reading that goes on. What is read is judged by then; whoever reads judges the rest.
pub(super) struct Reading<'s, L> {
    shared: &'s Shared,
    pipeline: &'s Pipeline,
    pub(super) judge: Judge,
    look: L,
    /// None where the type's records are derived alone.
    rows: Option<RowsRead>,
    /// Told of by rows, and by dead letters, so far; none where somebody else tells.
    told: Option<(u64, u64)>,
    stopped: bool,
}

/// What a record comes to by itself.
pub(super) struct Judged<'s> {
    pub(super) subject: Subject,
    /// Nothing of what goes no further.
    pub(super) record: Option<Reshaped<'s>>,
    /// Bytes of it, as the topic would hold it.
    pub(super) bytes: usize,
}

impl<'s, L: Look> Reading<'s, L> {
    /// Begins, and tells how much there is to come.
    pub(super) async fn open(shared: &'s Shared, pipeline: &'s Pipeline, look: L) -> Result<Self> {
        let context = &shared.context;
        let (mut rows, mut counted) = (None, 0);
        if pipeline.is_read() {
            let (all, from) = shared.rows(pipeline).await?;
            counted = all.count().await?.min(context.sample.unwrap_or(u64::MAX));
            rows = Some(all.read(from).await?);
        }
        context.tally.begin(pipeline.name(), Some(counted));
        let judge = Judge::new(pipeline, shared.envelope());
        Ok(Self { shared, pipeline, judge, look, rows, told: Some((0, 0)), stopped: false })
    }

    /// The next ones; nothing at the end, at the end of a sample, or where `stop` came first.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Judged<'s>>>> {
        self.tell();
        let context = &self.shared.context;
        let is_full = |judge: &Judge| context.sample.is_some_and(|most| judge.forecast.read >= most);
        self.stopped = context.stop.is_requested();
        if self.stopped || is_full(&self.judge) {
            return Ok(None);
        }
        let Some(rows) = &mut self.rows else { return Ok(None) };
        let Some(settled) = rows.next().await? else { return Ok(None) };
        let mut judged = Vec::with_capacity(settled.rows.len());
        for (row, finding) in settled.rows {
            if is_full(&self.judge) {
                break;
            }
            let raw = self.judge.wrap(row, finding);
            self.look.see(&raw);
            let subject = Subject::of(&raw);
            let record = self.judge.judge(self.pipeline, raw, &subject)?;
            judged.push(Judged { subject, record, bytes: self.judge.bytes() });
        }
        Ok(Some(judged))
    }

    fn tell(&mut self) {
        let Some((rows, dead)) = &mut self.told else { return };
        let (tally, name, forecast) =
            (&self.shared.context.tally, self.pipeline.name(), &self.judge.forecast);
        tally.add(name, forecast.read - *rows);
        tally.found(name, forecast.dead_lettered() - *dead);
        (*rows, *dead) = (forecast.read, forecast.dead_lettered());
    }

    /// Ends: what was counted, and what has looked. Nothing where `stop` came first.
    pub(super) fn end(mut self) -> Option<Seen<L>> {
        if self.stopped {
            return None;
        }
        self.tell();
        if self.told.is_some() {
            self.shared.context.tally.end(self.pipeline.name());
        }
        Some((self.judge.forecast, self.look))
    }
}

impl<'s> Reading<'s, ()> {
    /// Reads once more what was seen and told of before.
    pub(super) async fn again(shared: &'s Shared, pipeline: &'s Pipeline) -> Result<Self> {
        let (all, from) = shared.rows(pipeline).await?;
        let (judge, rows) = (Judge::new(pipeline, shared.envelope()), Some(all.read(from).await?));
        Ok(Self { shared, pipeline, judge, look: (), rows, told: None, stopped: false })
    }
}
