//! The contexts of the stages, from the engine.

use std::sync::Arc;

use super::engine::Engine;
use crate::checkpoint::{Lineage, Stage};
use crate::error::{Cause, Error, Result};
use crate::neo4j::SourceGraph;
use crate::neo4j::claim::Claim;
use crate::pipeline::Pipeline;
use crate::{extract, load, transform};

/// Records and bytes of a transform transaction: small enough to be far from its time-out, large enough that
/// the commit's fixed cost does not count (measured: 18 ms for 10,000 records).
const TRANSFORM_RECORDS: usize = 10_000;
const TRANSFORM_BYTES: usize = 8 << 20;

impl Engine {
    pub(super) fn extract_context(
        &self,
        pipeline: &Pipeline,
        source: &SourceGraph,
    ) -> Result<extract::Context> {
        let lookups = pipeline.lookups().iter();
        let page_rows = u64::try_from(self.config.source.page_size).unwrap_or(u64::MAX);
        Ok(extract::Context {
            kafka: self.kafka.clone(),
            source: source.clone(),
            checkpoints: self.checkpoints.clone(),
            pipeline: pipeline.name().to_owned(),
            shape: pipeline.source().shape(),
            is_read: pipeline.is_read(),
            lookups: lookups.map(|lookup| (lookup.name().to_owned(), lookup.cypher().to_owned())).collect(),
            owner: self.process,
            page_rows,
            limits: extract::Limits {
                chunk_rows: page_rows,
                chunk_bytes: self.config.load.batch_bytes,
                max_record_bytes: self.config.kafka.max_record_bytes,
            },
            rate: self.rate.clone(),
            metrics: self.metrics.stage(Stage::Extract, pipeline.name()),
        })
    }

    pub(super) fn transform_context(&self, pipeline: &Arc<Pipeline>) -> Result<transform::Context> {
        let receivers = pipeline.receivers().into_iter().filter_map(|name| {
            Some(transform::Receiver {
                pipeline: self.pipelines.get(name)?.clone(),
                topic: self.kafka.names.model(name),
                metrics: self.metrics.stage(Stage::Transform, name),
            })
        });
        Ok(transform::Context {
            kafka: self.kafka.clone(),
            checkpoints: self.checkpoints.clone(),
            receivers: receivers.collect(),
            raw_topic: self.kafka.names.raw(pipeline.name()),
            watermarks: self.watermarks.clone(),
            pipeline: pipeline.clone(),
            digest: pipeline.digest(),
            lineage: self.lineage(pipeline)?,
            process: self.process,
            limit: self.config.load.max_dead_letters,
            batch_records: TRANSFORM_RECORDS,
            batch_bytes: TRANSFORM_BYTES,
            metrics: self.metrics.stage(Stage::Transform, pipeline.name()),
        })
    }

    pub(super) fn load_context(
        &self,
        pipeline: &Arc<Pipeline>,
        schema_version: &str,
        claim: Option<&Arc<Claim>>,
    ) -> Result<load::Context> {
        let claim =
            claim.ok_or_else(|| Error::new(Cause::Unexpected, "load without a claim on the target"))?;
        Ok(load::Context {
            claim: claim.clone(),
            kafka: self.kafka.clone(),
            target: self.target()?.clone(),
            undo: self.undo.clone(),
            journaling: self.config.load.undo,
            checkpoints: self.checkpoints.clone(),
            watermarks: self.watermarks.clone(),
            observer: self.observer.clone(),
            pipeline: pipeline.clone(),
            end_pipelines: self.end_pipelines(pipeline),
            pipelines_by_label: self.pipelines_by_label(),
            lineage: self.lineage(pipeline)?,
            schedule: self.schedule.clone(),
            waits: self.waits.clone(),
            dead_ends: self.dead_ends.clone(),
            process: self.process,
            schema_version: schema_version.to_owned(),
            limit: self.config.load.max_dead_letters,
            batch_rows: self.config.load.batch_size,
            batch_bytes: self.config.load.batch_bytes,
            connections: self.config.load.connections,
            retry: self.config.run.retry,
            metrics: self.metrics.stage(Stage::Load, pipeline.name()),
        })
    }

    /// Fails where the pipeline's topics hold what it no longer reads; one that was never started has none.
    pub(super) fn check_lineage(&self, pipeline: &Pipeline) -> Result<()> {
        let known = self.checkpoints.read(|state| state.lineages.contains_key(pipeline.name()));
        if known { self.lineage(pipeline).map(drop) } else { Ok(()) }
    }

    /// The lineage that the pipeline's topics have.
    fn lineage(&self, pipeline: &Pipeline) -> Result<Lineage> {
        let name = pipeline.name();
        let lineage = self.checkpoints.read(|state| state.lineages.get(name).cloned());
        let lineage =
            lineage.ok_or_else(|| Error::new(Cause::Busy, format!("`{name}` has no lineage yet")))?;
        lineage.check(&pipeline.source().shape(), self.kafka.settings().partitions).map_err(|conflict| {
            let way_out = conflict.way_out(name);
            Error::new(Cause::Lineage, format!("work on `{name}`")).source(conflict).what_to_do(way_out)
        })?;
        Ok(lineage)
    }
}
