//! Buckets of keys, and sums of digests in them: sums, not exclusive ors, so that what is there twice shows. Pure.

/// Records that a bucket is meant to hold: a difference costs the reading of about so many again, on both sides.
const RECORDS_EACH: u64 = 128;
const FEWEST: u64 = 16;
/// Bounds the memory of a type and the size of what is kept of it. Beyond it buckets grow.
const MOST: u64 = 4096;

/// How keys fall into buckets: by the lowest bits of their digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Buckets(usize);

impl Buckets {
    /// Enough of them for so many records.
    pub(super) fn for_records(records: u64) -> Self {
        let wanted = (records / RECORDS_EACH).clamp(FEWEST, MOST).next_power_of_two();
        Self(usize::try_from(wanted).unwrap_or(1))
    }

    /// So many, as they were kept; nothing where there can't be so many.
    pub(super) fn of_number(number: usize) -> Option<Self> {
        (number.is_power_of_two() && number as u64 <= MOST).then_some(Self(number))
    }

    /// How many there are: a power of two.
    pub(super) fn number(self) -> usize {
        self.0
    }

    /// The bucket of a key.
    pub(super) fn of(self, key: u128) -> usize {
        // The lowest 64 bits are more than any number of buckets.
        (key as u64 as usize) & (self.0 - 1)
    }
}

/// The sum of the digests in each bucket, and how many they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) digests: Vec<u128>,
    pub(super) counts: Vec<u64>,
}

impl Sums {
    pub(super) fn new(buckets: Buckets) -> Self {
        Self { digests: vec![0; buckets.number()], counts: vec![0; buckets.number()] }
    }

    pub(super) fn add(&mut self, bucket: usize, digest: u128) {
        if let (Some(sum), Some(count)) = (self.digests.get_mut(bucket), self.counts.get_mut(bucket)) {
            *sum = sum.wrapping_add(digest);
            *count += 1;
        }
    }

    /// How many were added.
    pub(super) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Marks the buckets in which the others are not the same.
    pub(super) fn mark_differing(&self, others: &Sums, marked: &mut BucketSet) {
        let differs = |at: &usize| {
            self.digests.get(*at) != others.digests.get(*at) || self.counts.get(*at) != others.counts.get(*at)
        };
        (0..self.digests.len()).filter(differs).for_each(|at| marked.insert(at));
    }
}

/// Some of the buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BucketSet(Vec<bool>);

impl BucketSet {
    /// None of them.
    pub(super) fn none(buckets: Buckets) -> Self {
        Self(vec![false; buckets.number()])
    }

    /// All of them.
    pub(super) fn all(buckets: Buckets) -> Self {
        Self(vec![true; buckets.number()])
    }

    pub(super) fn insert(&mut self, bucket: usize) {
        if let Some(marked) = self.0.get_mut(bucket) {
            *marked = true;
        }
    }

    pub(super) fn contains(&self, bucket: usize) -> bool {
        self.0.get(bucket).copied().unwrap_or(false)
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().filter(|marked| **marked).count()
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.0.contains(&true)
    }

    /// Takes the latter half of them out and returns it: what does not fit into memory at once comes in turns. Nothing
    /// where there is only one.
    pub(super) fn split(&mut self) -> Option<BucketSet> {
        let keep = self.len().div_ceil(2);
        let marked: Vec<usize> = (0..self.0.len()).filter(|at| self.contains(*at)).collect();
        let taken = marked.get(keep..).filter(|taken| !taken.is_empty())?;
        let mut half = BucketSet(vec![false; self.0.len()]);
        for at in taken {
            half.insert(*at);
            self.0[*at] = false;
        }
        Some(half)
    }

    /// Adds all of the others.
    pub(super) fn add(&mut self, others: &BucketSet) {
        (0..others.0.len()).filter(|at| others.contains(*at)).for_each(|at| self.insert(at));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn there_are_few_for_few_records_and_never_too_many() {
        let number = |records| Buckets::for_records(records).number();
        assert_eq!([0, 5_000, 1_000_000, u64::MAX].map(number), [16, 64, 4096, 4096]);
        assert_eq!(Buckets::of_number(64), Some(Buckets(64)));
        assert_eq!([0, 3, 8192].map(Buckets::of_number), [None; 3]);
    }

    #[test]
    fn halves_are_taken_until_one_is_left() {
        let mut set = BucketSet::none(Buckets(16));
        [1, 5, 9].into_iter().for_each(|at| set.insert(at));
        let half = set.split().unwrap();
        assert_eq!((set.len(), half.len()), (2, 1));
        assert!(set.contains(1) && set.contains(5) && half.contains(9));
        set.split().unwrap();
        assert_eq!(set.split(), None);
    }

    proptest! {
        #[test]
        fn sums_know_no_order_and_see_what_is_there_twice(
            records in prop::collection::vec((any::<u128>(), any::<u128>()), 1..60),
            again in any::<prop::sample::Index>(),
        ) {
            let buckets = Buckets(16);
            let sum = |records: &[(u128, u128)]| {
                let mut sums = Sums::new(buckets);
                records.iter().for_each(|(key, digest)| sums.add(buckets.of(*key), *digest));
                sums
            };
            let mut turned = records.clone();
            turned.reverse();
            prop_assert_eq!(sum(&records), sum(&turned));
            let (key, digest) = records[again.index(records.len())];
            // Twice the same is nothing to an exclusive or.
            turned.extend([(key, digest), (key, digest)]);
            let mut marked = BucketSet::none(buckets);
            sum(&records).mark_differing(&sum(&turned), &mut marked);
            prop_assert_eq!(marked.len(), 1);
            prop_assert!(marked.contains(buckets.of(key)));
        }
    }
}
