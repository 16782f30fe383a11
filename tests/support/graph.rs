//! A Neo4j as tests look at it: with the driver itself, not through what is tested.

use std::collections::BTreeSet;

use neo4rs::{ConfigBuilder, query};

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
        self.run(&format!(
            "MATCH (n) WHERE {condition} CALL (n) {{ DETACH DELETE n }} IN TRANSACTIONS OF 5000 ROWS"
        ));
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
        let of_these = "YIELD name, labelsOrTypes AS on";
        let theirs = format!("WHERE any(l IN on WHERE l IN {LABELS:?}) RETURN name");
        for name in self.rows::<String>(&format!("SHOW CONSTRAINTS {of_these} {theirs}")) {
            self.run(&format!("DROP CONSTRAINT `{name}`"));
        }
        for name in self.rows::<String>(&format!("SHOW INDEXES {of_these} {theirs}")) {
            self.run(&format!("DROP INDEX `{name}`"));
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
