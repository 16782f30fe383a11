//! Differences as the report tells them: counted all, described up to the limit.

use std::collections::{HashMap, HashSet};

use super::Shared;
use super::describe::Wanted;
use super::detail::{Event, Sink};
use super::held::Remaining;
use super::lookup::Absent;
use super::plan::Compared;
use super::reading::Origin;
use super::report::{Difference, DifferenceKind, Subject as Named};
use super::subject::key_of;
use crate::checkpoint::LastKey;
use crate::error::Result;
use crate::extract::SourceRow;

/// Records that are looked up at a time.
const AT_A_TIME: usize = 100;

/// What was found in a type.
#[derive(Debug, Default)]
pub(super) struct FoundDifferences {
    pub(super) missing: u64,
    pub(super) extra: u64,
    pub(super) different: u64,
    /// Derived relationships that are not there and need not be: their ends are not there either.
    pub(super) accounted: u64,
    pub(super) differences: Vec<Difference>,
}

impl FoundDifferences {
    fn all(&self) -> u64 {
        self.missing + self.extra + self.different
    }
}

/// Takes what is found in one type.
pub(super) struct Reporter<'r> {
    pub(super) shared: &'r Shared,
    pub(super) limit: usize,
    pub(super) absent: &'r mut Absent,
    pub(super) found: FoundDifferences,
}

impl Sink for Reporter<'_> {
    fn wants_records(&self) -> bool {
        false
    }

    async fn take(&mut self, compared: &Compared, events: Vec<Event>) -> Result<()> {
        let before = self.found.all();
        let (mut derived, mut different) = (Vec::new(), Vec::new());
        for event in events {
            match event {
                Event::Missing { key, end, .. } => {
                    end.iter().for_each(|end| self.absent.add_missing(*end));
                    self.found.missing += 1;
                    self.push(DifferenceKind::Missing, named(Some(key), ""));
                }
                Event::MissingDerived { key, ends, .. } => derived.push((key, ends)),
                Event::Different { key, wanted, .. } => different.push((key, wanted)),
                Event::Left { key, rows, why } => self.left(key, &rows, why),
            }
        }
        for pairs in derived.chunks(AT_A_TIME) {
            let expected = self.absent.are_expected(self.shared, compared, pairs).await?;
            for ((key, _), expected) in pairs.iter().zip(expected) {
                if expected {
                    self.found.missing += 1;
                    self.push(DifferenceKind::Missing, named(Some(key.clone()), ""));
                } else {
                    self.found.accounted += 1;
                }
            }
        }
        self.describe(compared, different).await?;
        self.shared.tally.found(compared.subject.name(), self.found.all() - before);
        Ok(())
    }
}

impl Reporter<'_> {
    fn push(&mut self, kind: DifferenceKind, subject: Named) -> Option<&mut Difference> {
        if self.found.differences.len() >= self.limit {
            return None;
        }
        let difference = Difference {
            kind,
            subject,
            properties: Vec::new(),
            labels: Vec::new(),
            surplus: None,
            dead_letter: None,
        };
        self.found.differences.push(difference);
        self.found.differences.last_mut()
    }

    fn left(&mut self, key: Option<LastKey>, rows: &[(String, bool)], why: Remaining) {
        let number = rows.len() as u64;
        let element_id = rows.first().map_or("", |(element_id, _)| element_id);
        let (surplus, dead_letter) = match why {
            Remaining::Extra => (None, None),
            Remaining::Surplus { .. } => (Some(number.saturating_sub(1)), None),
            Remaining::Older(reason) => (None, Some(reason)),
        };
        self.found.extra += surplus.unwrap_or(number);
        if let Some(difference) = self.push(DifferenceKind::Extra, named(key, element_id)) {
            difference.surplus = surplus;
            difference.dead_letter = dead_letter;
        }
    }

    /// Counts what is not as expected, and says of the first ones in what.
    async fn describe(&mut self, compared: &Compared, different: Vec<(LastKey, Wanted)>) -> Result<()> {
        for some in different.chunks(AT_A_TIME) {
            if self.found.differences.len() >= self.limit {
                self.found.different += some.len() as u64;
                continue;
            }
            let keys: Vec<LastKey> = some.iter().map(|(key, _)| key.clone()).collect();
            let rows = rows_of(compared, &keys).await?;
            for (key, wanted) in some {
                let rows = rows.get(key).map(Vec::as_slice).unwrap_or_default();
                let described: Vec<_> =
                    rows.iter().map(|row| wanted.describe(&compared.subject, row)).collect();
                let is_right = |described: &super::describe::Described| {
                    described.properties.is_empty() && described.labels.is_empty()
                };
                // It may have been mended, or removed, since it was read.
                if described.iter().any(is_right) {
                    continue;
                }
                let Some(first) = described.into_iter().next() else {
                    self.found.missing += 1;
                    self.push(DifferenceKind::Missing, named(Some(key.clone()), ""));
                    continue;
                };
                self.found.different += 1;
                let difference = self.push(DifferenceKind::Different, named(Some(key.clone()), ""));
                if let Some(difference) = difference {
                    (difference.properties, difference.labels) = (first.properties, first.labels);
                }
            }
        }
        Ok(())
    }
}

/// The target's rows with these keys.
pub(super) async fn rows_of(
    compared: &Compared,
    keys: &[LastKey],
) -> Result<HashMap<LastKey, Vec<SourceRow>>> {
    let mut rows: HashMap<LastKey, Vec<SourceRow>> = HashMap::new();
    if let Some(Origin::Rows(target)) = &compared.target {
        let mut seen = HashSet::new();
        for (row, _) in target.among(keys).await? {
            if let Some(key) = key_of(&row.entity)
                && seen.insert(row.element_id.clone())
            {
                rows.entry(key).or_default().push(row);
            }
        }
    }
    Ok(rows)
}

fn named(key: Option<LastKey>, element_id: &str) -> Named {
    match key {
        Some(LastKey::Node(key)) => Named::Node { key },
        Some(LastKey::Relationship { start, end }) => Named::Relationship { start, end },
        None => Named::Element { element_id: element_id.to_owned() },
    }
}
