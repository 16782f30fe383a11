//! `regraft transform`: raw records into model records.

use clap::Args;

/// Reshapes what extract has read, as a worker of its own; several share the work
///
/// Waits for topics that are not there yet. Runs until it is told to stop.
#[derive(Debug, Clone, Args)]
pub struct Transform {
    /// Ends when there is nothing left to do
    #[arg(long)]
    pub until_drained: bool,
}
