//! Compatibility: what of the source, the target and Kafka would get in the way of a migration, before there is one.
//!
//! `survey` looks at every record that the forecast reads; `issues` turns the forecast, the survey and what the services
//! say of themselves into issues; `parity` says where each property goes; `mending` has Cypher for what can be mended in
//! the source, `fix` writes the script of it, and never runs it.

mod fix;
mod issues;
mod mending;
mod parity;
mod report;
mod services;
mod survey;

pub use fix::{Fix, mark, script};
pub use issues::of_records;
pub use parity::parity;
pub use report::{Area, CompatibilityReport, Fate, Issue, Mended, Property, Severity};
pub use services::{Kept, of_kafka, of_source, of_target};
pub use survey::Survey;
