//! Judging a record as extraction and transformation would, and counting what becomes of it.

use super::report::PipelineForecast;
use crate::error::Result;
use crate::extract::{Envelope, SourceRow};
use crate::pipeline::{Outcome, Pipeline, Rejection, Reshaped, Scratch};
use crate::record::{Finding, RawEntity, RawRecord, Value};
use crate::transform::reshape;

/// Memory that is used again from record to record, and the counts of one type.
pub(super) struct Judge {
    pub(super) forecast: PipelineForecast,
    envelope: Envelope,
    scratch: Scratch,
    buffer: Vec<u8>,
    body: Vec<u8>,
}

/// What a record is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// A node with a key.
    Node(String),
    /// A relationship with both keys.
    Relationship(String, String),
    /// Something without a key, by the source's own id.
    Keyless(String),
}

impl Judge {
    pub(super) fn new(pipeline: &Pipeline, envelope: Envelope) -> Self {
        let (scratch, buffer, body) = (Scratch::default(), Vec::new(), Vec::new());
        Self { forecast: PipelineForecast::new(pipeline.name()), envelope, scratch, buffer, body }
    }

    /// The record of a row, before anything is judged.
    pub(super) fn wrap(&self, row: SourceRow, finding: Finding) -> RawRecord<'static> {
        self.envelope.wrap(row, finding)
    }

    /// Judges and counts. Nothing comes back of what goes no further.
    pub(super) fn judge<'p>(
        &mut self,
        pipeline: &'p Pipeline,
        mut raw: RawRecord<'p>,
        subject: &Subject,
    ) -> Result<Option<Reshaped<'p>>> {
        self.forecast.read += 1;
        self.envelope.limit(&mut raw, &mut self.buffer);
        let limit = self.envelope.max_record_bytes;
        match reshape(pipeline, raw, limit, &mut self.scratch, &mut self.body)? {
            Outcome::Merged => {
                self.forecast.merged += 1;
                Ok(None)
            }
            Outcome::Rejected(rejection) => {
                self.reject(subject, &rejection);
                Ok(None)
            }
            Outcome::Record(record) => {
                for name in &record.dropped {
                    *self.forecast.dropped.entry(name.to_string()).or_default() += 1;
                }
                Ok(Some(record))
            }
        }
    }

    /// Counts a dead letter that is charged.
    pub(super) fn reject(&mut self, subject: &Subject, rejection: &Rejection) {
        let Rejection { reason, message, property, found, .. } = rejection;
        let forecast = &mut self.forecast;
        *forecast.dead_letters.entry(*reason).or_default() += 1;
        forecast.charged += 1;
        forecast.details.add((*reason, property.as_deref(), *found), &subject.to_string(), message);
    }

    /// Bytes of the record that was judged last, as the topic would hold it.
    pub(super) fn bytes(&self) -> usize {
        self.body.len()
    }
}

impl Subject {
    /// What a record is about.
    pub(super) fn of(raw: &RawRecord<'_>) -> Self {
        let key = |value: &Value<'_>| value.as_key().map(str::to_owned);
        let found = match &raw.entity {
            RawEntity::Node { key: own, .. } => key(own).map(Self::Node),
            RawEntity::Relationship { start, end, .. } => {
                key(start).zip(key(end)).map(|(start, end)| Self::Relationship(start, end))
            }
        };
        found.unwrap_or_else(|| Self::Keyless(raw.element_id.to_string()))
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Node(key) => f.write_str(key),
            Self::Relationship(start, end) => write!(f, "{start} → {end}"),
            Self::Keyless(id) => write!(f, "elementId {id}"),
        }
    }
}
