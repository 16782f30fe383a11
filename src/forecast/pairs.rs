//! What a relationship that misses an end is told. Pure.

use super::judge::Subject;
use super::presence::Pair;
use crate::pipeline::{Pipeline, Source};

/// Which ends of a relationship would be there, and what its dead letter would say where one is not.
pub(super) fn missing(pipeline: &Pipeline, subject: &Subject, there: Pair) -> Option<String> {
    let (Source::Relationship { start: from, end: to, .. }, Subject::Relationship(start, end)) =
        (pipeline.source(), subject)
    else {
        return None;
    };
    let sentence = |which: &str, label: &str, key: &str| {
        format!("its {which}, the {label} {key:?}, neither is in the target nor would come to it")
    };
    match (there.start, there.end) {
        (true, true) => None,
        (false, true) => Some(sentence("start", &from.label, start)),
        (true, false) => Some(sentence("end", &to.label, end)),
        (false, false) => {
            Some(format!("{}; {}", sentence("start", &from.label, start), sentence("end", &to.label, end)))
        }
    }
}
