//! One stage over its pipelines: a few at a time, the others wait for their turn.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tracing::{Instrument, Span, info, info_span, warn};

use super::engine::Engine;
use super::view::{Phase, View};
use super::watch::{Movement, is_drained, until_drained};
use crate::checkpoint::Stage;
use crate::error::{Cause, Error, Result};
use crate::metrics::BatchOutcome;
use crate::neo4j::claim::Claim;
use crate::observe::Observer;
use crate::pipeline::Pipeline;
use crate::retry::{Retry, patiently_noting};
use crate::stop::Stop;
use crate::{extract, load, transform};

/// What a lane is to do.
#[derive(Clone)]
pub(super) struct Lane {
    pub stage: Stage,
    pub engine: Arc<Engine>,
    pub view: View,
    /// Ends when everything is through; otherwise only by `stop`.
    pub until_drained: bool,
    /// Whether all stages run in this process: then each waits for the one before it here.
    pub together: bool,
    pub schema_version: String,
    /// On the target, where the stage loads.
    pub claim: Option<Arc<Claim>>,
    /// Shared by all lanes of the process: a failure of one ends the others.
    pub stop: Stop,
}

/// Runs lanes beside each other to their end; the first failure ends the others and counts.
pub(super) async fn run_all(lanes: Vec<Lane>, pipelines: &[Arc<Pipeline>], stop: &Stop) -> Result<()> {
    let mut running = JoinSet::new();
    for lane in lanes {
        let span = info_span!("stage", stage = %lane.stage);
        running.spawn(lane.run(pipelines.to_vec()).instrument(span));
    }
    let mut failure = None;
    while let Some(ended) = running.join_next().await {
        let ended = ended.unwrap_or_else(|error| {
            stop.request();
            Err(Error::new(Cause::Unexpected, "run a stage").source(error))
        });
        if let Err(error) = ended {
            failure.get_or_insert(error);
        }
    }
    failure.map_or(Ok(()), Err)
}

/// A pipeline that makes no progress gives its place to one that waits after this time.
const PATIENCE: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(200);

/// How the work on a pipeline ended.
enum Ended {
    Done,
    /// Stopped, to go on later.
    Yielded,
}

struct Running {
    pipeline: Arc<Pipeline>,
    movement: Movement,
    stop: Stop,
}

/// A pipeline that waits for its turn.
struct Waiting {
    pipeline: Arc<Pipeline>,
    /// Nothing moved when it had its turn last: how long it has stood still is counted on.
    stood_still: bool,
}

impl Lane {
    /// Works until everything is through, `stop` or a failure. Everything that runs has ended when this returns.
    pub(super) async fn run(self, pipelines: Vec<Arc<Pipeline>>) -> Result<()> {
        let waits = |pipeline| Waiting { pipeline, stood_still: false };
        let mut queue: VecDeque<_> = pipelines.into_iter().map(waits).collect();
        let mut running: Vec<Running> = Vec::new();
        let mut tasks: JoinSet<(Arc<Pipeline>, Result<Ended>)> = JoinSet::new();
        let mut failure = None;
        let at_once = self.engine.config.run.pipelines_at_once.max(1);
        queue.iter().for_each(|each| self.view.set(self.stage, each.pipeline.name(), Phase::Waiting));
        loop {
            while !self.stop.is_requested() && running.len() < at_once {
                let Some(next) = queue.iter().position(|each| self.may_start(&each.pipeline)) else { break };
                let Some(Waiting { pipeline, stood_still }) = queue.remove(next) else { break };
                if !stood_still {
                    self.engine.metrics.stage(self.stage, pipeline.name()).begun();
                }
                let (movement, stop) = (Movement::new(), self.stop.child());
                let span = info_span!("type", pipeline = pipeline.name());
                let work = self.clone().work(pipeline.clone(), movement.clone(), stop.clone());
                tasks.spawn(work.instrument(span));
                running.push(Running { pipeline, movement, stop });
            }
            if running.is_empty() && (queue.is_empty() || self.stop.is_requested()) {
                return failure.map_or(Ok(()), Err);
            }
            // Extraction waits for nobody: it never stands in the way, and begun again it would begin another pass.
            let may_wait = self.stage != Stage::Extract;
            if may_wait && running.len() >= at_once && queue.iter().any(|each| self.may_start(&each.pipeline))
            {
                make_room(&running);
            }
            let (pipeline, ended) = tokio::select! {
                Some(ended) = tasks.join_next() => match ended {
                    Ok(ended) => ended,
                    Err(error) => {
                        // A panic; its own message is out. Nothing more can be said of what it worked on.
                        self.stop.request();
                        return Err(Error::new(Cause::Unexpected, format!("{} a pipeline", self.stage)).source(error));
                    }
                },
                () = self.view.changed() => continue,
                () = tokio::time::sleep(LOOK) => continue,
            };
            let ended_one = running.iter().position(|each| each.pipeline.name() == pipeline.name());
            let stood_still = ended_one.is_some_and(|at| !running.swap_remove(at).movement.has_moved());
            match ended {
                Ok(Ended::Done) => self.view.set(self.stage, pipeline.name(), Phase::Done),
                Ok(Ended::Yielded) => {
                    self.view.set(self.stage, pipeline.name(), Phase::Waiting);
                    queue.push_back(Waiting { pipeline, stood_still });
                }
                Err(error) => {
                    self.view.set(self.stage, pipeline.name(), Phase::Failed);
                    self.stop.request();
                    failure.get_or_insert(error);
                }
            }
        }
    }

