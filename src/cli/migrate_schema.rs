//! `regraft migrate-schema`: the target's schema, up or down.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::Args;

use super::numbers::duration;
use super::schema_plan::{in_one_line, plan};
use super::table::{Table, name, number};
use super::text::wrapped;
use super::{Exit, Present, Screen, Session};
use crate::config::Config;
use crate::error::Result;
use crate::neo4j::{Settings, TargetGraph};
use crate::run::neo4j_settings;
use crate::schema::{
    Direction, Event, MigrationReport, MigrationResult, OnInterrupted, Options, Plan, SchemaManager,
    StepKind, Version, VersionReport, Way,
};

/// Brings the target's schema to a version
///
/// A version that fails is taken back. One that was interrupted is gone on with by the next call.
#[derive(Debug, Clone, Args)]
pub struct MigrateSchema {
    /// The version to go to, up or down; without it the newest
    #[arg(long, value_name = "VERSION")]
    pub target_version: Option<Version>,
    /// Shows what would be done, as the server explains it, and does nothing
    #[arg(long, conflicts_with = "execute")]
    pub dry_run: bool,
    /// Really goes down, which without this is only shown
    #[arg(long)]
    pub execute: bool,
    /// Finishes a migration that was interrupted, then goes on
    #[arg(long, conflicts_with = "undo")]
    pub resume: bool,
    /// Takes back a migration that was interrupted, and does nothing else
    #[arg(long, conflicts_with = "target_version")]
    pub undo: bool,
}

/// Connections to the target: one for the claim, one to work with, one to look.
const CONNECTIONS: usize = 3;

/// A constraint on much data, or batches over it, may take this long. A server that is gone is noticed by the claim.
const LONGEST_STATEMENT: Duration = Duration::from_secs(7 * 24 * 3600);

/// How often it is said that indexes are still being populated.
const PATIENCE: Duration = Duration::from_secs(5);

impl MigrateSchema {
    /// Calls it.
    pub fn run(&self, session: &Session) -> Result<Exit> {
        let config = session.config()?;
        let options = Options {
            target_version: self.target_version.clone(),
            dry_run: self.dry_run,
            execute: self.execute,
            on_interrupted: match (self.resume, self.undo) {
                (true, _) => OnInterrupted::Resume,
                (_, true) => OnInterrupted::Undo,
                _ => OnInterrupted::Decide,
            },
            ..Options::default()
        };
        let tell = teller(session);
        let report = session.block_on(async {
            let target = TargetGraph::connect(&settings(&config)?).await?;
            let manager = SchemaManager::open(&target, &config.paths.schemas.join("migrations"))?;
            manager.until(session.stop.clone()).migrate(&options, &tell).await
        })?;
        session.output().result(&report)?;
        Ok(Exit::Done)
    }
}

/// How the target is reached by who works on its schema.
pub(super) fn settings(config: &Config) -> Result<Settings> {
    let mut settings = neo4j_settings(&config.target, CONNECTIONS)?;
    settings.response_timeout = LONGEST_STATEMENT;
    Ok(settings)
}

/// Tells people what happens, each step where they want details.
pub(super) fn teller(session: &Session) -> impl Fn(Event<'_>) + Send + Sync + use<> {
    let (screen, details) = (session.screen.clone(), session.global.verbose > 0);
    let said = Mutex::new(Instant::now());
    move |event| tell(&screen, details, &said, event)
}

fn tell(screen: &Screen, details: bool, said: &Mutex<Instant>, event: Event<'_>) {
    match event {
        Event::Waiting(other) => screen.say(&format!("waits for {other}")),
        Event::Version { version, direction, way, first_step, steps } => {
            let what = match way {
                Way::Apply => format!("{version} {direction}, {steps} steps"),
                Way::Resume => {
                    format!(
                        "{version} {direction}, {steps} steps, which was interrupted before step {first_step}"
                    )
                }
                Way::Undo => format!("{version} {direction} is taken back, {steps} steps"),
            };
            screen.say(&what);
        }
        // Statements on data may take long.
        Event::Step(step) if details || step.kind == StepKind::Data => {
            screen.say(&format!("  {}. {}", step.number, in_one_line(&step.text)));
        }
        Event::Step(_) => {}
        Event::Populating { indexes, percent } => {
            let mut said = said.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if said.elapsed() >= PATIENCE {
                *said = Instant::now();
                screen.say(&format!("  {indexes} indexes are being filled, the slowest at {percent:.0}%"));
            }
        }
    }
}

impl Present for MigrationReport {
    fn present(&self, width: Option<usize>) -> String {
        let end = wrapped(&self.ending(), 0, width);
        let before = match self.result {
            MigrationResult::Planned | MigrationResult::NeedsExecute => plan(&self.plan, width),
            _ if self.versions.is_empty() => String::new(),
            _ => what_was_done(&self.versions).render(width),
        };
        if before.is_empty() { end } else { format!("{before}\n\n{end}") }
    }
}

impl MigrationReport {
    fn ending(&self) -> String {
        match self.result {
            MigrationResult::NothingToDo => {
                format!("The target's schema has version {} already; nothing was done.", self.to)
            }
            MigrationResult::NothingToUndo => {
                format!("No migration was interrupted; the target's schema has version {}.", self.to)
            }
            MigrationResult::Planned if self.plan.is_empty() => {
                format!("The target's schema has version {}; there would be nothing to do.", self.to)
            }
            MigrationResult::Planned => {
                format!("A dry run: nothing was done. The target's schema has version {}.", self.from)
            }
            MigrationResult::NeedsExecute => format!(
                "Nothing was done: the target's schema has version {}{}, and going down to {} takes away what is \
                 listed. --execute does it.",
                self.from,
                if is_unknown_to_files(&self.plan) { ", which the files don't know" } else { "" },
                self.to
            ),
            MigrationResult::Migrated => {
                format!("The target's schema has version {} now (before: {}).", self.to, self.from)
            }
            MigrationResult::Undone => {
                format!("The interrupted migration was taken back: version {}.", self.to)
            }
        }
    }
}

fn is_unknown_to_files(plan: &Plan) -> bool {
    let from_target = |it: &&crate::schema::VersionPlan| {
        it.direction == Direction::Down && it.statements_from == crate::schema::Origin::Target
    };
    plan.versions.iter().find(from_target).is_some_and(|it| it.version == plan.from)
}

fn what_was_done(versions: &[VersionReport]) -> Table {
    let mut table = Table::new([
        name("version"),
        name("done"),
        number("added"),
        number("removed").spare(3),
        number("nodes").spare(3),
        number("properties").spare(2),
        number("time").spare(1),
    ]);
    for one in versions {
        let done = match (one.way, one.resumed_at) {
            (Way::Undo, _) => format!("{} taken back", one.direction),
            (_, Some(step)) => format!("{} from step {step}", one.direction),
            (_, None) => one.direction.to_string(),
        };
        table.row([
            format!("{} {}", one.version, one.name),
            done,
            one.schema_added.to_string(),
            one.schema_removed.to_string(),
            nodes(one),
            one.properties_set.to_string(),
            duration(Duration::try_from_secs_f64(one.seconds).unwrap_or_default()),
        ]);
    }
    table
}

/// Nodes that came and went.
fn nodes(report: &VersionReport) -> String {
    match (report.nodes_created, report.nodes_deleted) {
        (0, 0) => "0".to_owned(),
        (created, 0) => format!("+{created}"),
        (0, deleted) => format!("-{deleted}"),
        (created, deleted) => format!("+{created} -{deleted}"),
    }
}
