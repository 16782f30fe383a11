//! `regraft transform`: raw records into model records.

use clap::Args;

use super::{Exit, Session, moving};
use crate::checkpoint::Stage;
use crate::error::Result;
use crate::run::Options;

/// Reshapes what extract has read, as a worker of its own; several share the work
///
/// Waits for topics that are not there yet. Runs until it is told to stop.
#[derive(Debug, Clone, Args)]
pub struct Transform {
    /// Ends when there is nothing left to do
    #[arg(long)]
    pub until_drained: bool,
}

impl Transform {
    /// Calls it.
    pub fn run(&self, session: &Session) -> Result<Exit> {
        let options = Options {
            stages: vec![Stage::Transform],
            new_pass: false,
            until_drained: self.until_drained,
            command: session.typed(),
        };
        moving::stages(session, None, &options)
    }
}
