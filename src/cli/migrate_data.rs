//! `regraft migrate-data`: all stages in one process, until drained.

use clap::Args;

use super::progress::Progress;
use super::{Exit, Session, moving};
use crate::checkpoint::Stage;
use crate::error::{Cause, Result};
use crate::run::{DryRun, Options};

/// Moves the data: extract, transform and load in one process until nothing is left to do
///
/// Finishes the pass that was begun, wherever it was interrupted. A finished pass is left alone, unless
/// --new-pass reads everything again.
#[derive(Debug, Clone, Args)]
pub struct MigrateData {
    /// Reads everything again, where the last pass is finished
    #[arg(long)]
    pub new_pass: bool,
    /// Says what a pass over everything would do, and does nothing: no topic, no offset, nothing in the target changes
    #[arg(long)]
    pub dry_run: bool,
    /// Rows of one batch (load.batch_size)
    #[arg(long, value_name = "ROWS", value_parser = super::batch_size())]
    pub batch_size: Option<i64>,
}

impl MigrateData {
    /// Calls it.
    pub fn run(&self, session: &Session) -> Result<Exit> {
        if self.dry_run {
            return self.look_ahead(session);
        }
        let options = Options {
            stages: vec![Stage::Extract, Stage::Transform, Stage::Load],
            new_pass: self.new_pass,
            until_drained: true,
            command: session.typed(),
        };
        moving::stages(session, self.batch_size, &options)
    }

    /// Exit code 1 where a run would end early, with more dead letters than are allowed.
    fn look_ahead(&self, session: &Session) -> Result<Exit> {
        let mut config = session.config()?;
        if let Some(rows) = self.batch_size.and_then(|rows| usize::try_from(rows).ok()) {
            config.load.batch_size = rows;
        }
        let dry_run = session.block_on(DryRun::connect(config, session.types(), &session.stop))?;
        let progress = Progress::tally(&session.screen, dry_run.tally(), "looked at", "dead letters");
        let report = session.block_on(dry_run.run());
        drop(progress);
        let Some(report) = report? else { return Ok(Exit::Interrupted) };
        session.output().result(&report)?;
        Ok(if report.is_beyond_limit() { Exit::Failed(Cause::DeadLetterLimit) } else { Exit::Done })
    }
}
