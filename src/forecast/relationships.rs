//! Stored relationships of one type: read, judged, and held against their ends.

use std::sync::Arc;

use super::dead::DeadNodes;
use super::judge::{Judge, Subject};
use super::presence::Pair;
use super::reading::{Judged, Reading};
use super::{Look, Seen, Shared, pairs};
use crate::error::Result;
use crate::load::{Candidate, Trial, Tried};
use crate::pipeline::{Pipeline, Rejection, Source};
use crate::record::{Canonical, Reason};

/// Those whose ends are looked for together.
#[derive(Default)]
struct Waiting {
    pairs: Vec<(String, String)>,
    candidates: Vec<Candidate>,
    bytes: usize,
}

/// Reads all stored relationships of the type. Nothing where `stop` came first.
pub(super) async fn read<L: Look>(
    shared: &Shared,
    pipeline: &Arc<Pipeline>,
    dead: &DeadNodes,
    look: L,
) -> Result<Option<Seen<L>>> {
    let context = &shared.context;
    let ends = Ends { shared, pipeline, dead, trial: shared.trial(pipeline)? };
    let mut waiting = Waiting::default();
    let mut reading = Reading::open(shared, pipeline, look).await?;
    while let Some(judged) = reading.next().await? {
        for Judged { subject, record, bytes } in judged {
            if let (Some(record), Subject::Relationship(start, end)) = (record, subject) {
                waiting.candidates.push(ends.trial.candidate(&record));
                waiting.pairs.push((start, end));
                waiting.bytes += bytes;
            }
        }
        if waiting.pairs.len() >= context.batch_rows || waiting.bytes >= context.batch_bytes {
            ends.settle(std::mem::take(&mut waiting), &mut reading.judge).await?;
        }
    }
    ends.settle(waiting, &mut reading.judge).await?;
    Ok(reading.end())
}

struct Ends<'s> {
    shared: &'s Shared,
    pipeline: &'s Pipeline,
    dead: &'s DeadNodes,
    trial: Trial,
}

impl Ends<'_> {
    /// Looks for the ends, and tries those that the target has already.
    async fn settle(&self, waiting: Waiting, judge: &mut Judge) -> Result<()> {
        let target = self.shared.context.target.read_only();
        let there = self.shared.presence.pairs(&target, self.pipeline, &waiting.pairs).await?;
        let mut known = Vec::new();
        for (((start, end), candidate), there) in waiting.pairs.into_iter().zip(waiting.candidates).zip(there)
        {
            let subject = Subject::Relationship(start, end);
            let there = self.would_be_there(&subject, there);
            match pairs::missing(self.pipeline, &subject, there) {
                Some(message) => miss(judge, &subject, &message),
                None if there.relationship => known.push((subject, candidate)),
                None => judge.forecast.loaded.written(),
            }
        }
        let (subjects, candidates): (Vec<_>, Vec<_>) = known.into_iter().unzip();
        if subjects.is_empty() {
            return Ok(());
        }
        for (verdict, subject) in self.trial.all(&candidates).await?.into_iter().zip(subjects) {
            match verdict {
                Tried::Written => judge.forecast.loaded.written(),
                Tried::Updated => judge.forecast.loaded.updated(),
                Tried::Unchanged => judge.forecast.loaded.unchanged(),
                Tried::Refused(said) => judge.reject(&subject, &Rejection::refused(said)),
            }
        }
        Ok(())
    }

    /// Both ends of what was read are in the source: they would come unless they are dead.
    fn would_be_there(&self, subject: &Subject, there: Pair) -> Pair {
        let (Source::Relationship { start: from, end: to, .. }, Subject::Relationship(start, end)) =
            (self.pipeline.source(), subject)
        else {
            return there;
        };
        let mut canonical = Canonical::default();
        Pair {
            start: there.start || !self.dead.contains(&from.label, start, &mut canonical),
            end: there.end || !self.dead.contains(&to.label, end, &mut canonical),
            ..there
        }
    }
}

/// What misses an end is a consequence of that end's dead letter, which is charged already.
fn miss(judge: &mut Judge, subject: &Subject, message: &str) {
    let forecast = &mut judge.forecast;
    *forecast.dead_letters.entry(Reason::EndpointMissing).or_default() += 1;
    forecast.details.add((Reason::EndpointMissing, None, None), &subject.to_string(), message);
}
