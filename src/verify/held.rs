//! Rows of the target in the buckets that are looked at again, as digests, and what the source says of them. Pure.

use std::collections::{HashMap, HashSet};

use super::buckets::{BucketSet, Buckets};
use super::subject::Digested;
use crate::record::Reason;

/// Keys that are held at a time: about fifty bytes each. Of more, half of the buckets comes in a later turn.
pub(super) const MOST_KEYS: usize = 700_000;

/// The rows of some buckets, by the digests of their keys.
pub(super) struct Held {
    buckets: Buckets,
    rows: HashMap<u128, Row>,
    /// Contents of further rows with the same key.
    more: Vec<Vec<u128>>,
    /// What nodes have beyond their contract.
    beyond: Vec<Box<[u128]>>,
    /// Keys that are missing, where one may be expected several times.
    missing: HashSet<u128>,
}

#[derive(Clone, Copy)]
struct Row {
    content: u128,
    /// One more than the index into `more`, or 0; the same of `beyond`.
    more: u32,
    beyond: u32,
    seen: Seen,
}

/// What the source says of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// Nothing so far.
    Nothing,
    /// It is expected.
    Expected,
    /// Its record is a dead letter.
    Dead(Reason),
}

/// What came of an expected record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meeting {
    /// It is there.
    Equal,
    /// It is there and not as expected.
    Different,
    /// It is not there.
    Missing,
    /// Its key came already: what came first counts.
    Again,
}

/// Why the rows of a key are looked at once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remaining {
    /// The source has nothing with the key.
    Extra,
    /// There are more of them than the one that is expected.
    Surplus {
        /// Digest of the content that is expected.
        content: u128,
    },
    /// The source's record is a dead letter: what is there is older.
    Older(Reason),
}

impl Held {
    pub(super) fn new(buckets: Buckets) -> Self {
        Self { buckets, rows: HashMap::new(), more: Vec::new(), beyond: Vec::new(), missing: HashSet::new() }
    }

    /// Adds a row of the target.
    pub(super) fn add(&mut self, digested: &Digested<'_>) {
        if let Some(row) = self.rows.get_mut(&digested.key) {
            if row.more == 0 {
                self.more.push(Vec::new());
                row.more = u32::try_from(self.more.len()).unwrap_or(0);
            }
            if let Some(more) = place(row.more).and_then(|place| self.more.get_mut(place)) {
                more.push(digested.content);
            }
            return;
        }
        let mut beyond = 0;
        if !digested.beyond.is_empty() {
            self.beyond.push(digested.beyond.iter().map(|each| each.digest).collect());
            beyond = u32::try_from(self.beyond.len()).unwrap_or(0);
        }
        self.rows
            .insert(digested.key, Row { content: digested.content, more: 0, beyond, seen: Seen::Nothing });
    }

    /// Whether there is more than is to be held.
    pub(super) fn is_too_much(&self) -> bool {
        self.rows.len() + self.missing.len() > MOST_KEYS
    }

    /// Lets go of what is in these buckets.
    pub(super) fn leave(&mut self, turn: &BucketSet) {
        let buckets = self.buckets;
        self.rows.retain(|key, _| !turn.contains(buckets.of(*key)));
        self.missing.retain(|key| !turn.contains(buckets.of(*key)));
    }

    /// An expected record. `derived` may come several times.
    pub(super) fn expect(&mut self, digested: &Digested<'_>, derived: bool) -> Meeting {
        let Some(row) = self.rows.get_mut(&digested.key) else {
            let is_new = !derived || self.missing.insert(digested.key);
            return if is_new { Meeting::Missing } else { Meeting::Again };
        };
        if row.seen == Seen::Expected {
            return Meeting::Again;
        }
        let more = place(row.more).and_then(|place| self.more.get(place));
        let alike = row.content == digested.content
            || more.is_some_and(|contents| contents.contains(&digested.content));
        row.seen = Seen::Expected;
        // From now on what its rows are to have.
        row.content = digested.content;
        let row = *row;
        let beyond = place(row.beyond).and_then(|place| self.beyond.get(place));
        let has = |wanted: u128| beyond.is_some_and(|digests| digests.contains(&wanted));
        match alike && digested.beyond.iter().all(|wanted| has(wanted.digest)) {
            true => Meeting::Equal,
            false => Meeting::Different,
        }
    }

    /// Whether a missing key was told of as such already.
    pub(super) fn is_known_missing(&self, key: u128) -> bool {
        self.missing.contains(&key)
    }

