//! Outcomes that stand, from all that were counted and what replays have replaced of them.

use std::collections::BTreeMap;

use super::counts::{add_reasons, signed};
use super::{PassCounts, ReplayAccount, StageCheckpoint};
use crate::record::Reason;

/// Counts of one pass.
pub(super) fn of_pass(checkpoints: &[StageCheckpoint], pass: u32) -> impl Iterator<Item = &PassCounts> {
    checkpoints.iter().flat_map(|each| &each.counts.0).filter(move |counts| counts.pass == pass)
}

/// Outcomes that stand: all that were counted, less what was replaced. While a replay is under way between two
/// stages a difference may be below 0.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub foreign: i64,
    pub transformed: i64,
    pub merged: i64,
    pub loaded: i64,
    pub dead_letters: BTreeMap<Reason, i64>,
}

impl Standing {
    pub(super) fn of(transformed: &[&PassCounts], loaded: &[&PassCounts]) -> Self {
        let mut sum = Self::default();
        for counts in transformed {
            sum.transformed += signed(counts.records);
            sum.merged += signed(counts.merged);
            sum.end(counts);
            if let Some(replaced) = &counts.replaced {
                let dead: u64 = replaced.dead_letters.values().sum();
                sum.transformed -= signed(replaced.passed + replaced.merged + dead);
                sum.merged -= signed(replaced.merged);
                sum.loaded -= signed(replaced.withdrawn.loaded);
                sum.dead(&replaced.withdrawn.dead_letters, -1);
            }
        }
        for counts in loaded {
            sum.loaded += signed(counts.passed);
            sum.loaded -= counts.replaced.as_ref().map_or(0, |replaced| signed(replaced.passed));
            sum.end(counts);
        }
        sum
    }

    fn end(&mut self, counts: &PassCounts) {
        self.foreign += signed(counts.foreign);
        self.dead(&counts.dead_letters, 1);
        if let Some(replaced) = &counts.replaced {
            self.foreign -= signed(replaced.foreign);
            self.dead(&replaced.dead_letters, -1);
        }
    }

    fn dead(&mut self, dead_letters: &BTreeMap<Reason, u64>, sign: i64) {
        for (reason, count) in dead_letters {
            *self.dead_letters.entry(*reason).or_default() += sign * signed(*count);
        }
    }
}

/// The account of each replay: one of transformation read what its own counts say, one of loading alone what those of
/// loading say.
pub(super) fn replays(transformed: &[&PassCounts], loaded: &[&PassCounts]) -> Vec<ReplayAccount> {
    let mut all: BTreeMap<u32, ReplayAccount> = BTreeMap::new();
    for counts in transformed.iter().filter(|counts| counts.epoch > 0) {
        let replay = all.entry(counts.epoch).or_default();
        replay.read += counts.records;
        replay.merged += counts.merged;
        add_reasons(&mut replay.dead_letters, &counts.dead_letters);
    }
    let of_transform: Vec<u32> = all.keys().copied().collect();
    for counts in loaded.iter().filter(|counts| counts.epoch > 0) {
        let replay = all.entry(counts.epoch).or_default();
        replay.read += if of_transform.contains(&counts.epoch) { 0 } else { counts.records };
        replay.loaded += counts.passed;
        add_reasons(&mut replay.dead_letters, &counts.dead_letters);
    }
    // Where dead letters were only set aside nothing was read.
    let all = all.into_iter().filter(|(_, replay)| replay.read > 0);
    all.map(|(epoch, replay)| ReplayAccount { epoch, ..replay }).collect()
}

