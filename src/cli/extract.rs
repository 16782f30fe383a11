//! `regraft extract`: the source into the raw topics.

use clap::Args;

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
