//! Which dead letters are meant.

use std::str::FromStr;

use super::view::LetterState;
use crate::record::{DeadLetter, Reason, named};

/// Conditions that all have to hold; an empty one holds always.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Pipelines that they count for.
    pub pipelines: Vec<String>,
    /// Reasons.
    pub reasons: Vec<Reason>,
    /// States.
    pub states: Vec<LetterState>,
    /// Key of the node, or of an end of the relationship.
    pub key: Option<String>,
    /// Where the raw record is.
    pub at: Option<Position>,
    /// Written to the dead letters at this time or later, milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Written to the dead letters before this time, milliseconds since 1970.
    pub until_ms: Option<i64>,
}

/// The place of a raw record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

impl FromStr for Position {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (rest, offset) = text.rsplit_once(':')?;
            let (topic, partition) = rest.rsplit_once(':')?;
            let position = Position {
                topic: topic.to_owned(),
                partition: partition.parse().ok().filter(|partition| *partition >= 0)?,
                offset: offset.parse().ok().filter(|offset| *offset >= 0)?,
            };
            (!topic.is_empty()).then_some(position)
        };
        parse().ok_or_else(|| "expected TOPIC:PARTITION:OFFSET, as `dead-letters list` shows them".to_owned())
    }
}

impl Filter {
    /// Whether a dead letter is meant that is in this state and was written at that time, where it is known.
    pub fn takes(&self, letter: &DeadLetter, state: LetterState, written_ms: Option<i64>) -> bool {
        (self.pipelines.is_empty() || self.pipelines.contains(&letter.pipeline))
            && (self.reasons.is_empty() || self.reasons.contains(&letter.reason))
            && (self.states.is_empty() || self.states.contains(&state))
            && self.key.as_ref().is_none_or(|key| has_key(letter, key))
            && self.at.as_ref().is_none_or(|at| {
                (at.topic.as_str(), at.partition, at.offset)
                    == (letter.topic.as_str(), letter.partition, letter.offset)
            })
            && self.since_ms.is_none_or(|since| written_ms.is_some_and(|written| since <= written))
            && self.until_ms.is_none_or(|until| written_ms.is_some_and(|written| written < until))
    }
}

fn has_key(letter: &DeadLetter, wanted: &str) -> bool {
    let wanted = named(wanted);
    [&letter.key, &letter.start, &letter.end].into_iter().any(|key| key.as_deref() == Some(&*wanted))
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::letter;
    use super::*;

    #[test]
    fn all_conditions_have_to_hold() {
        let (letter, open) = (letter(Some("e1"), 17), LetterState::Open);
        assert!(Filter::default().takes(&letter, open, None));
        let mut filter = Filter {
            pipelines: vec!["episode".to_owned()],
            reasons: vec![Reason::TypeMismatch, Reason::MissingKey],
            states: vec![LetterState::Open],
            key: Some("e1".to_owned()),
            at: Some("regraft.raw.episode:2:17".parse().unwrap()),
            since_ms: Some(5),
            until_ms: Some(7),
        };
        let taken = [4, 5, 6, 7].map(|written| filter.takes(&letter, open, Some(written)));
        assert_eq!(taken, [false, true, true, false]);
        assert!(!filter.takes(&letter, open, None), "nobody knows how old it is");
        filter.states = vec![LetterState::Resolved];
        assert!(!filter.takes(&letter, open, Some(5)));
        assert!(!Filter { key: Some("e2".to_owned()), ..Filter::default() }.takes(&letter, open, None));
    }

    #[test]
    fn positions_are_read_from_the_end() {
        let position: Position = "a:b:0:17".parse().unwrap();
        assert_eq!((position.topic.as_str(), position.partition, position.offset), ("a:b", 0, 17));
        for text in ["", "t", "t:0", ":0:1", "t:-1:0", "t:0:x"] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }
}
