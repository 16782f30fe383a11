//! The account of a pass: read = loaded + merged + dead-lettered, from durable counts alone.

use std::collections::BTreeMap;

use serde::Serialize;

use super::counts::{add_reasons, signed};
use super::standing::{Standing, clamped, of_pass, positive, replays};
use super::{ExtractCheckpoint, PassCounts, Replaced, StageCheckpoint};
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
    /// Properties that the policy `drop` left out, by name.
    pub dropped: BTreeMap<String, u64>,
    /// Whether extraction of the pass has ended.
    pub extracted: bool,
    /// Whether rows came or went while they were read.
    pub source_changed: bool,
    /// The replays of the pass, each with its own account.
    pub replays: Vec<ReplayAccount>,
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

/// The account of derived records, at the pipeline that they come to: those of the newest pass of each pipeline
/// that emits them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DerivedAccount {
    /// Emitted by other pipelines.
    pub total: u64,
    /// Applied to the target.
    pub loaded: u64,
    /// Dead letters by reason.
    pub dead_letters: BTreeMap<Reason, u64>,
    /// Whether a pass of theirs is not through yet, so that more may come.
    pub awaited: bool,
}

/// What is durable of a pipeline that derives records for another.
#[derive(Debug, Clone)]
pub struct Deriver<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its extraction; none if it was never started.
    pub extract: Option<&'a ExtractCheckpoint>,
    /// Its transformation, all partitions.
    pub transform: Vec<StageCheckpoint>,
}

impl DerivedAccount {
    /// Records that have come to their end.
    pub fn ended(&self) -> u64 {
        self.loaded + self.dead_letters.values().sum::<u64>()
    }
}

impl Account {
    /// Dead letters, whatever the reason.
    pub fn dead_letter_total(&self) -> u64 {
        self.dead_letters.values().sum()
    }

    /// All dead letters by reason, those of derived records included.
    pub fn all_dead_letters(&self) -> BTreeMap<Reason, u64> {
        let mut all = self.dead_letters.clone();
        add_reasons(&mut all, &self.derived.dead_letters);
        all
    }

    /// Records of the pass, and derived ones, that no stage has ended with yet. 0 when the account is closed.
    pub fn in_flight(&self) -> u64 {
        self.read.saturating_sub(self.loaded + self.merged + self.dead_letter_total())
            + self.derived.total.saturating_sub(self.derived.ended())
    }

    /// Records of the pass, and derived ones, that have come to their end.
    pub fn ended(&self) -> u64 {
        self.loaded + self.merged + self.dead_letter_total() + self.derived.ended()
    }

    /// Whether nothing of the pass is left to do, nor of what others derive for it.
    pub fn is_through(&self) -> bool {
        self.extracted && self.in_flight() == 0 && !self.derived.awaited
    }

    /// Whether nothing is missing and nothing is there twice.
    pub fn balances(&self) -> bool {
        self.read == self.loaded + self.merged + self.dead_letter_total()
            && self.derived.total == self.derived.ended()
    }
}

