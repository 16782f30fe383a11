//! Pipelines.

mod contract;
mod convert;
mod diagnostics;
mod document;
pub use contract::*;
pub use diagnostics::*;
