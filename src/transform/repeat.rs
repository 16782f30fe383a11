//! Records that a replay takes once more: what stood for them before, and what no longer stands. Pure.

use super::derived::{Further, Receiver};
use crate::checkpoint::PassCounts;
use crate::dead_letters::{Before, Earlier};
use crate::record::{Finding, RawRecord, ReplayMark};

/// What became of a record this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It goes on to the model topic.
    Passed,
    /// Another parallel relationship stands for it.
    Merged,
    /// It is a dead letter.
    Rejected,
}

/// Counts what an outcome stands in place of. `counts` are those that it was counted in; `payload` is the raw message.
pub(crate) fn replace(counts: &mut PassCounts, before: &Before, now: Ending, payload: &[u8]) {
    let replaced = counts.replaced();
    if let Some(rejected) = before.rejected {
        replaced.dead_letter(rejected.reason, rejected.charged);
        replaced.foreign += u64::from(is_foreign(payload));
        return;
    }
    // What is merged is so from extraction on; only a key that is not usable comes before that.
    if now == Ending::Merged || is_merged(payload) {
        replaced.merged += 1;
        return;
    }
    replaced.passed += 1;
    if now == Ending::Passed {
        return;
    }
    match before.not_loaded {
        Some(letter) => {
            *replaced.withdrawn.dead_letters.entry(letter.reason).or_default() += 1;
            replaced.withdrawn.uncharged += u64::from(!letter.charged);
        }
        None => replaced.withdrawn.loaded += 1,
    }
}

/// Counts what the derived records of a record that gets through stand in place of, and marks them. Where the last
/// attempt got through too, as many were emitted then as far as anybody knows.
pub(super) fn replace_derived(
    counts: &mut PassCounts,
    before: &Before,
    earlier: &Earlier,
    further: &mut [Further<'_>],
    receivers: &[Receiver],
) {
    for each in further {
        if before.rejected.is_some() {
            each.mark = Some(ReplayMark::default());
            continue;
        }
        let stood = earlier.before_transform(each.outcome.identity(), before.attempt);
        let replaced = counts.replaced().emitted.entry(receivers[each.receiver].pipeline.name().to_owned());
        let replaced = replaced.or_default();
        replaced.total += 1;
        if let Some(rejected) = stood.rejected {
            *replaced.dead_letters.entry(rejected.reason).or_default() += 1;
        }
        each.mark = Some(mark(&stood));
    }
}

/// What goes with a model record that is made once more: whether loading has seen one of this record before.
pub(crate) fn mark(before: &Before) -> ReplayMark {
    let after = before.rejected.is_none().then_some(before.attempt);
    ReplayMark { after, earlier: None }
}

fn is_foreign(payload: &[u8]) -> bool {
    RawRecord::decode(payload).is_err()
}

fn is_merged(payload: &[u8]) -> bool {
    RawRecord::decode(payload).is_ok_and(|raw| raw.finding == Finding::Merged)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::record::{RawEntity, Value};

    fn raw(finding: Finding) -> Vec<u8> {
        let entity = RawEntity::Relationship {
            start: Value::text("a"),
            end: Value::text("b"),
            properties: Vec::new(),
        };
        let record = RawRecord {
            lineage: Uuid::nil(),
            pass: 1,
            read_at_micros: 0,
            element_id: "4:x:7".into(),
            finding,
            entity,
        };
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        bytes
    }

    #[test]
    fn what_got_through_and_no_longer_does_is_withdrawn() {
        let before = Before { attempt: 0, rejected: None, not_loaded: None };
        let mut counts = PassCounts::default();
        replace(&mut counts, &before, Ending::Passed, &raw(Finding::None));
        replace(&mut counts, &before, Ending::Rejected, &raw(Finding::None));
        replace(&mut counts, &before, Ending::Merged, &raw(Finding::Merged));
        let replaced = counts.replaced();
        assert_eq!((replaced.passed, replaced.merged, replaced.withdrawn.loaded), (2, 1, 1));
        assert_eq!(mark(&before).after, Some(0));
    }
}
