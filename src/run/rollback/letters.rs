//! Dead letters after a rollback: they say what became of records that were read, whatever the target is taken back to,
//! so they stay as they are. Who rolls back learns how many are open, since putting them back loads their records.

use std::collections::BTreeMap;

use super::Rolling;
use crate::dead_letters::{Filter, LetterState, Reader};
use crate::error::{Cause, Error, Result};

impl Rolling<'_> {
    /// How many are open, by pipeline.
    pub(super) async fn open_letters(&self) -> Result<BTreeMap<String, u64>> {
        let engine = &self.engine;
        engine.checkpoints.refresh().await?;
        let pipelines = match self.selection {
            true => engine.selected.iter().map(|pipeline| pipeline.name().to_owned()).collect(),
            false => Vec::new(),
        };
        let filter = Filter { pipelines, states: vec![LetterState::Open], ..Filter::default() };
        let reader = Reader::new(&engine.kafka, &engine.watermarks, &engine.checkpoints).await?;
        let counted = tokio::task::spawn_blocking(move || {
            let mut open = BTreeMap::new();
            reader.read(&filter, |found| {
                *open.entry(found.letter.pipeline).or_default() += 1;
                Ok(true)
            })?;
            Ok(open)
        });
        counted
            .await
            .map_err(|error| Error::new(Cause::Unexpected, "count the dead letters").source(error))?
    }
}
