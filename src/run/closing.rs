//! What a run's report says beside its accounts: a dead letter of each reason, and what no pipeline covers.

use std::collections::BTreeSet;

use tracing::warn;

use super::engine::Engine;
use crate::dead_letters::{Filter, Found, LetterState, Reader};
use crate::error::{Cause, Error, Result};
use crate::extract::{Declared, uncovered};
use crate::neo4j::SourceGraph;
use crate::pipeline::Pipelines;
use crate::record::Reason;
use crate::status::Sample;

/// Dead letters of each partition that are looked through for samples, the newest ones; then, for what is not among them,
/// more.
const LOOKED_THROUGH: [i64; 2] = [20_000, 200_000];

/// One open dead letter of every reason, as far as they are near the end of their topic.
pub(super) async fn samples(engine: &Engine, reasons: BTreeSet<Reason>) -> Result<Vec<Sample>> {
    if reasons.is_empty() {
        return Ok(Vec::new());
    }
    let reader = Reader::new(&engine.kafka, &engine.watermarks, &engine.checkpoints).await?;
    let filter = Filter {
        pipelines: engine.selected.iter().map(|pipeline| pipeline.name().to_owned()).collect(),
        states: vec![LetterState::Open],
        ..Filter::default()
    };
    let look = move || {
        let (mut missing, mut samples) = (reasons, Vec::new());
        let mut take = |missing: &mut BTreeSet<Reason>, found: Found| {
            if missing.remove(&found.letter.reason) {
                samples.push(Sample::from(&found.letter));
            }
            Ok(!missing.is_empty())
        };
        for number in LOOKED_THROUGH {
            if !missing.is_empty() {
                let filter = Filter { reasons: missing.iter().copied().collect(), ..filter.clone() };
                reader.read_last(number, &filter, |found| take(&mut missing, found))?;
            }
        }
        Ok(samples)
    };
    let looked = tokio::task::spawn_blocking(look).await;
    looked.map_err(|error| Error::new(Cause::Unexpected, "look for samples of dead letters").source(error))?
}

/// A sentence on what the source has beside what the pipelines declare. That it can't be had ends no run.
pub(super) async fn uncovered_remark(engine: &Engine) -> Option<String> {
    uncovered_sentence(engine.source().ok()?, &engine.pipelines).await
}

/// The same of a source and pipelines.
pub(super) async fn uncovered_sentence(source: &SourceGraph, pipelines: &Pipelines) -> Option<String> {
    match uncovered(source, &declared(pipelines)).await {
        Ok(found) => found.sentence(),
        Err(error) => {
            warn!("what no pipeline covers could not be counted: {}", error.chain().join(": "));
            None
        }
    }
}

/// What is read of the source.
pub(super) fn declared(pipelines: &Pipelines) -> Declared {
    let read = pipelines.all().iter().filter(|pipeline| pipeline.is_read());
    read.map(|pipeline| pipeline.source().shape()).collect()
}
