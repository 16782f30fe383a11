//! Relationships that records of other pipelines derive: each pair counts once, whoever derives it and whether or not
//! the source has it as well. Pure.
//!
//! A set is needed for that, and a set has to fit into memory. Where it does not, the buckets are halved, and the other
//! half has its turn once the deriving records are read again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::buckets::{BucketSet, Buckets};
use super::letters::OpenLetters;
use super::subject::Subject;
use super::tally::EmittedCounts;
use crate::pipeline::Derived;
use crate::record::{Canonical, Reason};

/// Relationships that are held at a time, of all pipelines together: about a hundred bytes each.
const MOST_PAIRS: usize = 300_000;

/// The relationship pipelines that derived records come to, and what came.
#[derive(Debug, Default)]
pub(super) struct DerivedPairs {
    receivers: BTreeMap<String, Receiver>,
}

#[derive(Debug)]
struct Receiver {
    subject: Arc<Subject>,
    buckets: Buckets,
    most: usize,
    collected: Mutex<Collected>,
}

#[derive(Debug)]
struct Collected {
    /// Buckets that are collected now.
    active: BucketSet,
    /// Buckets whose turn comes later.
    later: BucketSet,
    /// By the digest of their contents.
    pairs: HashMap<u128, Pair>,
    /// Counted in the first turn.
    counts: EmittedCounts,
    first_turn: bool,
}

#[derive(Debug, Clone, Copy)]
struct Pair {
    key: u128,
    ends: [u128; 2],
    times: u32,
}

impl DerivedPairs {
    /// Adds a pipeline that derived records come to.
    pub(super) fn receive(&mut self, subject: Arc<Subject>, buckets: Buckets) {
        let collected = Collected {
            active: BucketSet::all(buckets),
            later: BucketSet::none(buckets),
            pairs: HashMap::new(),
            counts: EmittedCounts::default(),
            first_turn: true,
        };
        let name = subject.name().to_owned();
        let receiver = Receiver { subject, buckets, most: 0, collected: Mutex::new(collected) };
        self.receivers.insert(name, receiver);
        let most = MOST_PAIRS / self.receivers.len();
        self.receivers.values_mut().for_each(|receiver| receiver.most = most);
    }

    /// Whether derived records come to the pipeline.
    pub(super) fn comes_to(&self, pipeline: &str) -> bool {
        self.receivers.contains_key(pipeline)
    }

    /// Takes one.
    pub(super) fn add(&self, derived: &Derived<'_>, canonical: &mut Canonical) {
        let Some(receiver) = self.receivers.get(derived.pipeline) else { return };
        if let Some(rejection) = &derived.rejection {
            receiver.lock().dead(rejection.reason, 1);
            return;
        }
        let (start, end) = (derived.start.as_ref(), derived.end.as_ref());
        let Some(ends) = receiver.subject.ends(start, end, canonical) else { return };
        let digested = receiver.subject.derived(start, end, canonical);
        let mut collected = receiver.lock();
        collected.counts.total += u64::from(collected.first_turn);
        if collected.active.contains(receiver.buckets.of(digested.key)) {
            let pair = Pair { key: digested.key, ends, times: 0 };
            collected.pairs.entry(digested.content).or_insert(pair).times += 1;
            while collected.pairs.len() > receiver.most && collected.halve(receiver.buckets) {}
        }
    }

    /// What the target is expected to have of what came in this turn: calls `expect` with bucket and digest of each, and
    /// returns the digests, and the buckets that this turn was about.
    pub(super) fn settle(
        &self,
        pipeline: &str,
        dead_ends: &HashSet<u128>,
        letters: &OpenLetters,
        found: &HashSet<u128>,
        mut expect: impl FnMut(usize, u128),
    ) -> (HashSet<u128>, BucketSet) {
        let Some(receiver) = self.receivers.get(pipeline) else {
            return (HashSet::new(), BucketSet::all(Buckets::for_records(0)));
        };
        let mut collected = receiver.lock();
        let pairs = std::mem::take(&mut collected.pairs);
        let mut contents = HashSet::with_capacity(pairs.len());
        for (content, pair) in pairs {
            let misses = pair.ends.iter().any(|end| dead_ends.contains(end))
                || letters.still_misses(pipeline, pair.key, found);
            if misses {
                collected.counts.count(Reason::EndpointMissing, pair.times.into());
            } else {
                collected.counts.expected += 1;
                expect(receiver.buckets.of(pair.key), content);
                contents.insert(content);
            }
        }
        (contents, collected.active.clone())
    }

    /// Begins the next turn of a pipeline; nothing where there is none left.
    pub(super) fn next_turn(&self, pipeline: &str) -> Option<()> {
        let receiver = self.receivers.get(pipeline)?;
        let mut collected = receiver.lock();
        if collected.later.is_empty() {
            return None;
        }
        collected.first_turn = false;
        collected.active = std::mem::replace(&mut collected.later, BucketSet::none(receiver.buckets));
        collected.pairs.clear();
        Some(())
    }

    /// What came to a pipeline.
    pub(super) fn counts(&self, pipeline: &str) -> EmittedCounts {
        self.receivers.get(pipeline).map(|receiver| receiver.lock().counts.clone()).unwrap_or_default()
    }
}

impl Receiver {
    fn lock(&self) -> MutexGuard<'_, Collected> {
        self.collected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collected {
    fn dead(&mut self, reason: Reason, times: u64) {
        if self.first_turn {
            self.counts.total += times;
            self.counts.count(reason, times);
        }
    }

    /// Leaves half of the buckets to a later turn. False where there is but one: it has to be held.
    fn halve(&mut self, buckets: Buckets) -> bool {
        let Some(half) = self.active.split() else { return false };
        self.pairs.retain(|_, pair| !half.contains(buckets.of(pair.key)));
        self.later.add(&half);
        true
    }
}

impl EmittedCounts {
    fn count(&mut self, reason: Reason, times: u64) {
        *self.dead_letters.entry(reason).or_default() += times;
    }
}
