//! `regraft schema`: the target's schema as it is, against what was applied.

use clap::{Args, Subcommand};

use super::migrate_schema::{settings, teller};
use super::numbers::{counted, instant};
use super::table::{Table, name};
use super::text::{clean, clean_whole, folded, wrapped};
use super::{Exit, Present, Session};
use crate::error::Result;
use crate::neo4j::TargetGraph;
use crate::schema::{
    Finding, InterruptedStatus, Options, Remedy, RepairReport, RepairResult, SchemaManager, Severity, State,
    Status, Validation,
};

/// Looks at the target's schema, checks it against what was applied, mends what differs
#[derive(Debug, Clone, Args)]
pub struct Schema {
    /// What to do
    #[command(subcommand)]
    pub command: SchemaCommand,
}

/// What to do with the schema.
#[derive(Debug, Clone, Subcommand)]
pub enum SchemaCommand {
    /// Which versions are applied, which are pending
    Status,
    /// Compares constraints, indexes and files with what was recorded when each version was applied
    Validate,
    /// Explains what validate finds; with --execute mends it
    Repair {
        /// Really mends
        #[arg(long)]
        execute: bool,
    },
}

impl Schema {
    /// Calls it.
    pub fn run(&self, session: &Session) -> Result<Exit> {
        let config = session.config()?;
        let folder = config.paths.schemas.join("migrations");
        session.block_on(async {
            let target = TargetGraph::connect(&settings(&config)?).await?;
            let manager = SchemaManager::open(&target, &folder)?.until(session.stop.clone());
            match &self.command {
                SchemaCommand::Status => {
                    session.output().result(&manager.status().await?)?;
                    Ok(Exit::Done)
                }
                SchemaCommand::Validate => {
                    let validation = manager.validate().await?;
                    session.output().result(&validation)?;
                    Ok(if validation.valid { Exit::Done } else { Exit::CheckFailed })
                }
                SchemaCommand::Repair { execute } => {
                    let patience = Options::default().patience;
                    let report = manager.repair(*execute, patience, &teller(session)).await?;
                    session.output().result(&report)?;
                    Ok(if report.result == RepairResult::Left { Exit::CheckFailed } else { Exit::Done })
                }
            }
        })
    }
}

impl Present for Status {
    fn present(&self, width: Option<usize>) -> String {
        let mut paragraphs = Vec::new();
        if !self.versions.is_empty() {
            let mut table =
                Table::new([name("version"), name("state"), name("applied"), name("by").spare(1)]);
            for version in &self.versions {
                table.row([
                    format!("{} {}", version.version, version.name),
                    state(version.state).to_owned(),
                    version.applied_at.as_deref().map_or_else(String::new, at),
                    version.applied_by.clone().unwrap_or_default(),
                ]);
            }
            paragraphs.push(table.render(width));
        }
        let mut remarks = Vec::new();
        for version in &self.versions {
            if let Some(failure) = &version.failure {
                let direction = version.failed_direction.map_or_else(String::new, |way| format!(" {way}"));
                let text =
                    format!("The last attempt at {}{direction} was taken back: {failure}", version.version);
                remarks.push(text);
            }
        }
        remarks.extend(self.interrupted.as_ref().map(half_way));
        remarks.extend(self.held.iter().map(|held| format!("At work on the target: {held}.")));
        let remarks = remarks.iter().map(|remark| wrapped(&clean_whole(remark), 0, width));
        paragraphs.extend(remarks);
        paragraphs.push(wrapped(&self.ending(), 0, width));
        paragraphs.join("\n\n")
    }
}

impl Status {
    fn ending(&self) -> String {
        let here = format!("The target's schema has version {}.", self.version);
        let pending = self.versions.iter().filter(|version| version.state == State::Pending).count();
        match pending {
            0 => here,
            pending => format!(
                "{here} {} pending: regraft migrate-schema.",
                counted(pending as u64, "version is", "versions are")
            ),
        }
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Applied => "applied",
        State::Pending => "pending",
        State::Changed => "applied, file changed",
        State::MissingFile => "applied, file missing",
        State::Older => "never applied",
        State::Interrupted => "interrupted",
        State::UnderWay => "under way",
    }
}

