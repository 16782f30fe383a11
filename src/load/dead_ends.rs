//! Which nodes are dead letters themselves: a relationship that misses such an end is a consequence, and not
//! charged to the limit a second time.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use xxhash_rust::xxh3::xxh3_64;

use crate::error::Result;
use crate::kafka::{Kafka, Tail, Watermarks, read_dead_letter};

/// The keys of dead-lettered nodes by pipeline, as hashes: eight bytes each, bounded by `max_dead_letters`. Read
/// from the dead-letters topic when the first end is missed, then kept up to date.
#[derive(Clone)]
pub struct DeadEnds {
    kafka: Kafka,
    watermarks: Watermarks,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    /// Made when first asked, and again after a failure.
    tail: Option<Tail>,
    keys: HashSet<u64>,
}

impl DeadEnds {
    /// Knows nothing yet.
    pub fn new(kafka: Kafka, watermarks: Watermarks) -> Self {
        Self { kafka, watermarks, known: Arc::default() }
    }

    /// Reads what came since.
    pub(super) async fn refresh(&self) -> Result<()> {
        let (kafka, known) = (self.kafka.clone(), self.known.clone());
        let topic = kafka.names.dead_letters();
        let ends = self.watermarks.ends_of(&topic, kafka.settings().partitions).await?;
        let done = tokio::task::spawn_blocking(move || {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            let Known { tail, keys } = &mut *known;
            let mut reading = tail.take().map_or_else(|| Tail::new(&kafka, topic), Ok)?;
            reading.read_to(&ends, |record| {
                if let Ok(letter) = read_dead_letter(&record)
                    && let Some(key) = &letter.key
                {
                    keys.insert(hash(&letter.pipeline, key));
                }
                Ok(())
            })?;
            *tail = Some(reading);
            Ok(())
        });
        done.await.map_err(|error| {
            crate::error::Error::new(crate::error::Cause::Unexpected, "read the dead letters").source(error)
        })?
    }

    /// Whether the node with this key is a dead letter of one of the pipelines.
    pub(super) fn contains(&self, pipelines: &[String], key: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        pipelines.iter().any(|pipeline| known.keys.contains(&hash(pipeline, key)))
    }
}

fn hash(pipeline: &str, key: &str) -> u64 {
    // Two hashes rather than one of a joined text: no key can then pass for another pipeline's.
    xxh3_64(pipeline.as_bytes()).rotate_left(32) ^ xxh3_64(key.as_bytes())
}
