//! What a plan is made from: offsets of groups, checkpoints and topics, as they are now.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::plan::{Seen, Wanted};
use super::position::Known;
use super::scope::{Slot, Slots};
use crate::checkpoint::{Stage, StageCheckpoint, load_start, transform_start};
use crate::error::Result;
use crate::kafka::{Checkpoints, Kafka, Watermarks, committed};
use crate::observe::Loaded;

/// What is looked at.
pub struct Sight<'a> {
    /// Kafka.
    pub kafka: &'a Kafka,
    /// The topics' ends.
    pub watermarks: &'a Watermarks,
    /// The checkpoints topic, refreshed.
    pub checkpoints: &'a Checkpoints,
    /// Checkpoints of the target.
    pub loaded: &'a Loaded,
}

impl Sight<'_> {
    /// Looks at every partition that is meant; a pipeline that was never started has none.
    pub async fn look(&self, slots: &Slots, wanted: &Wanted, now: DateTime<Utc>) -> Result<Vec<Seen>> {
        let time_ms = if let Wanted::Same(to) = wanted { to.time_ms(now) } else { None };
        let mut seen = Vec::new();
        for ((stage, pipeline), partitions) in slots {
            let lineage =
                self.checkpoints.read(|state| state.lineages.get(pipeline).map(|lineage| lineage.id));
            let Some(lineage) = lineage else { continue };
            let (topic, all) = (self.kafka.names.input(*stage, pipeline), self.kafka.settings().partitions);
            let committed = committed(self.kafka, *stage, pipeline).await?;
            let starts = self.watermarks.starts_of(&topic, all).await?;
            let ends = self.watermarks.ends_of(&topic, all).await?;
            let at_time = match time_ms {
                Some(time_ms) => self.watermarks.offsets_at(&topic, all, time_ms.max(0)).await?,
                None => BTreeMap::new(),
            };
            let checkpoints = self.checkpoints_of(*stage, pipeline);
            for partition in partitions {
                let of = |offsets: &BTreeMap<i32, i64>| offsets.get(partition).copied();
                let checkpoint = checkpoints.get(partition);
                let start = match stage {
                    Stage::Load => load_start(lineage, of(&committed), checkpoint),
                    Stage::Extract | Stage::Transform => transform_start(lineage, of(&committed), checkpoint),
                };
                let checkpoint = checkpoint.filter(|of| of.lineage == lineage).map_or(0, |of| of.next_offset);
                let known = Known {
                    current: of(&committed).or(start.offset()).unwrap_or(checkpoint),
                    checkpoint,
                    start: of(&starts).unwrap_or(0),
                    end: of(&ends).unwrap_or(0),
                    at_time: of(&at_time),
                };
                let slot = Slot { stage: *stage, pipeline: pipeline.clone(), partition: *partition };
                seen.push(Seen { slot, known, start });
            }
        }
        Ok(seen)
    }

    fn checkpoints_of(&self, stage: Stage, pipeline: &str) -> BTreeMap<i32, StageCheckpoint> {
        match stage {
            Stage::Load => self.loaded.get(pipeline).cloned().unwrap_or_default(),
            Stage::Extract | Stage::Transform => {
                self.checkpoints.read(|state| state.transform.get(pipeline).cloned()).unwrap_or_default()
            }
        }
    }
}
