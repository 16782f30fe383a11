//! What stands in one Kafka transaction of raw records, and when it is to be committed.

use std::time::{Duration, Instant};

use super::Limits;

/// A chunk is committed once it is this old: a slow source shows progress, and no transaction is open for so long that
/// Kafka ends it (ten seconds).
const AGE: Duration = Duration::from_secs(2);

/// How often the age of a chunk is looked at while no row comes.
pub(super) const LOOK: Duration = Duration::from_millis(500);

/// Rows since the last commit.
#[derive(Default)]
pub(super) struct Chunk {
    pub rows: u64,
    pub bytes: usize,
    /// When its first row was written.
    since: Option<Instant>,
}

impl Chunk {
    /// Another row, of so many bytes.
    pub(super) fn add(&mut self, bytes: usize) {
        self.since.get_or_insert_with(Instant::now);
        self.rows += 1;
        self.bytes += bytes;
    }

    /// Whether it is large enough, or old enough.
    pub(super) fn is_due(&self, limits: Limits) -> bool {
        self.rows >= limits.chunk_rows
            || self.bytes >= limits.chunk_bytes
            || self.since.is_some_and(|since| since.elapsed() > AGE)
    }
}
