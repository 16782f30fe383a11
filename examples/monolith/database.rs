//! The database that the sample is written to: where it is, that it is empty, its constraints and indexes.

use std::env;
use std::time::Duration;

use neo4rs::{ConfigBuilder, Graph, query};
use regraft::error::{Cause, Error, Result};

use crate::kinds::NODES;

/// Long enough for a deletion of millions: the driver applies it to every answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(3600);
/// A service that is there says something within this.
const FIRST_ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Connects to what `regraft.toml` calls the source, by its environment variables and defaults.
pub async fn connect() -> Result<Graph> {
    let uri = setting("URI", "bolt://127.0.0.1:7687");
    let config = ConfigBuilder::default()
        .uri(&uri)
        .user(setting("USER", "neo4j"))
        .password(password()?)
        .db(setting("DATABASE", "neo4j"))
        .max_connections(1)
        .connection_timeout(ANSWER_WITHIN)
        .build()
        .and_then(Graph::connect)
        .map_err(|error| Error::new(Cause::Configuration, format!("connect to {uri}")).source(error))?;
    let attempt = format!("connect to {uri}");
    match tokio::time::timeout(FIRST_ANSWER_WITHIN, graph_run(&config, "RETURN 1", &attempt)).await {
        Ok(answer) => answer.map(|()| config),
        Err(_) => Err(Error::new(Cause::Unreachable, format!("{attempt}: no answer within thirty seconds"))),
    }
}

fn setting(name: &str, default: &str) -> String {
    env::var(format!("REGRAFT__SOURCE__{name}")).unwrap_or_else(|_| default.to_owned())
}

fn password() -> Result<String> {
    if let Ok(password) = env::var("REGRAFT__SOURCE__PASSWORD") {
        return Ok(password);
    }
    let file = setting("PASSWORD_FILE", ".stack/password");
    match std::fs::read_to_string(&file) {
        Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
        Err(error) => Err(Error::new(Cause::File, format!("read the source's password from {file}"))
            .source(error)
            .what_to_do("set REGRAFT__SOURCE__PASSWORD or REGRAFT__SOURCE__PASSWORD_FILE")),
    }
}

/// Refuses a database that has anything in it.
pub async fn require_empty(graph: &Graph) -> Result<()> {
    let attempt = "look whether the database is empty";
    let mut rows =
        graph.execute(query("MATCH (n) RETURN n IS NULL LIMIT 1")).await.map_err(failed(attempt))?;
    match rows.next().await.map_err(failed(attempt))? {
        None => Ok(()),
        Some(_) => Err(Error::new(Cause::Usage, "write a sample: the database is not empty")
            .what_to_do("--wipe deletes all that is in it, --append writes beside it")),
    }
}

/// Deletes everything, in transactions of a bounded size. Constraints and indexes stay.
pub async fn wipe(graph: &Graph) -> Result<()> {
    eprintln!("deleting what is in the database …");
    for statement in [
        "MATCH ()-[r]->() CALL (r) { DELETE r } IN TRANSACTIONS OF 10000 ROWS",
        "MATCH (n) CALL (n) { DELETE n } IN TRANSACTIONS OF 10000 ROWS",
    ] {
        graph_run(graph, statement, "delete what is in the database").await?;
    }
    Ok(())
}

/// Serves the keys of speakers while healthy relationships are written. The monolith has no index on them.
const WHILE_WRITING: &str = "sample_speaker_id";

/// Creates the monolith's constraints and indexes.
pub async fn set_up(graph: &Graph) -> Result<()> {
    for statement in NODES.iter().flat_map(|kind| kind.schema) {
        graph_run(graph, statement, statement).await?;
    }
    let statement = format!("CREATE INDEX {WHILE_WRITING} IF NOT EXISTS FOR (n:Speaker) ON (n.id)");
    graph_run(graph, &statement, "create an index for writing").await?;
    graph_run(graph, "CALL db.awaitIndexes(600)", "wait for the indexes").await
}

/// Leaves nothing but what a monolith has. Some of what is planted could not be written while the index is there.
pub async fn drop_index_for_writing(graph: &Graph) -> Result<()> {
    graph_run(graph, &format!("DROP INDEX {WHILE_WRITING} IF EXISTS"), "drop the index for writing").await
}

async fn graph_run(graph: &Graph, statement: &str, attempt: &str) -> Result<()> {
    graph.run(query(statement)).await.map(|_| ()).map_err(failed(attempt))
}

/// Turns the driver's error into one that says what was attempted and how to go on.
pub fn failed(attempt: &str) -> impl FnOnce(neo4rs::Error) -> Error {
    move |error| {
        let (cause, advice) = match &error {
            neo4rs::Error::AuthenticationError(_) => (Cause::Credentials, None),
            neo4rs::Error::Neo4j(answer) if answer.code().contains(".Schema.") => {
                (Cause::DataRefused, Some("what is in the database already is in the way: --wipe deletes it"))
            }
            neo4rs::Error::Neo4j(answer) if answer.code().contains("DatabaseNotFound") => {
                (Cause::Configuration, Some("set REGRAFT__SOURCE__DATABASE to a database that exists"))
            }
            neo4rs::Error::Neo4j(answer) if answer.code().contains("ClientError") => (Cause::Forbidden, None),
            neo4rs::Error::Neo4j(_) => (Cause::Busy, Some("start again with --wipe")),
            _ => (Cause::Unreachable, None),
        };
        let error = Error::new(cause, attempt).source(error);
        match advice {
            Some(advice) => error.what_to_do(advice),
            None => error,
        }
    }
}