    /// Whether what the pipeline's stage builds on has begun.
    fn may_start(&self, pipeline: &Pipeline) -> bool {
        let name = pipeline.name();
        if self.stage == Stage::Extract {
            return true;
        }
        if !self.together {
            return self.engine.checkpoints.read(|state| state.lineages.contains_key(name));
        }
        let extracting = self.view.phase(Stage::Extract, name) >= Some(Phase::Running);
        // Relationships after their ends; ends that this process does not move are the fence's business.
        let ends = self.engine.end_pipelines(pipeline);
        let moved_here = |end: &String| self.engine.selected.iter().any(|each| each.name() == end);
        let loaded = |end: &String| self.view.phase(Stage::Load, end) == Some(Phase::Done);
        extracting
            && (self.stage == Stage::Transform || ends.iter().filter(|end| moved_here(end)).all(loaded))
    }

    async fn work(
        self,
        pipeline: Arc<Pipeline>,
        movement: Movement,
        stop: Stop,
    ) -> (Arc<Pipeline>, Result<Ended>) {
        let ended = match self.stage {
            Stage::Extract => self.supervise(&pipeline, &stop).await.map(|()| match stop.is_requested() {
                true => Ended::Yielded,
                false => Ended::Done,
            }),
            Stage::Transform | Stage::Load => self.consume(&pipeline, &movement, &stop).await,
        };
        (pipeline, ended)
    }

    /// A consuming stage: the worker works, and what is durable tells when it is through.
    async fn consume(&self, pipeline: &Arc<Pipeline>, movement: &Movement, stop: &Stop) -> Result<Ended> {
        let observer = &self.observer();
        let derivers = self.derivers(pipeline.name());
        if self.until_drained {
            let look =
                async || movement.looked(is_drained(self.stage, pipeline.name(), &derivers, observer).await);
            let note = |error: &Error| self.will_try_again(pipeline.name(), error);
            match patiently_noting(self.engine.config.run.retry, stop, look, note).await {
                Ok(true) => return Ok(Ended::Done),
                Ok(false) => {}
                Err(_) if stop.is_requested() => return Ok(Ended::Yielded),
                Err(error) => {
                    self.gives_up(pipeline.name(), &error);
                    return Err(error);
                }
            }
        }
        self.view.set(self.stage, pipeline.name(), Phase::Running);
        let working = self.supervise(pipeline, stop);
        let watching = self.watch(pipeline.name(), &derivers, movement, stop);
        tokio::pin!(working);
        tokio::select! {
            ended = &mut working => ended.map(|()| Ended::Yielded),
            drained = watching => {
                stop.request();
                working.await?;
                drained.map(|drained| if drained { Ended::Done } else { Ended::Yielded })
            }
        }
    }

    /// Only of loading the target knows more.
    fn observer(&self) -> Observer {
        match self.stage {
            Stage::Extract | Stage::Transform => self.engine.observer.without_target(),
            Stage::Load => self.engine.observer.clone(),
        }
    }

    /// Pipelines whose derived records this stage waits for: those that this process moves. What others derive is
    /// loaded as far as it is there.
    fn derivers(&self, pipeline: &str) -> Vec<String> {
        if self.stage != Stage::Load {
            return Vec::new();
        }
        let selected = |name: &&String| self.engine.selected.iter().any(|each| each.name() == *name);
        self.engine.observer.derivers_of(pipeline).iter().filter(selected).cloned().collect()
    }