/// A count that can't be below 0 once everything is through.
pub(super) fn clamped(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// Counts by reason, without those that are 0.
pub(super) fn positive(counts: BTreeMap<Reason, i64>) -> BTreeMap<Reason, u64> {
    counts
        .into_iter()
        .map(|(reason, count)| (reason, clamped(count)))
        .filter(|(_, count)| *count > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::super::{Counts, Cursor, ExtractCheckpoint, Finished, account};
    use super::*;

    /// Ten records of one pass, as the counts of both stages and as what stands for each of them.
    #[derive(Default)]
    struct Records {
        transform: Counts,
        load: Counts,
    }

    /// What becomes of a record.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum End {
        Rejected,
        Missing,
        Loaded,
    }

    impl Records {
        /// A record comes through, in place of what stood for it.
        fn comes(&mut self, epoch: u32, before: Option<End>, now: End) {
            let transform = self.transform.of(1, epoch);
            match now {
                End::Rejected => transform.dead_letter(Reason::RuleViolated, true),
                End::Missing | End::Loaded => {
                    (transform.records, transform.passed) = (transform.records + 1, transform.passed + 1)
                }
            }
            match before {
                None => {}
                Some(End::Rejected) => transform.replaced().dead_letter(Reason::RuleViolated, true),
                Some(before) => {
                    transform.replaced().passed += 1;
                    if now == End::Rejected {
                        let withdrawn = &mut transform.replaced().withdrawn;
                        match before {
                            End::Missing => {
                                *withdrawn.dead_letters.entry(Reason::EndpointMissing).or_default() += 1;
                                withdrawn.uncharged += 1;
                            }
                            _ => withdrawn.loaded += 1,
                        }
                    }
                }
            }
            let load = self.load.of(1, epoch);
            match now {
                End::Rejected => return,
                End::Missing => load.dead_letter(Reason::EndpointMissing, false),
                End::Loaded => (load.records, load.passed) = (load.records + 1, load.passed + 1),
            }
            match before {
                None | Some(End::Rejected) => {}
                Some(End::Missing) => load.replaced().dead_letter(Reason::EndpointMissing, false),
                Some(End::Loaded) => load.replaced().passed += 1,
            }
        }
    }

    proptest! {
        /// Whatever is replayed however often, each record has the one outcome that stands, and each replay closes.
        #[test]
        fn replays_replace_and_never_double(rounds in prop::collection::vec(prop::collection::vec(prop::option::of(0u8..3), 10), 1..6)) {
            let ends = [End::Rejected, End::Missing, End::Loaded];
            let mut standing = [None; 10];
            let mut records = Records::default();
            for (epoch, round) in (0u32..).zip(&rounds) {
                for (end, stood) in round.iter().zip(&mut standing) {
                    // Everything comes once before anything comes again.
                    let Some(now) = end.or((epoch == 0).then_some(2)).map(|end| ends[usize::from(end)]) else { continue };
                    records.comes(epoch, *stood, now);
                    *stood = Some(now);
                }
            }
            let extract = ExtractCheckpoint {
                lineage: Uuid::nil(),
                owner: Uuid::nil(),
                pass: 1,
                started_at_micros: 0,
                counted: 10,
                read: 10,
                repaired: 0,
                cursor: Cursor::Unkeyed { after: None },
                finished: Some(Finished { at_micros: 1, counted: 10 }),
            };
            let of = |counts: &Counts| [StageCheckpoint { counts: counts.clone(), ..StageCheckpoint::new(Uuid::nil()) }];
            let account = account("p", Some(&extract), &of(&records.transform), &of(&records.load), &[]);
            let number = |end: End| standing.iter().filter(|stood| **stood == Some(end)).count() as u64;
            prop_assert!(account.balances() && account.in_flight() == 0);
            prop_assert_eq!((account.transformed, account.loaded), (10, number(End::Loaded)));
            let dead = |reason| account.dead_letters.get(&reason).copied().unwrap_or(0);
            prop_assert_eq!(dead(Reason::RuleViolated), number(End::Rejected));
            prop_assert_eq!(dead(Reason::EndpointMissing), number(End::Missing));
            prop_assert_eq!(account.charged, number(End::Rejected));
            for replay in &account.replays {
                let again = rounds[replay.epoch as usize].iter().filter(|end| end.is_some()).count() as u64;
                prop_assert_eq!(replay.read, again);
                prop_assert_eq!(replay.loaded + replay.merged + replay.dead_letters.values().sum::<u64>(), again);
            }
        }
    }
}
