//! What a run and its pipelines are at: plain data that the terminal, `/status` and `--output json` show.

mod board;
pub mod http;
mod rate;
mod report;
mod snapshot;

pub use board::Board;
pub use rate::Meter;
pub use report::{Emitted, PipelineReport, RunReport, Sample, Totals};
pub use snapshot::{Observe, Snapshot, State, Status};
