//! The graph that is moved: nodes with six properties, a text of 216 characters among them, and relationships
//! between random pairs of them.

use regraft::neo4j::{Settings, SourceGraph, Statement, TargetGraph};

use super::Failure;

/// How much is moved.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub nodes: u64,
    pub relationships: u64,
}

impl Size {
    /// `BENCH_NODES` and `BENCH_RELATIONSHIPS`.
    pub fn from_environment() -> Result<Self, Failure> {
        let number = |name: &str, default: u64| match std::env::var(name) {
            Ok(text) => text.parse().map_err(|_| format!("{name} is a number of rows, not {text:?}")),
            Err(_) => Ok(default),
        };
        Ok(Self {
            nodes: number("BENCH_NODES", 100_000)?,
            relationships: number("BENCH_RELATIONSHIPS", 100_000)?,
        })
    }
}

/// Both databases of the stack in the environment. The source is written to here, as only a benchmark may.
pub struct Graph {
    pub source: SourceGraph,
    pub target: TargetGraph,
    filler: TargetGraph,
}

impl Graph {
    pub async fn connect() -> Result<Self, Failure> {
        let (source, target) = (settings("SOURCE")?, settings("TARGET")?);
        Ok(Self {
            source: SourceGraph::connect(&source).await?,
            filler: TargetGraph::connect(&source).await?,
            target: TargetGraph::connect(&target).await?,
        })
    }

    pub async fn fill(&self, size: Size) -> Result<(), Failure> {
        self.empty_source().await?;
        self.empty_target().await?;
        for graph in [&self.filler, &self.target] {
            let constraint =
                "CREATE CONSTRAINT bench_thing IF NOT EXISTS FOR (n:BenchThing) REQUIRE n.id IS UNIQUE";
            graph.run_auto_commit(Statement::new(constraint)).await?;
        }
        let nodes = format!(
            "UNWIND range(1, {}) AS i CALL (i) {{ CREATE (:BenchThing {{id: 'thing-' + i, number: i, ratio: i / 7.0, \
             flag: i % 2 = 0, tags: ['a', 'b'], text: reduce(t = '', x IN range(1, 24) | t + 'nine char')}}) }} \
             IN TRANSACTIONS OF 5000 ROWS",
            size.nodes
        );
        self.filler.run_auto_commit(Statement::new(nodes)).await?;
        let relationships = format!(
            "UNWIND range(1, {}) AS i WITH toInteger(rand() * {n}) + 1 AS a, toInteger(rand() * {n}) + 1 AS b \
             CALL (a, b) {{ MATCH (x:BenchThing {{id: 'thing-' + a}}) MATCH (y:BenchThing {{id: 'thing-' + b}}) \
             CREATE (x)-[:BENCH_LINKED {{weight: 0.5}}]->(y) }} IN TRANSACTIONS OF 5000 ROWS",
            size.relationships,
            n = size.nodes
        );
        self.filler.run_auto_commit(Statement::new(relationships)).await?;
        Ok(())
    }

    pub async fn empty_source(&self) -> Result<(), Failure> {
        empty(&self.filler).await
    }

    pub async fn empty_target(&self) -> Result<(), Failure> {
        empty(&self.target).await
    }
}

async fn empty(graph: &TargetGraph) -> Result<(), Failure> {
    let statement = "MATCH (n:BenchThing) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS";
    graph.run_auto_commit(Statement::new(statement)).await?;
    Ok(())
}

fn settings(server: &str) -> Result<Settings, Failure> {
    let of = |key: &str| {
        let name = format!("REGRAFT__{server}__{key}");
        std::env::var(&name).map_err(|_| format!("{name} is not set: eval \"$(dev/stack env)\""))
    };
    let password = std::fs::read_to_string(of("PASSWORD_FILE")?)?;
    let mut settings = Settings::new(of("URI")?, "neo4j", password.trim());
    settings.fetch_size = 5000;
    Ok(settings)
}
