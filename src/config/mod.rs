//! Configuration: `regraft.toml` and `REGRAFT__SECTION__KEY` variables as typed, [`Config`] as meant.
//!
//! A variable beats the file, the file beats the default. What is wrong is reported at once and in full:
//! each mistake with its key, the line or variable that it stands in, and what is expected instead.
//! Relative paths are relative to the working directory, wherever the file itself is.

mod client;
mod given;
mod keys;
mod limit;
mod secret;
mod value;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use client::ClientSetting;
pub use limit::DeadLetterLimit;
pub use secret::{Secret, is_secret};

use crate::error::{Cause, Error, Result};
use given::Given;

/// The file that is read where `--config` names none. It may be missing.
pub const DEFAULT_FILE: &str = "regraft.toml";

/// Where status and metrics are served unless told otherwise. Only here a taken port leads to the next one.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9184);

/// Everything that can be configured. `regraft.toml` in the repository explains every key.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The monolith. Only ever read.
    pub source: Source,
    /// The new Neo4j.
    pub target: Server,
    /// What carries the records between them.
    pub kafka: Kafka,
    /// How the target is written.
    pub load: Load,
    /// Bounds of one process.
    pub run: Run,
    /// Where status and metrics are served.
    pub metrics: Metrics,
    /// Where pipelines and contracts are.
    pub paths: Paths,
}

/// How a Neo4j is reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// `bolt://host:port` or one of its relatives.
    pub uri: String,
    /// User.
    pub user: String,
    /// Password, read when it is needed.
    pub password: Secret,
    /// Database on that server.
    pub database: String,
    /// Rows asked for at a time.
    pub fetch_size: usize,
    /// How long one answer may take.
    pub response_timeout: Duration,
}

/// The monolith and how hard it may be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// How it is reached.
    pub server: Server,
    /// Rows read a second, all pipelines of a process together; 0 is no limit.
    pub rows_per_second: u64,
    /// Rows that one page of a type has.
    pub page_size: usize,
}

/// Kafka and the topics on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Kafka {
    /// Bootstrap servers, separated by commas.
    pub brokers: String,
    /// Isolates topics, groups, transactional ids and the bookkeeping in the target.
    pub topic_prefix: String,
    /// Partitions of the topics that Regraft makes.
    pub partitions: i32,
    /// Replicas of the topics that Regraft makes.
    pub replication_factor: i32,
    /// Largest record in bytes; a larger one is the dead letter `too_large`.
    pub max_record_bytes: usize,
    /// How long the topics that Regraft makes keep records; -1 is for ever.
    pub retention_ms: i64,
    /// Handed to librdkafka.
    pub client: BTreeMap<String, ClientSetting>,
}

/// How the target is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Rows of one batch.
    pub batch_size: usize,
    /// Connections that write at a time.
    pub connections: usize,
    /// Whether what was there before is journaled, so that it can be rolled back.
    pub undo: bool,
    /// Bytes of one batch or chunk; it ends at this or at its number of rows, whichever comes first.
    pub batch_bytes: usize,
    /// Dead letters that one pipeline may have in a pass.
    pub max_dead_letters: DeadLetterLimit,
    /// How long a relationship waits without any progress of what it waits for.
    pub fence_timeout: Duration,
}

/// Bounds of one process.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Pipelines that one stage of a process works on at a time.
    pub pipelines_at_once: usize,
    /// How long a service failure is retried before the process gives up with exit code 3.
    pub retry: Duration,
}

/// Where status and metrics are served.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    /// The address; none serves nothing. [`DEFAULT_LISTEN`] gives way to the next free port.
    pub listen: Option<SocketAddr>,
}

/// Where the definitions are.
#[derive(Debug, Clone, PartialEq)]
pub struct Paths {
    /// Folder of the pipeline files.
    pub pipelines: PathBuf,
    /// Folder of contracts, raw schemas and migrations.
    pub schemas: PathBuf,
    /// Folder of the validators that users write.
    pub validators: PathBuf,
    /// Folder that statistics are kept in.
    pub statistics: PathBuf,
}

