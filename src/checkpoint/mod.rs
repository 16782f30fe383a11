//! Vocabulary of progress: what is persisted about it, and every decision that follows from it. No I/O.
//!
//! Extraction's and transformation's checkpoints stand in the compacted topic `checkpoints`, written in the
//! transaction that writes the records; loading's stand in the target, written in the transaction that writes
//! the rows. A decision is a pure function of what was observed of them.

mod accounting;
mod counts;
mod entry;
mod fence;
mod lineage;
mod moves;
mod replay;
mod resume;
mod standing;

pub use accounting::{
    Account, DerivedAccount, Deriver, ReplayAccount, account, charged_dead_letters, check_limit,
};
pub use counts::{Counts, Derived, OTHER_DROPPED, PassCounts, Replaced, Withdrawn};
pub use entry::{
    Cursor, Entry, EntryKey, ExtractCheckpoint, Finished, LastKey, NewPass, PipelineChange, Run, RunOutcome,
    StageCheckpoint, WriterContract,
};
pub use fence::{EmitterObservation, Ends, Fence, Observation};
pub use lineage::{Lineage, LineageConflict, SourceShape};
pub use moves::{Move, Moves};
pub use replay::{LetterSet, PartitionMove, Replay, Taken, TakenLetters};
pub use resume::{Place, Refusal, Start, load_start, transform_start};

/// The stages, in flow order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Reads the source into the raw topics.
    Extract,
    /// Reshapes raw records into model records.
    Transform,
    /// Writes model records into the target.
    #[default]
    Load,
}

impl Stage {
    /// The name in topics, groups, metrics and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Extract => "extract",
            Stage::Transform => "transform",
            Stage::Load => "load",
        }
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
