//! What the target is to have: the sum of what each applied version brought and took, by the inventories that were
//! recorded then. What came or went in between by other hands is no part of it. Pure.

use std::collections::BTreeMap;

use super::Version;
use super::history::{Attempt, History};
use crate::neo4j::catalog::{Constraint, Index, Inventory};

/// Constraints and indexes by name, each with the version that brought it; none for what was there before all.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub constraints: BTreeMap<String, (Constraint, Option<Version>)>,
    /// Without those that a constraint owns, which come and go with it.
    pub indexes: BTreeMap<String, (Index, Option<Version>)>,
}

impl Recorded {
    /// What the applied versions add up to.
    pub(super) fn of(history: &History) -> Self {
        let mut recorded = Self::default();
        let mut below: Option<Version> = None;
        for up in history.applied() {
            let is_gap = below.as_ref().is_none_or(|below| up.comes_from > *below);
            if is_gap {
                // Nothing is known of what came before: all that was there then belongs there.
                recorded.take_in(&up.before, None, |_| true);
            }
            recorded.apply(up);
            below = Some(up.version.clone());
        }
        recorded
    }

    fn apply(&mut self, up: &Attempt) {
        let Some(after) = &up.after else { return };
        let before = &up.before;
        let is_still = |name: &String| after.constraints.iter().any(|it| it.name == *name);
        let was = |name: &String| before.constraints.iter().any(|it| it.name == *name);
        self.constraints.retain(|name, _| is_still(name) || !was(name));
        let is_still = |name: &String| free(after).any(|it| it.name == *name);
        let was = |name: &String| free(before).any(|it| it.name == *name);
        self.indexes.retain(|name, _| is_still(name) || !was(name));
        let changed = |name: &str| {
            let create = |inventory: &Inventory| create_statement(inventory, name).map(str::to_owned);
            create(before) != create(after)
        };
        let found = |name: &str| up.found.iter().any(|found| found == name);
        self.take_in(after, Some(&up.version), |name| changed(name) || found(name));
    }

    fn take_in(&mut self, inventory: &Inventory, version: Option<&Version>, is_meant: impl Fn(&str) -> bool) {
        for it in inventory.constraints.iter().filter(|it| is_meant(&it.name)) {
            self.constraints.insert(it.name.clone(), (it.clone(), version.cloned()));
        }
        for it in free(inventory).filter(|it| is_meant(&it.name)) {
            self.indexes.insert(it.name.clone(), (it.clone(), version.cloned()));
        }
    }

    /// The version that brought something of this name.
    pub(super) fn brought_by(&self, name: &str) -> Option<Version> {
        let constraint = self.constraints.get(name).map(|(_, version)| version);
        constraint.or_else(|| self.indexes.get(name).map(|(_, version)| version)).cloned().flatten()
    }

    /// Whether a version deals with the label or relationship type. What was there before all is no version's.
    pub(super) fn is_on(&self, label: &str) -> bool {
        let constraints = self.constraints.values().map(|(it, by)| (&it.labels_or_types, by));
        let mut all = constraints.chain(self.indexes.values().map(|(it, by)| (&it.labels_or_types, by)));
        all.any(|(on, by)| by.is_some() && on.iter().any(|on| on == label))
    }
}

/// The indexes that no constraint owns.
pub(super) fn free(inventory: &Inventory) -> impl Iterator<Item = &Index> {
    inventory.indexes.iter().filter(|index| index.owning_constraint.is_none())
}

/// The statement that makes the constraint or index of a name.
pub(super) fn create_statement<'a>(inventory: &'a Inventory, name: &str) -> Option<&'a str> {
    let constraint = inventory.constraints.iter().find(|it| it.name == name);
    constraint
        .map(|it| it.create_statement.as_str())
        .or_else(|| free(inventory).find(|it| it.name == name).map(|it| it.create_statement.as_str()))
}

#[cfg(test)]
mod tests {
    use super::super::history::tests::attempt;
    use super::super::{Direction, Outcome};
    use super::*;

    fn inventory(names: &[&str]) -> Inventory {
        let index = |name: &&str| Index {
            name: (*name).into(),
            kind: "RANGE".into(),
            labels_or_types: vec!["A".into()],
            properties: vec!["p".into()],
            state: "ONLINE".into(),
            failure: String::new(),
            owning_constraint: None,
            create_statement: format!("CREATE {name}"),
        };
        Inventory { constraints: Vec::new(), indexes: names.iter().map(index).collect() }
    }

    fn up(number: i64, version: &str, comes_from: &str, before: &[&str], after: &[&str]) -> Attempt {
        let mut up = attempt(number, version, Direction::Up, Some(Outcome::Applied));
        (up.before, up.after) = (inventory(before), Some(inventory(after)));
        up.comes_from = comes_from.parse().unwrap();
        up
    }

    fn shown(attempts: Vec<Attempt>) -> Vec<String> {
        let recorded = Recorded::of(&History { attempts, accepted: Vec::new() });
        let version = |version: &Option<Version>| version.as_ref().map_or("-".into(), Version::to_string);
        recorded.indexes.iter().map(|(name, (_, by))| format!("{name} {}", version(by))).collect()
    }

    #[test]
    fn what_versions_brought_and_took_adds_up_and_nothing_else_does() {
        // Between the two `a` was dropped by hand, and `x` made.
        let mut second = up(2, "1.1.0", "1.0.0", &["old", "b", "x", "y"], &["old", "c", "x", "y"]);
        assert_eq!(
            shown(vec![up(1, "1.0.0", "0.0.0", &["old"], &["old", "a", "b"]), second.clone()]),
            ["a 1.0.0", "c 1.1.0", "old -"]
        );
        // The version wanted it and found it.
        second.found = vec!["x".into()];
        assert_eq!(
            shown(vec![up(1, "1.0.0", "0.0.0", &["old"], &["old", "a", "b"]), second]),
            ["a 1.0.0", "c 1.1.0", "old -", "x 1.1.0"]
        );
    }

    #[test]
    fn where_a_record_was_lost_all_that_was_there_belongs_there() {
        let after_a_gap = up(3, "1.2.0", "1.1.0", &["a", "of_1.1.0"], &["a", "of_1.1.0", "c"]);
        assert_eq!(
            shown(vec![up(1, "1.0.0", "0.0.0", &[], &["a"]), after_a_gap]),
            ["a -", "c 1.2.0", "of_1.1.0 -"]
        );
    }
}
