//! Tests on real services. Settings come from `REGRAFT__…` variables, as for the command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod neo4j;
mod schema;
