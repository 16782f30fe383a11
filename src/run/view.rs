//! What people look at while stages run: durable progress, and what this process does about it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tracing::debug;

use super::engine::Engine;
use crate::checkpoint::{Account, Stage};
use crate::error::{Error, Result};
use crate::metrics::Standing;
use crate::observe::Loaded;
use crate::retry::within;
use crate::status::{Board, Snapshot, State, Trouble};
use crate::stop::Stop;

/// Where a stage of a pipeline is in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Its turn has not come.
    Waiting,
    /// At work. Extraction: what it does to the pass is durable.
    Running,
    /// Through.
    Done,
    /// It ended the process.
    Failed,
}

/// The phases of all stages of this process, and the board that shows where the pipelines are.
#[derive(Clone, Default)]
pub struct View {
    phases: Arc<Mutex<BTreeMap<(Stage, String), Phase>>>,
    board: Board,
    changed: Arc<Notify>,
    last_loaded: Arc<Mutex<Option<Arc<Loaded>>>>,
}

/// How often the checkpoints are turned into snapshots.
const LOOK: Duration = Duration::from_millis(400);

/// A target that has not answered by then is not waited for.
const SOON: Duration = Duration::from_secs(5);

impl View {
    /// Nothing runs; what is seen goes to `board`.
    pub fn new(board: Board) -> Self {
        Self { board, ..Self::default() }
    }

    /// Where what is seen goes.
    pub(super) fn board(&self) -> &Board {
        &self.board
    }

    pub(super) fn set(&self, stage: Stage, pipeline: &str, phase: Phase) {
        self.phases
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((stage, pipeline.to_owned()), phase);
        self.changed.notify_waiters();
    }

    pub(super) fn phase(&self, stage: Stage, pipeline: &str) -> Option<Phase> {
        self.phases.lock().unwrap_or_else(PoisonError::into_inner).get(&(stage, pipeline.to_owned())).copied()
    }

    /// The last stage of a pipeline in this process.
    fn last_stage(&self, pipeline: &str) -> Option<(Stage, Phase)> {
        let stages = [Stage::Load, Stage::Transform, Stage::Extract];
        stages.into_iter().find_map(|stage| Some((stage, self.phase(stage, pipeline)?)))
    }

    /// Writes down what went wrong at a stage of a pipeline, for those who look at the page.
    pub(super) fn trouble(&self, stage: Stage, pipeline: &str, error: &Error, tried_again: bool) {
        self.board.trouble(Trouble::of_stage(stage.as_str(), pipeline, error, tried_again));
    }

    /// Returns when any phase changes.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Keeps the snapshots new until `stop`.
    pub(super) async fn keep_up(&self, engine: &Engine, stop: &Stop) {
        loop {
            if let Err(error) = self.refresh(engine).await {
                debug!(?error, "progress can't be seen right now");
            }
            if stop.sleep(LOOK).await {
                return;
            }
        }
    }

    /// What loading has committed. Where the target does not answer it is what it said last: extraction and transformation
    /// go on meanwhile, and are seen.
    async fn loaded(&self, engine: &Engine) -> Result<Arc<Loaded>> {
        let asked = within(SOON, "ask the target", engine.observer.loaded()).await;
        let mut last = self.last_loaded.lock().unwrap_or_else(PoisonError::into_inner);
        match asked {
            Ok(loaded) => Ok(last.insert(Arc::new(loaded)).clone()),
            Err(error) => last.clone().ok_or(error),
        }
    }

    /// Looks once.
    pub async fn refresh(&self, engine: &Engine) -> Result<()> {
        let loaded = self.loaded(engine).await?;
        engine.count_connections();
        for pipeline in &engine.selected {
            let account = engine.observer.account(pipeline.name(), &loaded);
            let lag = engine.lag(pipeline.name(), &loaded).await?;
            let awaits = engine.checkpoints.read(|state| state.awaited_pass(pipeline.name()).is_some());
            let mut seen = self.snapshot(pipeline.name(), &account, lag, awaits);
            // Only where extraction is here as well does loading wait for the ends' turn; else the fence does it.
            let is_read_here = self.phase(Stage::Extract, pipeline.name()) >= Some(Phase::Running);
            if seen.state == State::Waiting && is_read_here {
                seen.note = self.waits_for(&engine.end_pipelines(pipeline));
            }
            engine.count(&seen, &account);
            self.board.update(pipeline.name(), |shown| *shown = seen);
        }
        Ok(())
    }

    /// Which of these ends this process has still to load; nothing where another reason keeps their relationships waiting.
    fn waits_for(&self, ends: &[String]) -> Option<String> {
        let to_load = |end: &&String| self.phase(Stage::Load, end).is_some_and(|phase| phase < Phase::Done);
        let ends: Vec<&str> = ends.iter().filter(to_load).map(String::as_str).collect();
        (!ends.is_empty()).then(|| format!("for {}", ends.join(", ")))
    }

