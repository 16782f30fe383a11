//! What a worker knows of one raw partition: its checkpoint as committed, and what came since.

use crate::checkpoint::{PassCounts, PipelineChange, StageCheckpoint};

/// A partition at work.
#[derive(Debug)]
pub(super) struct Partition {
    /// As the last commit left it.
    committed: StageCheckpoint,
    /// With everything done since.
    current: StageCheckpoint,
}

impl Partition {
    /// Takes a partition over, noting that another definition of the pipeline holds from here on.
    pub(super) fn new(committed: StageCheckpoint, start: i64, digest: &str, now_micros: i64) -> (Self, bool) {
        let mut current = committed.clone();
        current.next_offset = start.max(0);
        let known = current.changes.last().is_some_and(|change| change.digest == digest);
        let changed = !known && !current.changes.is_empty();
        if !known {
            let from_offset = current.next_offset;
            current.changes.push(PipelineChange {
                digest: digest.to_owned(),
                from_offset,
                at_micros: now_micros,
            });
        }
        (Self { committed, current }, changed)
    }

    /// The stage's epoch here.
    pub(super) fn epoch(&self) -> u32 {
        self.current.epoch
    }

    /// The newest pass seen here.
    pub(super) fn newest_pass(&self) -> u32 {
        self.current.counts.newest_pass()
    }

    /// Counts of a pass, to be added to.
    pub(super) fn counts(&mut self, pass: u32) -> &mut PassCounts {
        let epoch = self.current.epoch;
        self.current.counts.of(pass, epoch)
    }

    /// What a commit up to `position` is to write; nothing where nothing moved.
    pub(super) fn checkpoint_at(&mut self, position: i64) -> Option<&StageCheckpoint> {
        let moved = position > self.committed.next_offset;
        self.current.next_offset = self.current.next_offset.max(position);
        moved.then_some(&self.current)
    }

    /// The commit is through.
    pub(super) fn committed(&mut self) {
        self.committed.clone_from(&self.current);
    }

    /// The state with everything done since the last commit.
    pub(super) fn current(&self) -> &StageCheckpoint {
        &self.current
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_changed_pipeline_is_noted_with_the_offset_it_holds_from() {
        let first = StageCheckpoint::new(Uuid::nil());
        let (mut partition, changed) = Partition::new(first, 0, "a", 1);
        assert!(!changed);
        assert!(partition.checkpoint_at(0).is_none());
        let committed = partition.checkpoint_at(7).unwrap().clone();
        let (partition, changed) = Partition::new(committed.clone(), 7, "b", 2);
        assert!(changed);
        let noted = partition.current().changes.last().unwrap();
        assert_eq!((noted.digest.as_str(), noted.from_offset), ("b", 7));
        assert!(!Partition::new(committed, 7, "a", 3).1);
    }
}
