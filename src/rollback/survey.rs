//! What the journal holds of the time since an instant: the first reading, which nothing is decided without.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use uuid::Uuid;

use super::kinds::{Kind, Owned};
use super::reader::{Range, Timed, read};
use crate::error::Result;
use crate::kafka::Kafka;
use crate::record::{Author, GapReason, Mark, UndoEntry, UndoRecord};

/// What is there to be rolled back. Grows with types, names of properties and runs, not with records.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// The kinds of entities that were changed.
    pub kinds: Vec<KindSeen>,
    /// What was written without the journal, by pipeline and reason.
    pub gaps: BTreeMap<String, BTreeMap<GapReason, GapSeen>>,
    /// Beginnings and ends of runs.
    pub marks: Vec<MarkSeen>,
    /// Highest epoch and claim of each pipeline's records.
    pub newest: BTreeMap<String, (u32, i64)>,
    selection: Option<BTreeSet<String>>,
}

/// A kind of entities that were changed.
#[derive(Debug, Clone)]
pub struct KindSeen {
    /// The kind.
    pub kind: Kind,
    /// Pipeline that it belongs to: the last one that wrote to it.
    pub pipeline: String,
    /// What Regraft owns of its entities.
    pub owned: Owned,
    /// How many of the records say that there was nothing before.
    pub absent: u64,
}

/// Rows that were written without the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct GapSeen {
    /// How many.
    pub rows: u64,
    /// When the first of them, milliseconds since 1970.
    pub first_ms: i64,
    /// When the last.
    pub last_ms: i64,
}

/// A run begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkSeen {
    /// The run.
    pub run: Uuid,
    /// Whether it ends.
    pub ends: bool,
    /// When, milliseconds since 1970.
    pub time_ms: i64,
}

impl Survey {
    /// Reads the journal; of the pipelines in `selection`, or of all. Blocks.
    pub fn take(kafka: &Kafka, range: &Range, selection: Option<BTreeSet<String>>) -> Result<Self> {
        let mut survey = Self { selection, ..Self::default() };
        let mut last = None;
        read(kafka, range, |timed, _| {
            survey.add(&timed, &mut last);
            Ok(())
        })?;
        Ok(survey)
    }

    /// The place of a record's kind, unless its pipeline is not selected.
    pub(super) fn selected(&self, record: &UndoRecord<'_>) -> Option<usize> {
        if !self.is_selected(&record.pipeline) {
            return None;
        }
        self.kinds.iter().position(|seen| seen.kind.has(&record.subject))
    }

    /// Whether anything was changed or written.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.gaps.is_empty()
    }

    /// Names of the pipelines that it tells of.
    pub fn pipelines(&self) -> BTreeSet<String> {
        let of_kinds = self.kinds.iter().map(|seen| seen.pipeline.clone());
        of_kinds.chain(self.gaps.keys().cloned()).collect()
    }

    pub(super) fn is_selected(&self, pipeline: &str) -> bool {
        self.selection.as_ref().is_none_or(|selection| selection.contains(pipeline))
    }

    /// `last` is the place of the last record's kind, which the next one mostly has too.
    fn add(&mut self, timed: &Timed<'_>, last: &mut Option<usize>) {
        match &timed.entry {
            UndoEntry::Image(record) if self.is_selected(&record.pipeline) => self.image(record, last),
            UndoEntry::Gap(gap) if self.is_selected(&gap.pipeline) => {
                let of_pipeline = self.gaps.entry(gap.pipeline.to_string()).or_default();
                let time = timed.time_ms;
                let seen = of_pipeline.entry(gap.reason);
                let seen = seen.or_insert(GapSeen { rows: 0, first_ms: time, last_ms: time });
                seen.rows += gap.rows;
                seen.first_ms = seen.first_ms.min(time);
                seen.last_ms = seen.last_ms.max(time);
                let newest = self.newest.entry(gap.pipeline.to_string()).or_default();
                newest.1 = newest.1.max(gap.claim);
            }
            // One partition tells of all of them.
            UndoEntry::Mark(Mark { run, ends }) if timed.partition == 0 => {
                self.marks.push(MarkSeen { run: *run, ends: *ends, time_ms: timed.time_ms });
            }
            UndoEntry::Image(_) | UndoEntry::Gap(_) | UndoEntry::Mark(_) => {}
        }
    }

    fn image(&mut self, record: &UndoRecord<'_>, last: &mut Option<usize>) {
        let found = last
            .filter(|at| self.kinds.get(*at).is_some_and(|seen| seen.kind.has(&record.subject)))
            .or_else(|| self.kinds.iter().position(|seen| seen.kind.has(&record.subject)));
        let at = found.unwrap_or_else(|| {
            self.kinds.push(KindSeen {
                kind: Kind::of(&record.subject),
                pipeline: record.pipeline.to_string(),
                owned: Owned::default(),
                absent: 0,
            });
            self.kinds.len() - 1
        });
        *last = Some(at);
        let Some(seen) = self.kinds.get_mut(at) else { return };
        seen.absent += u64::from(record.before.is_absent());
        // What a rollback brings back may have been others' before: it owns nothing by that.
        if record.author != Author::Rollback {
            for name in record.written.properties.iter() {
                insert(&mut seen.owned.properties, name);
            }
            for label in &record.written.labels {
                insert(&mut seen.owned.labels, label);
            }
        }
        match self.newest.get_mut(&*record.pipeline) {
            Some((epoch, claim)) => {
                *epoch = record.identity.epoch.max(*epoch);
                *claim = record.claim.max(*claim);
            }
            None => {
                seen.pipeline = record.pipeline.to_string();
                self.newest.insert(record.pipeline.to_string(), (record.identity.epoch, record.claim));
            }
        }
    }
}

fn insert(names: &mut BTreeSet<String>, name: &str) {
    if !names.contains(name) {
        names.insert(name.to_owned());
    }
}
