//! A dead letter as `dead-letters list`, `show` and `export` give it.

use std::fmt;

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::record::{DeadLetter, EarlierLetter, Reason};

/// What has become of a dead letter.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum LetterState {
    /// Nobody has dealt with it.
    #[default]
    Open,
    /// It was put back through the pipeline.
    Replayed,
    /// A later reading of the record, or a later attempt at it, stands in its place.
    Superseded,
    /// A person has said that it is dealt with.
    Resolved,
}

impl LetterState {
    /// All states.
    pub const ALL: [LetterState; 4] =
        [LetterState::Open, LetterState::Replayed, LetterState::Superseded, LetterState::Resolved];

    /// Whether somebody has to deal with it.
    pub fn is_open(self) -> bool {
        self == LetterState::Open
    }

    /// The name in reports and options.
    pub fn as_str(self) -> &'static str {
        match self {
            LetterState::Open => "open",
            LetterState::Replayed => "replayed",
            LetterState::Superseded => "superseded",
            LetterState::Resolved => "resolved",
        }
    }
}

impl fmt::Display for LetterState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One dead letter. Its JSON is stable: fields may be added, none goes or changes its meaning.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct View {
    /// Pipeline that it counts for.
    pub pipeline: String,
    /// Label or relationship type.
    #[serde(rename = "type")]
    pub entity_type: String,
    /// Key of a node, or null; absent for a relationship whose ends are known.
    #[serde(flatten)]
    pub entity: Entity,
    /// The reason.
    pub reason: Reason,
    /// What is wrong.
    pub message: String,
    /// The property that is wrong.
    pub property: Option<String>,
    /// Its value.
    pub value: Option<Value>,
    /// Whether a record of another pipeline derived it.
    pub derived: bool,
    /// Pass that read it.
    pub pass: u32,
    /// When it was read, in UTC; none where the record is not one that extraction has written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_at: Option<String>,
    /// Topic of the raw record.
    pub topic: String,
    /// Partition of the raw record.
    pub partition: i32,
    /// Offset of the raw record.
    pub offset: i64,
    /// Which outcome of it.
    pub output: u32,
    /// When it became a dead letter, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written_at: Option<String>,
    /// What has become of it.
    pub state: LetterState,
    /// Why it was set aside, and by whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The dead letter whose replay led to this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earlier: Option<EarlierLetter>,
    /// The original record; in `show` and `export` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Value>,
    /// Why there is no record, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What it is about, for people.
    #[serde(skip)]
    pub subject: String,
}

/// What the record is known by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Entity {
    /// A relationship of which at least one end is known.
    Relationship {
        /// Key of the start.
        start: Option<String>,
        /// Key of the end.
        end: Option<String>,
    },
    /// A node, or a record of which no key is known.
    Node {
        /// Key.
        key: Option<String>,
    },
}

impl View {
    /// Shows a dead letter in this state, with its record where it was asked for.
    pub fn new(letter: DeadLetter, state: LetterState, record: Option<Value>) -> View {
        // What could not be decoded does not say when it was read.
        let known = (letter.read_at_micros != 0).then_some(letter.read_at_micros);
        let read_at = known
            .and_then(DateTime::from_timestamp_micros)
            .map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, true));
        let subject = subject(&letter);
        let entity = match (letter.start, letter.end) {
            (None, None) => Entity::Node { key: letter.key },
            (start, end) => Entity::Relationship { start, end },
        };
        View {
            pipeline: letter.pipeline,
            entity_type: letter.entity_type,
            entity,
            reason: letter.reason,
            message: letter.message,
            property: letter.property,
            value: letter.value,
            derived: letter.derived,
            pass: letter.pass,
            read_at,
            topic: letter.topic,
            partition: letter.partition,
            offset: letter.offset,
            output: letter.output,
            written_at: None,
            state,
            comment: None,
            earlier: letter.earlier,
            record,
            note: None,
            subject,
        }
    }

    /// Where its raw record is, as `--at` takes it.
    pub fn position(&self) -> String {
        format!("{}:{}:{}", self.topic, self.partition, self.offset)
    }
}

/// What a dead letter is about, for people: `Episode "episode-1-7"`.
pub fn subject(letter: &DeadLetter) -> String {
    let name = &letter.entity_type;
    match (&letter.key, &letter.start, &letter.end) {
        (Some(key), _, _) => format!("{name} {key:?}"),
        (None, Some(start), Some(end)) => format!("{name} from {start:?} to {end:?}"),
        (None, Some(start), None) => format!("{name} from {start:?}"),
        (None, None, Some(end)) => format!("{name} to {end:?}"),
        (None, None, None) => format!("{name} at {}:{}:{}", letter.topic, letter.partition, letter.offset),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use uuid::Uuid;

    use super::*;

    pub fn letter(key: Option<&str>, offset: i64) -> DeadLetter {
        DeadLetter {
            pipeline: "episode".to_owned(),
            entity_type: "Episode".to_owned(),
            key: key.map(str::to_owned),
            start: None,
            end: None,
            reason: Reason::TypeMismatch,
            message: "published_date is no date".to_owned(),
            property: Some("published_date".to_owned()),
            value: Some(serde_json::json!("soon")),
            derived: false,
            charged: true,
            pass: 1,
            read_at_micros: 1_769_860_800_000_001,
            topic: "regraft.raw.episode".to_owned(),
            lineage: Uuid::nil(),
            partition: 2,
            offset,
            output: 0,
            epoch: 0,
            model: None,
            earlier: None,
        }
    }

    #[test]
    fn the_json_is_the_documented_one() {
        let view = View::new(letter(Some("e1"), 17), LetterState::Open, None);
        let json = serde_json::json!({
            "pipeline": "episode", "type": "Episode", "key": "e1", "reason": "type_mismatch",
            "message": "published_date is no date", "property": "published_date", "value": "soon",
            "derived": false, "pass": 1, "read_at": "2026-01-31T12:00:00.000001Z",
            "topic": "regraft.raw.episode", "partition": 2, "offset": 17, "output": 0, "state": "open",
        });
        assert_eq!(serde_json::to_value(&view).unwrap(), json);
    }

    #[test]
    fn relationships_have_ends_and_records_without_a_key_null() {
        let view = View::new(letter(None, 17), LetterState::Open, Some(serde_json::json!({"id": 1})));
        let json = serde_json::to_value(&view).unwrap();
        assert_eq!((&json["key"], &json["record"]["id"]), (&Value::Null, &serde_json::json!(1)));
        assert_eq!(view.subject, "Episode at regraft.raw.episode:2:17");
        let mut tie = letter(None, 1);
        (tie.start, tie.end) = (Some("p".to_owned()), Some("e".to_owned()));
        let view = View::new(tie, LetterState::Open, None);
        let json = serde_json::to_value(&view).unwrap();
        assert_eq!((&json["start"], &json["end"], json.get("key")), (&"p".into(), &"e".into(), None));
        assert_eq!(view.subject, "Episode from \"p\" to \"e\"");
    }
}
