//! `regraft load`: model records into the target.

use clap::Args;

use super::{Exit, Session, moving};
use crate::checkpoint::Stage;
use crate::error::Result;
use crate::run::Options;

/// Writes what transform has reshaped to the target, as a worker of its own; several share the work
///
/// Waits for topics that are not there yet. Runs until it is told to stop.
#[derive(Debug, Clone, Args)]
pub struct Load {
    /// Ends when there is nothing left to do
    #[arg(long)]
    pub until_drained: bool,
    /// Rows of one batch (load.batch_size)
    #[arg(long, value_name = "ROWS", value_parser = super::batch_size())]
    pub batch_size: Option<i64>,
}

impl Load {
    /// Calls it.
    pub fn run(&self, session: &Session) -> Result<Exit> {
        let options = Options {
            stages: vec![Stage::Load],
            new_pass: false,
            until_drained: self.until_drained,
            command: session.typed(),
        };
        moving::stages(session, self.batch_size, &options)
    }
}
