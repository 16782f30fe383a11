//! The account of a pass: read = loaded + merged + dead-lettered, from durable counts alone.

use std::collections::BTreeMap;

use serde::Serialize;

use super::counts::add_reasons;
use super::{ExtractCheckpoint, StageCheckpoint};
use crate::config::DeadLetterLimit;
use crate::error::{Cause, Error, Result};
use crate::record::Reason;

/// The account of the newest pass of a pipeline, over all processes and epochs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The pass, 0 before the first.
    pub pass: u32,
    /// Rows that a plain count found at the pass's start.
    pub expected: u64,
    /// Rows read, plus those that repairs have sent again, plus records on the topic that no extraction wrote.
    pub read: u64,
    /// Records that transformation is through with.
    pub transformed: u64,
    /// Applied to the target.
    pub loaded: u64,
    /// Parallel relationships that another one stands for.
    pub merged: u64,
    /// Dead letters by reason.
    pub dead_letters: BTreeMap<Reason, u64>,
    /// How many of them count towards the limit.
    pub charged: u64,
    /// Derived records that come to this pipeline.
    pub derived: DerivedAccount,
    /// Whether extraction of the pass has ended.
    pub extracted: bool,
    /// Whether rows came or went while they were read.
    pub source_changed: bool,
}

/// The account of derived records, at the pipeline that they come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DerivedAccount {
    /// Emitted by other pipelines.
    pub total: u64,
    /// Applied to the target.
    pub loaded: u64,
    /// Dead letters by reason.
    pub dead_letters: BTreeMap<Reason, u64>,
}

impl Account {
    /// Dead letters, whatever the reason.
    pub fn dead_letter_total(&self) -> u64 {
        self.dead_letters.values().sum()
    }

    /// Records of the pass that no stage has ended with yet. 0 when the account is closed.
    pub fn in_flight(&self) -> u64 {
        self.read.saturating_sub(self.loaded + self.merged + self.dead_letter_total())
    }

    /// Whether nothing is missing and nothing is there twice.
    pub fn balances(&self) -> bool {
        let derived_dead: u64 = self.derived.dead_letters.values().sum();
        self.read == self.loaded + self.merged + self.dead_letter_total()
            && self.derived.total == self.derived.loaded + derived_dead
    }
}

/// The account of a pipeline's newest pass, from the checkpoints of its own stages and of the transformations
/// that derive records for it (`derivers`: all partitions of those).
pub fn account(
    pipeline: &str,
    extract: Option<&ExtractCheckpoint>,
    transform: &[StageCheckpoint],
    load: &[StageCheckpoint],
    derivers: &[StageCheckpoint],
) -> Account {
    let mut sum = Account::default();
    if let Some(extract) = extract {
        sum.pass = extract.pass;
        sum.expected = extract.counted;
        sum.read = extract.read + extract.repaired;
        sum.extracted = extract.finished.is_some();
        sum.source_changed = extract.source_changed();
    }
    let pass = sum.pass;
    for counts in transform.iter().flat_map(|each| &each.counts.0).filter(|counts| counts.pass == pass) {
        sum.read += counts.foreign;
        sum.transformed += counts.records;
        sum.merged += counts.merged;
        sum.charged += counts.dead_letter_total() - counts.uncharged;
        add_reasons(&mut sum.dead_letters, &counts.dead_letters);
    }
    for counts in load.iter().flat_map(|each| &each.counts.0).filter(|counts| counts.pass == pass) {
        sum.read += counts.foreign;
        sum.loaded += counts.passed;
        sum.charged += counts.dead_letter_total() - counts.uncharged;
        add_reasons(&mut sum.dead_letters, &counts.dead_letters);
    }
    sum.derived = derived_account(pipeline, load, derivers);
    sum
}

/// Derived records are counted over all passes of their emitters: their own pipeline's pass says nothing of them.
fn derived_account(pipeline: &str, load: &[StageCheckpoint], derivers: &[StageCheckpoint]) -> DerivedAccount {
    let mut sum = DerivedAccount::default();
    for emitted in
        derivers.iter().flat_map(|each| &each.counts.0).filter_map(|counts| counts.emitted.get(pipeline))
    {
        sum.total += emitted.total;
        add_reasons(&mut sum.dead_letters, &emitted.dead_letters);
    }
    for counts in load.iter().flat_map(|each| &each.counts.0) {
        sum.loaded += counts.derived.total - counts.derived.dead_letter_total();
        add_reasons(&mut sum.dead_letters, &counts.derived.dead_letters);
    }
    sum
}

/// Whether a pass may go on with so many charged dead letters.
///
/// Errors: [`Cause::DeadLetterLimit`], naming pipeline, number and limit.
pub fn check_limit(
    limit: DeadLetterLimit,
    pipeline: &str,
    pass: u32,
    charged: u64,
    expected: u64,
) -> Result<()> {
    if limit.allows(charged, expected) {
        return Ok(());
    }
    let allowed = limit.of(expected);
    let message = format!(
        "`{pipeline}`, pass {pass}: {charged} dead letters, load.max_dead_letters = {limit} allows {allowed} of {expected} records"
    );
    Err(Error::new(Cause::DeadLetterLimit, message))
}

/// Charged dead letters of a pass over partitions of both stages.
pub fn charged_dead_letters<'a>(pass: u32, checkpoints: impl Iterator<Item = &'a StageCheckpoint>) -> u64 {
    let counts = checkpoints.flat_map(|each| &each.counts.0).filter(|counts| counts.pass == pass);
    counts.map(|counts| counts.dead_letter_total() - counts.uncharged).sum()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::{Counts, Cursor, Finished, PassCounts};
    use super::*;

    fn checkpoint(counts: PassCounts) -> StageCheckpoint {
        StageCheckpoint { counts: Counts(vec![counts]), ..StageCheckpoint::new(Uuid::nil()) }
    }

    #[test]
    fn the_account_closes_over_partitions_and_leaves_other_passes_out() {
        let extract = ExtractCheckpoint {
            lineage: Uuid::nil(),
            owner: Uuid::nil(),
            pass: 2,
            started_at_micros: 0,
            counted: 10,
            read: 10,
            repaired: 0,
            cursor: Cursor::Unkeyed { after: None },
            finished: Some(Finished { at_micros: 1, counted: 10 }),
        };
        let mut rejected = PassCounts { pass: 2, records: 6, passed: 5, ..PassCounts::default() };
        rejected.dead_letters.insert(Reason::RuleViolated, 1);
        let merged = PassCounts { pass: 2, records: 4, passed: 3, merged: 1, ..PassCounts::default() };
        let before = PassCounts { pass: 1, records: 99, passed: 99, ..PassCounts::default() };
        let transform = [checkpoint(rejected), checkpoint(merged), checkpoint(before.clone())];
        let load = [
            checkpoint(PassCounts { pass: 2, records: 8, passed: 8, ..PassCounts::default() }),
            checkpoint(before),
        ];
        let closed = account("p", Some(&extract), &transform, &load, &[]);
        assert_eq!((closed.read, closed.loaded, closed.merged, closed.dead_letter_total()), (10, 8, 1, 1));
        assert!(closed.balances() && !closed.source_changed);
        assert_eq!((closed.in_flight(), closed.charged), (0, 1));
        let open = account("p", Some(&extract), &transform, &load[1..], &[]);
        assert!(!open.balances());
        assert_eq!(open.in_flight(), 8);
    }
}
