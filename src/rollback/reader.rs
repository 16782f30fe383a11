//! The undo topic from an instant to its end, once for each step and slice: blocking, on a thread of its own.

use std::collections::{BTreeMap, HashMap};

use tracing::warn;

use super::seen::{Met, Seen};
use super::survey::Survey;
use crate::checkpoint::Ends;
use crate::error::{Cause, Error, Result};
use crate::kafka::{Kafka, Watermarks, scan};
use crate::record::{UndoEntry, UndoRecord};

/// The part of the undo topic that tells of the time since an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The instant on the brokers' clock, milliseconds since 1970. What has this time or a later one is taken back.
    pub instant_ms: i64,
    /// A minute before it: which writers were at work.
    before: Ends,
    /// The first record that is taken back, by partition.
    from: Ends,
    /// The end.
    to: Ends,
}

/// How long a record of a writer that was replaced may be under way.
const UNDER_WAY_MS: i64 = 60_000;

/// What is done in one reading of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Everything is looked at, nothing is written.
    Look,
    /// Relationships go that were not there.
    RemoveRelationships,
    /// Nodes go, come back and are restored.
    Nodes,
    /// Relationships come back and are restored.
    RestoreRelationships,
}

/// A record that says something about what its entity was.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// Place of its kind in the survey.
    pub kind: usize,
    /// Whether it is the first of its entity since the instant; otherwise it is a deletion by Regraft.
    pub first: bool,
    pub record: UndoRecord<'static>,
    pub bytes: usize,
}

/// An entry with its time.
pub(super) struct Timed<'e> {
    pub partition: i32,
    pub time_ms: i64,
    pub entry: UndoEntry<'e>,
}

impl Range {
    /// From the instant to the end that the topic has now.
    ///
    /// Errors: [`Cause::Usage`] where the journal does not reach back so far; [`Cause::Lineage`] where it has lost what
    /// the target knows to have been on it (`reached`: the least end of each partition).
    pub async fn since(
        kafka: &Kafka,
        watermarks: &Watermarks,
        instant_ms: i64,
        reached: &BTreeMap<i32, i64>,
    ) -> Result<Self> {
        let (topic, partitions) = (kafka.names.undo(), kafka.settings().partitions);
        let to = watermarks.ends_of(&topic, partitions).await?;
        let (before, from) = (instant_ms - UNDER_WAY_MS, instant_ms);
        let before = up_to(&to, watermarks.offsets_at(&topic, partitions, before.max(0)).await?);
        let from = up_to(&to, watermarks.offsets_at(&topic, partitions, from.max(0)).await?);
        if let Some((partition, least)) =
            reached.iter().find(|(partition, least)| to.get(partition).copied().unwrap_or(0) < **least)
        {
            let end = to.get(partition).copied().unwrap_or(0);
            let message = format!(
                "read {topic}/{partition}: it ends at {end}, and the target knows of records up to {least}"
            );
            return Err(Error::new(Cause::Lineage, message).what_to_do(
                "the topic was made anew: what it held is lost. Restore the topic, or the target from a backup",
            ));
        }
        let range = Self { instant_ms, before, from, to };
        let begin = watermarks.starts(vec![(topic.clone(), partitions)]).await?.pop().unwrap_or_default();
        range.check_reach(kafka, &topic, &begin).await?;
        Ok(range)
    }

    /// The topic has no end of retention, but records may be deleted by hand.
    async fn check_reach(&self, kafka: &Kafka, topic: &str, begin: &Ends) -> Result<()> {
        for (partition, begin) in begin.iter().filter(|(_, begin)| **begin > 0) {
            if self.from.get(partition).is_some_and(|from| from > begin) {
                continue;
            }
            let (kafka, name, at) = (kafka.clone(), topic.to_owned(), (*partition, *begin));
            let first = tokio::task::spawn_blocking(move || {
                crate::kafka::Fetcher::new(&kafka)?.fetch(&name, at.0, at.1)
            });
            let first = first.await.map_err(|error| {
                Error::new(Cause::Unexpected, "read the undo topic's beginning").source(error)
            })??;
            let since = first
                .and_then(|record| record.timestamp_ms)
                .map_or_else(|| "no date: all of it was deleted".to_owned(), crate::record::instant_text);
            let message = format!(
                "roll back to {}: records of {topic} were deleted, it reaches back to {since}",
                crate::record::instant_text(self.instant_ms)
            );
            return Err(Error::new(Cause::Usage, message).what_to_do("name a date after that"));
        }
        Ok(())
    }

    /// Records since the instant: at most so many entities have changed. Markers are counted too.
    pub fn records(&self) -> u64 {
        let count = |(partition, to): (&i32, &i64)| to - self.from.get(partition).copied().unwrap_or(0);
        self.to.iter().map(count).map(|count| u64::try_from(count).unwrap_or(0)).sum()
    }
}

