//! `regraft check-compatibility`: what would get in the way of a migration.

use std::path::PathBuf;

use clap::Args;

use super::numbers::{count, counted};
use super::progress::Progress;
use super::table::{Table, name, number};
use super::text::{clean, wrapped};
use super::{Exit, Present, Session, exit};
use crate::compatibility::{CompatibilityReport, Fate, Issue, Mended, Severity};
use crate::error::{Cause, Error, Result};
use crate::run::CompatibilityChecker;

/// Looks at both databases and Kafka for what would get in the way of a migration, and changes nothing
///
/// Every record of the source goes through its pipeline, so that the dead letters of a run are known beforehand. Exit code
/// 1 where there are errors.
#[derive(Debug, Clone, Args)]
pub struct CheckCompatibility {
    /// Looks at the first N records of each type only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub sample: Option<u64>,
    /// Writes Cypher for what can be mended in the source to a file; it is never run by Regraft
    #[arg(long, value_name = "FILE")]
    pub fix_script: Option<PathBuf>,
}

impl CheckCompatibility {
    /// Calls it.
    pub fn run(&self, session: &Session) -> Result<Exit> {
        let config = session.config()?;
        let connected = CompatibilityChecker::connect(config, session.types(), self.sample, &session.stop);
        let checker = session.block_on(connected)?;
        let progress = Progress::tally(&session.screen, checker.tally(), "looked at", "dead letters");
        let checked = session.block_on(checker.check());
        drop(progress);
        let Some((report, script)) = checked? else { return Ok(Exit::Interrupted) };
        let written = self.write(&script, session);
        session.output().result(&report)?;
        if let Err(error) = written {
            // What it has found is not lost with the script.
            session.screen.say(&exit::text(&error));
            return Ok(Exit::Failed(error.cause()));
        }
        Ok(if report.errors > 0 { Exit::CheckFailed } else { Exit::Done })
    }

    fn write(&self, script: &str, session: &Session) -> Result<()> {
        let Some(file) = &self.fix_script else { return Ok(()) };
        let attempt = || format!("write the fix script to {}", file.display());
        std::fs::write(file, script).map_err(|source| Error::new(Cause::File, attempt()).source(source))?;
        session.screen.say(&format!("the fix script is in {}: read it before you run it", file.display()));
        Ok(())
    }
}

impl Present for CompatibilityReport {
    fn present(&self, width: Option<usize>) -> String {
        let mut parts = Vec::new();
        for (severity, title) in
            [(Severity::Error, "Errors"), (Severity::Warning, "Warnings"), (Severity::Note, "Notes")]
        {
            let of: Vec<&Issue> = self.issues.iter().filter(|issue| issue.severity == severity).collect();
            if !of.is_empty() {
                let lines: Vec<String> = of.into_iter().flat_map(|each| issue(each, width)).collect();
                parts.push(format!("{title}\n{}", lines.join("\n")));
            }
        }
        parts.push(overview(self).render(width));
        parts.extend(losses(self, width));
        let sample = self.sample.map(|sample| {
            wrapped(
                &format!("Only the first {} records of each type were looked at.", count(sample)),
                0,
                width,
            )
        });
        parts.extend(sample);
        parts.push(format!(
            "{}, {}, {}.",
            counted(self.errors, "error", "errors"),
            counted(self.warnings, "warning", "warnings"),
            counted(self.notes, "note", "notes")
        ));
        parts.join("\n\n")
    }
}

fn issue(issue: &Issue, width: Option<usize>) -> Vec<String> {
    let pipeline = issue.pipeline.as_deref().or(issue.entity_type.as_deref()).unwrap_or("kafka");
    let mut place = clean(pipeline);
    if let Some(property) = &issue.property {
        place.push_str(&format!(".{}", clean(property)));
    }
    if let Some(found) = issue.found {
        place.push_str(&format!(" ({found})"));
    }
    let head = format!("{} {}: {}, {}", issue.code, place, count(issue.count), clean(&issue.message));
    let mut lines = vec![wrapped(&head, 2, width)];
    if !issue.examples.is_empty() {
        let examples: Vec<String> = issue.examples.iter().map(|example| clean(example)).collect();
        lines.push(wrapped(&format!("such as {}", examples.join(", ")), 6, width));
    }
    if issue.severity != Severity::Note {
        let script = match issue.fix_script {
            Some(Mended::Mended) => " (the fix script mends it)",
            Some(Mended::Partly) => " (the fix script mends what is certain)",
            Some(Mended::Shown) | None => "",
        };
        lines.push(wrapped(&format!("what to do: {}{script}", clean(&issue.remedy)), 6, width));
    }
    lines
}

/// What a run would do, and how the properties of each type fare.
fn overview(report: &CompatibilityReport) -> Table {
    let mut table = Table::new([
        name("pipeline"),
        number("read"),
        number("loaded"),
        number("dead letters"),
        number("mapped").spare(1),
        number("with loss").spare(2),
        number("dropped").spare(3),
        number("unknown").spare(1),
    ]);
    for pipeline in &report.forecast.pipelines {
        let of = |fates: &[Fate]| {
            let all = report.parity.iter().filter(|property| property.pipeline == pipeline.name);
            all.filter(|property| fates.contains(&property.fate)).count() as u64
        };
        table.row([
            pipeline.name.clone(),
            count(pipeline.read),
            count(pipeline.loaded.loaded),
            count(pipeline.dead_lettered()),
            count(of(&[Fate::Mapped, Fate::Kept])),
            count(of(&[Fate::ConvertedWithLoss])),
            count(of(&[Fate::Dropped])),
            count(of(&[Fate::Unknown])),
        ]);
    }
    table
}

fn losses(report: &CompatibilityReport, width: Option<usize>) -> Option<String> {
    let lossy = report.parity.iter().filter(|property| !property.losses.is_empty());
    let lines: Vec<String> = lossy
        .map(|property| {
            let text = format!(
                "{}.{}: {}",
                property.pipeline,
                clean(&property.property),
                property.losses.join("; ")
            );
            wrapped(&text, 2, width)
        })
        .collect();
    (!lines.is_empty()).then(|| format!("What conversions lose\n{}", lines.join("\n")))
}
