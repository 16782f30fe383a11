//! Gates before and after a migration: statistics of the source, kept under a name; after it, what became of them.
//!
//! [`statistics`] has the server count a type; [`kept`] keeps it as JSON; [`compare_before_after`] explains, type by type,
//! what stands in the target by what stood in the source; [`custom`] runs the checks that users write.

pub mod custom;
pub mod kept;
pub mod statistics;

mod before_after;
mod report;

pub use before_after::{BeforeAfter, TypeChange, compare_before_after};
pub use report::{Finding, PostReport, PreReport, Severity};
pub use statistics::{Degrees, PropertyStatistics, Statistics, TypeStatistics};