/// Offsets of partitions, the end where there is none or a later one.
fn up_to(ends: &Ends, mut offsets: Ends) -> Ends {
    let each =
        ends.iter().map(|(partition, end)| (*partition, offsets.remove(partition).unwrap_or(*end).min(*end)));
    each.collect()
}

/// Hands every entry since the instant to `each`, each partition in order. Those of writers that had been replaced
/// before they came are left out: what they announced was never committed. `each` also learns how many have been read.
pub(super) fn read(
    kafka: &Kafka,
    range: &Range,
    mut each: impl FnMut(Timed<'_>, usize) -> Result<()>,
) -> Result<()> {
    let mut claims = Claims::default();
    let mut foreign = 0u64;
    scan(kafka, &kafka.names.undo(), &range.before, &range.to, |scanned| {
        let (partition, offset) = (scanned.partition, scanned.offset);
        let entry = match UndoEntry::decode(&scanned.payload) {
            Ok(entry) => entry,
            Err(undecodable) => {
                foreign += 1;
                if foreign == 1 {
                    warn!("left out: the undo topic's {partition}:{offset} is no undo entry: {undecodable}");
                }
                return Ok(());
            }
        };
        let current = claims.is_current(partition, &entry);
        if offset < range.from.get(&partition).copied().unwrap_or(0) || !current {
            return Ok(());
        }
        let time_ms = scanned.timestamp_ms.unwrap_or(0);
        each(Timed { partition, time_ms, entry }, scanned.payload.len())
    })?;
    Ok(())
}

/// The highest claim of each pipeline and partition so far.
#[derive(Default)]
struct Claims(HashMap<(i32, String), i64>);

impl Claims {
    fn is_current(&mut self, partition: i32, entry: &UndoEntry<'_>) -> bool {
        let (pipeline, claim) = match entry {
            UndoEntry::Image(record) => (&record.pipeline, record.claim),
            UndoEntry::Gap(gap) => (&gap.pipeline, gap.claim),
            UndoEntry::Mark(_) => return true,
        };
        let known = self.0.entry((partition, pipeline.to_string())).or_insert(claim);
        *known = claim.max(*known);
        claim == *known
    }
}

/// Reads the items that a step works on, for one slice of the entities, and hands each to `each`.
pub(super) fn items(
    kafka: &Kafka,
    range: &Range,
    survey: &Survey,
    step: Step,
    (slice, slices): (u64, u64),
    mut each: impl FnMut(Item) -> Result<()>,
) -> Result<()> {
    let mut seen = Seen::new(slice, slices);
    read(kafka, range, |timed, bytes| {
        let record = match timed.entry {
            UndoEntry::Image(record) => record,
            UndoEntry::Gap(gap) => {
                if let Some(subject) = gap.subject.as_ref().filter(|_| survey.is_selected(&gap.pipeline)) {
                    seen.meet_gap(subject);
                }
                return Ok(());
            }
            UndoEntry::Mark(_) => return Ok(()),
        };
        let Some(kind) = survey.selected(&record) else { return Ok(()) };
        let is_node = record.subject.is_node();
        let concerns = match step {
            Step::Look => true,
            Step::Nodes => is_node,
            Step::RemoveRelationships | Step::RestoreRelationships => !is_node,
        };
        if !concerns {
            return Ok(());
        }
        let absent = record.before.is_absent();
        let first = match seen.meet(&record.subject, !absent) {
            Met::First => true,
            // What a later write touches is what the first one has touched; but a deletion touches everything.
            Met::Again { existed: true } if record.written.deletes => false,
            // It is made again as it was when it was deleted: what it was at the instant nobody knows.
            Met::AfterGap if record.written.deletes && !absent => {
                seen.is_there_again(&record.subject);
                true
            }
            Met::Again { .. } | Met::AfterGap | Met::Elsewhere => return Ok(()),
        };
        let now = match step {
            Step::Look | Step::Nodes => true,
            Step::RemoveRelationships => absent,
            Step::RestoreRelationships => !absent,
        };
        if now { each(Item { kind, first, record: record.into_owned(), bytes }) } else { Ok(()) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Gap, GapReason};

    #[test]
    fn a_record_that_comes_after_its_writers_successor_is_left_out() {
        let gap = |claim| {
            UndoEntry::Gap(Gap {
                pipeline: "p".into(),
                claim,
                reason: GapReason::JournalOff,
                rows: 1,
                subject: None,
            })
        };
        let mut claims = Claims::default();
        let taken = [(0, 1), (0, 2), (0, 1), (1, 1), (0, 2), (0, 3)];
        let current = taken.map(|(partition, claim)| claims.is_current(partition, &gap(claim)));
        assert_eq!(current, [true, true, false, true, true, true]);
    }
}
