//! Where the stages of a process write down what they are at, and where terminal and pages read it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::trouble::Troubles;
use super::{Observe, Snapshot, Trouble};

/// The board of a process. Clones share it. Meant to be written once a batch, not once a record.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<Written>>);

#[derive(Debug, Default)]
struct Written {
    snapshots: Vec<Snapshot>,
    waits_for: Option<String>,
    sees_target: bool,
    troubles: Troubles,
}

impl Board {
    /// A board that shows these pipelines, in this order; none has started.
    pub fn new(pipelines: impl IntoIterator<Item = String>) -> Board {
        let board = Board::default();
        board.show(pipelines);
        board
    }

    /// Shows these pipelines, in this order, in place of those shown before.
    pub fn show(&self, pipelines: impl IntoIterator<Item = String>) {
        let fresh = pipelines.into_iter().map(|pipeline| Snapshot { pipeline, ..Snapshot::default() });
        self.written().snapshots = fresh.collect();
    }

    /// Writes down what a pipeline is at. One that is not shown is left out.
    pub fn update(&self, pipeline: &str, change: impl FnOnce(&mut Snapshot)) {
        if let Some(snapshot) = self.written().snapshots.iter_mut().find(|each| each.pipeline == pipeline) {
            change(snapshot);
        }
    }

    /// Says what the process waits for before it can work; nothing makes it ready.
    pub fn waits_for(&self, what: Option<String>) {
        self.written().waits_for = what;
    }

    /// Whether the process can work, or what it waits for.
    pub fn ready(&self) -> Result<(), String> {
        self.written().waits_for.clone().map_or(Ok(()), Err)
    }

    /// Says whether the target can be seen from here: otherwise nothing is known of what is loaded.
    pub fn see_target(&self, seen: bool) {
        self.written().sees_target = seen;
    }

    /// Whether it can.
    pub fn sees_target(&self) -> bool {
        self.written().sees_target
    }

    /// Writes down what went wrong.
    pub fn trouble(&self, trouble: Trouble) {
        self.written().troubles.add(trouble);
    }

    /// What went wrong lately, the newest first.
    pub fn troubles(&self) -> Vec<Trouble> {
        self.written().troubles.all()
    }

    /// The pipelines as they are now.
    pub fn snapshots(&self) -> Vec<Snapshot> {
        self.written().snapshots.clone()
    }

    /// A look at this board, for those who show it.
    pub fn observe(&self) -> Observe {
        let board = self.clone();
        Arc::new(move || board.snapshots())
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::State;

    #[test]
    fn what_is_written_down_is_seen() {
        let board = Board::new(["podcast".to_owned(), "episode".to_owned()]);
        let observe = board.observe();
        board.update("episode", |snapshot| {
            snapshot.state = State::Running;
            snapshot.loaded += 5;
        });
        board.update("segment", |snapshot| snapshot.loaded += 5);
        let seen = observe();
        assert_eq!(seen.iter().map(|each| each.loaded).collect::<Vec<_>>(), [0, 5]);
        assert_eq!(seen[0].state, State::NotStarted);
        board.waits_for(Some("waits for the topics of extract".to_owned()));
        assert!(board.ready().is_err());
        board.waits_for(None);
        assert!(board.ready().is_ok());
    }
}
