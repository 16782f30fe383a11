//! What a rollback does, or would do, to the entities of each pipeline.

use std::collections::BTreeMap;

use serde::Serialize;

use super::decide::KeepReason;
use super::reader::Step;
use crate::record::GapReason;

/// What becomes of the entities of a pipeline that were changed since the instant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TypeReport {
    /// Label or relationship type.
    #[serde(rename = "type")]
    pub entity_type: String,
    /// Properties or labels go back to what they were.
    pub restore: u64,
    /// Goes: it was not there.
    pub delete: u64,
    /// Comes back: it was there.
    pub recreate: u64,
    /// Is as it was already.
    pub unchanged: u64,
    /// Was not there and stays all the same, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub keep: BTreeMap<KeepReason, u64>,
    /// Can't be brought back to what it was, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub cannot: BTreeMap<Cannot, u64>,
    /// A few entities of those that are kept or can't be brought back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<Sample>,
}

/// Why an entity can't be brought back to what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cannot {
    /// It was written while `load.undo` was false.
    JournalOff,
    /// What it was is larger than a message can be.
    ImageTooLarge,
    /// It was deleted, and had no key by which it could be found again.
    Unkeyed,
    /// A relationship whose start or end is gone.
    EndMissing,
    /// The target refuses what it was (a constraint that came since).
    Refused,
}

/// One of the entities that are kept or can't be brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// `keep` or `cannot` with the reason.
    pub reason: String,
    /// Type and key.
    pub entity: String,
    /// What the target says, where it refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Samples of one reason.
const SAMPLES: usize = 5;

/// What became of one entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Unchanged,
    Restored,
    Deleted,
    Recreated,
    Kept(KeepReason),
    Cannot(Cannot, Option<String>),
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// The step.
    pub step: Step,
    /// Entities that it is through with.
    pub entities: u64,
    /// At most so many there are.
    pub at_most: u64,
}

/// Takes news of the progress; called after every batch.
pub type Observer<'a> = &'a (dyn Fn(Looked) + Send + Sync);

impl From<GapReason> for Cannot {
    fn from(reason: GapReason) -> Self {
        match reason {
            GapReason::JournalOff => Cannot::JournalOff,
            GapReason::ImageTooLarge => Cannot::ImageTooLarge,
            GapReason::Unkeyed => Cannot::Unkeyed,
        }
    }
}

impl TypeReport {
    pub(super) fn new(entity_type: &str) -> Self {
        Self { entity_type: entity_type.to_owned(), ..Self::default() }
    }

    pub(super) fn add(&mut self, outcome: Outcome, entity: impl Fn() -> String) {
        match outcome {
            Outcome::Unchanged => self.unchanged += 1,
            Outcome::Restored => self.restore += 1,
            Outcome::Deleted => self.delete += 1,
            Outcome::Recreated => self.recreate += 1,
            Outcome::Kept(reason) => {
                *self.keep.entry(reason).or_default() += 1;
                self.sample(named("keep", &reason), entity, None);
            }
            Outcome::Cannot(reason, message) => {
                *self.cannot.entry(reason).or_default() += 1;
                self.sample(named("cannot", &reason), entity, message);
            }
        }
    }

    fn sample(&mut self, reason: String, entity: impl Fn() -> String, message: Option<String>) {
        if self.samples.iter().filter(|sample| sample.reason == reason).count() < SAMPLES {
            self.samples.push(Sample { reason, entity: entity(), message });
        }
    }

    /// Whether anything is written.
    pub fn changes(&self) -> u64 {
        self.restore + self.delete + self.recreate
    }
}

/// "keep relationships".
fn named(what: &str, reason: &impl Serialize) -> String {
    match serde_json::to_value(reason) {
        Ok(serde_json::Value::String(name)) => format!("{what} {name}"),
        _ => what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_counted_and_some_are_named() {
        let mut report = TypeReport::new("A");
        for number in 0..7 {
            report.add(Outcome::Kept(KeepReason::Relationships), || format!("A \"{number}\""));
        }
        report.add(Outcome::Cannot(Cannot::Refused, Some("no".into())), || "A \"9\"".into());
        report.add(Outcome::Deleted, || "unasked".into());
        assert_eq!((report.delete, report.keep[&KeepReason::Relationships], report.changes()), (1, 7, 1));
        assert_eq!(report.samples.len(), SAMPLES + 1);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["cannot"], serde_json::json!({"refused": 1}));
        assert_eq!(json["samples"][0]["reason"], "keep relationships");
        assert_eq!(
            json["samples"][5],
            serde_json::json!({"reason": "cannot refused", "entity": "A \"9\"", "message": "no"})
        );
    }
}