    async fn watch(
        &self,
        pipeline: &str,
        derivers: &[String],
        movement: &Movement,
        stop: &Stop,
    ) -> Result<bool> {
        let observer = &self.observer();
        let look = async || {
            movement.looked(until_drained(self.stage, pipeline, derivers, observer, movement, stop).await)
        };
        loop {
            let note = |error: &Error| self.will_try_again(pipeline, error);
            match patiently_noting(self.engine.config.run.retry, stop, &look, note).await {
                Ok(true) if !self.until_drained && !stop.sleep(LOOK * 5).await => {}
                Err(_) if stop.is_requested() => return Ok(false),
                Ok(drained) => return Ok(drained),
                Err(error) => {
                    self.gives_up(pipeline, &error);
                    return Err(error);
                }
            }
        }
    }

    /// Runs the stage's worker, again and again where a service fails it.
    async fn supervise(&self, pipeline: &Arc<Pipeline>, stop: &Stop) -> Result<()> {
        let mut retry = Retry::new(self.engine.config.run.retry);
        let metrics = self.engine.metrics.stage(self.stage, pipeline.name());
        loop {
            let (started, committed_before) = (Instant::now(), metrics.batches_committed());
            let (lane, at, until) = (self.clone(), pipeline.clone(), stop.clone());
            let claimed = move || lane.view.set(Stage::Extract, at.name(), Phase::Running);
            let (lane, at, span) = (self.clone(), pipeline.clone(), Span::current());
            let attempt = move || span.in_scope(|| lane.attempt(&at, &claimed, &until));
            let attempt = tokio::task::spawn_blocking(attempt).await;
            metrics.released();
            let error = match attempt {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error,
                Err(error) => Error::new(Cause::Unexpected, format!("{} `{}`", self.stage, pipeline.name()))
                    .source(error),
            };
            let progressed = metrics.batches_committed() > committed_before;
            let Some(pause) = retry.after(&error, started.elapsed(), progressed) else {
                self.gives_up(pipeline.name(), &error);
                return Err(error);
            };
            metrics.batch(BatchOutcome::Retried, 0);
            self.will_try_again(pipeline.name(), &error);
            warn!(stage = %self.stage, pipeline = pipeline.name(), "{}; trying again", error.chain().join(": "));
            if stop.sleep(pause).await {
                return Ok(());
            }
        }
    }

    fn will_try_again(&self, pipeline: &str, error: &Error) {
        self.engine.metrics.stage(self.stage, pipeline).retry(error.cause());
        self.view.trouble(self.stage, pipeline, error, true);
    }

    fn gives_up(&self, pipeline: &str, error: &Error) {
        let metrics = self.engine.metrics.stage(self.stage, pipeline);
        metrics.batch(BatchOutcome::Failed, 0);
        if error.policy().retry {
            metrics.retries_exhausted(error.cause());
        }
        self.view.trouble(self.stage, pipeline, error, false);
    }

    fn attempt(&self, pipeline: &Arc<Pipeline>, claimed: &dyn Fn(), stop: &Stop) -> Result<()> {
        match self.stage {
            Stage::Extract => {
                let context = self.engine.extract_context(pipeline, self.engine.source()?)?;
                let extracted = extract::run(&context, claimed, stop)?;
                if let extract::Extracted::Finished(checkpoint) = extracted
                    && checkpoint.source_changed()
                {
                    let (read, before) = (checkpoint.read, checkpoint.counted);
                    info!(pipeline = pipeline.name(), read, before, "the source changed while it was read");
                }
                Ok(())
            }
            Stage::Transform => transform::run(self.engine.transform_context(pipeline)?, stop),
            Stage::Load => {
                let (version, claim) = (&self.schema_version, self.claim.as_ref());
                load::run(Arc::new(self.engine.load_context(pipeline, version, claim)?), stop)
            }
        }
    }
}

/// Asks the one that has stood still for longest, if that is long enough, to go back into the queue.
fn make_room(running: &[Running]) {
    let waiting = running.iter().filter(|each| !each.movement.is_in_trouble());
    let slowest = waiting.max_by_key(|each| each.movement.still_for());
    if let Some(slowest) = slowest.filter(|each| each.movement.still_for() > PATIENCE) {
        slowest.stop.request();
    }
}
