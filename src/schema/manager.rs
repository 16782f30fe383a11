//! Migrating: reading what is there, planning, applying.

use std::path::Path;
use std::time::Duration;

use super::apply::Applier;
use super::history::{Attempt, History};
use super::plan::{Plan, VersionPlan, route};
use super::report::{MigrationReport, Observer, Removed, Result as Ended, VersionReport};
use super::{Direction, Migration, Requirement, Version, load};
use crate::error::{Cause, Error, Result};
use crate::neo4j::claim::{Claim, Purpose, Wanted};
use crate::neo4j::{TargetGraph, bookkeeping};

/// What migrating is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Version to get to; the newest of the files where it is none.
    pub target_version: Option<Version>,
    /// Plan only.
    pub dry_run: bool,
    /// Allowed to take versions away.
    pub execute: bool,
    /// An interrupted attempt is taken back instead of finished, and nothing else is done.
    pub undo: bool,
    /// How long to wait for another process that works on the target.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let patience = Duration::from_secs(60);
        Self { target_version: None, dry_run: false, execute: false, undo: false, patience }
    }
}

/// The schema of one target, and the files that it comes from.
pub struct SchemaManager<'a> {
    target: &'a TargetGraph,
    migrations: Vec<Migration>,
}

/// The version that a target has. Needs no files; what is not tracked is 0.0.0.
pub async fn current_version(target: &TargetGraph) -> Result<Version> {
    Ok(History::read(target).await?.current())
}

/// Brings the schema of `target` to a version, by the files in `folder`.
pub async fn migrate(
    target: &TargetGraph,
    folder: &Path,
    options: &Options,
    observe: Observer<'_>,
) -> Result<MigrationReport> {
    SchemaManager::new(target, load(folder)?).migrate(options, observe).await
}

impl<'a> SchemaManager<'a> {
    /// A manager for `target` with `migrations` in the order of their versions, as [`load`] gives them.
    pub fn new(target: &'a TargetGraph, migrations: Vec<Migration>) -> Self {
        Self { target, migrations }
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

    /// Plans, and unless it is a dry run, applies.
    pub async fn migrate(&self, options: &Options, observe: Observer<'_>) -> Result<MigrationReport> {
        let plan = self.plan(options.target_version.as_ref()).await?;
        let report = |result, plan: Plan| MigrationReport {
            result,
            from: plan.from.clone(),
            to: plan.to.clone(),
            plan,
            versions: Vec::new(),
            ended: None,
        };
        if options.dry_run {
            return Ok(report(Ended::Planned, plan));
        }
        if plan.goes_down() && !options.execute {
            return Ok(report(Ended::NeedsExecute, plan));
        }
        bookkeeping::prepare(self.target).await?;
        let purpose = if plan.goes_down() { Purpose::Exclusive } else { Purpose::Schema };
        let wanted = Wanted { patience: options.patience, ..Wanted::new(purpose, "migrate-schema") };
        let claim = Claim::take(self.target, &wanted).await?;
        let migrated = self.migrate_claimed(options, &claim, observe).await;
        let released = claim.release().await;
        let report = migrated?;
        released?;
        Ok(report)
    }

    /// Applies. The plan is made again: another process may have been at work until the claim was had.
    async fn migrate_claimed(
        &self,
        options: &Options,
        claim: &Claim,
        observe: Observer<'_>,
    ) -> Result<MigrationReport> {
        let applier = Applier { target: self.target, claim, observe };
        let from = self.current_version().await?;
        let ended = self.end_interrupted(&applier, options.undo).await?;
        let plan = self.plan(options.target_version.as_ref()).await?;
        let undone = matches!(&ended, Some(ended) if ended.undone);
        let mut versions = Vec::new();
        // Taking back is all that was asked for.
        if !undone {
            for version in &plan.versions {
                versions.push(applier.run(version, None).await?);
            }
        }
        let result = match (&ended, versions.is_empty()) {
            (Some(_), _) if undone => Ended::Undone,
            (None, true) => Ended::NothingToDo,
            _ => Ended::Migrated,
        };
        let to = if undone { from.clone() } else { plan.to.clone() };
        Ok(MigrationReport { result, from, to, plan, versions, ended })
    }

    /// The way to a version, with every statement shown to the server and every requirement asked. Changes nothing.
    pub async fn plan(&self, to: Option<&Version>) -> Result<Plan> {
        let history = History::read(self.target).await?;
        let mut versions = route(&history, &self.migrations, to)?;
        for version in &mut versions {
            self.prepare(version).await?;
        }
        let from = history.current();
        let to = versions.last().map_or_else(|| from.clone(), |version| version.leads_to.clone());
        Ok(Plan { from, to, versions })
    }

    async fn prepare(&self, version: &mut VersionPlan) -> Result<()> {
        for requirement in &version.script.requirements {
            self.check(requirement).await.map_err(|error| error.during(version.script.file.clone()))?;
        }
        if version.direction == Direction::Down {
            for removal in &version.script.removals {
                let count = self.target.look(&removal.query).await?.as_ref().and_then(|cell| cell.as_i64());
                let count = count.unwrap_or(0);
                version.removes.push(Removed { what: removal.what.clone(), count });
            }
        }
        version.ask(self.target).await
    }

    async fn check(&self, requirement: &Requirement) -> Result<()> {
        let (holds, wants) = match requirement {
            Requirement::Edition(edition) => {
                (self.target.server().await?.edition == *edition, format!("edition {edition}"))
            }
            Requirement::AtLeast(numbers) => {
                let (major, minor, patch) = self.target.server().await?.numbers();
                let wanted: Vec<String> = numbers.iter().map(u64::to_string).collect();
                (
                    [major, minor, patch].as_slice() >= numbers.as_slice(),
                    format!("Neo4j {}", wanted.join(".")),
                )
            }
            Requirement::Query(query) => {
                let answer = self.target.look(query).await?;
                (answer.and_then(|cell| cell.as_bool()) == Some(true), format!("that {query} gives true"))
            }
        };
        if holds {
            return Ok(());
        }
        Err(Error::new(
            Cause::TargetNotReady,
            format!("{} does not have what is required: {wants}", self.target.place()),
        )
        .what_to_do("nothing was changed; bring the target to what the file requires, then start again"))
    }

    /// Finishes an interrupted attempt, or takes it back.
    async fn end_interrupted(&self, applier: &Applier<'_>, undo: bool) -> Result<Option<VersionReport>> {
        let history = History::read(self.target).await?;
        let Some(attempt) = history.unfinished() else {
            return Ok(None);
        };
        let mut plan = self.plan_of(&history, attempt)?;
        if undo {
            return applier.give_up(&plan, attempt).await.map(Some);
        }
        if plan.checksum != attempt.checksum {
            return Err(Error::new(
                Cause::Definition,
                format!("{} was changed after it had been begun and interrupted", plan.script.file),
            )
            .what_to_do(
                "take back what was done so far with --undo, which is safe, or bring the file back as it was",
            ));
        }
        self.prepare(&mut plan).await?;
        applier.run(&plan, Some(attempt)).await.map(Some)
    }

    /// The plan that an interrupted attempt followed.
    fn plan_of(&self, history: &History, attempt: &Attempt) -> Result<VersionPlan> {
        let mut before = history.clone();
        before.attempts.retain(|other| other.number < attempt.number);
        let file = self.migrations.iter().find(|migration| migration.version == attempt.version);
        match attempt.direction {
            Direction::Up => VersionPlan::up_again(&before, attempt, file),
            Direction::Down => VersionPlan::down(&before.applied(), &self.migrations, &attempt.version),
        }
    }
}
