//! `regraft migrate-data`: all stages in one process, until drained.

use clap::Args;

use super::{Exit, Session, moving};
use crate::checkpoint::Stage;
use crate::error::Result;
use crate::run::Options;

/// Moves the data: extract, transform and load in one process until nothing is left to do
///
/// Finishes the pass that was begun, wherever it was interrupted. A finished pass is left alone, unless
/// --new-pass reads everything again.
#[derive(Debug, Clone, Args)]
pub struct MigrateData {
    /// Reads everything again, where the last pass is finished
    #[arg(long)]
    pub new_pass: bool,
    /// Rows of one batch (load.batch_size)
    #[arg(long, value_name = "ROWS", value_parser = super::batch_size())]
    pub batch_size: Option<i64>,
}

impl MigrateData {
    /// Calls it.
    pub fn run(&self, session: &Session) -> Result<Exit> {
        let options = Options {
            stages: vec![Stage::Extract, Stage::Transform, Stage::Load],
            new_pass: self.new_pass,
            until_drained: true,
            command: session.typed(),
        };
        moving::stages(session, self.batch_size, &options)
    }
}
