//! `regraft migrate-schema`: the target's schema, up or down.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::Args;

use super::numbers::duration;
use super::table::{Table, name, number};
use super::text::{clean, wrapped};
use super::{Exit, Present, Screen, Session};
use crate::error::Result;
use crate::neo4j::TargetGraph;
use crate::run::neo4j_settings;
use crate::schema::{
    Event, MigrationReport, MigrationResult, Options, Plan, Version, VersionPlan, VersionReport, migrate,
};

/// Brings the target's schema to a version
#[derive(Debug, Clone, Args)]
pub struct MigrateSchema {
    /// The version to go to; without it the newest
    #[arg(long, value_name = "VERSION")]
    pub target_version: Option<Version>,
    /// Shows what would be done and does nothing
    #[arg(long, conflicts_with = "execute")]
    pub dry_run: bool,
    /// Really goes down, which without this is only shown
    #[arg(long)]
    pub execute: bool,
    /// Takes back a migration that was interrupted, instead of finishing it, and does nothing else
    #[arg(long, conflicts_with_all = ["dry_run", "target_version"])]
    pub undo: bool,
}

/// Connections to the target: one for the claim, one to work with, one to look.
const CONNECTIONS: usize = 3;

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
            undo: self.undo,
            ..Options::default()
        };
        let (screen, details) = (session.screen.clone(), session.global.verbose > 0);
        let said = Mutex::new(Instant::now());
        let tell = move |event: Event<'_>| tell(&screen, details, &said, event);
        let report = session.block_on(async {
            let target = TargetGraph::connect(&neo4j_settings(&config.target, CONNECTIONS)?).await?;
            migrate(&target, &config.paths.schemas.join("migrations"), &options, &tell).await
        })?;
        session.output().result(&report)?;
        Ok(Exit::Done)
    }
}

fn tell(screen: &Screen, details: bool, said: &Mutex<Instant>, event: Event<'_>) {
    match event {
        Event::Version { version, direction, first_step, steps } => {
            let from = if first_step > 1 {
                format!(", which was interrupted before step {first_step}")
            } else {
                String::new()
            };
            screen.say(&format!("{version} {direction}, {steps} steps{from}"));
        }
        Event::Step(step) if details => {
            let text = step.text.split_whitespace().collect::<Vec<_>>().join(" ");
            screen.say(&format!("  {}: {}", step.number, clean(&text)));
        }
        Event::Step(_) => {}
        Event::Populating { indexes, percent } => {
            let mut said = said.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if said.elapsed() >= PATIENCE {
                *said = Instant::now();
                screen.say(&format!("  {indexes} indexes are being filled, the slowest at {percent:.0}%"));
            }
        }
        Event::Undoing(version) => screen.say(&format!("{version} failed and is taken back")),
    }
}

impl Present for MigrationReport {
    fn present(&self, width: Option<usize>) -> String {
        let mut done: Vec<&VersionReport> = self.ended.iter().collect();
        done.extend(&self.versions);
        let end = match self.result {
            MigrationResult::NothingToDo => {
                format!("The target's schema has version {} already; nothing was done.", self.to)
            }
            MigrationResult::Planned if self.plan.is_empty() => {
                format!("The target's schema has version {}; there would be nothing to do.", self.to)
            }
            MigrationResult::Planned => "A dry run: nothing was done.".to_owned(),
            MigrationResult::NeedsExecute => {
                "Nothing was done: going down takes away what is listed; --execute does it.".to_owned()
            }
            MigrationResult::Migrated => {
                format!("The target's schema has version {} now (before: {}).", self.to, self.from)
            }
            MigrationResult::Undone => {
                format!("The interrupted migration was taken back: version {}.", self.to)
            }
        };
        let end = wrapped(&end, 0, width);
        let before = match self.result {
            MigrationResult::Planned | MigrationResult::NeedsExecute => plan(&self.plan, width),
            _ if done.is_empty() => String::new(),
            _ => what_was_done(&done).render(width),
        };
        if before.is_empty() { end } else { format!("{before}\n\n{end}") }
    }
}

fn plan(plan: &Plan, width: Option<usize>) -> String {
    plan.versions.iter().map(|version| planned(version, width)).collect::<Vec<_>>().join("\n\n")
}

fn planned(version: &VersionPlan, width: Option<usize>) -> String {
    let mut lines = vec![format!("{} {}, {}", version.version, clean(&version.name), version.direction)];
    for removed in &version.removes {
        lines.push(wrapped(&format!("removes {}: {}", clean(&removed.what), removed.count), 2, width));
    }
    for step in &version.steps {
        let text = step.text.split_whitespace().collect::<Vec<_>>().join(" ");
        lines.push(wrapped(&format!("{}. {}", step.number, clean(&text)), 2, width));
    }
    lines.join("\n")
}

fn what_was_done(versions: &[&VersionReport]) -> Table {
    let mut table = Table::new([
        name("version"),
        name("direction"),
        number("schema added"),
        number("schema removed").spare(3),
        number("properties set").spare(2),
        number("time").spare(1),
    ]);
    for one in versions {
        let undone = if one.undone { ", undone" } else { "" };
        table.row([
            format!("{} {}", one.version, one.name),
            format!("{}{undone}", one.direction),
            one.schema_added.to_string(),
            one.schema_removed.to_string(),
            one.properties_set.to_string(),
            duration(Duration::try_from_secs_f64(one.seconds).unwrap_or_default()),
        ]);
    }
    table
}
