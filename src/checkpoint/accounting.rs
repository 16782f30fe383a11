//! The account of a pass: read = loaded + merged + dead-lettered, from durable counts alone.

use std::collections::BTreeMap;

use serde::Serialize;

use super::counts::signed;
use super::standing::{Standing, clamped, of_pass, positive, replays};
use super::{ExtractCheckpoint, PassCounts, StageCheckpoint};
use crate::config::DeadLetterLimit;
use crate::error::{Cause, Error, Result};
use crate::record::Reason;

/// The account of the newest pass of a pipeline, over all processes and epochs: of every record the outcome that
/// stands, whichever replay led to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The pass, 0 before the first.
    pub pass: u32,
    /// Rows that a plain count found at the pass's start.
    pub expected: u64,
    /// Rows read, plus records on the topic that no extraction wrote.
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
    /// The replays of the pass, each with its own account.
    pub replays: Vec<ReplayAccount>,
    /// Outcomes so far, those of replays too: what moves as long as anything is done.
    #[serde(skip)]
    pub outcomes: u64,
}

/// What a replay did: read = loaded + merged + dead-lettered, once it is through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReplayAccount {
    /// Its epoch.
    pub epoch: u32,
    /// Records that it took once more.
    pub read: u64,
    /// Applied to the target.
    pub loaded: u64,
    /// Parallel relationships that another one stands for.
    pub merged: u64,
    /// Dead letters by reason.
    pub dead_letters: BTreeMap<Reason, u64>,
}

impl ReplayAccount {
    /// Records that no stage has ended with yet.
    pub fn in_flight(&self) -> u64 {
        self.read.saturating_sub(self.loaded + self.merged + self.dead_letters.values().sum::<u64>())
    }
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
        sum.read = extract.read;
        sum.extracted = extract.finished.is_some();
        sum.source_changed = extract.source_changed();
    }
    let transformed: Vec<&PassCounts> = of_pass(transform, sum.pass).collect();
    let loaded: Vec<&PassCounts> = of_pass(load, sum.pass).collect();
    let standing = Standing::of(&transformed, &loaded);
    sum.read += clamped(standing.foreign);
    sum.transformed = clamped(standing.transformed);
    sum.merged = clamped(standing.merged);
    sum.loaded = clamped(standing.loaded);
    sum.dead_letters = positive(standing.dead_letters);
    sum.charged = clamped(transformed.iter().chain(&loaded).map(|counts| counts.charged()).sum());
    let ended = |counts: &&&PassCounts| counts.merged + counts.dead_letter_total();
    sum.outcomes = transformed.iter().map(|counts| ended(&counts)).sum::<u64>()
        + loaded.iter().map(|counts| counts.passed + ended(&counts)).sum::<u64>();
    sum.replays = replays(&transformed, &loaded);
    sum.derived = derived_account(pipeline, load, derivers);
    sum
}

/// Derived records are counted over all passes of their emitters: their own pipeline's pass says nothing of them.
fn derived_account(pipeline: &str, load: &[StageCheckpoint], derivers: &[StageCheckpoint]) -> DerivedAccount {
    let (mut total, mut loaded) = (0, 0);
    let mut dead_letters: BTreeMap<Reason, i64> = BTreeMap::new();
    let mut dead = |of: &BTreeMap<Reason, u64>, sign: i64| {
        of.iter().for_each(|(reason, count)| *dead_letters.entry(*reason).or_default() += sign * signed(*count));
        sign * signed(of.values().sum())
    };
    for counts in derivers.iter().flat_map(|each| &each.counts.0) {
        let replaced = counts.replaced.as_ref().and_then(|replaced| replaced.emitted.get(pipeline));
        for (emitted, sign) in [(counts.emitted.get(pipeline), 1), (replaced, -1)] {
            let Some(emitted) = emitted else { continue };
            total += sign * signed(emitted.total);
            dead(&emitted.dead_letters, sign);
        }
    }
    for counts in load.iter().flat_map(|each| &each.counts.0) {
        let replaced = counts.replaced.as_ref().map(|replaced| &replaced.derived);
        for (arrived, sign) in [(Some(&counts.derived), 1), (replaced, -1)] {
            let Some(arrived) = arrived else { continue };
            loaded += sign * signed(arrived.total) - dead(&arrived.dead_letters, sign);
        }
    }
    DerivedAccount { total: clamped(total), loaded: clamped(loaded), dead_letters: positive(dead_letters) }
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
    clamped(counts.map(PassCounts::charged).sum())
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
