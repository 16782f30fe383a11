//! How far a comparison is, for those who watch it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Counters of a comparison. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    pipelines: Arc<Mutex<Vec<Named>>>,
}

type Named = (String, Arc<Counters>);

/// Counters of one pipeline.
#[derive(Debug, Default)]
pub(super) struct Counters {
    expected: AtomicU64,
    read: AtomicU64,
    differences: AtomicU64,
    begun: AtomicBool,
    done: AtomicBool,
}

/// Where the comparison of one pipeline is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The pipeline.
    pub pipeline: String,
    /// Rows that both sides have, as counted before; more where buckets are read again.
    pub expected: u64,
    /// Rows read of both sides.
    pub read: u64,
    /// Differences found.
    pub differences: u64,
    /// Whether it has begun.
    pub begun: bool,
    /// Whether it is through.
    pub done: bool,
}

impl Progress {
    /// Where each pipeline is now, in the order in which they are compared.
    pub fn seen(&self) -> Vec<Seen> {
        let all = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = |(pipeline, counters): &Named| Seen {
            pipeline: pipeline.clone(),
            expected: counters.expected.load(Ordering::Relaxed),
            read: counters.read.load(Ordering::Relaxed),
            differences: counters.differences.load(Ordering::Relaxed),
            begun: counters.begun.load(Ordering::Relaxed),
            done: counters.done.load(Ordering::Relaxed),
        };
        all.iter().map(seen).collect()
    }

    /// The counters of a pipeline, made with the first call.
    pub(super) fn of(&self, pipeline: &str) -> Arc<Counters> {
        let mut all = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counters)) = all.iter().find(|(name, _)| name == pipeline) {
            return counters.clone();
        }
        let counters = Arc::new(Counters::default());
        all.push((pipeline.to_owned(), counters.clone()));
        counters
    }
}

impl Counters {
    pub(super) fn expects(&self, rows: u64) {
        self.expected.fetch_add(rows, Ordering::Relaxed);
        self.begun.store(true, Ordering::Relaxed);
        self.done.store(false, Ordering::Relaxed);
    }

    pub(super) fn read(&self, rows: usize) {
        self.begun.store(true, Ordering::Relaxed);
        self.read.fetch_add(rows as u64, Ordering::Relaxed);
    }

    pub(super) fn found(&self, differences: u64) {
        self.differences.store(differences, Ordering::Relaxed);
    }

    pub(super) fn done(&self) {
        self.done.store(true, Ordering::Relaxed);
    }
}
