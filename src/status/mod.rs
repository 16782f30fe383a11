//! What a run and its pipelines are at: plain data that the terminal, `/status` and `--output json` show.

mod board;
pub mod http;
mod live;
mod page;
mod rate;
mod report;
mod scrapes;
mod snapshot;
mod tally;
mod trouble;

pub use board::Board;
pub use live::{About, Ending, Live};
pub use rate::Meter;
pub use report::{Emitted, PipelineReport, RunReport, Sample, Totals};
pub use scrapes::Scrapes;
pub use snapshot::{Observe, Snapshot, State, Status};
pub use tally::Tally;
pub use trouble::Trouble;
