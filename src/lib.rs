//! Regraft moves a graph out of a monolith's Neo4j, through Kafka, into modular models in a new Neo4j.
//!
//! Data flows down this page; a stage never imports another, only [`record`] crosses.

pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod dead_letters;
pub mod error;
pub mod kafka;
pub mod metrics;
pub mod record;
pub mod status;
pub mod stop;
