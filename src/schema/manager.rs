//! Migrating: reading what is there, planning, applying.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::apply::Applier;
use super::files::Files;
use super::history::History;
use super::plan::{Plan, VersionPlan, Way, check_way_back, data_touched, statements_as_understood};
use super::report::{Event, MigrationReport, Observer, Result as Ended};
use super::route::{OnInterrupted, route};
use super::status::{self, Status};
use super::undo::steps_back;
use super::validate::{self, Validation};
use super::{Direction, Migration, RepairReport, Version, removals, repair, requirements};
use crate::error::{Cause, Error, Result};
use crate::neo4j::claim::{Claim, Purpose, Wanted};
use crate::neo4j::{TargetGraph, bookkeeping};
use crate::stop::Stop;

/// What migrating is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Version to get to; the newest of the files where it is none.
    pub target_version: Option<Version>,
    /// Plan only.
    pub dry_run: bool,
    /// Allowed to take versions away.
    pub execute: bool,
    /// What becomes of an attempt that was interrupted.
    pub on_interrupted: OnInterrupted,
    /// How long to wait for another process that works on the target.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            target_version: None,
            dry_run: false,
            execute: false,
            on_interrupted: OnInterrupted::Decide,
            patience: Duration::from_secs(60),
        }
    }
}

/// The schema of one target, and the files that it comes from.
pub struct SchemaManager<'a> {
    pub(super) target: &'a TargetGraph,
    pub(super) files: Files,
    pub(super) folder: Option<PathBuf>,
    stop: Stop,
}

/// The version that a target has. Needs no files; what is not tracked is 0.0.0.
pub async fn current_version(target: &TargetGraph) -> Result<Version> {
    Ok(History::read(target).await?.current())
}

/// The version that a target has, for who builds on it.
///
/// Errors: [`Cause::TargetNotReady`] where a version is half way, so that nothing can be said of what is there.
pub async fn settled_version(target: &TargetGraph) -> Result<Version> {
    let history = History::read(target).await?;
    let Some(attempt) = history.unfinished() else { return Ok(history.current()) };
    let message =
        format!("schema {} {} of {} is half way", attempt.version, attempt.direction, target.place());
    Err(Error::new(Cause::TargetNotReady, message)
        .what_to_do("`regraft migrate-schema` goes on with it; `regraft schema status` says what is safe"))
}

/// Brings the schema of `target` to a version, by the files in `folder`.
pub async fn migrate(
    target: &TargetGraph,
    folder: &Path,
    options: &Options,
    observe: Observer<'_>,
) -> Result<MigrationReport> {
    SchemaManager::open(target, folder)?.migrate(options, observe).await
}

impl<'a> SchemaManager<'a> {
    /// A manager for `target` with `migrations` in the order of their versions, as [`super::load`] gives them.
    pub fn new(target: &'a TargetGraph, migrations: Vec<Migration>) -> Self {
        Self { target, files: Files::of(migrations), folder: None, stop: Stop::new() }
    }

    /// A manager for `target` with the files in `folder`. Of a version that is applied one of both may be gone: the
    /// target keeps it.
    pub fn open(target: &'a TargetGraph, folder: &Path) -> Result<Self> {
        let files = Files::read(folder)?;
        Ok(Self { files, folder: Some(folder.to_owned()), ..Self::new(target, Vec::new()) })
    }

    /// Stops between two steps when that is asked for. The next run goes on there.
    #[must_use]
    pub fn until(self, stop: Stop) -> Self {
        Self { stop, ..self }
    }

    /// The version that the target has.
    pub async fn current_version(&self) -> Result<Version> {
        current_version(self.target).await
    }

    /// Brings the target up to `version` or, if that is allowed, down to it.
    pub async fn migrate_to(&self, version: &Version, execute: bool) -> Result<MigrationReport> {
        let options = Options { target_version: Some(version.clone()), execute, ..Options::default() };
        self.migrate(&options, &|_| {}).await
    }

    /// Compares what is there with what was recorded when each version was applied, and the files with that.
    /// Changes nothing.
    pub async fn validate(&self) -> Result<Validation> {
        validate::validate(self.target, &self.files).await
    }

    /// Explains every finding, and with `execute` mends what can be mended.
    pub async fn repair(
        &self,
        execute: bool,
        patience: Duration,
        observe: Observer<'_>,
    ) -> Result<RepairReport> {
        repair::repair(self, execute, patience, observe).await
    }

    /// Which versions are applied, which are pending, and who works on the target. Changes nothing.
    pub async fn status(&self) -> Result<Status> {
        status::read(self.target, &self.files).await
    }

    /// Plans, and unless it is a dry run, applies.
    ///
    /// A failing statement is taken back with all of its version ([`Cause::CheckFailed`]); where a
    /// service fails, the version stays half way and the next call goes on with it.
    pub async fn migrate(&self, options: &Options, observe: Observer<'_>) -> Result<MigrationReport> {
        if options.dry_run {
            return Ok(not_done(Ended::Planned, self.plan(options).await?));
        }
        let history = History::read(self.target).await?;
        // What looks interrupted may be another process at work: it is planned when that is through.
        let mut planned = None;
        if history.unfinished().is_none() {
            let plan = self.plan_from(&history, options).await?;
            if let Some(ended) = ends_before_it_begins(options, &plan) {
                return Ok(not_done(ended, plan));
            }
            planned = Some((history, plan));
        }
        let claim = self.claim("migrate-schema", options.patience, observe).await?;
        let migrated = self.apply(options, planned, &claim, observe).await;
        let released = claim.release().await;
        let report = migrated?;
        released?;
        Ok(report)
    }

