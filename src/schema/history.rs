//! What was done to the schema of a target, as its own bookkeeping says: append-only, one node per attempt.
//!
//! `_RegraftMigration` is written when an attempt starts and completed once, when it has ended; a node without an
//! outcome is an attempt that was interrupted. `_RegraftMigrationStep` is appended after each statement, so that
//! an interrupted attempt goes on where it stopped, and after each that takes data back. `_RegraftSchemaRepair` says what was mended since.

use serde::{Deserialize, Serialize};

use super::{Direction, Version, record};
use crate::error::Result;
use crate::neo4j::TargetGraph;
use crate::neo4j::catalog::Inventory;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The version is there (up) or gone (down).
    Applied,
    /// It failed or was given up, and what it had done was taken back.
    Undone,
}

impl Outcome {
    /// As records write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Applied => "applied",
            Outcome::Undone => "undone",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Outcome::Applied, Outcome::Undone].into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// One attempt at one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// 1 for the first of this target.
    pub number: i64,
    /// Version that it brings or takes.
    pub version: Version,
    /// The files' name.
    pub name: String,
    /// Which way.
    pub direction: Direction,
    /// The version that the target had before.
    pub comes_from: Version,
    /// SHA-256 of the up script.
    pub checksum: String,
    /// The up script as it was when the version was applied.
    #[serde(skip)]
    pub up: String,
    /// The down script as it was when the version was applied.
    #[serde(skip)]
    pub down: String,
    /// When it started, by the server's clock.
    pub started: String,
    /// When it ended.
    pub finished: Option<String>,
    /// How it ended; none while it runs, or where it was interrupted.
    pub outcome: Option<Outcome>,
    /// Why it was taken back, or is being.
    pub failure: Option<String>,
    /// Whether taking it back has begun.
    pub undoing: bool,
    /// Regraft's version.
    pub regraft: String,
    /// The server's version.
    pub server: String,
    /// Statements that are through.
    pub steps_done: u32,
    /// Names of constraints and indexes that it wanted and that were there already.
    pub found: Vec<String>,
    /// Checksums of the statements that have taken its data back so far.
    #[serde(skip)]
    pub taken_back: Vec<String>,
    /// Constraints and indexes before it.
    #[serde(skip)]
    pub before: Inventory,
    /// Constraints and indexes after it.
    #[serde(skip)]
    pub after: Option<Inventory>,
}

/// All attempts, in order, and what was mended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct History {
    /// The attempts.
    pub attempts: Vec<Attempt>,
    /// Checksums that count as those of an attempt, beside its own.
    pub accepted: Vec<Accepted>,
}

/// A checksum that was accepted by a repair: the file has changed, and that makes no difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// Number of the attempt.
    pub attempt: i64,
    /// SHA-256 of the up script.
    pub checksum: String,
}

impl History {
    /// Reads it. A target without any bookkeeping has an empty one.
    pub async fn read(target: &TargetGraph) -> Result<Self> {
        record::read(target).await
    }

    /// The attempts whose versions are there, oldest version first.
    pub fn applied(&self) -> Vec<&Attempt> {
        let mut applied: Vec<&Attempt> = Vec::new();
        for attempt in self.attempts.iter().filter(|attempt| attempt.outcome == Some(Outcome::Applied)) {
            applied.retain(|other| other.version != attempt.version);
            if attempt.direction == Direction::Up {
                applied.push(attempt);
            }
        }
        applied.sort_by(|one, other| one.version.cmp(&other.version));
        applied
    }

    /// The newest version that is there.
    pub fn current(&self) -> Version {
        self.applied().last().map_or(Version::NONE, |attempt| attempt.version.clone())
    }

    /// The attempt that has not ended, if there is one.
    pub fn unfinished(&self) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|attempt| attempt.outcome.is_none())
    }

    /// Whether an up script with this checksum is what the attempt had run, or as good as that.
    pub fn is_as_applied(&self, attempt: &Attempt, checksum: &str) -> bool {
        attempt.checksum == checksum
            || self
                .accepted
                .iter()
                .any(|accepted| accepted.attempt == attempt.number && accepted.checksum == checksum)
    }

    /// The history as it will be when the attempt that has not ended has ended so.
    pub(super) fn ended(&self, outcome: Outcome) -> Self {
        let mut ended = self.clone();
        if let Some(attempt) = ended.attempts.iter_mut().rev().find(|attempt| attempt.outcome.is_none()) {
            attempt.outcome = Some(outcome);
        }
        ended
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn attempt(number: i64, version: &str, direction: Direction, outcome: Option<Outcome>) -> Attempt {
        Attempt {
            number,
            version: version.parse().unwrap(),
            name: "n".into(),
            direction,
            comes_from: Version::NONE,
            checksum: String::new(),
            up: String::new(),
            down: String::new(),
            started: String::new(),
            finished: None,
            outcome,
            failure: None,
            undoing: false,
            regraft: String::new(),
            server: String::new(),
            steps_done: 0,
            found: Vec::new(),
            taken_back: Vec::new(),
            before: Inventory::default(),
            after: None,
        }
    }

    #[test]
    fn what_is_applied_follows_from_the_attempts() {
        use Direction::{Down, Up};
        let done = Some(Outcome::Applied);
        let mut history = History::default();
        assert_eq!(history.current(), Version::NONE);
        history.attempts = vec![
            attempt(1, "1.0.0", Up, Some(Outcome::Undone)),
            attempt(2, "1.0.0", Up, done),
            attempt(3, "1.1.0", Up, done),
            attempt(4, "1.1.0", Down, done),
            attempt(5, "1.10.0", Up, done),
            attempt(6, "1.9.0", Up, done),
        ];
        let applied: Vec<_> = history.applied().iter().map(|attempt| attempt.number).collect();
        assert_eq!(applied, [2, 6, 5]);
        assert_eq!(history.current().to_string(), "1.10.0");
        assert!(history.unfinished().is_none());
        history.attempts.push(attempt(7, "1.10.0", Down, None));
        assert_eq!(history.current().to_string(), "1.10.0");
        assert_eq!(history.unfinished().unwrap().number, 7);
        assert_eq!(history.ended(Outcome::Applied).current().to_string(), "1.9.0");
        assert_eq!(history.ended(Outcome::Undone).current().to_string(), "1.10.0");
    }

    #[test]
    fn an_accepted_checksum_is_that_of_its_attempt_alone() {
        let mut history = History::default();
        let mut one = attempt(1, "1.0.0", Direction::Up, Some(Outcome::Applied));
        one.checksum = "a".into();
        history.accepted = vec![Accepted { attempt: 1, checksum: "b".into() }];
        assert!(history.is_as_applied(&one, "a") && history.is_as_applied(&one, "b"));
        assert!(!history.is_as_applied(&one, "c"));
        one.number = 2;
        assert!(!history.is_as_applied(&one, "b"));
    }
}
