//! What a start of extraction has to do. Pure.

use uuid::Uuid;

use crate::checkpoint::{Cursor, ExtractCheckpoint};

/// What to do about a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plan {
    /// Its newest pass is through and no new one is asked for.
    Nothing,
    /// Go on where the newest pass stands.
    Continue(ExtractCheckpoint),
    /// Begin the pass with this number.
    Begin(u32),
}

/// Decides from what is durable, the pass that was asked for among it. A new pass leaves an unfinished one where it
/// stands: its records keep their pass number and their account.
pub(super) fn plan(checkpoint: Option<&ExtractCheckpoint>, awaited_pass: Option<u32>) -> Plan {
    match (checkpoint, awaited_pass) {
        (None, _) => Plan::Begin(1),
        (Some(checkpoint), Some(pass)) if pass > checkpoint.pass => Plan::Begin(pass),
        (Some(checkpoint), _) if checkpoint.finished.is_some() => Plan::Nothing,
        (Some(checkpoint), _) => Plan::Continue(checkpoint.clone()),
    }
}

/// The checkpoint of a pass before its first row.
pub(super) fn first_checkpoint(
    lineage: Uuid,
    owner: Uuid,
    pass: u32,
    now_micros: i64,
    counted: u64,
) -> ExtractCheckpoint {
    ExtractCheckpoint {
        lineage,
        owner,
        pass,
        started_at_micros: now_micros,
        counted,
        read: 0,
        repaired: 0,
        cursor: Cursor::Keyed { after: None },
        finished: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Finished;

    #[test]
    fn a_finished_pass_is_left_alone_unless_a_new_one_is_asked_for() {
        let open = first_checkpoint(Uuid::nil(), Uuid::nil(), 2, 0, 5);
        let done =
            ExtractCheckpoint { finished: Some(Finished { at_micros: 1, counted: 5 }), ..open.clone() };
        assert_eq!(plan(None, None), Plan::Begin(1));
        assert_eq!(plan(Some(&open), None), Plan::Continue(open.clone()));
        assert_eq!(plan(Some(&open), Some(2)), Plan::Continue(open.clone()), "begun already");
        assert_eq!(plan(Some(&open), Some(3)), Plan::Begin(3));
        assert_eq!(plan(Some(&done), None), Plan::Nothing);
        assert_eq!(plan(Some(&done), Some(2)), Plan::Nothing, "through already");
        assert_eq!(plan(Some(&done), Some(3)), Plan::Begin(3));
    }
}
