//! Pipelines.

mod contract;
mod diagnostics;
mod document;
pub use contract::*;
pub use diagnostics::*;
