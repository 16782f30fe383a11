//! The task of one assigned partition: takes batches in order, applies them, reports how far it is.

use tokio::sync::mpsc;
use tracing::{Instrument, debug, debug_span};

use super::apply::Applier;
use super::batch::Batch;
use super::outbox::Publisher;
use crate::checkpoint::StageCheckpoint;
use crate::error::Result;

/// What a partition's task reports.
pub(super) struct Applied {
    pub partition: i32,
    /// The checkpoint as the target has it now, and how many records the batch had; or what ended the task.
    pub outcome: Result<(StageCheckpoint, usize)>,
}

/// Applies batches until there are no more or one fails.
pub(super) async fn run(
    mut applier: Applier,
    publisher: Publisher,
    mut batches: mpsc::Receiver<Batch>,
    applied: mpsc::UnboundedSender<Applied>,
) {
    let partition = applier.id.partition;
    while let Some(batch) = batches.recv().await {
        let records = batch.records();
        let span = debug_span!("batch", partition, to = batch.to, records);
        let outcome = apply(&mut applier, &publisher, &batch).instrument(span).await;
        let ended = !matches!(outcome, Ok(Some(_)));
        if let Some(outcome) = outcome.transpose() {
            let outcome = outcome.map(|checkpoint| (checkpoint, records));
            // The worker is gone only when it has stopped listening: then nobody needs to know.
            let _ = applied.send(Applied { partition, outcome });
        }
        if ended {
            return;
        }
    }
}

async fn apply(
    applier: &mut Applier,
    publisher: &Publisher,
    batch: &Batch,
) -> Result<Option<StageCheckpoint>> {
    let Some(letters) = applier.apply(batch).await? else { return Ok(None) };
    publisher.publish(letters).await?;
    debug!("the batch is in the target");
    Ok(Some(applier.checkpoint.clone()))
}
