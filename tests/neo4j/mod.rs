//! The edge to Neo4j, on a real server.

mod broken;
mod catalog;
mod connecting;
mod failures;
pub mod identifiers;
mod transactions;
pub mod values;

use regraft::neo4j::{Settings, SourceGraph, Statement, TargetGraph};

/// The server that these tests may write to.
pub fn settings() -> Settings {
    let variable = |name: &str| std::env::var(format!("REGRAFT__TARGET__{name}")).ok();
    let uri = variable("URI").expect("REGRAFT__TARGET__URI says where a Neo4j is that tests may write to");
    let password = variable("PASSWORD").unwrap_or_else(|| {
        let file = variable("PASSWORD_FILE").expect("REGRAFT__TARGET__PASSWORD or …_FILE");
        std::fs::read_to_string(file).unwrap().trim().to_owned()
    });
    Settings::new(uri, variable("USER").unwrap_or_else(|| "neo4j".into()), password)
}

/// Connected for writing.
pub async fn target() -> TargetGraph {
    TargetGraph::connect(&settings()).await.unwrap()
}

/// The same server, connected for reading.
pub async fn source() -> SourceGraph {
    SourceGraph::connect(&settings()).await.unwrap()
}

/// Removes what an earlier run of the same test left.
pub async fn clear(target: &TargetGraph, label: &str) {
    target.run(Statement::new(format!("MATCH (n:{label}) DETACH DELETE n"))).await.unwrap();
}

/// The one integer that a statement returns.
pub async fn number(target: &TargetGraph, text: &str) -> i64 {
    target.rows(Statement::new(text)).await.unwrap()[0][0].as_i64().unwrap()
}
