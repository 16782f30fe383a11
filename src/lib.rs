//! Regraft moves a graph out of a monolith's Neo4j, through Kafka, into modular models in a new Neo4j.
//!
//! Data flows down this page; a stage never imports another, only [`record`] crosses.

pub mod error;
pub mod neo4j;
pub mod record;
pub mod schema;
