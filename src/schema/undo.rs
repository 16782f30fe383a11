//! Taking back what an attempt did: data by the statements of the opposite script, constraints and indexes by the
//! difference to what was there before.

use std::time::Duration;

use super::Direction;
use super::indexes::await_online;
use super::plan::{Step, StepKind, VersionPlan, statements_as_understood};
use super::recorded::create_statement;
use super::report::Observer;
use super::script::checksum;
use crate::error::Result;
use crate::neo4j::catalog::{Inventory, Own};
use crate::neo4j::{Statement, TargetGraph, quote};
use crate::stop::Stop;

/// Constraints and indexes of one inventory that another one lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// Names of constraints that are there and were not.
    pub extra_constraints: Vec<String>,
    /// Names of indexes that are there and were not.
    pub extra_indexes: Vec<String>,
    /// Statements that make what was there and is not.
    pub missing: Vec<String>,
}

impl Difference {
    /// From `before` to `now`.
    pub(super) fn between(before: &Inventory, now: &Inventory) -> Self {
        // The statement that makes a thing says all of it. An index that a constraint owns comes and goes with it.
        let extra_constraints = now.constraints.iter().filter(|item| !before.constraints.contains(item));
        let free = |inventory: &Inventory| -> Vec<(String, String)> {
            let free = inventory.indexes.iter().filter(|index| index.owning_constraint.is_none());
            free.map(|index| (index.name.clone(), index.create_statement.clone())).collect()
        };
        let (indexes_before, indexes_now) = (free(before), free(now));
        let missing_constraints = before.constraints.iter().filter(|item| !now.constraints.contains(item));
        let missing_indexes = indexes_before.iter().filter(|item| !indexes_now.contains(item));
        Self {
            extra_constraints: extra_constraints.map(|item| item.name.clone()).collect(),
            extra_indexes: indexes_now
                .iter()
                .filter(|item| !indexes_before.contains(item))
                .map(|(name, _)| name.clone())
                .collect(),
            missing: missing_constraints
                .map(|item| item.create_statement.clone())
                .chain(missing_indexes.map(|(_, statement)| statement.clone()))
                .collect(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What still has to be run by hand, for people.
    pub(super) fn statements(&self) -> Result<Vec<String>> {
        let mut statements = Vec::new();
        for name in &self.extra_constraints {
            statements.push(format!("DROP CONSTRAINT {} IF EXISTS", quote(name)?));
        }
        for name in &self.extra_indexes {
            statements.push(format!("DROP INDEX {} IF EXISTS", quote(name)?));
        }
        statements.extend(self.missing.iter().cloned());
        Ok(statements)
    }
}

/// The steps that take an attempt back. Its statements on data are taken back only if one of its own may have been
/// run: what they remove may have been there before. Those that are through (`taken_back`) are left out.
pub(super) async fn steps_back(
    target: &TargetGraph,
    plan: &VersionPlan,
    before: &Inventory,
    data_begun: bool,
    taken_back: &[String],
) -> Result<Vec<Step>> {
    let mut data = Vec::new();
    if data_begun {
        data = statements_as_understood(target, plan.script()).await?;
        data.retain(|step| step.kind == StepKind::Data);
        data = still_to_do(data, taken_back);
    }
    let now = target.inventory(Own::LeftOut).await?;
    let schema = Difference::between(before, &now).statements()?.into_iter();
    let schema = schema.map(|text| Step::in_words(0, StepKind::Schema, text)).collect();
    let mut steps = in_order(plan.direction, data, schema);
    let wait = "wait until constraints and indexes are as they were before".to_owned();
    steps.push(Step::in_words(0, StepKind::Wait, wait));
    let record = format!("write down that {} {} was taken back", plan.version, plan.direction);
    steps.push(Step::in_words(0, StepKind::Record, record));
    (1..).zip(&mut steps).for_each(|(number, step)| step.number = number);
    Ok(steps)
}

/// The order in which an attempt is taken back. A way down is taken back by making things: under the constraints
/// that were there. Nor does a statement that is not understood keep constraints and indexes from coming back.
fn in_order(direction: Direction, data: Vec<Step>, schema: Vec<Step>) -> Vec<Step> {
    let understood = data.iter().all(|step| step.explain.is_some());
    match direction {
        Direction::Up if understood => data.into_iter().chain(schema).collect(),
        _ => schema.into_iter().chain(data).collect(),
    }
}

/// Those statements that have not taken back yet what they take back: of one that stands there twice, the second,
/// where it is written down once that it is through.
fn still_to_do(data: Vec<Step>, taken_back: &[String]) -> Vec<Step> {
    let mut through = taken_back.to_vec();
    let mut rest = data;
    rest.retain(|step| match through.iter().position(|it| *it == checksum(&step.text)) {
        Some(at) => {
            through.swap_remove(at);
            false
        }
        None => true,
    });
    rest
}

/// What a way down leaves behind of what its version brought: as its plan says that it removes all of that, it is
/// dropped. What others made since is not.
pub(super) fn left_behind(before: &Inventory, after: &Inventory, now: &Inventory) -> Difference {
    let (brought, there) = (Difference::between(before, after), Difference::between(before, now));
    let is_as_brought = |name: &String| create_statement(after, name) == create_statement(now, name);
    let left = |names: Vec<String>, brought: &[String]| -> Vec<String> {
        names.into_iter().filter(|name| brought.contains(name) && is_as_brought(name)).collect()
    };
    Difference {
        extra_constraints: left(there.extra_constraints, &brought.extra_constraints),
        extra_indexes: left(there.extra_indexes, &brought.extra_indexes),
        missing: Vec::new(),
    }
}

/// How often it is looked whether constraints and indexes are back, and how long it is waited in between: what an
/// interrupted statement had begun, the server clears away by itself after a moment.
const ROUNDS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// Brings constraints and indexes back to `before`.
pub(super) async fn restore_schema(
    target: &TargetGraph,
    before: &Inventory,
    observe: Observer<'_>,
) -> Result<()> {
    let mut round = 1;
    loop {
        let now = target.inventory(Own::LeftOut).await?;
        let difference = Difference::between(before, &now);
        if difference.is_empty() {
            return await_online(target, &unhealthy(before), &Stop::new(), observe).await;
        }
        match run_all(target, &difference).await {
            Err(error) if round == ROUNDS => return Err(error),
            Err(_) => tokio::time::sleep(PAUSE).await,
            Ok(()) => {}
        }
        round += 1;
    }
}

/// What was not online before need not be now.
fn unhealthy(before: &Inventory) -> Inventory {
    let indexes = before.indexes.iter().filter(|index| index.state != "ONLINE").cloned().collect();
    Inventory { constraints: Vec::new(), indexes }
}

async fn run_all(target: &TargetGraph, difference: &Difference) -> Result<()> {
    for statement in difference.statements()? {
        target
            .run_auto_commit(Statement::new(statement.as_str()))
            .await
            .map_err(|error| error.during(statement))?;
    }
    Ok(())
}

/// Drops what is left of a constraint that was being made when the server went down: its index, which makes no
/// constraint and keeps the next attempt from making one. `message` is the server's, which names what is in the
/// way; what was there `before` is never dropped.
pub(super) async fn drop_orphan(target: &TargetGraph, before: &Inventory, message: &str) -> Result<()> {
    let now = target.inventory(Own::LeftOut).await?;
    let orphan = now.indexes.iter().find(|index| {
        index.owning_constraint.is_none()
            && message.contains(&format!("'{}'", index.name))
            && !before.indexes.iter().any(|old| old.name == index.name)
    });
    if let Some(index) = orphan {
        let drop = format!("DROP INDEX {} IF EXISTS", quote(&index.name)?);
        target.run_auto_commit(Statement::new(drop)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neo4j::catalog::{Constraint, Index};
    use crate::neo4j::{Explained, StatementKind};

    fn constraint(name: &str, create: &str) -> Constraint {
        Constraint {
            name: name.into(),
            kind: "UNIQUENESS".into(),
            labels_or_types: vec!["A".into()],
            properties: vec!["id".into()],
            create_statement: create.into(),
        }
    }

    fn index(name: &str, create: &str, owner: Option<&str>, state: &str) -> Index {
        Index {
            name: name.into(),
            kind: "RANGE".into(),
            labels_or_types: Vec::new(),
            properties: Vec::new(),
            state: state.into(),
            failure: String::new(),
            owning_constraint: owner.map(str::to_owned),
            create_statement: create.into(),
        }
    }

    #[test]
    fn what_is_new_goes_and_what_was_there_comes_back() {
        let before = Inventory {
            constraints: vec![constraint("kept", "CREATE kept")],
            indexes: vec![
                index("kept", "CREATE kept", Some("kept"), "ONLINE"),
                index("same", "CREATE same ON a", None, "POPULATING"),
                index("changed", "CREATE changed ON a", None, "ONLINE"),
            ],
        };
        let now = Inventory {
            constraints: vec![constraint("kept", "CREATE kept"), constraint("new", "CREATE new")],
            indexes: vec![
                index("same", "CREATE same ON a", None, "ONLINE"),
                index("changed", "CREATE changed ON b", None, "ONLINE"),
                index("new", "CREATE new", Some("new"), "ONLINE"),
            ],
        };
        let difference = Difference::between(&before, &now);
        assert_eq!(
            difference.statements().unwrap(),
            ["DROP CONSTRAINT `new` IF EXISTS", "DROP INDEX `changed` IF EXISTS", "CREATE changed ON a"]
        );
        assert!(Difference::between(&before, &before).is_empty());
    }

    #[test]
    fn a_way_down_is_taken_back_constraints_first() {
        let explained = Explained { kind: StatementKind::Data, operators: Vec::new(), remarks: Vec::new() };
        let step = |kind| Step { explain: Some(explained.clone()), ..Step::in_words(0, kind, "x".into()) };
        let kinds = |direction| -> Vec<StepKind> {
            let steps = in_order(direction, vec![step(StepKind::Data)], vec![step(StepKind::Schema)]);
            steps.iter().map(|step| step.kind).collect()
        };
        // What its version made is made again under its constraints.
        assert_eq!(kinds(Direction::Down), [StepKind::Schema, StepKind::Data]);
        assert_eq!(kinds(Direction::Up), [StepKind::Data, StepKind::Schema]);
        let typo = vec![Step::in_words(0, StepKind::Data, "x".into())];
        let order = in_order(Direction::Up, typo, vec![step(StepKind::Schema)]);
        assert_eq!(order[0].kind, StepKind::Schema);
    }

    #[test]
    fn what_is_through_is_not_taken_back_again() {
        let data = || -> Vec<Step> {
            ["A", "B", "A"].map(|text| Step::in_words(0, StepKind::Data, text.into())).into()
        };
        let rest = |through: &[&str]| -> Vec<String> {
            let through: Vec<String> = through.iter().map(|text| checksum(text)).collect();
            still_to_do(data(), &through).into_iter().map(|step| step.text).collect()
        };
        assert_eq!(rest(&[]), ["A", "B", "A"]);
        assert_eq!(rest(&["A"]), ["B", "A"]);
        // A file that was mended meanwhile has another second statement.
        assert_eq!(rest(&["A", "old B", "A"]), ["B"]);
    }

    #[test]
    fn what_a_way_down_leaves_of_its_version_is_seen() {
        let here = |names: &[&str]| Inventory {
            constraints: Vec::new(),
            indexes: names.iter().map(|it| index(it, &format!("CREATE {it}"), None, "ONLINE")).collect(),
        };
        // `others` was made since, by other hands.
        let (before, after) = (here(&["old"]), here(&["old", "left", "gone"]));
        let left = left_behind(&before, &after, &here(&["old", "left", "others"]));
        assert_eq!(left.statements().unwrap(), ["DROP INDEX `left` IF EXISTS"]);
        let mut unique = after.clone();
        unique.constraints.push(constraint("key", "CREATE key"));
        unique.indexes.push(index("key", "CREATE key", Some("key"), "ONLINE"));
        let left = left_behind(&before, &unique, &unique);
        assert_eq!(
            (left.extra_constraints, left.extra_indexes),
            (vec!["key".into()], vec!["left".into(), "gone".into()])
        );
        // Another one of the name is no longer the version's.
        let mut other = here(&["left"]);
        other.indexes[0].create_statement = "CREATE left ON another".into();
        assert!(left_behind(&before, &after, &other).is_empty());
    }
}
