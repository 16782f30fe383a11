//! What stands in the compacted topic `checkpoints`: a JSON value under a key that says what it is.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Counts, Lineage, Moves, Replay};

/// Where extraction stands within a pass. All rows up to it, and none after it, are on the raw topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reading", rename_all = "snake_case")]
pub enum Cursor {
    /// Rows with a string key, in the order of the key.
    Keyed {
        /// The last key written; none before the first row.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<LastKey>,
    },
    /// Rows whose key is absent or no string, in the order of the element id.
    Unkeyed {
        /// The last element id written; none before the first row.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
}

/// Key of the last row written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LastKey {
    /// A relationship's start and end.
    Relationship {
        /// Key of the start.
        start: String,
        /// Key of the end.
        end: String,
    },
    /// A node's key.
    Node(String),
}

/// How a pass ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// When, microseconds since 1970.
    pub at_micros: i64,
    /// Rows that a plain count found at the end.
    pub counted: u64,
}

/// Extraction's checkpoint, one per pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractCheckpoint {
    /// Lineage that it belongs to.
    pub lineage: Uuid,
    /// The extractor that wrote it last: one that is fenced sees here whether another has taken over.
    pub owner: Uuid,
    /// The newest started pass, from 1.
    pub pass: u32,
    /// When it started, microseconds since 1970.
    pub started_at_micros: i64,
    /// Rows that a plain count found at its start.
    pub counted: u64,
    /// Rows written so far.
    pub read: u64,
    /// Rows that repairs have written again since the pass ended.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repaired: u64,
    /// Where it stands.
    pub cursor: Cursor,
    /// Set by the transaction that writes the last chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Finished>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl ExtractCheckpoint {
    /// Whether rows came or went while they were read, so that the pass is no picture of one moment.
    pub fn source_changed(&self) -> bool {
        self.finished.as_ref().is_some_and(|end| end.counted != self.read || self.counted != self.read)
    }
}

/// Another definition of a pipeline took effect on a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineChange {
    /// SHA-256 of pipeline file and contract.
    pub digest: String,
    /// First raw offset that it holds for.
    pub from_offset: i64,
    /// When, microseconds since 1970.
    pub at_micros: i64,
}

/// A consuming stage's checkpoint, one per pipeline and partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageCheckpoint {
    /// Lineage of the pipeline.
    pub lineage: Uuid,
    /// Epoch of the stage.
    pub epoch: u32,
    /// The next offset to read; everything before it is done and counted.
    pub next_offset: i64,
    /// The counts up to there.
    pub counts: Counts,
    /// Definitions that held from which offset on; the last one holds now. Transform only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<PipelineChange>,
    /// Moves of its position, which the counts take for granted. Load only: those of transformation stand in the same
    /// topic as its checkpoints, this one has to go back with a target that is restored.
    #[serde(default, skip_serializing_if = "Moves::is_empty")]
    pub moves: Moves,
}

impl StageCheckpoint {
    /// Where a partition stands before its first record.
    pub fn new(lineage: Uuid) -> Self {
        let (counts, changes, moves) = (Counts::default(), Vec::new(), Moves::default());
        Self { lineage, epoch: 0, next_offset: 0, counts, changes, moves }
    }
}

/// A contract that wrote records: kept so that a loader with a newer one can still read them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterContract {
    /// The contract's Avro schema.
    pub schema: String,
    /// When it was first used, microseconds since 1970.
    pub at_micros: i64,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOutcome {
    /// When, microseconds since 1970.
    pub at_micros: i64,
    /// Exit code.
    pub exit_code: u8,
    /// In a few words.
    pub summary: String,
}

/// One run of a command that moves data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Id; sorts by time.
    pub id: Uuid,
    /// The command as it was given.
    pub command: String,
    /// User and host.
    pub who: String,
    /// Regraft's version.
    pub version: String,
    /// Pipelines that it was to move.
    pub pipelines: Vec<String>,
    /// When it started, microseconds since 1970.
    pub started_at_micros: i64,
    /// How it ended; none while it runs, or where it was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<RunOutcome>,
}

/// A new pass of a pipeline was asked for: whoever comes to the pipeline begins it, also after a kill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPass {
    /// Lineage that it belongs to.
    pub lineage: Uuid,
    /// The pass that is to be begun.
    pub pass: u32,
    /// When it was asked for, microseconds since 1970.
    pub at_micros: i64,
}

/// What an entry of the checkpoints topic is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryKey {
    /// A pipeline's lineage.
    Lineage(String),
    /// A pipeline's extraction.
    Extract(String),
    /// A new pass of a pipeline that was asked for.
    NewPass(String),
    /// A pipeline's transformation, by raw partition.
    Transform(String, i32),
    /// A contract that wrote records of a pipeline, by fingerprint.
    Contract(String, u64),
    /// A run.
    Run(Uuid),
    /// A replay, or a part of one: its epoch and the part's id.
    Replay(u32, Uuid),
}

impl std::fmt::Display for EntryKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            EntryKey::Lineage(pipeline) => write!(f, "lineage/{pipeline}"),
            EntryKey::Extract(pipeline) => write!(f, "extract/{pipeline}"),
            EntryKey::NewPass(pipeline) => write!(f, "new-pass/{pipeline}"),
            EntryKey::Transform(pipeline, partition) => write!(f, "transform/{pipeline}/{partition}"),
            EntryKey::Contract(pipeline, fingerprint) => write!(f, "contract/{pipeline}/{fingerprint:016x}"),
            EntryKey::Run(id) => write!(f, "run/{id}"),
            EntryKey::Replay(epoch, id) => write!(f, "replay/{epoch}/{id}"),
        }
    }
}

