//! Whether the target is the one that these topics were loaded into: what a rollback passes over counts as loaded
//! afterwards, so that rows which a restored target lacks would be missed by nobody.

use super::Rolling;
use crate::checkpoint::{Place, Stage, load_start};
use crate::error::Result;
use crate::kafka::committed;

impl Rolling<'_> {
    /// Refuses where loading would refuse to start.
    ///
    /// Errors: [`crate::error::Cause::Lineage`], naming the first partition of which the target has less than Kafka says.
    pub(super) async fn check_standing(&self) -> Result<()> {
        let engine = &self.engine;
        let loaded = engine.observer.loaded().await?;
        for pipeline in &engine.selected {
            let name = pipeline.name();
            let lineage = engine.checkpoints.read(|state| state.lineages.get(name).map(|lineage| lineage.id));
            let Some(lineage) = lineage else { continue };
            let names = &engine.kafka.names;
            let (topic, group) = (names.model(name), names.group(Stage::Load, name));
            for (partition, offset) in committed(&engine.kafka, Stage::Load, name).await? {
                let checkpoint = loaded.get(name).and_then(|of| of.get(&partition));
                let place =
                    Place { stage: Stage::Load, pipeline: name, topic: &topic, group: &group, partition };
                if let Some(refusal) = load_start(lineage, Some(offset), checkpoint).refusal(&place) {
                    return Err(refusal.error().during("roll back a target that lacks what was loaded"));
                }
            }
        }
        Ok(())
    }
}