fn half_way(interrupted: &InterruptedStatus) -> String {
    let what = format!("{} {}", interrupted.version, interrupted.direction);
    let because = match &interrupted.undoing_because {
        Some(because) => format!(" while it was taken back ({because})"),
        None => format!(" after {}", counted(u64::from(interrupted.steps_done), "statement", "statements")),
    };
    format!(
        "{what}, begun {}, was interrupted{because}. It is safe to call regraft migrate-schema with {}.",
        at(&interrupted.started_at),
        interrupted.safe.join(" or ")
    )
}

/// An instant as the server writes it, as people read it.
fn at(text: &str) -> String {
    chrono::DateTime::parse_from_rfc3339(text)
        .map_or_else(|_| clean(text), |time| instant(time.timestamp_micros()))
}

impl Present for Validation {
    fn present(&self, width: Option<usize>) -> String {
        let mut paragraphs: Vec<String> =
            self.findings.iter().map(|finding| shown(finding, severity(finding), width)).collect();
        let errors =
            self.findings.iter().filter(|finding| finding.severity == Severity::Error).count() as u64;
        let end = if self.valid {
            format!("The target's schema is that of version {}.", self.version)
        } else {
            let errors = counted(errors, "error", "errors");
            let by_hand = |it: &&Finding| matches!(it.remedy, Remedy::ByHand { .. });
            let mends = match self.findings.iter().all(|it| by_hand(&it)) {
                true => "",
                false => " `regraft schema repair --execute` applies the remedies.",
            };
            format!("{errors} at schema version {}.{mends}", self.version)
        };
        paragraphs.push(wrapped(&end, 0, width));
        paragraphs.join("\n\n")
    }
}

fn severity(finding: &Finding) -> &'static str {
    match finding.severity {
        Severity::Error => "error",
        Severity::Note => "note",
    }
}

fn shown(finding: &Finding, marked: &str, width: Option<usize>) -> String {
    let message = format!("{marked}: {}", clean_whole(&finding.message));
    let mut lines = vec![wrapped(&message, 0, width)];
    let mut line = |title: &str, text: &str| {
        lines.push(folded(&format!("{title}: {}", clean_whole(text)), 2, width));
    };
    if let Some(expected) = &finding.expected {
        line("recorded", expected);
    }
    if let Some(found) = &finding.found {
        line("found", found);
    }
    match &finding.remedy {
        Remedy::Statements { drop, create } => {
            drop.iter().chain(create).for_each(|statement| line("remedy", statement));
        }
        Remedy::Waiting => line("remedy", "wait until it is filled"),
        Remedy::Accepting { .. } => line("remedy", "count the file as it is now as what was applied"),
        Remedy::WritingFiles { files, .. } => {
            line("remedy", &format!("write {} again from what the target keeps", files.join(" and ")));
        }
        Remedy::Recording => line("remedy", "record it as applied"),
        Remedy::ByHand { what_to_do } => line("what to do", what_to_do),
    }
    lines.join("\n")
}

impl Present for RepairReport {
    fn present(&self, width: Option<usize>) -> String {
        let planned = matches!(self.result, RepairResult::Planned | RepairResult::NothingToDo);
        let each = self.findings.iter().map(|repaired| {
            let marked = match (repaired.finding.severity, planned, repaired.mended) {
                (Severity::Note, ..) => "note",
                (Severity::Error, true, _) => "error",
                (Severity::Error, false, true) => "mended",
                (Severity::Error, false, false) => "left",
            };
            shown(&repaired.finding, marked, width)
        });
        let mut paragraphs: Vec<String> = each.collect();
        let version = &self.version;
        let end = match self.result {
            RepairResult::NothingToDo => {
                format!("The target's schema is that of version {version}; there is nothing to mend.")
            }
            RepairResult::Planned => "Nothing was done: --execute applies the remedies.".to_owned(),
            RepairResult::Mended => format!("The target's schema is that of version {version} now."),
            RepairResult::Left => "What is left needs a person.".to_owned(),
        };
        paragraphs.push(wrapped(&end, 0, width));
        paragraphs.join("\n\n")
    }
}
