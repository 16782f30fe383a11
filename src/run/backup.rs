//! A mark to go back to by the server's own means: what is in the target, how far the stages are, and the commands
//! that dump it and load it again.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use super::engine::{Engine, Needs, Topics, neo4j_settings};
use crate::checkpoint::Stage;
use crate::config::Config;
use crate::error::{Cause, Error, Result};
use crate::metrics::Metrics;
use crate::neo4j::catalog::Server;
use crate::neo4j::{Cell, Statement, TargetGraph};
use crate::schema::{self, Version, record_backup_marker};
use crate::stop::Stop;

/// What a backup marker says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackupReport {
    /// Id of the marker.
    pub id: String,
    /// Whether it stands in the target: from schema 1.1.0 on.
    pub recorded: bool,
    /// The target's server.
    pub server: Server,
    /// The target's database.
    pub database: String,
    /// Version of the target's schema.
    pub schema_version: Version,
    /// Nodes in the target, Regraft's own left out; none where it is not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<i64>,
    /// Relationships in the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relationships: Option<i64>,
    /// Offsets by pipeline.
    pub offsets: BTreeMap<String, Offsets>,
    /// What dumps the database.
    pub dump: Vec<String>,
    /// What loads the dump again.
    pub load: Vec<String>,
    /// What else is to be known.
    pub remarks: Vec<String>,
}

/// How far a pipeline is, by partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Offsets {
    /// The next raw offset that is to be transformed.
    pub transform: BTreeMap<i32, i64>,
    /// The next model offset that is to be loaded, as the target has it.
    pub load: BTreeMap<i32, i64>,
}

/// Records a marker in the target and says how to dump it to `folder` and load it again.
pub async fn mark_backup(
    config: Config,
    types: &[String],
    folder: &str,
    stop: &Stop,
) -> Result<BackupReport> {
    let target = TargetGraph::connect(&neo4j_settings(&config.target, 2)?).await?;
    let (server, schema_version) = (target.server().await?, schema::current_version(&target).await?);
    let database = config.target.database.clone();
    let (dump, load) = commands(&server, &database, folder);
    let mut report = BackupReport {
        id: format!("backup-{}", Uuid::now_v7()),
        recorded: schema_version >= Version::HISTORY_NODES,
        server,
        database,
        schema_version,
        nodes: None,
        relationships: None,
        offsets: offsets(config, types, stop).await?,
        dump,
        load,
        remarks: vec![
            "the dump is made while nothing writes: end loaders first".to_owned(),
            "after loading the dump, Kafka is ahead of the target: the next start refuses to go on and says how"
                .to_owned(),
        ],
    };
    if report.recorded {
        record_backup_marker(&target, &report.id, "backup").await?;
        complete(&target, &mut report).await?;
    } else {
        report.remarks.push(format!(
            "the marker is not in the target: its schema {} has no place for it, {} has (`regraft migrate-schema`)",
            report.schema_version,
            Version::HISTORY_NODES
        ));
    }
    Ok(report)
}

/// Offsets of the pipelines; none where nothing was started yet.
async fn offsets(config: Config, types: &[String], stop: &Stop) -> Result<BTreeMap<String, Offsets>> {
    let needs = Needs { source: false, target: true, topics: Topics::Look };
    let Some(engine) = Engine::start(config, types, needs, Arc::new(Metrics::new()?), stop).await? else {
        return Ok(BTreeMap::new());
    };
    let loaded = engine.observer.loaded().await?;
    let each = engine.selected.iter().map(|pipeline| {
        let name = pipeline.name().to_owned();
        let of = |stage: Stage| {
            let checkpoints = match stage {
                Stage::Load => loaded.get(&name).cloned(),
                Stage::Extract | Stage::Transform => {
                    engine.checkpoints.read(|state| state.transform.get(&name).cloned())
                }
            };
            let checkpoints = checkpoints.unwrap_or_default().into_iter();
            checkpoints.map(|(partition, checkpoint)| (partition, checkpoint.next_offset)).collect()
        };
        let offsets = Offsets { transform: of(Stage::Transform), load: of(Stage::Load) };
        (name, offsets)
    });
    Ok(each.collect())
}

/// Adds to the marker what only this command knows, and reads its counts.
async fn complete(target: &TargetGraph, report: &mut BackupReport) -> Result<()> {
    let offsets = serde_json::to_string(&report.offsets)
        .map_err(|error| Error::new(Cause::Unexpected, "write the offsets down").source(error))?;
    let text = "MATCH (b:BackupMarker {id: $id}) SET b.schema_version = $version, b.offsets = $offsets \
                RETURN [b.nodes, b.relationships] AS row";
    let statement = Statement::new(text)
        .param("id", report.id.as_str())
        .param("version", report.schema_version.to_string())
        .param("offsets", offsets);
    let rows = target.rows(statement).await?;
    let number = |index: usize| rows.first()?.get(index).and_then(Cell::as_i64);
    (report.nodes, report.relationships) = (number(0), number(1));
    Ok(())
}

/// The commands of a server's version and edition: what dumps the database, what loads it again. Both take it offline.
fn commands(server: &Server, database: &str, folder: &str) -> (Vec<String>, Vec<String>) {
    let (name, path) = (shell(database), shell(folder));
    let file = shell(&format!("{folder}/{database}.dump"));
    let (dump, load) = if server.numbers() < (5, 0, 0) {
        (
            format!("neo4j-admin dump --database={name} --to={file}"),
            format!("neo4j-admin load --from={file} --database={name} --force"),
        )
    } else {
        (
            format!("neo4j-admin database dump {name} --to-path={path}"),
            format!("neo4j-admin database load {name} --from-path={path} --overwrite-destination=true"),
        )
    };
    // Community has no way to stop a database but to stop the server.
    let (stop, start) = if server.edition == "enterprise" {
        let statement = |verb: &str| {
            format!("cypher-shell -d system {}", shell(&format!("{verb} DATABASE `{database}`")))
        };
        (statement("STOP"), statement("START"))
    } else {
        ("neo4j stop".to_owned(), "neo4j start".to_owned())
    };
    let dump = vec![format!("mkdir -p {path}"), stop.clone(), dump, start.clone()];
    (dump, vec![stop, load, start])
}

/// A word as a shell takes it literally.
fn shell(text: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "._-/:".contains(char);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(version: &str, edition: &str) -> Server {
        Server { version: version.into(), edition: edition.into() }
    }

    #[test]
    fn commands_are_those_of_the_version() {
        let (dump, load) = commands(&server("5.26.3", "community"), "neo4j", "/backup/1");
        assert_eq!(
            dump,
            [
                "mkdir -p /backup/1",
                "neo4j stop",
                "neo4j-admin database dump neo4j --to-path=/backup/1",
                "neo4j start"
            ]
        );
        assert_eq!(
            load[1],
            "neo4j-admin database load neo4j --from-path=/backup/1 --overwrite-destination=true"
        );
        let (dump, load) = commands(&server("4.4.12", "enterprise"), "my db", "b'k");
        assert_eq!(dump[1], "cypher-shell -d system 'STOP DATABASE `my db`'");
        assert_eq!(dump[2], r"neo4j-admin dump --database='my db' --to='b'\''k/my db.dump'");
        assert_eq!(load[1], r"neo4j-admin load --from='b'\''k/my db.dump' --database='my db' --force");
        assert!(commands(&server("2026.08.0", "community"), "neo4j", "b").0[2].contains("database dump"));
    }
}
