//! Whether a record of the source is expected in the target: the pipeline's pure function, and what is known beside
//! it. Pure.

use std::collections::HashSet;
use std::sync::Arc;

use super::letters::OpenLetters;
use super::subject::{Subject, end_digest, key_digest};
use crate::error::Result;
use crate::extract::Envelope;
use crate::pipeline::{Outcome, Reshaped, Scratch, Source};
use crate::record::{Canonical, ModelEntity, RawEntity, RawRecord, Reason};
use crate::transform::reshape;

/// Judges the records of one pipeline.
#[derive(Clone)]
pub(super) struct Judge {
    pub(super) subject: Arc<Subject>,
    pub(super) envelope: Envelope,
    /// Largest record that transformation passes on.
    pub(super) max_record_bytes: usize,
    pub(super) letters: Arc<OpenLetters>,
    /// Nodes of the source that are not expected in the target, by [`end_digest`]; empty while nodes are judged.
    pub(super) dead_ends: Arc<HashSet<u128>>,
}

/// Memory that is used again from record to record.
#[derive(Default)]
pub(super) struct Work {
    scratch: Scratch,
    body: Vec<u8>,
    pub(super) canonical: Canonical,
    pub(super) buffer: Vec<u8>,
}

/// What the target is expected to have of a record.
#[derive(Debug, PartialEq)]
pub(super) enum Fate<'a> {
    /// This.
    Expected(Reshaped<'a>),
    /// This, but for an open dead letter of it, or for an end that is not expected either.
    Accounted(Reshaped<'a>, Reason),
    /// Nothing of its own: a parallel relationship stands for it.
    Merged,
    /// Nothing: it is a dead letter.
    Rejected(Reason),
}

impl Judge {
    /// Judges a record as extraction made it, over the limit or not.
    ///
    /// Errors: only where Regraft itself is wrong.
    pub(super) fn judge<'a>(&'a self, mut raw: RawRecord<'a>, work: &mut Work) -> Result<Fate<'a>> {
        self.envelope.limit(&mut raw, &mut work.buffer);
        let (pipeline, most) = (&self.subject.pipeline, self.max_record_bytes);
        Ok(match reshape(pipeline, raw, most, &mut work.scratch, &mut work.body)? {
            Outcome::Merged => Fate::Merged,
            Outcome::Rejected(rejection) => Fate::Rejected(rejection.reason),
            Outcome::Record(record) => match self.accounted_for(&record.entity, &mut work.canonical) {
                Some(reason) => Fate::Accounted(record, reason),
                None => Fate::Expected(record),
            },
        })
    }

    /// The reason for which a record that can be migrated is not expected all the same.
    fn accounted_for(&self, entity: &ModelEntity<'_>, canonical: &mut Canonical) -> Option<Reason> {
        if self.misses_an_end(entity, canonical) {
            return Some(Reason::EndpointMissing);
        }
        let key = key_digest(entity, canonical);
        self.letters.is_refused(self.subject.name(), key).then_some(Reason::TargetRejected)
    }

    fn misses_an_end(&self, entity: &ModelEntity<'_>, canonical: &mut Canonical) -> bool {
        let ModelEntity::Relationship { start, end } = entity else { return false };
        let ends = self.subject.ends(start, end, canonical);
        ends.is_some_and(|ends| ends.iter().any(|end| self.dead_ends.contains(end)))
    }

    /// What the node of a record is as an end; nothing of relationships, and of nodes without a usable key.
    pub(super) fn as_end(&self, entity: &RawEntity<'_>, canonical: &mut Canonical) -> Option<u128> {
        match (self.subject.pipeline.source(), entity) {
            (Source::Node { label, .. }, RawEntity::Node { key, .. }) => {
                Some(end_digest(label, key.as_key()?, canonical))
            }
            _ => None,
        }
    }
}