    /// The same for who holds a [`Purpose::Exclusive`] claim on the target already: a rollback that takes the schema
    /// along.
    pub async fn migrate_claimed(
        &self,
        options: &Options,
        claim: &Claim,
        observe: Observer<'_>,
    ) -> Result<MigrationReport> {
        self.apply(options, None, claim, observe).await
    }

    /// The target for itself.
    pub(super) async fn claim(&self, what: &str, patience: Duration, observe: Observer<'_>) -> Result<Claim> {
        bookkeeping::prepare(self.target).await?;
        let wanted = Wanted { patience, ..Wanted::new(Purpose::Exclusive, what) };
        let tell = |other: &str| observe(Event::Waiting(other));
        tokio::select! {
            claim = Claim::take_telling(self.target, &wanted, &tell) => claim,
            () = self.stop.requested() => Err(Error::new(Cause::Busy, "stopped before anything was done, as asked")),
        }
    }

    /// Applies what was planned before, if that was from the same history; plans anew where another process was at
    /// work until the claim was had.
    async fn apply(
        &self,
        options: &Options,
        planned: Option<(History, Plan)>,
        claim: &Claim,
        observe: Observer<'_>,
    ) -> Result<MigrationReport> {
        let applier = Applier { target: self.target, claim, stop: &self.stop, observe };
        let history = History::read(self.target).await?;
        let plan = match planned {
            Some((before, plan)) if before == history => plan,
            _ => self.plan_from(&history, options).await?,
        };
        if let Some(ended) = ends_before_it_begins(options, &plan) {
            return Ok(not_done(ended, plan));
        }
        let mut versions = Vec::new();
        for version in &plan.versions {
            versions.push(Box::pin(applier.run(version)).await?);
        }
        let result = match options.on_interrupted {
            OnInterrupted::Undo => Ended::Undone,
            OnInterrupted::Decide | OnInterrupted::Resume => Ended::Migrated,
        };
        Ok(MigrationReport { result, from: plan.from.clone(), to: plan.to.clone(), plan, versions })
    }

    /// The way to a version, with every statement shown to the server and every requirement asked. Changes nothing.
    pub async fn plan(&self, options: &Options) -> Result<Plan> {
        self.plan_from(&History::read(self.target).await?, options).await
    }

    async fn plan_from(&self, history: &History, options: &Options) -> Result<Plan> {
        let to = options.target_version.as_ref();
        let execute = options.execute || options.dry_run;
        let (migrations, _) = self.files.completed(history)?;
        let mut versions = route(history, &migrations, to, options.on_interrupted, execute)?;
        for version in &mut versions {
            Box::pin(self.prepare(history, version)).await?;
        }
        let from = history.current();
        let to = versions.last().map_or_else(|| from.clone(), |version| version.leads_to.clone());
        Ok(Plan { from, to, versions })
    }

    async fn prepare(&self, history: &History, version: &mut VersionPlan) -> Result<()> {
        match version.way {
            Way::Undo => self.prepare_undo(version).await,
            // What was required held when it began; by now its own steps may have changed that.
            Way::Resume => version.ask(self.target).await,
            Way::Apply => {
                requirements::check(self.target, version.script()).await?;
                if version.direction == Direction::Up {
                    check_way_back(self.target, &version.down).await?;
                }
                version.removes = removals::count(self.target, history, version).await?;
                version.ask(self.target).await
            }
        }
    }

    async fn prepare_undo(&self, version: &mut VersionPlan) -> Result<()> {
        let Some(interrupted) = version.interrupted.clone() else { return Ok(()) };
        let attempt = &interrupted.attempt;
        // What the server no longer understands it may have understood then.
        let steps = statements_as_understood(self.target, version.taken_back()).await?;
        let begun = data_touched(&steps, attempt.steps_done);
        if begun && version.direction == Direction::Up {
            version.removes = match removals::declared(self.target, version.script()).await {
                Err(error) if error.cause() == Cause::Definition => Vec::new(),
                counted => counted?,
            };
        }
        version.steps = steps_back(self.target, version, &attempt.before, begun, &attempt.taken_back).await?;
        if let Some(interrupted) = &mut version.interrupted {
            interrupted.data_begun = begun;
        }
        Ok(())
    }
}

/// Why a plan is not carried out.
fn ends_before_it_begins(options: &Options, plan: &Plan) -> Option<Ended> {
    match options.on_interrupted {
        OnInterrupted::Undo if plan.is_empty() => Some(Ended::NothingToUndo),
        _ if plan.is_empty() => Some(Ended::NothingToDo),
        _ if plan.goes_down() && !options.execute => Some(Ended::NeedsExecute),
        _ => None,
    }
}

fn not_done(result: Ended, plan: Plan) -> MigrationReport {
    MigrationReport { result, from: plan.from.clone(), to: plan.to.clone(), plan, versions: Vec::new() }
}
