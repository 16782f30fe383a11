//! What the target itself tells of a run: what was there before it, and how it ended.

use tracing::warn;

use crate::error::{Error, Result};
use crate::neo4j::TargetGraph;
use crate::retry::{LAST_WORDS, within};
use crate::schema::{HistoryEntry, Version, record_backup_marker, record_history};

/// A run that is written down in the target, from schema 1.1.0 on.
pub(super) struct VisibleRun<'t> {
    target: &'t TargetGraph,
    id: String,
    kind: &'static str,
    command: String,
}

impl<'t> VisibleRun<'t> {
    /// Writes down what is there before anything is changed; nothing where the schema has no place for it. `kind` is
    /// `data` or `rollback`.
    pub(super) async fn begin(
        target: &'t TargetGraph,
        schema: &Version,
        run: uuid::Uuid,
        kind: &'static str,
        command: &str,
    ) -> Result<Option<Self>> {
        if *schema < Version::HISTORY_NODES {
            return Ok(None);
        }
        let id = format!("run-{run}");
        record_backup_marker(target, &id, kind).await?;
        Ok(Some(Self { target, id, kind, command: command.to_owned() }))
    }

    /// Writes down how it ended. A failure to do so is only said: the run itself is over.
    pub(super) async fn end(self, outcome: &str) {
        let entry = HistoryEntry {
            id: self.id,
            kind: self.kind.to_owned(),
            what: self.command,
            outcome: outcome.to_owned(),
        };
        if let Err(error) = within(LAST_WORDS, "write to the target", write(self.target, &entry)).await {
            warn!("the run's end could not be recorded in the target: {}", error.chain().join(": "));
        }
    }
}

async fn write(target: &TargetGraph, entry: &HistoryEntry) -> Result<()> {
    let mut transaction = target.begin().await?;
    record_history(&mut transaction, entry).await?;
    transaction.commit().await.map_err(Error::from)
}
