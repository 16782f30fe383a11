//! What `dead-letters` and `runs` have in common: they look at Kafka alone and change nothing.

use std::sync::Arc;

use super::Session;
use crate::error::Result;
use crate::metrics::Metrics;
use crate::run::{Engine, Needs, Topics};

/// Connects to Kafka; nothing where nothing was started yet.
pub fn start(session: &Session) -> Result<Option<Engine>> {
    let needs = Needs { source: false, target: false, topics: Topics::Look };
    let (config, metrics) = (session.config()?, Arc::new(Metrics::new()?));
    session.block_on(Engine::start(config, session.types(), needs, metrics, &session.stop))
}
