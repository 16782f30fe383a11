//! `regraft extract`: the source into the raw topics.

use clap::Args;

use super::{Exit, Session, moving};
use crate::checkpoint::Stage;
use crate::error::Result;
use crate::run::Options;

/// Reads the source into Kafka, as a worker of its own
///
/// Ends when the pass is through.
#[derive(Debug, Clone, Args)]
pub struct Extract {
    /// Reads everything again, where the last pass is finished
    #[arg(long)]
    pub new_pass: bool,
    /// Ends when there is nothing left to do, which extraction does anyway
    #[arg(long)]
    pub until_drained: bool,
}

impl Extract {
    /// Calls it.
    pub fn run(&self, session: &Session) -> Result<Exit> {
        let options = Options {
            stages: vec![Stage::Extract],
            new_pass: self.new_pass,
            until_drained: true,
            command: session.typed(),
        };
        moving::stages(session, None, &options)
    }
}