    /// `awaits` says that a newer pass was asked for: the account is of one that nobody waits for any more.
    fn snapshot(&self, pipeline: &str, account: &Account, lag: u64, awaits: bool) -> Snapshot {
        let derived = &account.derived;
        // Rows may come and go while they are read: what was read is what can come to its end.
        let expected = if account.extracted { account.read } else { account.expected };
        Snapshot {
            pipeline: pipeline.to_owned(),
            state: self.state(pipeline, account, lag, awaits),
            note: None,
            pass: account.pass,
            expected: (account.pass > 0 && !awaits).then_some(expected + derived.total),
            read: account.read + derived.total,
            transformed: account.transformed + derived.total,
            loaded: account.loaded + derived.loaded,
            merged: account.merged,
            dead_lettered: account.dead_letter_total() + derived.ended() - derived.loaded,
            dead_letters: account.all_dead_letters(),
            through_here: match self.last_stage(pipeline) {
                Some((Stage::Extract, _)) => Some(account.read + derived.total),
                Some((Stage::Transform, _)) => Some(account.transformed + derived.total),
                Some((Stage::Load, _)) | None => None,
            },
            is_through_here: matches!(
                self.last_stage(pipeline),
                Some((Stage::Extract | Stage::Transform, Phase::Done))
            ),
            lag,
            records_per_second: 0.0,
        }
    }

    fn state(&self, pipeline: &str, account: &Account, lag: u64, awaits: bool) -> State {
        let phases = [Stage::Extract, Stage::Transform, Stage::Load].map(|stage| self.phase(stage, pipeline));
        if phases.contains(&Some(Phase::Failed)) {
            return State::Failed;
        }
        if account.is_through() && lag == 0 && !awaits {
            return State::Done;
        }
        if phases.contains(&Some(Phase::Running)) {
            return State::Running;
        }
        match account.pass {
            0 if phases.iter().all(Option::is_none) => State::NotStarted,
            _ if phases.iter().any(Option::is_some) => State::Waiting,
            _ => State::Idle,
        }
    }
}

/// The names of all states in metrics.
const STATES: [&str; State::ALL.len()] = {
    let mut labels = [""; State::ALL.len()];
    let mut at = 0;
    while at < labels.len() {
        labels[at] = State::ALL[at].label();
        at += 1;
    }
    labels
};

impl Engine {
    /// Sets the metrics of where a pipeline stands.
    fn count(&self, seen: &Snapshot, account: &Account) {
        let limit = self.config.load.max_dead_letters;
        self.metrics.standing(
            &seen.pipeline,
            Standing {
                expected: seen.expected,
                read: seen.read,
                finished: self.target.is_some().then(|| seen.finished()),
                charged: account.charged,
                allowed: limit.of(account.expected),
            },
        );
        self.metrics.state(&seen.pipeline, seen.state.label(), &STATES);
    }

    /// Offsets that the slowest stage of a pipeline is behind the end of its topic. Sets the lag gauges of the
    /// partitions that are assigned to this process.
    async fn lag(&self, pipeline: &str, loaded: &Loaded) -> Result<u64> {
        if !self.checkpoints.read(|state| state.lineages.contains_key(pipeline)) {
            return Ok(0);
        }
        let partitions = self.kafka.settings().partitions;
        let topics = vec![
            (self.kafka.names.raw(pipeline), partitions),
            (self.kafka.names.model(pipeline), partitions),
        ];
        let ends = self.watermarks.ends(topics).await?;
        let transformed =
            self.checkpoints.read(|state| state.transform.get(pipeline).cloned()).unwrap_or_default();
        let loaded = loaded.get(pipeline).cloned().unwrap_or_default();
        let mut slowest = 0;
        for ((stage, committed), ends) in
            [(Stage::Transform, transformed), (Stage::Load, loaded)].into_iter().zip(ends)
        {
            if stage == Stage::Load && self.target.is_none() {
                continue;
            }
            let mut behind = 0;
            for (partition, end) in ends {
                let at = committed.get(&partition).map_or(0, |checkpoint| checkpoint.next_offset);
                let lag = u64::try_from(end - at).unwrap_or(0);
                self.metrics.lag(stage, pipeline, partition, lag);
                behind += lag;
            }
            slowest = slowest.max(behind);
        }
        Ok(slowest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relationships_wait_for_the_ends_that_are_not_loaded_yet() {
        let view = View::default();
        let ends = ["episode".to_owned(), "podcast".to_owned(), "elsewhere".to_owned()];
        assert_eq!(view.waits_for(&ends), None, "nobody moves them here");
        view.set(Stage::Load, "episode", Phase::Waiting);
        view.set(Stage::Load, "podcast", Phase::Running);
        assert_eq!(view.waits_for(&ends).unwrap(), "for episode, podcast");
        view.set(Stage::Load, "podcast", Phase::Done);
        assert_eq!(view.waits_for(&ends).unwrap(), "for episode");
    }
}
