//! Both sides of a comparison, reduced to sums as their records come by. Pure.

use serde::{Deserialize, Serialize};

use super::buckets::{Buckets, Sums};
use super::derived::DerivedPairs;
use super::judge::{Fate, Judge, Work};
use super::names::Names;
use super::subject::Subject;
use super::tally::SourceCounts;
use crate::error::Result;
use crate::extract::SourceRow;
use crate::pipeline::Reshaped;
use crate::record::{ModelEntity, RawEntity, RawRecord};

/// What the target is expected to have, by the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) buckets: Buckets,
    pub(super) sums: Sums,
    pub(super) names: Names,
    pub(super) counts: SourceCounts,
    /// Nodes that are not expected, as ends of relationships.
    pub(super) dead_ends: Vec<u128>,
    /// Nodes that are expected and that the dead letter of a derived relationship asks for.
    pub(super) found: Vec<u128>,
}

/// What the target has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Actual {
    pub(super) buckets: Buckets,
    pub(super) sums: Sums,
    pub(super) names: Names,
}

/// Which side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum SideName {
    Expected,
    Actual,
}

impl SideName {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            SideName::Expected => "expected",
            SideName::Actual => "actual",
        }
    }
}

impl Expected {
    pub(super) fn new(buckets: Buckets) -> Self {
        Self {
            buckets,
            sums: Sums::new(buckets),
            names: Names::new(buckets),
            counts: SourceCounts::default(),
            dead_ends: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Adds a record of the source. `is_new` says of the digest of a record whether it is to be summed.
    pub(super) fn take(
        &mut self,
        raw: RawRecord<'_>,
        judge: &Judge,
        derived: &DerivedPairs,
        is_new: impl Fn(usize, u128) -> bool,
        work: &mut Work,
    ) -> Result<()> {
        self.counts.read += 1;
        let end = judge.as_end(&raw.entity, &mut work.canonical);
        match judge.judge(raw, work)? {
            Fate::Merged => self.counts.merged += 1,
            Fate::Rejected(reason) => {
                self.counts.dead_letter(reason);
                self.dead_ends.extend(end);
            }
            Fate::Accounted(record, reason) => {
                self.counts.dead_letter(reason);
                self.dead_ends.extend(end);
                derive(&record, derived, work);
            }
            Fate::Expected(record) => {
                self.counts.expected += 1;
                self.found.extend(end.filter(|end| judge.letters.asks_for(*end)));
                derive(&record, derived, work);
                let digested = judge.subject.expected(&record, &mut work.canonical);
                let bucket = self.buckets.of(digested.key);
                if is_new(bucket, digested.content) {
                    self.sums.add(bucket, digested.content);
                }
                if let ModelEntity::Node { key, .. } = &record.entity {
                    self.names.add(bucket, key, &digested.beyond);
                }
            }
        }
        Ok(())
    }
}

/// Derived records come whenever their record is transformed, whatever loading makes of it.
fn derive(record: &Reshaped<'_>, derived: &DerivedPairs, work: &mut Work) {
    record.derived.iter().for_each(|each| derived.add(each, &mut work.canonical));
}

impl Actual {
    pub(super) fn new(buckets: Buckets) -> Self {
        Self { buckets, sums: Sums::new(buckets), names: Names::new(buckets) }
    }

    /// Adds a row of the target. `slots` is reused from row to row.
    pub(super) fn take(
        &mut self,
        row: &SourceRow,
        subject: &Subject,
        work: &mut Work,
        slots: &mut Vec<Option<usize>>,
    ) {
        let digested = subject.actual(row, &mut work.canonical, slots);
        let bucket = self.buckets.of(digested.key);
        self.sums.add(bucket, digested.content);
        if let RawEntity::Node { key, .. } = &row.entity {
            self.names.add(bucket, key.as_str().unwrap_or_default(), &digested.beyond);
        }
    }
}
