//! Duplicates and parallels, seen by looking at neighbouring rows: rows arrive in the order of their keys, so
//! equal keys stand next to each other. Pure.

use crate::checkpoint::LastKey;
use crate::record::codec::Writer;
use crate::record::{Finding, RawEntity};

/// A row of the source before anything is known of its neighbours.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceRow {
    /// The graph's own id of it.
    pub element_id: String,
    /// When it was read: microseconds since 1970 in UTC.
    pub read_at_micros: i64,
    /// The node or relationship.
    pub entity: RawEntity<'static>,
}

/// What came of pushing a row.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Rows whose finding is known now, in order.
    pub rows: Vec<(SourceRow, Finding)>,
    /// Set when all rows up to and with this key are among those settled so far: a chunk may end here.
    pub through: Option<LastKey>,
}

/// Holds the rows of the newest key until the next key shows that there are no more of them.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    key: LastKey,
    first: SourceRow,
    /// Element ids and reading times of parallels equal to the first.
    equal: Vec<(String, i64)>,
    /// The rows of this key are known to be duplicates; the first one went on already.
    duplicates: bool,
}

impl Neighbours {
    /// Takes the next row in the order of keys.
    pub(super) fn push(&mut self, key: LastKey, row: SourceRow) -> Settled {
        match &mut self.held {
            Some(held) if held.key == key => Settled { rows: held.join(row), through: None },
            _ => {
                let settled = self.finish();
                self.held = Some(Held { key, first: row, equal: Vec::new(), duplicates: false });
                settled
            }
        }
    }

    /// There are no more rows.
    pub(super) fn finish(&mut self) -> Settled {
        let Some(held) = self.held.take() else { return Settled::default() };
        let key = held.key.clone();
        let rows = if held.duplicates { Vec::new() } else { held.rows(Finding::None, Finding::Merged) };
        Settled { rows, through: Some(key) }
    }
}

impl Held {
    /// Another row with the key. Two nodes are always duplicates; relationships only where their properties
    /// differ.
    fn join(&mut self, row: SourceRow) -> Vec<(SourceRow, Finding)> {
        if self.duplicates {
            return vec![(row, Finding::Duplicate)];
        }
        if is_parallel_and_equal(&self.first.entity, &row.entity) {
            self.equal.push((row.element_id, row.read_at_micros));
            return Vec::new();
        }
        self.duplicates = true;
        let first = Held {
            key: self.key.clone(),
            first: self.first.clone(),
            equal: std::mem::take(&mut self.equal),
            duplicates: false,
        };
        let mut rows = first.rows(Finding::Duplicate, Finding::Duplicate);
        rows.push((row, Finding::Duplicate));
        rows
    }

    fn rows(self, first: Finding, others: Finding) -> Vec<(SourceRow, Finding)> {
        let entity = self.first.entity.clone();
        let others = self.equal.into_iter().map(|(element_id, read_at_micros)| {
            (SourceRow { element_id, read_at_micros, entity: entity.clone() }, others)
        });
        std::iter::once((self.first, first)).chain(others).collect()
    }
}

/// Equal as stored: compared by their encoding, so that 1 and 1.0, 0.0 and -0.0 differ and NaN equals itself.
fn is_parallel_and_equal(one: &RawEntity<'_>, other: &RawEntity<'_>) -> bool {
    let (RawEntity::Relationship { properties: one, .. }, RawEntity::Relationship { properties: other, .. }) =
        (one, other)
    else {
        return false;
    };
    let encoded = |properties: &[_]| {
        let mut bytes = Vec::new();
        Writer::new(&mut bytes).properties(properties);
        bytes
    };
    one.len() == other.len() && encoded(one) == encoded(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Value;

    fn relationship(element_id: &str, weight: Value<'static>) -> SourceRow {
        let properties = vec![("weight".into(), weight)];
        let entity = RawEntity::Relationship { start: Value::text("a"), end: Value::text("b"), properties };
        SourceRow { element_id: element_id.into(), read_at_micros: 0, entity }
    }

    fn node(element_id: &str) -> SourceRow {
        let entity =
            RawEntity::Node { key: Value::text("a"), labels: vec![], properties: vec![], lookups: vec![] };
        SourceRow { element_id: element_id.into(), read_at_micros: 0, entity }
    }

    fn settle(rows: Vec<(&str, SourceRow)>) -> Vec<(String, Finding)> {
        let mut neighbours = Neighbours::default();
        let mut settled = Vec::new();
        for (key, row) in rows {
            settled.extend(neighbours.push(LastKey::Node(key.into()), row).rows);
        }
        settled.extend(neighbours.finish().rows);
        settled.into_iter().map(|(row, finding)| (row.element_id, finding)).collect()
    }

    #[test]
    fn all_nodes_of_a_key_are_duplicates_and_none_wins() {
        let found = settle(vec![
            ("a", node("1")),
            ("b", node("2")),
            ("b", node("3")),
            ("b", node("4")),
            ("c", node("5")),
        ]);
        let expected = [
            ("1", Finding::None),
            ("2", Finding::Duplicate),
            ("3", Finding::Duplicate),
            ("4", Finding::Duplicate),
            ("5", Finding::None),
        ];
        assert_eq!(found, expected.map(|(id, finding)| (id.to_owned(), finding)));
    }

    #[test]
    fn equal_parallels_merge_and_differing_ones_are_all_duplicates() {
        let one = || Value::Float(1.0);
        let merged = settle(vec![("a", relationship("1", one())), ("a", relationship("2", one()))]);
        assert_eq!(merged, [("1".into(), Finding::None), ("2".into(), Finding::Merged)]);
        let differing = settle(vec![
            ("a", relationship("1", one())),
            ("a", relationship("2", one())),
            ("a", relationship("3", Value::Integer(1))),
            ("a", relationship("4", one())),
        ]);
        assert!(differing.iter().all(|(_, finding)| *finding == Finding::Duplicate));
        assert_eq!(differing.len(), 4);
    }

    #[test]
    fn a_chunk_may_end_only_between_keys() {
        let mut neighbours = Neighbours::default();
        assert_eq!(neighbours.push(LastKey::Node("a".into()), node("1")).through, None);
        assert_eq!(neighbours.push(LastKey::Node("a".into()), node("2")).through, None);
        let settled = neighbours.push(LastKey::Node("b".into()), node("3"));
        assert_eq!(settled.through, Some(LastKey::Node("a".into())));
        assert_eq!(neighbours.finish().through, Some(LastKey::Node("b".into())));
        assert_eq!(neighbours.finish().through, None);
    }
}