/// The account of a pipeline's newest pass, from the checkpoints of its own stages and of the transformations
/// that derive records for it.
pub fn account(
    pipeline: &str,
    extract: Option<&ExtractCheckpoint>,
    transform: &[StageCheckpoint],
    load: &[StageCheckpoint],
    derivers: &[Deriver<'_>],
) -> Account {
    let mut sum = Account::default();
    if let Some(extract) = extract {
        sum.pass = extract.pass;
        sum.expected = extract.counted;
        sum.read = extract.read + extract.repaired;
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
    for (name, number) in transformed.iter().flat_map(|counts| &counts.dropped) {
        *sum.dropped.entry(name.clone()).or_default() += number;
    }
    sum.charged = clamped(transformed.iter().chain(&loaded).map(|counts| counts.charged()).sum());
    sum.replays = replays(&transformed, &loaded);
    sum.derived = derived_account(pipeline, load, derivers);
    sum
}

/// Derived records belong to the pass of the pipeline that emitted them: their own pipeline's says nothing of them.
fn derived_account(pipeline: &str, load: &[StageCheckpoint], derivers: &[Deriver<'_>]) -> DerivedAccount {
    let (mut total, mut loaded, mut awaited) = (0, 0, false);
    let mut dead_letters: BTreeMap<Reason, i64> = BTreeMap::new();
    let mut dead = |of: &BTreeMap<Reason, u64>, sign: i64| {
        of.iter()
            .for_each(|(reason, count)| *dead_letters.entry(*reason).or_default() += sign * signed(*count));
        sign * signed(of.values().sum())
    };
    for deriver in derivers {
        let Some(extract) = deriver.extract else { continue };
        let transformed: Vec<&PassCounts> = of_pass(&deriver.transform, extract.pass).collect();
        let standing = Standing::of(&transformed, &[]);
        let own = clamped(standing.transformed - standing.foreign);
        awaited |= extract.finished.is_none() || own < extract.read;
        for (emitted, sign) in
            signed_each(&transformed, |counts| &counts.emitted, |replaced| &replaced.emitted)
        {
            let Some(emitted) = emitted.get(pipeline) else { continue };
            total += sign * signed(emitted.total);
            dead(&emitted.dead_letters, sign);
        }
        let arrivals: Vec<&PassCounts> = of_pass(load, extract.pass).collect();
        for (arrived, sign) in signed_each(&arrivals, |counts| &counts.arrived, |replaced| &replaced.arrived)
        {
            let Some(arrived) = arrived.get(deriver.name) else { continue };
            loaded += sign * signed(arrived.total) - dead(&arrived.dead_letters, sign);
        }
    }
    let (total, loaded) = (clamped(total), clamped(loaded));
    DerivedAccount { total, loaded, dead_letters: positive(dead_letters), awaited }
}

/// What was counted, and what of it was replaced with the sign turned.
fn signed_each<'a, T>(
    counts: &[&'a PassCounts],
    counted: impl Fn(&'a PassCounts) -> &'a T,
    replaced: impl Fn(&'a Replaced) -> &'a T,
) -> Vec<(&'a T, i64)> {
    let counted = counts.iter().map(|counts| (counted(counts), 1));
    let replaced = counts.iter().filter_map(|counts| Some((replaced(counts.replaced.as_deref()?), -1)));
    counted.chain(replaced).collect()
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

/// Charged dead letters of a pass over some partitions, less those that no longer stand: below 0 where these were
/// others'. The sum over all partitions of both stages never is, once nothing is under way.
pub fn charged_dead_letters<'a>(pass: u32, checkpoints: impl Iterator<Item = &'a StageCheckpoint>) -> i64 {
    let counts = checkpoints.flat_map(|each| &each.counts.0).filter(|counts| counts.pass == pass);
    counts.map(PassCounts::charged).sum()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::{Counts, Cursor, Derived, Finished};
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

    #[test]
    fn derived_records_belong_to_the_newest_pass_of_each_pipeline_that_emits_them() {
        let derived = |total, dead| Derived {
            total,
            dead_letters: if dead > 0 {
                BTreeMap::from([(Reason::MissingKey, dead)])
            } else {
                BTreeMap::new()
            },
        };
        let emitting = |pass, records, total, dead| {
            let emitted = BTreeMap::from([("p".to_owned(), derived(total, dead))]);
            PassCounts { pass, records, passed: records, emitted, ..PassCounts::default() }
        };
        let arriving = |pass, from: &str, total| {
            let arrived = BTreeMap::from([(from.to_owned(), derived(total, 0))]);
            checkpoint(PassCounts { pass, arrived, ..PassCounts::default() })
        };
        let extract = |pass, read, ended: bool| ExtractCheckpoint {
            repaired: 0,
            lineage: Uuid::nil(),
            owner: Uuid::nil(),
            pass,
            started_at_micros: 0,
            counted: read,
            read,
            cursor: Cursor::Unkeyed { after: None },
            finished: ended.then_some(Finished { at_micros: 1, counted: read }),
        };
        // `a` is at its second pass, `b` at its first: what the first of `a` brought counts no more.
        let (a, b) = (extract(2, 4, true), extract(1, 1, true));
        let of_a = vec![checkpoint(emitting(1, 4, 7, 0)), checkpoint(emitting(2, 4, 5, 1))];
        let of_b = vec![checkpoint(emitting(1, 1, 2, 0))];
        let derivers = [
            Deriver { name: "a", extract: Some(&a), transform: of_a.clone() },
            Deriver { name: "b", extract: Some(&b), transform: of_b },
            Deriver { name: "never", extract: None, transform: Vec::new() },
        ];
        let load = [arriving(1, "a", 7), arriving(2, "a", 3), arriving(1, "b", 2)];
        let open = account("p", None, &[], &load, &derivers);
        assert_eq!((open.derived.total, open.derived.ended(), open.in_flight()), (7, 6, 1));
        let closed = account("p", None, &[], &[load.as_slice(), &[arriving(2, "a", 1)]].concat(), &derivers);
        assert!(closed.balances() && !closed.derived.awaited);
        // While `a` reads, or is not through with what it read, more may come.
        for (read, ended) in [(4, false), (5, true)] {
            let a = extract(2, read, ended);
            let derivers = [Deriver { name: "a", extract: Some(&a), transform: of_a.clone() }];
            assert!(account("p", None, &[], &load, &derivers).derived.awaited);
        }
    }
}
