//! Runs: when, who, what, outcome. Written to the checkpoints topic at start and end.
//!
//! Their times are the brokers', as those of the undo journal are: what a run has changed lies between its start and
//! its end, whatever this machine's clock says.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;
use uuid::Uuid;

use super::engine::Engine;
use crate::checkpoint::{Entry, EntryKey, NewPass, Run, RunOutcome};
use crate::error::{Cause, Error, Result};
use crate::kafka::{TransactionalProducer, ensure_undo_topic};
use crate::retry::{LAST_WORDS, patiently, within};
use crate::stop::Stop;

/// The record of the run that this process is.
pub struct Journal {
    engine: Arc<Engine>,
    run: Run,
}

impl Journal {
    /// Writes that the run has started. `command` is what was typed, without anything secret: secrets are never
    /// options.
    pub async fn begin(engine: &Arc<Engine>, command: String) -> Result<Self> {
        let id = Uuid::now_v7();
        // An earlier version made the other topics without it.
        ensure_undo_topic(&engine.kafka).await?;
        let started_at_ms = engine.undo.mark(id, false).await?;
        let run = Run {
            id,
            command,
            who: who(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pipelines: engine.selected.iter().map(|pipeline| pipeline.name().to_owned()).collect(),
            started_at_micros: started_at_ms.saturating_mul(1000),
            outcome: None,
        };
        let journal = Self { engine: engine.clone(), run };
        journal.write().await?;
        Ok(journal)
    }

    /// Asks, durably and for all pipelines of the run at once, for a pass after their newest: a kill before the last of
    /// them has begun it leaves none behind. One that was never read begins its first in any case.
    pub async fn ask_for_new_passes(&self) -> Result<()> {
        self.engine.checkpoints.refresh().await?;
        let at_micros = chrono::Utc::now().timestamp_micros();
        let asked = self.engine.checkpoints.read(|state| {
            let known = self.run.pipelines.iter().filter_map(|name| Some((name, state.extract.get(name)?)));
            let asked = known.map(|(name, known)| {
                let entry = NewPass { lineage: known.lineage, pass: known.pass + 1, at_micros };
                (EntryKey::NewPass(name.clone()), Entry::NewPass(entry))
            });
            asked.collect::<Vec<_>>()
        });
        self.put(asked).await?;
        self.engine.checkpoints.refresh().await
    }

    /// The run's id.
    pub fn id(&self) -> Uuid {
        self.run.id
    }

    /// When it started, by the brokers' clock: milliseconds since 1970.
    pub fn started_at_ms(&self) -> i64 {
        self.run.started_at_micros / 1000
    }

    /// Writes how it ended. A failure to do so is only said: the run itself is over. Where a service has failed it or somebody
    /// waits for its end, which is what the exit code 3 says, it has [`LAST_WORDS`] for that; otherwise longer.
    pub async fn end(mut self, exit_code: u8, summary: impl Into<String>) {
        let retry = if exit_code == 3 { Duration::ZERO } else { self.engine.config.run.retry };
        let end = async {
            let marked = self.engine.undo.mark(self.run.id, true);
            let at_micros =
                match within((LAST_WORDS + retry) / 2, "mark the end in the journal", marked).await {
                    Ok(at_ms) => at_ms.saturating_mul(1000),
                    Err(error) => {
                        warn!("the run's end has this machine's time: {}", error.chain().join(": "));
                        chrono::Utc::now().timestamp_micros()
                    }
                };
            self.run.outcome = Some(RunOutcome { at_micros, exit_code, summary: summary.into() });
            patiently(retry, &Stop::new(), || self.write()).await
        };
        if let Err(error) = within(retry + LAST_WORDS, "write to the checkpoints topic", end).await {
            warn!(
                "the run's end could not be recorded (`regraft runs` will say that it runs or was killed): {}",
                error.chain().join(": ")
            );
        }
    }

    async fn write(&self) -> Result<()> {
        self.put(vec![(EntryKey::Run(self.run.id), Entry::Run(self.run.clone()))]).await
    }

    /// All of the entries, or none.
    async fn put(&self, entries: Vec<(EntryKey, Entry)>) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let (kafka, process) = (self.engine.kafka.clone(), self.engine.process);
        let written = tokio::task::spawn_blocking(move || {
            let mut producer =
                TransactionalProducer::start(&kafka, kafka.names.journal_transactional_id(process))?;
            for (key, entry) in &entries {
                producer.write(key, entry)?;
            }
            producer.commit()
        });
        written.await.map_err(|error| Error::new(Cause::Unexpected, "record the run").source(error))?
    }
}

/// All runs that the checkpoints topic knows, in the order of their start.
pub fn list_runs(engine: &Engine) -> Vec<Run> {
    engine.checkpoints.read(|state| state.runs.values().cloned().collect())
}

/// User and host.
pub(super) fn who() -> String {
    let user =
        std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "unknown".into());
    let host =
        hostname::get().map(|host| host.to_string_lossy().into_owned()).unwrap_or_else(|_| "unknown".into());
    format!("{user}@{host}")
}