impl EntryKey {
    /// Reads a message key; nothing where a newer Regraft wrote something that this one does not know.
    pub fn parse(key: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(key).ok()?.split('/');
        let parsed = match (parts.next()?, parts.next()?, parts.next()) {
            ("lineage", pipeline, None) => EntryKey::Lineage(pipeline.into()),
            ("extract", pipeline, None) => EntryKey::Extract(pipeline.into()),
            ("new-pass", pipeline, None) => EntryKey::NewPass(pipeline.into()),
            ("transform", pipeline, Some(partition)) => {
                EntryKey::Transform(pipeline.into(), partition.parse().ok()?)
            }
            ("contract", pipeline, Some(fingerprint)) => {
                EntryKey::Contract(pipeline.into(), u64::from_str_radix(fingerprint, 16).ok()?)
            }
            ("run", id, None) => EntryKey::Run(id.parse().ok()?),
            ("replay", epoch, Some(id)) => EntryKey::Replay(epoch.parse().ok()?, id.parse().ok()?),
            _ => return None,
        };
        parts.next().is_none().then_some(parsed)
    }
}

/// An entry of the checkpoints topic.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// Under [`EntryKey::Lineage`].
    Lineage(Lineage),
    /// Under [`EntryKey::Extract`].
    Extract(ExtractCheckpoint),
    /// Under [`EntryKey::NewPass`].
    NewPass(NewPass),
    /// Under [`EntryKey::Transform`].
    Transform(StageCheckpoint),
    /// Under [`EntryKey::Contract`].
    Contract(WriterContract),
    /// Under [`EntryKey::Run`].
    Run(Run),
    /// Under [`EntryKey::Replay`].
    Replay(Replay),
}

impl Entry {
    /// The message value.
    pub fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        match self {
            Entry::Lineage(entry) => serde_json::to_vec(entry),
            Entry::Extract(entry) => serde_json::to_vec(entry),
            Entry::NewPass(entry) => serde_json::to_vec(entry),
            Entry::Transform(entry) => serde_json::to_vec(entry),
            Entry::Contract(entry) => serde_json::to_vec(entry),
            Entry::Run(entry) => serde_json::to_vec(entry),
            Entry::Replay(entry) => serde_json::to_vec(entry),
        }
    }

    /// Reads the message value under its key.
    pub fn decode(key: &EntryKey, value: &[u8]) -> Result<Self, serde_json::Error> {
        Ok(match key {
            EntryKey::Lineage(_) => Entry::Lineage(serde_json::from_slice(value)?),
            EntryKey::Extract(_) => Entry::Extract(serde_json::from_slice(value)?),
            EntryKey::NewPass(_) => Entry::NewPass(serde_json::from_slice(value)?),
            EntryKey::Transform(..) => Entry::Transform(serde_json::from_slice(value)?),
            EntryKey::Contract(..) => Entry::Contract(serde_json::from_slice(value)?),
            EntryKey::Run(_) => Entry::Run(serde_json::from_slice(value)?),
            EntryKey::Replay(..) => Entry::Replay(serde_json::from_slice(value)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_and_foreign_ones_are_left_alone() {
        let keys = [
            EntryKey::Lineage("has_episode".into()),
            EntryKey::Extract("episode".into()),
            EntryKey::NewPass("episode".into()),
            EntryKey::Transform("episode".into(), 3),
            EntryKey::Contract("episode".into(), 0x0a0b),
            EntryKey::Run(Uuid::from_u128(7)),
            EntryKey::Replay(12, Uuid::from_u128(7)),
        ];
        for key in keys {
            assert_eq!(EntryKey::parse(key.to_string().as_bytes()), Some(key));
        }
        for foreign in
            ["", "lineage", "transform/episode", "transform/episode/x", "later/a/b", "lineage/a/b/c"]
        {
            assert_eq!(EntryKey::parse(foreign.as_bytes()), None, "{foreign}");
        }
    }

    #[test]
    fn a_cursor_reads_back_whatever_the_key_holds() {
        for cursor in [
            Cursor::Keyed { after: None },
            Cursor::Keyed { after: Some(LastKey::Node("{\"start\"".into())) },
            Cursor::Keyed { after: Some(LastKey::Relationship { start: "a/b".into(), end: String::new() }) },
            Cursor::Unkeyed { after: Some("4:x:1".into()) },
        ] {
            let json = serde_json::to_string(&cursor).unwrap();
            assert_eq!(serde_json::from_str::<Cursor>(&json).unwrap(), cursor, "{json}");
        }
    }

    /// Every entry as the first release wrote it, kept for good: one line each, key and value.
    const GOLDEN: &str = include_str!("../../tests/golden/checkpoints.v1.txt");

    #[test]
    fn entries_of_the_first_release_are_read_and_written_as_then() {
        for line in GOLDEN.lines() {
            let (key, value) = line.split_once(' ').unwrap();
            let key = EntryKey::parse(key.as_bytes()).unwrap_or_else(|| panic!("{key}"));
            let entry =
                Entry::decode(&key, value.as_bytes()).unwrap_or_else(|error| panic!("{key}: {error}"));
            assert_eq!(String::from_utf8(entry.encode().unwrap()).unwrap(), value);
        }
        assert_eq!(GOLDEN.lines().count(), 15);
    }
}
