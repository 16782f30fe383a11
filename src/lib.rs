//! Regraft moves a graph out of a monolith's Neo4j, through Kafka, into modular models in a new Neo4j.
//!
//! Data flows down this page; a stage never imports another, only [`record`] crosses.

pub mod checkpoint;
pub mod cli;
pub mod compatibility;
pub mod config;
pub mod dead_letters;
pub mod error;
pub mod extract;
pub mod forecast;
pub mod kafka;
pub mod load;
pub mod metrics;
pub mod neo4j;
pub mod observe;
pub mod pipeline;
pub mod record;
pub mod replay;
pub mod retry;
pub mod rollback;
pub mod run;
pub mod schema;
pub mod status;
pub mod stop;
pub mod transform;
pub mod undo;
pub mod validation;
pub mod verify;
