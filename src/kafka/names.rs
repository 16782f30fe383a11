//! Names of topics, groups and transactional ids. Persisted in brokers: they never change.

use crate::checkpoint::Stage;

/// Names under one prefix, so that several migrations share a Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    prefix: String,
}

impl Names {
    /// Names under `prefix`.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into() }
    }

    /// The prefix.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Raw records of a pipeline.
    pub fn raw(&self, pipeline: &str) -> String {
        format!("{}.raw.{pipeline}", self.prefix)
    }

    /// Model records of a pipeline.
    pub fn model(&self, pipeline: &str) -> String {
        format!("{}.model.{pipeline}", self.prefix)
    }

    /// The topic that a consuming stage reads.
    pub fn input(&self, stage: Stage, pipeline: &str) -> String {
        match stage {
            Stage::Load => self.model(pipeline),
            Stage::Extract | Stage::Transform => self.raw(pipeline),
        }
    }

    /// The pipeline whose raw records a topic holds; none for any other topic.
    pub fn pipeline_of_raw<'t>(&self, topic: &'t str) -> Option<&'t str> {
        topic.strip_prefix(&self.raw(""))
    }

    /// Dead letters of all pipelines.
    pub fn dead_letters(&self) -> String {
        format!("{}.dead-letters", self.prefix)
    }

    /// What entities of the target were before they were changed. Its partitions are those of the model topics.
    pub fn undo(&self) -> String {
        format!("{}.undo", self.prefix)
    }

    /// Checkpoints of extraction and transformation, lineages, contracts, runs. Compacted.
    pub fn checkpoints(&self) -> String {
        format!("{}.checkpoints", self.prefix)
    }

    /// Consumer group of a stage and pipeline: one each, so that a type is replayed alone.
    pub fn group(&self, stage: Stage, pipeline: &str) -> String {
        format!("{}.{stage}.{pipeline}", self.prefix)
    }

    /// One per pipeline, so that a second extractor fences the first.
    pub fn extract_transactional_id(&self, pipeline: &str) -> String {
        format!("{}.extract.{pipeline}", self.prefix)
    }

    /// One per process: partitions move between processes, group metadata does the fencing (KIP-447).
    pub fn transform_transactional_id(&self, pipeline: &str, process: uuid::Uuid) -> String {
        format!("{}.transform.{pipeline}.{}", self.prefix, process.simple())
    }

    /// One per process: what is published is durable in the target before.
    pub fn load_transactional_id(&self, pipeline: &str, process: uuid::Uuid) -> String {
        format!("{}.load.{pipeline}.{}", self.prefix, process.simple())
    }

    /// One per process, for what has no records: runs.
    pub fn journal_transactional_id(&self, process: uuid::Uuid) -> String {
        format!("{}.journal.{}", self.prefix, process.simple())
    }

    /// One for all replays: a second one fences the first.
    pub fn replay_transactional_id(&self) -> String {
        format!("{}.replay", self.prefix)
    }

    /// Id of the target's checkpoint of a partition.
    pub fn load_checkpoint(&self, pipeline: &str, partition: i32) -> String {
        format!("{}{partition}", self.load_checkpoints(pipeline))
    }

    /// What the ids of all of a pipeline's checkpoints in the target begin with.
    pub fn load_checkpoints(&self, pipeline: &str) -> String {
        format!("{}/load/{pipeline}/", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_brokers_already_have() {
        let names = Names::new("regraft");
        let process = uuid::Uuid::from_u128(0xab);
        let all = [
            names.raw("has_episode"),
            names.model("episode"),
            names.dead_letters(),
            names.undo(),
            names.checkpoints(),
            names.group(Stage::Transform, "episode"),
            names.group(Stage::Load, "episode"),
            names.extract_transactional_id("episode"),
            names.transform_transactional_id("episode", process),
            names.load_checkpoint("episode", 3),
        ];
        let golden = [
            "regraft.raw.has_episode",
            "regraft.model.episode",
            "regraft.dead-letters",
            "regraft.undo",
            "regraft.checkpoints",
            "regraft.transform.episode",
            "regraft.load.episode",
            "regraft.extract.episode",
            "regraft.transform.episode.000000000000000000000000000000ab",
            "regraft/load/episode/3",
        ];
        assert_eq!(all, golden);
    }
}
