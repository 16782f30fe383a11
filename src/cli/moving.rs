//! What `migrate-data`, `extract`, `transform` and `load` have in common: everything but the work.

use std::sync::Arc;

use super::progress::{Progress, with_rates};
use super::serving::Served;
use super::{Exit, Session, exit};
use crate::checkpoint::Stage;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::run::{DataMigrator, Options};
use crate::status::{About, Board, RunReport, Trouble};
use crate::stop::Stop;

/// What the work gets.
#[derive(Debug)]
pub struct Moving {
    /// The configuration, with what the command line changes of it.
    pub config: Config,
    /// Names that `--types` selects; none selects all.
    pub types: Vec<String>,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// Where it writes down what it is at.
    pub board: Board,
    /// When to stop.
    pub stop: Stop,
}

/// What the work comes back with: its report, also where a failure ended it.
#[derive(Debug)]
pub struct Moved {
    /// What became of the records.
    pub report: RunReport,
    /// Why it ended early: too many dead letters, a service that failed for too long.
    pub failure: Option<Error>,
}

/// Runs `work` with its pages served and its progress shown, and prints its report.
///
/// A report is printed even where a failure follows; then the failure is told on stderr only, and its exit code
/// is the command's. Interrupted work that was to end by itself (`until_drained`) is not done.
pub fn run(
    session: &Session,
    command: &str,
    batch_size: Option<i64>,
    until_drained: bool,
    work: impl FnOnce(&Moving) -> Result<Moved>,
) -> Result<Exit> {
    let moved = moved(session, command, session.types().to_vec(), batch_size, work)?;
    session.output().result(&moved.report)?;
    Ok(exit_of(session, until_drained, moved.failure))
}

/// What ran after something else, for the result of that.
pub struct Then {
    /// Its report.
    pub report: RunReport,
    /// How the command is to exit.
    pub exit: Exit,
}

/// Runs stages of these pipelines until nothing is left to do; the caller prints the report.
pub fn then(session: &Session, stages: &[Stage], pipelines: Vec<String>) -> Result<Then> {
    let options =
        Options { stages: stages.to_vec(), new_pass: false, until_drained: true, command: session.typed() };
    let work = |moving: &Moving| session.block_on(move_data(session, moving, &options));
    let moved = moved(session, &options.name(), pipelines, None, work)?;
    Ok(Then { report: moved.report, exit: exit_of(session, true, moved.failure) })
}

fn exit_of(session: &Session, until_drained: bool, failure: Option<Error>) -> Exit {
    match failure {
        Some(failure) => {
            session.screen.say(&exit::text(&failure));
            Exit::Failed(failure.cause())
        }
        None if until_drained => session.done(),
        None => Exit::Done,
    }
}

fn moved(
    session: &Session,
    command: &str,
    types: Vec<String>,
    batch_size: Option<i64>,
    work: impl FnOnce(&Moving) -> Result<Moved>,
) -> Result<Moved> {
    let mut config = session.config()?;
    if let Some(rows) = batch_size.and_then(|rows| usize::try_from(rows).ok()) {
        config.load.batch_size = rows;
    }
    let moving = Moving {
        config,
        types,
        metrics: Arc::new(Metrics::new()?),
        board: Board::default(),
        stop: session.stop.clone(),
    };
    if let Some(listen) = moving.config.metrics.listen {
        let about = About::now(command, moving.config.kafka.topic_prefix.as_str());
        session.keep(Served::start(session, listen, about, moving.metrics.clone(), &moving.board)?);
    }
    let progress = Progress::start(&session.screen, with_rates(moving.board.observe()));
    let moved = work(&moving);
    drop(progress);
    moved.inspect_err(|error| moving.board.trouble(Trouble::of_run(error)))
}

/// Runs stages: what the four commands differ in is in `options`.
pub fn stages(session: &Session, batch_size: Option<i64>, options: &Options) -> Result<Exit> {
    let work = |moving: &Moving| session.block_on(move_data(session, moving, options));
    run(session, &options.name(), batch_size, options.until_drained, work)
}

async fn move_data(session: &Session, moving: &Moving, options: &Options) -> Result<Moved> {
    let (config, metrics) = (moving.config.clone(), moving.metrics.clone());
    let (board, stop) = (moving.board.clone(), &moving.stop);
    moving.board.waits_for(Some("waits for Kafka, Neo4j and the topics".to_owned()));
    let migrator =
        DataMigrator::connect(config, &moving.types, &options.stages, metrics, board, stop).await?;
    moving.board.waits_for(None);
    let Some(migrator) = migrator else { return Ok(Moved { report: RunReport::default(), failure: None }) };
    if options.stages.contains(&Stage::Load) {
        migrator.engine().waits_for_others().iter().for_each(|sentence| session.screen.say(sentence));
    }
    let work = migrator.run(options, stop).await?;
    Ok(Moved { report: work.report, failure: work.failure })
}
