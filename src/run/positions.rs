//! Where the stages go on after a rollback: behind everything that is on its way, so that nothing comes back by itself.

use std::collections::BTreeMap;

use serde::Serialize;

use super::engine::Engine;
use crate::checkpoint::{
    Cursor, Ends, Entry, EntryKey, ExtractCheckpoint, Finished, Lineage, Stage, StageCheckpoint,
};
use crate::error::{Cause, Error, Result};
use crate::kafka::{TransactionalProducer, commit_for_group};
use crate::neo4j::claim::Claim;
use crate::neo4j::{hold, load_positions};

/// What was on its way in a pipeline whose pass was not through, and stays where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The pass; an empty one follows it.
    pub pass: u32,
    /// At most so many records of the raw topic that were not transformed.
    pub raw: u64,
    /// At most so many records of the model topic that were not loaded.
    pub model: u64,
}

/// Moves the pipelines' positions behind what their topics hold, and lets go of loading. A pass that was not through
/// ends with what it has read, and an empty one follows. The target's checkpoints move before Kafka's, and loading is
/// held until both have: whatever is killed in between, the next rollback does it again.
pub(super) async fn leave_out(
    engine: &Engine,
    claim: &Claim,
    pipelines: &[String],
) -> Result<BTreeMap<String, LeftOut>> {
    engine.checkpoints.refresh().await?;
    let mut left_out = BTreeMap::new();
    let mut loads: Vec<(String, Lineage, Ends)> = Vec::new();
    for pipeline in pipelines {
        let lineage = engine.checkpoints.read(|state| state.lineages.get(pipeline).cloned());
        // What was never extracted has nothing on its way.
        let Some(lineage) = lineage else { continue };
        let (left, model_ends) = upstream(engine, pipeline).await?;
        left_out.extend(left.map(|left| (pipeline.clone(), left)));
        loads.push((pipeline.clone(), lineage, model_ends));
    }
    let names = &engine.kafka.names;
    let target = engine.target()?;
    let mut transaction = target.begin().await?;
    claim.fence(&mut transaction).await?;
    for (pipeline, lineage, ends) in &loads {
        let ids = ends.keys().map(|partition| (*partition, names.load_checkpoint(pipeline, *partition)));
        load_positions::set(&mut transaction, names.prefix(), pipeline, &ids.collect(), lineage.id, ends)
            .await?;
    }
    transaction.commit().await.map_err(Error::from)?;
    for (pipeline, _, ends) in loads {
        commit(engine, Stage::Load, pipeline, ends).await?;
    }
    let mut transaction = target.begin().await?;
    claim.fence(&mut transaction).await?;
    hold::lift(&mut transaction, names.prefix()).await?;
    transaction.commit().await.map_err(Error::from)?;
    Ok(left_out)
}

/// Ends a pass that is not through. Returns what is left out of it, and the model topic's ends after that.
async fn upstream(engine: &Engine, pipeline: &str) -> Result<(Option<LeftOut>, Ends)> {
    let (extract, transformed) = engine.checkpoints.read(|state| {
        (state.extract.get(pipeline).cloned(), state.transform.get(pipeline).cloned().unwrap_or_default())
    });
    let mut loaded = engine.observer.loaded().await?;
    let account = engine.observer.account(pipeline, &loaded);
    let model = engine.kafka.names.model(pipeline);
    let open = extract.filter(|_| !account.extracted || account.in_flight() > 0);
    let Some(extract) = open else { return Ok((None, ends_of(engine, model).await?)) };
    let pass = extract.pass;
    close_pass(engine, pipeline, extract).await?;
    // Read after the extractor was fenced: it writes no more.
    let raw_ends = ends_of(engine, engine.kafka.names.raw(pipeline)).await?;
    let raw = behind(&transformed, &raw_ends);
    pass_over(engine, pipeline, transformed, raw_ends).await?;
    let model_ends = ends_of(engine, model).await?;
    let model = behind(&loaded.remove(pipeline).unwrap_or_default(), &model_ends);
    Ok((Some(LeftOut { pass, raw, model }), model_ends))
}

/// Fences an extractor that may run, and lets an empty pass follow the one that is not through.
async fn close_pass(engine: &Engine, pipeline: &str, open: ExtractCheckpoint) -> Result<()> {
    let (kafka, process) = (engine.kafka.clone(), engine.process);
    let (name, checkpoints) = (pipeline.to_owned(), engine.checkpoints.clone());
    let now = chrono::Utc::now().timestamp_micros();
    blocking("end a pass", move || {
        let mut producer = TransactionalProducer::start(&kafka, kafka.names.extract_transactional_id(&name))?;
        // Read after fencing: an extractor may have come further.
        checkpoints.refresh_blocking()?;
        let pass = checkpoints.read(|state| state.extract.get(&name).map_or(open.pass, |known| known.pass));
        let empty = ExtractCheckpoint {
            lineage: open.lineage,
            owner: process,
            pass: pass + 1,
            started_at_micros: now,
            counted: 0,
            read: 0,
            cursor: Cursor::Unkeyed { after: None },
            finished: Some(Finished { at_micros: now, counted: 0 }),
        };
        producer.write(&EntryKey::Extract(name), &Entry::Extract(empty))?;
        producer.commit()
    })
    .await
}

/// Moves transformation behind what the raw topic holds.
async fn pass_over(
    engine: &Engine,
    pipeline: &str,
    mut transformed: BTreeMap<i32, StageCheckpoint>,
    ends: Ends,
) -> Result<()> {
    let lineage = engine.checkpoints.read(|state| state.lineages.get(pipeline).map(|lineage| lineage.id));
    let lineage =
        lineage.ok_or_else(|| Error::new(Cause::Lineage, format!("move `{pipeline}`: it has no lineage")))?;
    let (kafka, process, name) = (engine.kafka.clone(), engine.process, pipeline.to_owned());
    let offsets = ends.clone();
    blocking("move transformation", move || {
        let id = kafka.names.journal_transactional_id(process);
        let mut producer = TransactionalProducer::start(&kafka, id)?;
        for (partition, end) in offsets {
            let mut checkpoint =
                transformed.remove(&partition).unwrap_or_else(|| StageCheckpoint::new(lineage));
            checkpoint.next_offset = end;
            producer.write(&EntryKey::Transform(name.clone(), partition), &Entry::Transform(checkpoint))?;
        }
        producer.commit()
    })
    .await?;
    commit(engine, Stage::Transform, pipeline.to_owned(), ends).await
}

async fn commit(engine: &Engine, stage: Stage, pipeline: String, ends: Ends) -> Result<()> {
    let kafka = engine.kafka.clone();
    blocking("set committed offsets", move || commit_for_group(&kafka, stage, &pipeline, &ends)).await
}

async fn ends_of(engine: &Engine, topic: String) -> Result<Ends> {
    engine.watermarks.ends_of(&topic, engine.kafka.settings().partitions).await
}

fn behind(committed: &BTreeMap<i32, StageCheckpoint>, ends: &Ends) -> u64 {
    let behind = ends.iter().map(|(partition, end)| {
        let at = committed.get(partition).map_or(0, |checkpoint| checkpoint.next_offset);
        u64::try_from(end - at).unwrap_or(0)
    });
    behind.sum()
}

async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::new(Cause::Unexpected, what).source(error))?
}
