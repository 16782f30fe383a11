//! What the server says about itself and its schema. Asked, not parsed out of Cypher.

use serde::{Deserialize, Serialize};

use super::{Cell, ReadOnlyGraph, Statement, TargetGraph};
use crate::error::{Cause, Error, Result};

/// Whether names that belong to Regraft's own bookkeeping are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// Listed.
    Listed,
    /// Left out: part of no schema version.
    LeftOut,
}

/// Constraints and indexes of a database, each sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Constraints.
    pub constraints: Vec<Constraint>,
    /// Indexes, those that a constraint owns included.
    pub indexes: Vec<Index>,
}

/// A constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    /// Name.
    pub name: String,
    /// Kind, one name for one thing over all versions of Neo4j (`NODE_PROPERTY_UNIQUENESS` is `UNIQUENESS`).
    pub kind: String,
    /// Labels or relationship types.
    pub labels_or_types: Vec<String>,
    /// Properties in their order.
    pub properties: Vec<String>,
    /// The statement that makes it.
    pub create_statement: String,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Name.
    pub name: String,
    /// `RANGE`, `TEXT`, `FULLTEXT`, `POINT`, `VECTOR`, `LOOKUP`.
    pub kind: String,
    /// Labels or relationship types.
    pub labels_or_types: Vec<String>,
    /// Properties in their order.
    pub properties: Vec<String>,
    /// `ONLINE`, `POPULATING` or `FAILED`.
    pub state: String,
    /// Why it failed; empty where it did not.
    pub failure: String,
    /// The constraint that owns it.
    pub owning_constraint: Option<String>,
    /// The statement that makes it.
    pub create_statement: String,
}

impl Inventory {
    /// Whether `label.property` is kept unique, alone and not together with others.
    pub fn has_key_constraint(&self, label: &str, property: &str) -> bool {
        self.constraints.iter().any(|constraint| {
            matches!(constraint.kind.as_str(), "UNIQUENESS" | "NODE_KEY")
                && constraint.labels_or_types == [label]
                && constraint.properties == [property]
        })
    }

    /// Whether an index finds nodes of `label` by `property` and gives them in its order.
    pub fn has_range_index(&self, label: &str, property: &str) -> bool {
        self.indexes.iter().any(|index| {
            index.kind == "RANGE"
                && index.state == "ONLINE"
                && index.labels_or_types == [label]
                && index.properties.first().map(String::as_str) == Some(property)
                && index.properties.len() == 1
        })
    }
}

/// Version and edition of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// As the server writes it: `5.26.3`, `2026.08.0`.
    pub version: String,
    /// `community` or `enterprise`.
    pub edition: String,
}

impl Server {
    /// The first three numbers of the version, to compare.
    pub fn numbers(&self) -> (u64, u64, u64) {
        let mut numbers = self
            .version
            .split(|character: char| !character.is_ascii_digit())
            .map(|digits| digits.parse::<u64>().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        (next(), next(), next())
    }
}

const CONSTRAINTS: &str = "SHOW CONSTRAINTS YIELD name, type, labelsOrTypes, properties, createStatement \
     RETURN [name, type, labelsOrTypes, properties, createStatement] AS row ORDER BY name";

const INDEXES: &str = "SHOW INDEXES YIELD name, type, labelsOrTypes, properties, state, failureMessage, \
     owningConstraint, createStatement \
     RETURN [name, type, labelsOrTypes, properties, state, failureMessage, owningConstraint, createStatement] AS row \
     ORDER BY name";

const SERVER: &str = "CALL dbms.components() YIELD name, versions, edition \
     WHERE name = 'Neo4j Kernel' RETURN [versions[0], edition] AS row";

impl TargetGraph {
    /// Its constraints and indexes.
    pub async fn inventory(&self, own: Own) -> Result<Inventory> {
        let constraints = self.rows(Statement::new(CONSTRAINTS)).await?;
        let indexes = self.rows(Statement::new(INDEXES)).await?;
        read(constraints, indexes, own, &self.place())
    }

    /// Its version and edition.
    pub async fn server(&self) -> Result<Server> {
        server(self.rows(Statement::new(SERVER)).await?, &self.place())
    }
}

impl ReadOnlyGraph {
    /// Its constraints and indexes.
    pub async fn inventory(&self, own: Own) -> Result<Inventory> {
        let constraints = self.rows(Statement::new(CONSTRAINTS)).await?;
        let indexes = self.rows(Statement::new(INDEXES)).await?;
        read(constraints, indexes, own, &self.place())
    }

