//! Single records read from the source again: those that were too large for their topic when they were extracted.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;

use super::engine::{Engine, neo4j_settings};
use crate::error::Result;
use crate::extract;
use crate::neo4j::SourceGraph;
use crate::record::RawRecord;
use crate::replay::ReadAgain;

/// Reads records again, with a connection that is made for the first one: most dead letters need none. Its calls block.
pub(super) struct SourceAgain {
    engine: Arc<Engine>,
    runtime: Handle,
    source: Mutex<Option<SourceGraph>>,
}

impl SourceAgain {
    /// To be made within a runtime, and called from a thread that may block.
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, runtime: Handle::current(), source: Mutex::default() }
    }

    /// The raw record as extraction would write it now, in the same pass.
    pub(super) fn read(&self, pipeline: &str, raw: &RawRecord<'_>) -> Result<ReadAgain> {
        let Some(pipeline) = self.engine.pipelines.get(pipeline) else { return Ok(ReadAgain::Gone) };
        let context = self.engine.extract_context(pipeline, &self.source()?)?;
        let found = self.runtime.block_on(extract::read_again(&context, raw))?;
        Ok(found.map_or(ReadAgain::Gone, ReadAgain::Record))
    }

    fn source(&self) -> Result<SourceGraph> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connected) = &*source {
            return Ok(connected.clone());
        }
        let settings = neo4j_settings(&self.engine.config.source.server, 1)?;
        let connected = self.runtime.block_on(SourceGraph::connect(&settings))?;
        Ok(source.insert(connected).clone())
    }
}
