//! The open dead letters that the pure function can't foresee: those that loading wrote.
//!
//! What the target refused (`target_rejected`) is not expected there as long as its dead letter is open. A
//! relationship without an end needs no dead letter to be foreseen: an end that is not expected in the target makes
//! its relationships not expected. Only where a derived record names a node that the source does not have is
//! there nothing to foresee it by but looking for that node; the dead letters of such records say which nodes are
//! worth looking for while the nodes are read anyway.

use std::collections::{HashMap, HashSet};

use super::subject::{end_digest, last_key_digest};
use crate::checkpoint::LastKey;
use crate::dead_letters::{Filter, LetterState, Reader};
use crate::error::{Cause, Error, Result};
use crate::pipeline::{Pipelines, Source};
use crate::record::{Canonical, DeadLetter, Reason};

/// Digests of what open dead letters are about: bounded by their number, as `load.max_dead_letters` bounds it.
#[derive(Debug, Default)]
pub(super) struct OpenLetters {
    /// Keys of records that the target refused, by pipeline.
    refused: HashMap<String, HashSet<u128>>,
    /// Both ends of derived relationships that missed one, by pipeline and key.
    missed: HashMap<String, HashMap<u128, [u128; 2]>>,
    /// All of these ends.
    ends: HashSet<u128>,
}

impl OpenLetters {
    /// Reads them from their topic.
    pub(super) async fn read(reader: Reader, pipelines: &Pipelines) -> Result<Self> {
        let pipelines = pipelines.clone();
        let filter = Filter {
            reasons: vec![Reason::TargetRejected, Reason::EndpointMissing],
            states: vec![LetterState::Open],
            ..Filter::default()
        };
        let read = move || {
            let mut letters = Self::default();
            let mut canonical = Canonical::default();
            reader.read(&filter, |found| {
                let source = pipelines.get(&found.letter.pipeline).map(|pipeline| pipeline.source());
                if let Some(source) = source {
                    letters.add(&found.letter, source, &mut canonical);
                }
                Ok(true)
            })?;
            Ok(letters)
        };
        let read = tokio::task::spawn_blocking(read).await;
        read.map_err(|error| Error::new(Cause::Unexpected, "read the open dead letters").source(error))?
    }

    fn add(&mut self, letter: &DeadLetter, source: &Source, canonical: &mut Canonical) {
        let Some(key) = key_of(letter) else { return };
        let digest = last_key_digest(&key, canonical);
        match (letter.reason, source, &key) {
            (Reason::TargetRejected, _, _) => {
                self.refused.entry(letter.pipeline.clone()).or_default().insert(digest);
            }
            (
                Reason::EndpointMissing,
                Source::Relationship { start: from, end: to, .. },
                LastKey::Relationship { start, end },
            ) if letter.derived => {
                let ends = [end_digest(&from.label, start, canonical), end_digest(&to.label, end, canonical)];
                self.ends.extend(ends);
                self.missed.entry(letter.pipeline.clone()).or_default().insert(digest, ends);
            }
            _ => {}
        }
    }

    /// Whether the target refused the record with this key.
    pub(super) fn is_refused(&self, pipeline: &str, key: u128) -> bool {
        self.refused.get(pipeline).is_some_and(|keys| keys.contains(&key))
    }

    /// Whether a derived relationship is known to have missed this end.
    pub(super) fn asks_for(&self, end: u128) -> bool {
        self.ends.contains(&end)
    }

    /// Whether a derived relationship still misses an end, when these are the nodes that were asked for and found.
    pub(super) fn still_misses(&self, pipeline: &str, key: u128, found: &HashSet<u128>) -> bool {
        let ends = self.missed.get(pipeline).and_then(|keys| keys.get(&key));
        ends.is_some_and(|ends| !ends.iter().all(|end| found.contains(end)))
    }
}

fn key_of(letter: &DeadLetter) -> Option<LastKey> {
    match (&letter.key, &letter.start, &letter.end) {
        (Some(key), _, _) => Some(LastKey::Node(key.clone())),
        (None, Some(start), Some(end)) => {
            Some(LastKey::Relationship { start: start.clone(), end: end.clone() })
        }
        _ => None,
    }
}
