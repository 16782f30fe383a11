//! A Neo4j as tests look at it: with the driver itself, not through what is tested.

use std::collections::BTreeSet;

use neo4rs::{ConfigBuilder, query};
use regraft::neo4j::{Settings, TargetGraph, bookkeeping};
use serde::Deserialize;

use crate::schema::LABELS;

/// A database. Connects anew for every call, so that it outlives a restart of the server.
pub struct Graph {
    uri: String,
    user: String,
    password: String,
}

/// Everything that a graph holds but bookkeeping, one line for each node and relationship.
#[derive(PartialEq, Eq, Clone)]
pub struct Digest(BTreeSet<String>);

/// The condition that a node has one of the labels that a migration brings.
pub fn migrated(variable: &str) -> String {
    LABELS.map(|label| format!("{variable}:{label}")).join(" OR ")
}

/// The condition that a node tells of versions of the schema.
pub fn schema_bookkeeping(variable: &str) -> String {
    use bookkeeping::{LOCK, MIGRATION, MIGRATION_STEP, SCHEMA_REPAIR};
    [MIGRATION, MIGRATION_STEP, SCHEMA_REPAIR, LOCK, "SchemaVersion", "MigrationHistory", "BackupMarker"]
        .map(|label| format!("{variable}:{label}"))
        .join(" OR ")
}

/// The statement that deletes the nodes `n` for which the condition holds.
pub fn wiping(condition: &str) -> String {
    format!("MATCH (n) WHERE {condition} CALL (n) {{ DETACH DELETE n }} IN TRANSACTIONS OF 5000 ROWS")
}

/// An index, by itself or that of a uniqueness constraint.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Index {
    name: String,
    kind: String,
    labels: Vec<String>,
    properties: Vec<String>,
    unique: bool,
}

impl Index {
    /// On a property that no two nodes of the label have alike.
    pub fn unique(name: &str, label: &str, property: &str) -> Self {
        Self { unique: true, ..Self::range(name, label, property) }
    }

    pub fn range(name: &str, label: &str, property: &str) -> Self {
        let [name, kind, label, property] = [name, "RANGE", label, property].map(str::to_owned);
        Self { name, kind, labels: vec![label], properties: vec![property], unique: false }
    }

    fn statement(&self) -> String {
        let Self { name, labels, properties, unique, .. } = self;
        let (label, property) = (&labels[0], &properties[0]);
        if *unique {
            format!("CREATE CONSTRAINT {name} FOR (n:{label}) REQUIRE n.{property} IS UNIQUE")
        } else {
            format!("CREATE INDEX {name} FOR (n:{label}) ON (n.{property})")
        }
    }
}

impl Graph {
    pub fn new(uri: String, user: String, password: String) -> Self {
        Self { uri, user, password }
    }

    /// The first column of every row.
    pub fn rows<T: for<'a> serde::Deserialize<'a>>(&self, text: &str) -> Vec<T> {
        self.try_rows(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    pub fn run(&self, text: &str) {
        self.try_rows::<neo4rs::BoltType>(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }

    pub fn number(&self, text: &str) -> i64 {
        self.rows(text)[0]
    }

    /// What the server says that its last transaction was: the bookmark of one that changes nothing.
    pub fn last_transaction(&self) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut transaction = self.connect().unwrap().start_txn().await.unwrap();
            transaction.run("RETURN 1").await.unwrap();
            transaction.commit().await.unwrap().expect("a bookmark")
        })
    }

    /// Connected as Regraft connects to its target.
    pub async fn connected(&self) -> TargetGraph {
        let settings = Settings::new(self.uri.clone(), self.user.clone(), self.password.clone());
        TargetGraph::connect(&settings).await.unwrap()
    }

    fn connect(&self) -> Result<neo4rs::Graph, neo4rs::Error> {
        let config = ConfigBuilder::default()
            .uri(&self.uri)
            .user(&self.user)
            .password(&self.password)
            .max_connections(1)
            .build()?;
        neo4rs::Graph::connect(config)
    }

