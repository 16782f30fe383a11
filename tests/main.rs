//! Tests on real services, which are those of `REGRAFT__…` in the environment, as for the command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod compatibility;
mod faults;
mod flow;
mod foreign;
mod input;
mod neo4j;
mod observe;
mod replay;
mod rollback;
mod schema;
mod soak;
mod support;
mod tidy;
mod verify;
