//! What the reader sends, as rows whose finding is known and cursors that may stand behind them. Pure.

use super::neighbours::{Neighbours, Settled, SourceRow};
use super::reader::Read;
use crate::checkpoint::Cursor;
use crate::record::Finding;

/// The next thing that is settled.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// A row, with what its neighbours show.
    Row(SourceRow, Finding),
    /// All rows up to here, and none after it, came before this: reading may go on from here.
    Through(Cursor),
    /// Everything came; a plain count found so many rows.
    End {
        /// Rows that the plain count found.
        counted: u64,
    },
}

/// Holds the rows of the newest key back until it is known that there are no more of them.
#[derive(Debug, Default)]
pub(super) struct Settling {
    neighbours: Neighbours,
}

impl Settling {
    /// What is settled once this is there, in order.
    pub(super) fn take(&mut self, read: Read) -> Vec<Step> {
        let mut steps = Vec::new();
        match read {
            Read::Keyed(batch) => {
                steps.reserve(batch.len() * 2);
                for (key, row) in batch {
                    add(&mut steps, self.neighbours.push(key, row));
                }
            }
            Read::KeyedEnd => {
                add(&mut steps, self.neighbours.finish());
                steps.push(Step::Through(Cursor::Unkeyed { after: None }));
            }
            Read::Unkeyed(batch) => {
                for row in batch {
                    let after = Some(row.element_id.clone());
                    steps.push(Step::Row(row, Finding::None));
                    steps.push(Step::Through(Cursor::Unkeyed { after }));
                }
            }
            Read::End { counted } => steps.push(Step::End { counted }),
        }
        steps
    }
}

fn add(steps: &mut Vec<Step>, settled: Settled) {
    steps.extend(settled.rows.into_iter().map(|(row, finding)| Step::Row(row, finding)));
    steps.extend(settled.through.map(|key| Step::Through(Cursor::Keyed { after: Some(key) })));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::LastKey;
    use crate::record::{RawEntity, Value};

    fn row(element_id: &str, key: Value<'static>) -> SourceRow {
        let entity = RawEntity::Node { key, labels: vec![], properties: vec![], lookups: vec![] };
        SourceRow { element_id: element_id.to_owned(), read_at_micros: 0, entity }
    }

    #[test]
    fn a_cursor_stands_behind_a_key_only_once_the_next_one_is_seen() {
        let mut settling = Settling::default();
        let keyed =
            |key: &str, id: &str| (LastKey::Node(key.to_owned()), row(id, Value::text(key.to_owned())));
        let through = |key: &str| Step::Through(Cursor::Keyed { after: Some(LastKey::Node(key.to_owned())) });
        assert!(settling.take(Read::Keyed(vec![keyed("a", "1")])).is_empty());
        let settled = settling.take(Read::Keyed(vec![keyed("b", "2"), keyed("b", "3")]));
        assert_eq!(
            settled,
            [
                Step::Row(row("1", Value::text("a")), Finding::None),
                through("a"),
                Step::Row(row("2", Value::text("b")), Finding::Duplicate),
                Step::Row(row("3", Value::text("b")), Finding::Duplicate),
            ]
        );
        let ended = settling.take(Read::KeyedEnd);
        assert_eq!(ended, [through("b"), Step::Through(Cursor::Unkeyed { after: None })]);
        let unkeyed = settling.take(Read::Unkeyed(vec![row("9", Value::Null)]));
        assert_eq!(
            unkeyed,
            [
                Step::Row(row("9", Value::Null), Finding::None),
                Step::Through(Cursor::Unkeyed { after: Some("9".to_owned()) })
            ]
        );
    }
}
