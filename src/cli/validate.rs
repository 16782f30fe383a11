//! `regraft validate-pre` and `regraft validate-post`: the gates before and after a migration.

use clap::Args;

use super::numbers::count;
use super::table::{Table, name, number};
use super::text::{clean, wrapped};
use super::verify::connect;
use super::{Exit, Present, Session};
use crate::error::Result;
use crate::run::{PostOptions, VerifyOptions, validate_pre};
use crate::validation::{Finding, PostReport, PreReport, Severity};
use crate::verify::Against;

/// Gate before a migration: takes statistics of the source and keeps them under a name
///
/// Runs the validators of the source. Exit code 1 where anything is an error.
#[derive(Debug, Clone, Args)]
pub struct ValidatePre {
    /// The name that the statistics are kept under, for `validate-post`
    #[arg(long, default_value = "before")]
    pub name: String,
}

/// Gate after a migration: accounts, schema and content, and what became of what validate-pre saw
///
/// Compares the content as `verify` does. Exit code 1 where anything is an error.
#[derive(Debug, Clone, Args)]
pub struct ValidatePost {
    /// The name of the statistics that it compares with
    #[arg(long, default_value = "before")]
    pub name: String,
    /// Rows a second that each database is asked for at most while the content is compared
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..))]
    pub rate: Option<u64>,
}

impl ValidatePre {
    /// Calls it.
    pub fn run(&self, session: &Session) -> Result<Exit> {
        let config = session.config()?;
        let report = session.block_on(validate_pre(&config, session.types(), &self.name, &session.stop))?;
        let Some(report) = report else { return Ok(Exit::Interrupted) };
        session.output().result(&report)?;
        Ok(if report.passed { Exit::Done } else { Exit::CheckFailed })
    }
}

impl ValidatePost {
    /// Calls it.
    pub fn run(&self, session: &Session) -> Result<Exit> {
        let verify = VerifyOptions {
            // A gate says how it is now.
            anew: true,
            limit: 100,
            rows_per_second: self.rate,
            command: session.typed(),
            ..VerifyOptions::default()
        };
        let options = PostOptions { name: self.name.clone(), verify };
        let (validator, shown) = connect(session, Against::Source)?;
        let report = session.block_on(validator.validate_post(&options, &session.stop));
        drop(shown);
        let Some(report) = report? else { return Ok(Exit::Interrupted) };
        session.output().result(&report)?;
        Ok(if report.passed { Exit::Done } else { Exit::CheckFailed })
    }
}

impl Present for PreReport {
    fn present(&self, width: Option<usize>) -> String {
        let mut table = Table::new([
            name("pipeline"),
            number("count"),
            number("without key"),
            number("properties"),
            number("most relationships").spare(1),
        ]);
        for (pipeline, of) in &self.statistics.types {
            table.row([
                pipeline.clone(),
                count(of.count),
                count(of.without_key),
                count(of.properties.len() as u64),
                of.degrees.map_or_else(String::new, |degrees| count(degrees.max)),
            ]);
        }
        let end = format!(
            "{} Statistics are kept in {}.",
            if self.passed { "The gate is passed." } else { "The gate is not passed." },
            self.kept_in
        );
        let mut parts = vec![table.render(width)];
        parts.extend(findings(&self.findings, width));
        parts.push(wrapped(&clean(&end), 0, width));
        parts.join("\n\n")
    }
}

impl Present for PostReport {
    fn present(&self, width: Option<usize>) -> String {
        let mut table = Table::new([
            name("pipeline"),
            number("before"),
            number("merged").spare(2),
            number("derived").spare(1),
            number("dead letters"),
            number("after"),
            number("unexplained"),
        ]);
        for (pipeline, change) in &self.before_after.types {
            table.row([
                pipeline.clone(),
                count(change.before),
                count(change.merged),
                count(change.derived),
                count(change.dead_lettered),
                count(change.after),
                change.unexplained.to_string(),
            ]);
        }
        let mut parts = vec![table.render(width)];
        parts.extend(findings(&self.findings, width));
        let end = if self.passed { "The gate is passed." } else { "The gate is not passed." };
        parts.push(end.to_owned());
        parts.join("\n\n")
    }
}

fn findings(found: &[Finding], width: Option<usize>) -> Option<String> {
    let line = |finding: &Finding| {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let of = finding.pipeline.as_ref().map_or_else(String::new, |pipeline| format!(" `{pipeline}`"));
        let number = if finding.count > 0 { format!(" {}:", count(finding.count)) } else { String::new() };
        let mut text = format!("{severity} {}{of}:{number} {}", finding.check, finding.message);
        if !finding.samples.is_empty() {
            let samples: Vec<String> = finding.samples.iter().map(ToString::to_string).collect();
            text.push_str(&format!(" (such as {})", samples.join(", ")));
        }
        wrapped(&clean(&text), 0, width)
    };
    (!found.is_empty()).then(|| found.iter().map(line).collect::<Vec<_>>().join("\n"))
}
