//! Replays from offsets: what `replay` calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::engine::{Engine, Needs, Topics};
use super::journal::Journal;
use crate::checkpoint::Stage;
use crate::config::Config;
use crate::error::{Cause, Error, Result};
use crate::kafka::Membership;
use crate::metrics::Metrics;
use crate::observe::Loaded;
use crate::replay::{self, Executor, Plan, Scope, Sight, To, Wanted};
use crate::stop::Stop;

/// What is to be replayed.
#[derive(Debug, Clone)]
pub struct ReplayOptions {
    /// Where to.
    pub wanted: WantedOffsets,
    /// Which stages and topics.
    pub scope: Scope,
    /// Goes over what retention has removed.
    pub allow_gap: bool,
    /// Carries the plan out.
    pub execute: bool,
    /// The command as it was typed, for the list of runs.
    pub command: String,
}

/// Where positions are moved to.
#[derive(Debug, Clone)]
pub enum WantedOffsets {
    /// The same for all partitions.
    To(To),
    /// As the lines of a file say.
    Lines(Vec<replay::csv::Line>),
}

/// A plan, and what was done about it.
#[derive(Debug, Clone, Serialize)]
pub struct Replayed {
    /// The plan.
    #[serde(flatten)]
    pub plan: Plan,
    /// Whether it was carried out.
    pub executed: bool,
    /// The run that it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Uuid>,
    /// The epochs of what follows, by stage.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub epochs: BTreeMap<Stage, u32>,
}

/// Moves stages' positions.
pub struct Replayer {
    engine: Arc<Engine>,
}

impl Replayer {
    /// Connects to Kafka and the target; nothing where nothing was started yet.
    pub async fn connect(config: Config, types: &[String]) -> Result<Option<Self>> {
        let needs = Needs { source: false, target: true, topics: Topics::Look };
        let engine = Engine::start(config, types, needs, Arc::new(Metrics::new()?), &Stop::new()).await?;
        Ok(engine.map(|engine| Self { engine: Arc::new(engine) }))
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Makes the plan, and carries it out where that was asked for. `show` gets it before anything is changed.
    ///
    /// Errors: [`crate::error::Cause::Busy`] where a group has members and the plan is to be carried out;
    /// [`crate::error::Cause::CheckFailed`] for a gap. Nothing is changed then.
    pub async fn replay(&self, options: &ReplayOptions, show: &dyn Fn(&Plan)) -> Result<Replayed> {
        let now = Utc::now();
        let (plan, _) = self.plan(options, now).await?;
        plan.check_gaps(options.allow_gap)?;
        if !options.execute || plan.changes().next().is_none() {
            return Ok(Replayed { plan, executed: false, run: None, epochs: BTreeMap::new() });
        }
        let engine = &self.engine;
        engine.check_hold().await?;
        let joined = plan.groups();
        let groups = replay::join(&engine.kafka, &engine.watermarks, joined.clone()).await?;
        // Nobody moves anything any more: what holds now is what is shown and done.
        let planned = match self.plan(options, now).await {
            Ok((plan, loaded)) => check_again(&plan, &joined, options).map(|()| (plan, loaded)),
            Err(error) => Err(error),
        };
        let (plan, loaded) = match planned {
            Ok(planned) => planned,
            Err(error) => return Err(leave(groups, error).await),
        };
        show(&plan);
        let journal = match Journal::begin(engine, options.command.clone()).await {
            Ok(journal) => journal,
            Err(error) => return Err(leave(groups, error).await),
        };
        let executor = Executor {
            kafka: &engine.kafka,
            checkpoints: &engine.checkpoints,
            target: engine.target()?,
            loaded: &loaded,
            run: journal.id(),
            now_micros: now.timestamp_micros(),
        };
        let executed = executor.execute(&plan, groups).await;
        let run = Some(journal.id());
        match executed {
            Ok(epochs) => {
                journal.end(0, summary(&plan)).await;
                Ok(Replayed { plan, executed: true, run, epochs })
            }
            Err(error) => {
                journal.end(error.policy().exit_code, error.chain().join(": ")).await;
                Err(error)
            }
        }
    }

    async fn plan(&self, options: &ReplayOptions, now: DateTime<Utc>) -> Result<(Plan, Loaded)> {
        let engine = &self.engine;
        let partitions = engine.kafka.settings().partitions;
        let names: Vec<String> = engine.selected.iter().map(|pipeline| pipeline.name().to_owned()).collect();
        let slots = options.scope.slots(&engine.kafka.names, &names, partitions)?;
        let (wanted, told) = match &options.wanted {
            WantedOffsets::To(to) => (Wanted::Same(to.clone()), to.told(now)),
            WantedOffsets::Lines(lines) => {
                let offsets = replay::offsets(lines, &engine.kafka.names, &slots, partitions)?;
                (Wanted::Each(offsets), "as the file says".to_owned())
            }
        };
        engine.checkpoints.refresh().await?;
        let loaded = engine.observer.loaded().await?;
        for pipeline in engine.selected.iter() {
            engine.check_lineage(pipeline)?;
        }
        let sight = Sight {
            kafka: &engine.kafka,
            watermarks: &engine.watermarks,
            checkpoints: &engine.checkpoints,
            loaded: &loaded,
        };
        let seen = sight.look(&slots, &wanted, now).await?;
        Ok((Plan::new(&wanted, told, seen, &engine.kafka.names)?, loaded))
    }
}

/// Only groups that were joined may be moved: of another one, which had nothing to move before, members may be at work.
fn check_again(plan: &Plan, joined: &[(Stage, String)], options: &ReplayOptions) -> Result<()> {
    plan.check_gaps(options.allow_gap)?;
    match plan.groups().into_iter().find(|group| !joined.contains(group)) {
        None => Ok(()),
        Some((stage, pipeline)) => {
            let message = format!("replay: {stage} of `{pipeline}` moved while it was planned");
            Err(Error::new(Cause::Busy, message).what_to_do("end its workers, then start again"))
        }
    }
}

/// Leaves the groups, on a thread that may block.
async fn leave(groups: Vec<Membership>, error: crate::error::Error) -> crate::error::Error {
    let left = tokio::task::spawn_blocking(move || drop(groups)).await;
    match left {
        Ok(()) => error,
        Err(panicked) => error.during(format!("leave the groups: {panicked}")),
    }
}

fn summary(plan: &Plan) -> String {
    let (partitions, again) =
        (plan.changes().count(), plan.changes().map(|step| step.at_most_records).sum::<i64>());
    format!("{partitions} partitions moved {}; at most {again} records come again", plan.to)
}