    /// Its version and edition.
    pub async fn server(&self) -> Result<Server> {
        server(self.rows(Statement::new(SERVER)).await?, &self.place())
    }
}

/// Whether a name, label or type belongs to Regraft's bookkeeping.
pub fn is_own(name: &str) -> bool {
    name.starts_with("_Regraft") || name.starts_with("_regraft")
}

type Rows = Vec<Vec<Cell<'static>>>;

fn read(constraints: Rows, indexes: Rows, own: Own, place: &str) -> Result<Inventory> {
    let unreadable = || Error::new(Cause::Unexpected, format!("read the constraints and indexes of {place}"));
    let mut inventory = Inventory {
        constraints: constraints
            .iter()
            .map(|row| constraint(row))
            .collect::<Option<_>>()
            .ok_or_else(unreadable)?,
        indexes: indexes.iter().map(|row| index(row)).collect::<Option<_>>().ok_or_else(unreadable)?,
    };
    if own == Own::LeftOut {
        let others = |name: &str, on: &[String]| !is_own(name) && !on.iter().any(|label| is_own(label));
        inventory.constraints.retain(|item| others(&item.name, &item.labels_or_types));
        inventory.indexes.retain(|item| others(&item.name, &item.labels_or_types));
    }
    Ok(inventory)
}

fn constraint(row: &[Cell<'_>]) -> Option<Constraint> {
    let [name, kind, on, properties, create] = row else {
        return None;
    };
    Some(Constraint {
        name: text(name)?,
        // Renamed in some versions of 5; the thing is the same.
        kind: text(kind)?.replace("NODE_PROPERTY_UNIQUENESS", "UNIQUENESS"),
        labels_or_types: texts(on)?,
        properties: texts(properties)?,
        create_statement: text(create)?,
    })
}

fn index(row: &[Cell<'_>]) -> Option<Index> {
    let [name, kind, on, properties, state, failure, owner, create] = row else {
        return None;
    };
    Some(Index {
        name: text(name)?,
        kind: text(kind)?,
        labels_or_types: texts(on)?,
        properties: texts(properties)?,
        state: text(state)?,
        failure: text(failure).unwrap_or_default(),
        owning_constraint: text(owner),
        create_statement: text(create).unwrap_or_default(),
    })
}

fn server(rows: Rows, place: &str) -> Result<Server> {
    let row = rows.first().and_then(|row| Some((text(row.first()?)?, text(row.get(1)?)?)));
    let (version, edition) =
        row.ok_or_else(|| Error::new(Cause::Unexpected, format!("read the version of {place}")))?;
    Ok(Server { version, edition })
}

fn text(cell: &Cell<'_>) -> Option<String> {
    cell.as_str().map(str::to_owned)
}

/// Token-lookup indexes are on everything: null stands for no names.
fn texts(cell: &Cell<'_>) -> Option<Vec<String>> {
    if cell.is_null() {
        return Some(Vec::new());
    }
    Some(cell.as_texts()?.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_whatever_their_form() {
        let numbers = |version: &str| Server { version: version.into(), edition: String::new() }.numbers();
        assert_eq!(numbers("5.26.3"), (5, 26, 3));
        assert_eq!(numbers("2026.08.0"), (2026, 8, 0));
        assert_eq!(numbers("5.26-aura"), (5, 26, 0));
        assert!(numbers("5.26.0") > numbers("5.9.9"));
    }

    #[test]
    fn a_key_is_unique_alone() {
        let constraint = |kind: &str, properties: &[&str]| Constraint {
            name: "c".into(),
            kind: kind.into(),
            labels_or_types: vec!["A".into()],
            properties: properties.iter().map(|&name| name.into()).collect(),
            create_statement: String::new(),
        };
        let has = |kind, properties: &[&str]| {
            Inventory { constraints: vec![constraint(kind, properties)], indexes: Vec::new() }
                .has_key_constraint("A", "id")
        };
        assert!(has("UNIQUENESS", &["id"]));
        assert!(has("NODE_KEY", &["id"]));
        assert!(!has("UNIQUENESS", &["id", "x"]));
        assert!(!has("NODE_PROPERTY_EXISTENCE", &["id"]));
    }
}
