//! Labels and properties beyond the contracts of nodes: some are expected, the rest is foreign. Pure.
//!
//! What others put on a node stays there and is no difference. But a source node's further labels, and what the
//! policy `keep` carries over, are expected, and a sum over all that a node has would not be theirs. So each name
//! has sums of its own: a name that nothing is expected of is foreign, one whose sums agree is all there.

use std::collections::BTreeMap;

use super::buckets::{BucketSet, Buckets, Sums};
use super::subject::{Beyond, BeyondKind};

/// Names that have sums of their own, on each side. The others share theirs: then a difference costs a reading.
const MOST_NAMES: usize = 64;

/// Keys that are kept as examples.
const EXAMPLES: usize = 5;

/// A name and what it is of.
pub(super) type Name = (BeyondKind, Box<str>);

/// What one side has beyond the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    buckets: Buckets,
    pub(super) each: BTreeMap<Name, Seen>,
    /// Of all names that came after there were too many.
    pub(super) rest: Option<Seen>,
}

/// What was seen of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) sums: Sums,
    /// Keys of the first few.
    pub(super) examples: Vec<Box<str>>,
}

impl Names {
    pub(super) fn new(buckets: Buckets) -> Self {
        Self { buckets, each: BTreeMap::new(), rest: None }
    }

    /// Adds what a record has.
    pub(super) fn add(&mut self, bucket: usize, key: &str, beyond: &[Beyond<'_>]) {
        for Beyond { kind, name, digest } in beyond {
            let seen = self.seen(*kind, name);
            seen.sums.add(bucket, *digest);
            if seen.examples.len() < EXAMPLES {
                seen.examples.push(key.into());
            }
        }
    }

    fn seen(&mut self, kind: BeyondKind, name: &str) -> &mut Seen {
        let buckets = self.buckets;
        let new = || Seen { sums: Sums::new(buckets), examples: Vec::new() };
        let known = (kind, Box::from(name));
        if self.each.len() < MOST_NAMES || self.each.contains_key(&known) {
            self.each.entry(known).or_insert_with(new)
        } else {
            self.rest.get_or_insert_with(new)
        }
    }

    /// Marks the buckets in which something of what is expected may not be there.
    pub(super) fn mark_differing(&self, actual: &Names, marked: &mut BucketSet) {
        let nothing = Sums::new(self.buckets);
        for (name, expected) in &self.each {
            let found = actual.each.get(name).map_or(&nothing, |seen| &seen.sums);
            expected.sums.mark_differing(found, marked);
        }
        if let Some(expected) = &self.rest {
            // Which names share these sums may differ from side to side.
            let busy = (0..self.buckets.number()).filter(|at| expected.sums.counts.get(*at) > Some(&0));
            busy.for_each(|at| marked.insert(at));
        }
    }

    /// What the actual side has more than is expected of each name: how often, and keys where it may be.
    pub(super) fn foreign(&self, actual: &Names) -> BTreeMap<Name, (u64, Vec<Box<str>>)> {
        let more = actual.each.iter().filter_map(|(name, found)| {
            let expected = self.each.get(name).map_or(0, |seen| seen.sums.total());
            let more = found.sums.total().saturating_sub(expected);
            (more > 0).then(|| (name.clone(), (more, found.examples.clone())))
        });
        let rest = actual.rest.iter().map(|found| {
            let name = (BeyondKind::Property, Box::from("(others)"));
            (name, (found.sums.total(), found.examples.clone()))
        });
        more.chain(rest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(name: &str, digest: u128) -> Beyond<'_> {
        Beyond { kind: BeyondKind::Label, name, digest }
    }

    #[test]
    fn what_nothing_is_expected_of_is_foreign_and_marks_nothing() {
        let buckets = Buckets::for_records(0);
        let (mut expected, mut actual) = (Names::new(buckets), Names::new(buckets));
        expected.add(1, "a", &[label("Archived", 7)]);
        actual.add(1, "a", &[label("Archived", 7), label("Theirs", 8)]);
        let mut marked = BucketSet::none(buckets);
        expected.mark_differing(&actual, &mut marked);
        assert!(marked.is_empty());
        let foreign = expected.foreign(&actual);
        let theirs = (BeyondKind::Label, "Theirs".into());
        assert_eq!(foreign.into_iter().collect::<Vec<_>>(), [(theirs, (1, vec!["a".into()]))]);
        actual.each.clear();
        expected.mark_differing(&actual, &mut marked);
        assert!(marked.contains(1) && marked.len() == 1);
    }

    #[test]
    fn of_too_many_names_the_rest_is_looked_at_again() {
        let buckets = Buckets::for_records(0);
        let mut names = Names::new(buckets);
        for number in 0..100u128 {
            names.add(3, "k", &[label(&format!("L{number}"), number)]);
        }
        assert_eq!(names.each.len(), MOST_NAMES);
        let mut marked = BucketSet::none(buckets);
        names.mark_differing(&names.clone(), &mut marked);
        assert!(marked.contains(3));
        assert_eq!(Names::new(buckets).foreign(&names).values().map(|(count, _)| count).sum::<u64>(), 100);
    }
}
