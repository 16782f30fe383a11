//! The command line: one file per command (parse, call, print) and what they share.
//!
//! Results go to stdout, everything for people to stderr. With `--output json` a result is one JSON value on
//! one line; a command that fails before it has a result prints `{"error": …}` there instead (see
//! [`exit::ErrorReport`]). Exit codes: see [`Exit`].

pub mod backup_marker;
pub mod bars;
pub mod check;
pub mod check_compatibility;
mod closing;
pub mod completions;
pub mod dead_letters;
pub mod exit;
pub mod extract;
mod forecast;
pub mod load;
pub mod logging;
mod looking;
pub mod man;
pub mod migrate_data;
pub mod migrate_schema;
pub mod moving;
pub mod numbers;
pub mod output;
pub mod progress;
pub mod replay;
pub mod rollback;
pub mod runs;
pub mod schema;
mod schema_plan;
pub mod screen;
mod serving;
pub mod session;
pub mod status;
pub mod summary;
pub mod table;
pub mod test;
pub mod text;
pub mod transform;
pub mod validate;
pub mod verify;

use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand};

pub use exit::Exit;
pub use output::{Output, Present};
pub use screen::Screen;
pub use session::Session;

use crate::error::Result;

/// What was typed: a command and the options that every command has.
#[derive(Debug, clap::Parser)]
#[command(
    name = "regraft",
    version,
    about = "Moves a graph out of a monolith's Neo4j, through Kafka, into modular models in a new Neo4j",
    after_help = "Exit codes: 0 done; 1 a check failed, or dead letters beyond the limit; 2 usage or \
                  configuration; 3 a service failed or the work was interrupted: start again."
)]
pub struct Typed {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// Configuration file; without it regraft.toml of the working directory, where there is one
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Only these: names of pipelines, labels or relationship types, separated by commas
    #[arg(long, global = true, value_name = "NAMES", value_delimiter = ',')]
    pub types: Vec<String>,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
    /// Logs more: -v what is done, -vv how, -vvv the clients of Kafka and Neo4j too (or REGRAFT_LOG=filter)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// How the log is written (to stderr)
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: logging::Format,
}

/// The commands, in the order in which a migration uses them.
#[derive(Debug, Subcommand)]
#[allow(missing_docs, reason = "each command's own text stands at its arguments, where clap reads it")]
pub enum Command {
    Check(check::Check),
    Test(test::Test),
    CheckCompatibility(check_compatibility::CheckCompatibility),
    MigrateSchema(migrate_schema::MigrateSchema),
    Schema(schema::Schema),
    BackupMarker(backup_marker::BackupMarker),
    MigrateData(migrate_data::MigrateData),
    Extract(extract::Extract),
    Transform(transform::Transform),
    Load(load::Load),
    Status(status::StatusArgs),
    Replay(replay::Replay),
    DeadLetters(dead_letters::DeadLetters),
    ValidatePre(validate::ValidatePre),
    ValidatePost(validate::ValidatePost),
    Verify(verify::Verify),
    Rollback(rollback::RollbackArgs),
    Runs(runs::Runs),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Command {
    /// Calls the command.
    pub fn run(&self, session: &Session) -> Result<Exit> {
        match self {
            Command::Check(command) => command.run(session),
            Command::Test(command) => command.run(session),
            Command::CheckCompatibility(command) => command.run(session),
            Command::MigrateSchema(command) => command.run(session),
            Command::Schema(command) => command.run(session),
            Command::BackupMarker(command) => command.run(session),
            Command::MigrateData(command) => command.run(session),
            Command::Extract(command) => command.run(session),
            Command::Transform(command) => command.run(session),
            Command::Load(command) => command.run(session),
            Command::Status(command) => command.run(session),
            Command::Replay(command) => command.run(session),
            Command::DeadLetters(command) => command.run(session),
            Command::ValidatePre(command) => command.run(session),
            Command::ValidatePost(command) => command.run(session),
            Command::Verify(command) => command.run(session),
            Command::Rollback(command) => command.run(session),
            Command::Runs(command) => command.run(session),
            Command::Completions(command) => command.run(session),
            Command::Man(command) => command.run(session),
        }
    }
}

/// What `--batch-size` takes.
fn batch_size() -> clap::builder::RangedI64ValueParser<i64> {
    clap::value_parser!(i64).range(1..=100_000)
}

#[cfg(test)]
mod tests;
