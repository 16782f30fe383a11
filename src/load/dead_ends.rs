//! Which nodes are dead letters themselves: a relationship that misses such an end is a consequence, and not
//! charged to the limit a second time.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Cause, Error, Result};
use crate::kafka::{Kafka, Scanned, Tail, Watermarks, read_dead_letter};
use crate::record::named;

/// The keys of dead-lettered nodes by pipeline, as hashes: eight bytes each, bounded by `max_dead_letters`. Read
/// from the dead-letters topic when the first end is missed, then kept up to date.
#[derive(Clone)]
pub struct DeadEnds {
    kafka: Kafka,
    watermarks: Watermarks,
    known: Arc<Known>,
}

#[derive(Default)]
struct Known {
    /// Locked while it reads.
    tail: Mutex<Option<Tail>>,
    keys: Mutex<HashSet<u64>>,
}

impl Known {
    fn keys(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, record: &Scanned) -> Result<()> {
        if let Ok(letter) = read_dead_letter(record)
            && let Some(key) = &letter.key
        {
            self.keys().insert(hash(&letter.pipeline, key));
        }
        Ok(())
    }
}

impl DeadEnds {
    /// Knows nothing yet.
    pub fn new(kafka: Kafka, watermarks: Watermarks) -> Self {
        Self { kafka, watermarks, known: Arc::default() }
    }

    /// Reads what came since; also what stands behind a transaction that is still open, once that has ended.
    pub(super) async fn refresh(&self) -> Result<()> {
        let (kafka, known) = (self.kafka.clone(), self.known.clone());
        let topic = kafka.names.dead_letters();
        let ends = self.watermarks.ends_of(&topic, kafka.settings().partitions).await?;
        let done = tokio::task::spawn_blocking(move || {
            let mut tail = known.tail.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(mut kept) = tail.take()
                && kept.read_to(&ends, |record| known.note(&record)).is_ok()
            {
                *tail = Some(kept);
                return Ok(());
            }
            // There is none yet, or it still tells of an outage that is over.
            let mut made = Tail::new(&kafka, topic)?;
            made.read_to(&ends, |record| known.note(&record))?;
            *tail = Some(made);
            Ok(())
        });
        done.await.map_err(|error| Error::new(Cause::Unexpected, "read the dead letters").source(error))?
    }

    /// Whether the node with this key is a dead letter of one of the pipelines.
    pub(super) fn contains(&self, pipelines: &[String], key: &str) -> bool {
        let keys = self.known.keys();
        pipelines.iter().any(|pipeline| keys.contains(&hash(pipeline, &named(key))))
    }
}

fn hash(pipeline: &str, key: &str) -> u64 {
    // Two hashes rather than one of a joined text: no key can then pass for another pipeline's.
    xxh3_64(pipeline.as_bytes()).rotate_left(32) ^ xxh3_64(key.as_bytes())
}
