//! The edge to Neo4j: the only module that names neo4rs.
//!
//! [`SourceGraph`] reads and can't write, as [`ReadOnlyGraph`] does of either; [`TargetGraph`] writes in
//! [`Transaction`]s that never leave a lock behind. Statements take [`Parameter`]s and give [`Cell`]s, both exact for
//! every type that Neo4j stores
//! (`decode`, `encode`, [`exact`]). What goes wrong becomes a [`Cause`](crate::error::Cause) in one table
//! (`failure`).

pub mod bookkeeping;
pub mod catalog;
mod cell;
pub mod claim;
mod counters;
mod decode;
mod encode;
pub mod exact;
mod explain;
mod failure;
mod filler;
pub mod hold;
mod identifier;
pub mod load_checkpoints;
pub mod load_positions;
mod parts;
mod pool;
mod settings;
mod source;
mod statement;
mod target;
pub mod verification;

pub use cell::{Cell, Row};
pub use counters::Counters;
pub use encode::Encoding;
pub use explain::{Explained, Operator, Remark, StatementKind};
pub use failure::{Answer, is_in_the_way, server_code};
pub use identifier::{Quoted, between, quote};
pub use pool::Usage;
pub use settings::Settings;
pub use source::{ReadOnlyGraph, RowStream, SourceGraph};
pub use statement::{Parameter, Statement};
pub use target::{CommitError, CommitOutcome, TargetGraph, Transaction};
