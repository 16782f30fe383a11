//! The process-wide schedule of load transactions: no two that run at once touch the same bucket of nodes.
//!
//! Creating a relationship locks both ends, MERGE takes its locks out of order: transactions that share nodes
//! deadlock, and neither sorting nor partitioning helps (facts: 46 to 291 retries in 200,000 relationships
//! unscheduled, 1 to 6 scheduled). A bucket is a label and some bits of the key's hash.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use xxhash_rust::xxh3::xxh3_64;

/// Buckets of one label, as bits.
type Mask = u64;

/// How keys fall into buckets. Aligned to the partitions, so that batches of different partitions of one
/// pipeline never share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Buckets {
    partitions: u64,
    count: u64,
}

impl Buckets {
    pub(super) fn new(partitions: i32) -> Self {
        let partitions = u64::try_from(partitions).unwrap_or(1).max(1);
        let count = if partitions <= 64 { partitions * (64 / partitions) } else { 64 };
        Self { partitions, count }
    }

    /// The bucket of a key, below 64.
    pub(super) fn of(self, key: &str) -> u8 {
        let hash = xxh3_64(key.as_bytes());
        let bucket =
            if self.partitions <= 64 { hash % self.count } else { hash % self.partitions % self.count };
        bucket as u8
    }

    /// The group of a bucket among `groups` of them.
    pub(super) fn group(self, bucket: u8, groups: usize) -> usize {
        usize::from(bucket) * groups / self.count as usize
    }
}

/// The nodes that a transaction touches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Footprint {
    masks: Vec<(u64, Mask)>,
}

impl Footprint {
    /// Adds a bucket of a label.
    pub(super) fn add(&mut self, label: &str, bucket: u8) {
        let label = xxh3_64(label.as_bytes());
        let bit = 1 << (bucket % 64);
        match self.masks.iter_mut().find(|(known, _)| *known == label) {
            Some((_, mask)) => *mask |= bit,
            None => self.masks.push((label, bit)),
        }
    }

    fn overlaps(&self, other: &Footprint) -> bool {
        let shares =
            |(label, mask): &(u64, Mask)| other.masks.iter().any(|(l, m)| l == label && m & mask != 0);
        self.masks.iter().any(shares)
    }
}

/// What runs now. Pure.
#[derive(Debug, Default)]
struct Running {
    footprints: Vec<(u64, Footprint)>,
    next: u64,
}

impl Running {
    /// The first candidate that shares nothing with what runs, admitted.
    fn admit(&mut self, candidates: &[Footprint], at_once: usize) -> Option<(usize, u64)> {
        if self.footprints.len() >= at_once {
            return None;
        }
        let free =
            |candidate: &Footprint| !self.footprints.iter().any(|(_, running)| running.overlaps(candidate));
        let chosen = candidates.iter().position(free)?;
        let ticket = self.next;
        self.next += 1;
        self.footprints.push((ticket, candidates[chosen].clone()));
        Some((chosen, ticket))
    }

    fn leave(&mut self, ticket: u64) {
        self.footprints.retain(|(running, _)| *running != ticket);
    }
}

/// The schedule, shared by all loaders of the process.
#[derive(Debug)]
pub struct Schedule {
    running: Mutex<Running>,
    left: Notify,
    at_once: usize,
}

impl Schedule {
    /// At most `at_once` transactions at a time.
    pub fn new(at_once: usize) -> Arc<Self> {
        Arc::new(Self { running: Mutex::default(), left: Notify::new(), at_once: at_once.max(1) })
    }

    /// Waits until one of the candidates may run, and says which. Holding the permit holds its buckets.
    pub(super) async fn admit(self: &Arc<Self>, candidates: &[Footprint]) -> (usize, Permit) {
        loop {
            // Asked for before looking, so that a permit given back in between wakes this up.
            let left = self.left.notified();
            if let Some((chosen, ticket)) = self.lock().admit(candidates, self.at_once) {
                return (chosen, Permit { schedule: self.clone(), ticket });
            }
            left.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A transaction's place; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    schedule: Arc<Schedule>,
    ticket: u64,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.schedule.lock().leave(self.ticket);
        self.schedule.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::partition_of;

    fn footprint(buckets: &[(&str, u8)]) -> Footprint {
        let mut footprint = Footprint::default();
        buckets.iter().for_each(|(label, bucket)| footprint.add(label, *bucket));
        footprint
    }

    #[test]
    fn what_shares_a_bucket_waits_and_what_shares_none_runs() {
        let mut running = Running::default();
        let first = footprint(&[("A", 1), ("B", 2)]);
        let (_, ticket) = running.admit(std::slice::from_ref(&first), 4).unwrap();
        assert_eq!(running.admit(&[footprint(&[("B", 2)])], 4), None);
        let (chosen, _) = running.admit(&[footprint(&[("A", 1)]), footprint(&[("A", 2)])], 4).unwrap();
        assert_eq!(chosen, 1);
        assert_eq!(running.admit(&[footprint(&[("C", 9)])], 2), None);
        running.leave(ticket);
        assert!(running.admit(&[first], 2).is_some());
    }

    #[tokio::test]
    async fn a_permit_given_back_wakes_who_waits() {
        let schedule = Schedule::new(4);
        let wanted = [footprint(&[("A", 1)])];
        let (_, permit) = schedule.admit(&wanted).await;
        let waiting = tokio::spawn({
            let (schedule, wanted) = (schedule.clone(), wanted.clone());
            async move { schedule.admit(&wanted).await.0 }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(permit);
        assert_eq!(waiting.await.unwrap(), 0);
    }

    proptest! {
        #[test]
        fn batches_of_different_partitions_share_no_bucket(one in ".{0,12}", other in ".{0,12}", partitions in 1i32..200) {
            let buckets = Buckets::new(partitions);
            let differ = partition_of(one.as_bytes(), partitions) != partition_of(other.as_bytes(), partitions);
            if differ && partitions <= 64 {
                prop_assert_ne!(buckets.of(&one), buckets.of(&other));
            }
            prop_assert!(buckets.of(&one) < 64);
            prop_assert!(buckets.group(buckets.of(&one), 4) < 4);
        }
    }
}
