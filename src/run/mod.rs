//! Assembly: configuration, services and pipelines into running stages.
//!
//! [`Engine`] holds what all stages of a process share; a lane runs one stage over its pipelines, a few at a
//! time; `migrate` runs all three lanes until everything is through.

mod closing;
mod contexts;
mod engine;
mod journal;
mod lane;
mod letters;
mod look;
mod migrate;
mod probe;
mod ready;
mod replay;
mod retry;
mod source_again;
mod view;
mod visible;
mod watch;

pub use engine::{Engine, Needs, Topics, neo4j_settings, read_pipelines};
pub use journal::{Journal, list_runs};
pub use letters::{LetterDesk, LetterOptions, LettersDealtWith};
pub use look::Look;
pub use migrate::{DataMigrator, Options, Work};
pub use replay::{ReplayOptions, Replayed, Replayer, WantedOffsets};