    fn try_rows<T: for<'a> serde::Deserialize<'a>>(&self, text: &str) -> Result<Vec<T>, neo4rs::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut stream = self.connect()?.execute(query(text)).await?;
            let mut rows = Vec::new();
            while let Some(row) = stream.next().await? {
                if let Some(first) = row.keys().first() {
                    rows.push(row.get(&first.value)?);
                }
            }
            Ok(rows)
        })
    }

    /// Deletes the nodes `n` for which the condition holds.
    pub fn wipe(&self, condition: &str) {
        self.run(&wiping(condition));
    }

    /// Deletes everything that a migration has brought.
    pub fn empty(&self) {
        self.wipe(&migrated("n"));
    }

    /// A unique key for every label.
    pub fn with_keys(&self) {
        for label in LABELS {
            self.run(&format!("CREATE CONSTRAINT IF NOT EXISTS FOR (n:{label}) REQUIRE n.id IS UNIQUE"));
        }
    }

    /// Drops the constraints and indexes of all labels.
    pub fn without_schema(&self) {
        self.with_schema(&[]);
    }

    /// Leaves these and no other constraints and indexes on all labels.
    pub fn with_schema(&self, wanted: &[Index]) {
        self.leave(wanted, |_| false);
    }

    /// The same, but an index that is only for speed and on no key may stay.
    pub fn with_constraints(&self, wanted: &[Index]) {
        self.leave(wanted, |index| !index.unique && index.properties != ["id"]);
    }

    /// Drops and creates only what is not as wanted: most tests find what they need.
    fn leave(&self, wanted: &[Index], may_stay: impl Fn(&Index) -> bool) {
        let there: Vec<Index> = self.rows(&format!(
            "SHOW INDEXES YIELD name, type, labelsOrTypes AS on, properties, owningConstraint \
             WHERE any(l IN on WHERE l IN {LABELS:?}) \
             RETURN {{name: name, kind: type, labels: on, properties: properties, \
             unique: owningConstraint IS NOT NULL}}"
        ));
        for index in there.iter().filter(|index| !wanted.contains(index) && !may_stay(index)) {
            let what = if index.unique { "CONSTRAINT" } else { "INDEX" };
            self.run(&format!("DROP {what} `{}`", index.name));
        }
        for index in wanted.iter().filter(|index| !there.contains(index)) {
            self.run(&index.statement());
        }
    }

    /// All that a migration brings, with all labels, and properties with their types.
    pub fn digest(&self) -> Digest {
        self.digest_of("TRUE")
    }

    /// The same without the time of reading, which differs from one migration to the next.
    pub fn digest_but_times(&self) -> Digest {
        self.digest_of("k <> 'migrated_at'")
    }

    fn digest_of(&self, condition: &str) -> Digest {
        let properties = |variable: &str| {
            format!(
                "CALL ({variable}) {{ UNWIND keys({variable}) AS k WITH k, {variable}[k] AS v WHERE {condition} \
                 WITH k, v, valueType(v) AS t ORDER BY k \
                 RETURN collect(k + ': ' + t + ' ' + CASE WHEN t STARTS WITH 'LIST' \
                 THEN reduce(s = '', x IN v | s + '|' + toString(x)) ELSE toString(v) END) AS p }}"
            )
        };
        let nodes = format!(
            "MATCH (n) WHERE {} {} \
             RETURN reduce(s = '', l IN labels(n) | s + ':' + l) + reduce(s = '', x IN p | s + ' ' + x)",
            migrated("n"),
            properties("n")
        );
        let relationships = format!(
            "MATCH (a)-[r]->(b) WHERE {} OR {} {} \
             RETURN '(' + coalesce(a.id, '?') + ')-[' + type(r) + ']->(' + coalesce(b.id, '?') + ')' \
             + reduce(s = '', x IN p | s + ' ' + x)",
            migrated("a"),
            migrated("b"),
            properties("r")
        );
        let mut lines = self.rows::<String>(&nodes);
        lines.extend(self.rows::<String>(&relationships));
        let mut all = BTreeSet::new();
        for line in lines {
            assert!(all.insert(line.clone()), "twice in the graph: {line}");
        }
        Digest(all)
    }
}

impl Digest {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Fails with what differs.
    #[track_caller]
    pub fn assert_same(&self, expected: &Digest, when: &str) {
        let some = |lines: Vec<&String>| {
            let shown: Vec<String> =
                lines.iter().take(5).map(|line| line.chars().take(200).collect()).collect();
            format!("{} lines\n    {}", lines.len(), shown.join("\n    "))
        };
        assert!(
            self == expected,
            "{when}, the graph differs\n  too many: {}\n  missing: {}",
            some(self.0.difference(&expected.0).collect()),
            some(expected.0.difference(&self.0).collect()),
        );
    }
}