    /// A record that is not expected, for an open dead letter: what is there may be it all the same, loaded after all.
    pub(super) fn account(&mut self, digested: &Digested<'_>, reason: Reason) {
        match self.rows.get_mut(&digested.key) {
            Some(row) if row.seen == Seen::Nothing && row.content == digested.content => {
                row.seen = Seen::Expected;
            }
            Some(row) if row.seen == Seen::Nothing => row.seen = Seen::Dead(reason),
            _ => {}
        }
    }

    /// A record that is a dead letter.
    pub(super) fn reject(&mut self, key: u128, reason: Reason) {
        if let Some(row) = self.rows.get_mut(&key).filter(|row| row.seen == Seen::Nothing) {
            row.seen = Seen::Dead(reason);
        }
    }

    /// The keys whose rows are to be looked at once more.
    pub(super) fn remaining(&self) -> HashMap<u128, Remaining> {
        let each = self.rows.iter().filter_map(|(key, row)| {
            let why = match row.seen {
                Seen::Nothing => Remaining::Extra,
                Seen::Dead(reason) => Remaining::Older(reason),
                Seen::Expected if row.more > 0 => Remaining::Surplus { content: row.content },
                Seen::Expected => return None,
            };
            Some((*key, why))
        });
        each.collect()
    }
}

fn place(number: u32) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::super::subject::{Beyond, BeyondKind};
    use super::*;

    fn digested(key: u128, content: u128, beyond: &[u128]) -> Digested<'static> {
        let beyond =
            beyond.iter().map(|digest| Beyond { kind: BeyondKind::Label, name: "L", digest: *digest });
        Digested { key, content, beyond: beyond.collect() }
    }

    fn held(rows: &[(u128, u128, &[u128])]) -> Held {
        let mut held = Held::new(Buckets::for_records(0));
        rows.iter().for_each(|(key, content, beyond)| held.add(&digested(*key, *content, beyond)));
        held
    }

    #[test]
    fn each_key_is_missing_equal_different_or_left_over() {
        let mut held = held(&[(1, 10, &[]), (2, 20, &[]), (3, 30, &[]), (4, 40, &[]), (5, 50, &[])]);
        assert_eq!(held.expect(&digested(1, 10, &[]), false), Meeting::Equal);
        assert_eq!(held.expect(&digested(2, 21, &[]), false), Meeting::Different);
        assert_eq!(held.expect(&digested(9, 90, &[]), false), Meeting::Missing);
        held.reject(3, Reason::RuleViolated);
        held.account(&digested(4, 40, &[]), Reason::TargetRejected);
        let left = held.remaining();
        assert_eq!(left.len(), 2, "{left:?}");
        assert_eq!(left[&3], Remaining::Older(Reason::RuleViolated));
        assert_eq!(left[&5], Remaining::Extra);
    }

    #[test]
    fn of_several_rows_of_a_key_one_is_enough_and_the_rest_is_surplus() {
        let mut held = held(&[(1, 11, &[]), (1, 10, &[]), (1, 12, &[]), (2, 20, &[]), (2, 20, &[])]);
        assert_eq!(held.expect(&digested(1, 10, &[]), false), Meeting::Equal);
        assert_eq!(held.expect(&digested(2, 20, &[]), false), Meeting::Equal);
        let left = held.remaining();
        assert!(left.values().all(|why| matches!(why, Remaining::Surplus { .. })));
        assert_eq!(left.len(), 2);
    }

    #[test]
    fn what_is_expected_beyond_the_contract_has_to_be_there_and_more_may_be() {
        let mut held = held(&[(1, 10, &[7, 8]), (2, 20, &[8])]);
        assert_eq!(held.expect(&digested(1, 10, &[7]), false), Meeting::Equal);
        assert_eq!(held.expect(&digested(2, 20, &[7]), false), Meeting::Different);
    }

    #[test]
    fn what_is_derived_several_times_counts_once() {
        let mut held = held(&[(1, 10, &[])]);
        assert_eq!(held.expect(&digested(1, 10, &[]), true), Meeting::Equal);
        assert_eq!(held.expect(&digested(1, 11, &[]), false), Meeting::Again);
        assert_eq!(held.expect(&digested(2, 10, &[]), true), Meeting::Missing);
        assert_eq!(held.expect(&digested(2, 10, &[]), true), Meeting::Again);
        assert!(held.is_known_missing(2));
    }
}