impl Config {
    /// Reads `file` (or [`DEFAULT_FILE`], where there is one) and the environment of this process.
    pub fn load(file: Option<&Path>) -> Result<Config> {
        Config::from_parts(file, std::env::vars_os())
    }

    /// As [`Config::load`], with the variables given.
    pub fn from_parts<N, V>(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Config>
    where
        N: AsRef<std::ffi::OsStr>,
        V: AsRef<std::ffi::OsStr>,
    {
        let (path, required) = file.map_or((Path::new(DEFAULT_FILE), false), |path| (path, true));
        let mut mistakes = Vec::new();
        let mut given = given::from_file(path, required)?;
        given.extend(given::from_environment(variables, &mut mistakes));
        let config = Config::of_given(&given, &mut mistakes);
        if mistakes.is_empty() {
            return Ok(config);
        }
        let what = if mistakes.len() == 1 { "a mistake" } else { "mistakes" };
        Err(Error::new(Cause::Configuration, format!("the configuration has {what}"))
            .source(mistakes.join("\n")))
    }

    /// The defaults, with everything given set. Later ones beat earlier ones.
    fn of_given(given: &[Given], mistakes: &mut Vec<String>) -> Config {
        let mut config = Config::default();
        for one in given::effective(given, mistakes) {
            if let Err(mistake) = keys::set(&mut config, one) {
                mistakes.push(mistake);
            }
        }
        if mistakes.is_empty() && config.source.server.place() == config.target.place() {
            mistakes.push(format!(
                "source.uri and target.uri are the same database ({}); the source is only ever read, so the \
                 target has to be another one",
                config.target.uri
            ));
        }
        config
    }

    /// What is allowed, but worth a line when a run starts.
    pub fn warnings(&self) -> Vec<String> {
        [("source.uri", &self.source.server.uri), ("target.uri", &self.target.uri)]
            .into_iter()
            .filter(|(_, uri)| uri.split("://").next().is_some_and(|scheme| scheme.ends_with("+ssc")))
            .map(|(key, uri)| {
                format!(
                    "{key} = {uri} encrypts but verifies no certificate: anyone in between can read along"
                )
            })
            .collect()
    }
}

impl Server {
    fn at(port: u16) -> Server {
        Server {
            uri: format!("bolt://127.0.0.1:{port}"),
            user: "neo4j".to_owned(),
            password: Secret::File(PathBuf::from(".stack/password")),
            database: "neo4j".to_owned(),
            fetch_size: 5_000,
            response_timeout: Duration::from_secs(600),
        }
    }

    /// Host, port and database, as far as they tell two databases apart.
    fn place(&self) -> (String, &str) {
        let address = self.uri.split_once("://").map_or(self.uri.as_str(), |(_, address)| address);
        let address = address.trim_end_matches('/').to_lowercase().replace("localhost", "127.0.0.1");
        let has_port = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        (if has_port { address } else { format!("{address}:7687") }, &self.database)
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            source: Source { server: Server::at(7687), rows_per_second: 0, page_size: 5_000 },
            target: Server::at(7688),
            kafka: Kafka {
                brokers: "127.0.0.1:9092".to_owned(),
                topic_prefix: "regraft".to_owned(),
                partitions: 4,
                replication_factor: 1,
                max_record_bytes: 1_000_000,
                retention_ms: -1,
                client: BTreeMap::from([(
                    "security.protocol".to_owned(),
                    ClientSetting::Plain("plaintext".to_owned()),
                )]),
            },
            load: Load {
                batch_size: 5_000,
                connections: 4,
                undo: true,
                batch_bytes: 4_194_304,
                max_dead_letters: DeadLetterLimit::ONE_PERCENT,
                fence_timeout: Duration::from_secs(60),
            },
            run: Run { pipelines_at_once: 4, retry: Duration::from_secs(120) },
            metrics: Metrics { listen: Some(DEFAULT_LISTEN) },
            paths: Paths {
                pipelines: PathBuf::from("pipelines"),
                schemas: PathBuf::from("schemas"),
                validators: PathBuf::from("validators"),
                statistics: PathBuf::from("statistics"),
            },
        }
    }
}

#[cfg(test)]
mod tests;
