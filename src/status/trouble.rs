//! What went wrong lately, for those who look at a page: the attempt, why it failed, what to do.

use std::collections::VecDeque;

use serde::Serialize;

use crate::error::Error;

/// So many are kept; an older one gives way.
const KEPT: usize = 50;

/// A failure of a service, or what ended the work. Never holds a record's values: those that do are dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// When it was last seen, microseconds since 1970.
    pub at_micros: i64,
    /// The stage that met it; none where it concerns the whole run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<&'static str>,
    /// The pipeline that met it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// The attempt and why it failed, in one line.
    pub message: String,
    /// What to do.
    pub what_to_do: String,
    /// Whether it is tried again; otherwise it ends the work.
    pub tried_again: bool,
    /// How often it was met in a row.
    pub times: u32,
}

impl Trouble {
    /// A failure that a stage met at a pipeline.
    pub fn of_stage(stage: &'static str, pipeline: &str, error: &Error, tried_again: bool) -> Trouble {
        Trouble {
            stage: Some(stage),
            pipeline: Some(pipeline.to_owned()),
            ..Trouble::new(error, tried_again)
        }
    }

    /// A failure of the whole run, which it ends.
    pub fn of_run(error: &Error) -> Trouble {
        Trouble::new(error, false)
    }

    fn new(error: &Error, tried_again: bool) -> Trouble {
        Trouble {
            at_micros: chrono::Utc::now().timestamp_micros(),
            stage: None,
            pipeline: None,
            message: error.chain().join(": "),
            what_to_do: error.advice().to_owned(),
            tried_again,
            times: 1,
        }
    }

    fn is_the_same_as(&self, other: &Trouble) -> bool {
        (self.stage, &self.pipeline, &self.message) == (other.stage, &other.pipeline, &other.message)
    }
}

/// The last ones, the newest first. What is met again and again stands there once.
#[derive(Debug, Clone, Default)]
pub(super) struct Troubles(VecDeque<Trouble>);

impl Troubles {
    pub(super) fn add(&mut self, mut trouble: Trouble) {
        if let Some(at) = self.0.iter().position(|known| known.is_the_same_as(&trouble))
            && let Some(known) = self.0.remove(at)
        {
            trouble.times = known.times.saturating_add(1);
        }
        self.0.push_front(trouble);
        self.0.truncate(KEPT);
    }

    pub(super) fn all(&self) -> Vec<Trouble> {
        self.0.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Cause;

    #[test]
    fn the_newest_come_first_and_the_same_again_is_counted() {
        let mut troubles = Troubles::default();
        let met = |number: usize, again| {
            let error = Error::new(Cause::Unreachable, format!("write {number}"));
            Trouble::of_stage("load", "episode", &error, again)
        };
        (0..60).for_each(|number| troubles.add(met(number, true)));
        troubles.add(met(40, false));
        let all = troubles.all();
        assert_eq!(all.len(), KEPT);
        assert_eq!((all[0].message.as_str(), all[0].times, all[0].tried_again), ("write 40", 2, false));
        assert_eq!((all[1].message.as_str(), all[1].times), ("write 59", 1));
        assert!(all[0].what_to_do.contains("runs"), "{}", all[0].what_to_do);
    }
}
