//! `regraft verify`: whether the target has what it should, to the record and property.

use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::numbers::{count, counted};
use super::progress::Progress;
use super::serving::Served;
use super::table::{Table, name, number};
use super::text::{clean, cut, wrapped};
use super::{Exit, Present, Session};
use crate::error::Result;
use crate::metrics::Metrics;
use crate::run::{MigrationValidator, VerifyOptions};
use crate::verify::{
    Against, Difference, DifferenceKind, ForeignName, PipelineComparison, RepairReport, Stray, Subject,
    VerifyReport,
};

/// Compares the content of both graphs through the pipelines, to the record and property
///
/// Reads each graph once and in read transactions; what differs is read again and named. A comparison that was
/// interrupted is gone on with. Exit code 1 where anything differs.
#[derive(Debug, Clone, Args)]
pub struct Verify {
    /// What is compared with: the live source, or what its newest pass has left on the raw topics
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub against: What,
    /// Rows a second that each database is asked for at most; without it source.rows_per_second, and no limit for the target
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..))]
    pub rate: Option<u64>,
    /// Differences that are named, of each pipeline; all of them are counted
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000)]
    pub limit: usize,
    /// Begins anew instead of going on with a comparison that was interrupted
    #[arg(long)]
    pub anew: bool,
    /// Sends the records that differ through the pipelines again, and looks at them once more
    #[arg(long)]
    pub repair: bool,
    /// Deletes from the target what the source does not have; refused while loaders are at work
    #[arg(long, requires = "repair")]
    pub delete_extra: bool,
}

/// What is compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// The live source
    #[default]
    Source,
    /// The raw topics
    Raw,
}

/// Differences of a pipeline that people get to see.
const SHOWN: usize = 20;

impl Verify {
    /// Calls it.
    pub fn run(&self, session: &Session) -> Result<Exit> {
        let options = VerifyOptions {
            against: match self.against {
                What::Source => Against::Source,
                What::Raw => Against::Raw,
            },
            limit: self.limit,
            anew: self.anew,
            rows_per_second: self.rate,
            repair: self.repair,
            delete_extra: self.delete_extra,
            command: session.typed(),
        };
        let (validator, shown) = connect(session, options.against)?;
        let report = session.block_on(validator.verify(&options, &session.stop));
        drop(shown);
        let Some(report) = report? else { return Ok(Exit::Interrupted) };
        session.output().result(&report)?;
        Ok(if report.equal { Exit::Done } else { Exit::CheckFailed })
    }
}

/// A validator, its counts at `/metrics`, and its progress on the screen.
pub(super) fn connect(session: &Session, against: Against) -> Result<(MigrationValidator, Progress)> {
    let (config, metrics) = (session.config()?, Arc::new(Metrics::new()?));
    let listen = config.metrics.listen;
    let connecting =
        MigrationValidator::connect(config, session.types(), against, metrics.clone(), &session.stop);
    let validator = session.block_on(connecting)?;
    if let Some(listen) = listen {
        session.keep(Served::start_counts(session, listen, metrics)?);
    }
    let shown = Progress::tally(&session.screen, validator.tally(), "compared", "differ");
    Ok((validator, shown))
}

impl Present for VerifyReport {
    fn present(&self, width: Option<usize>) -> String {
        let mut parts = vec![comparisons(self).render(width)];
        for pipeline in &self.pipelines {
            parts.extend(differences(&pipeline.name, &pipeline.differences, pipeline.differing(), width));
        }
        parts.extend(strays(self, width));
        parts.extend(self.pipelines.iter().filter_map(|pipeline| foreign(pipeline, width)));
        parts.extend(self.repair.iter().map(|repair| repaired(repair, width)));
        let resumed = self.goes_on_from.iter().map(|from| {
            format!(
                "What an interrupted comparison had read, from {from} on, was gone on with; --anew reads everything again."
            )
        });
        let remarks = self.remarks.iter().cloned().chain(resumed);
        let mut end: Vec<String> = remarks.map(|remark| wrapped(&clean(&remark), 0, width)).collect();
        end.push(wrapped(&closing(self), 0, width));
        parts.push(end.join("\n"));
        parts.join("\n\n")
    }
}

fn comparisons(report: &VerifyReport) -> Table {
    let mut table = Table::new([
        name("pipeline"),
        number("source").spare(2),
        number("dead letters").spare(1),
        number("expected"),
        number("target"),
        number("missing"),
        number("extra"),
        number("different"),
    ]);
    for pipeline in &report.pipelines {
        let dead = [&pipeline.source.dead_letters, &pipeline.emitted.dead_letters];
        table.row([
            pipeline.name.clone(),
            count(pipeline.source.read),
            count(dead.iter().flat_map(|reasons| reasons.values()).sum()),
            count(pipeline.expected),
            count(pipeline.target),
            count(pipeline.missing),
            count(pipeline.extra),
            count(pipeline.different),
        ]);
    }
    let totals = &report.totals;
    table.sums([
        "total".to_owned(),
        String::new(),
        String::new(),
        count(totals.expected),
        count(totals.target),
        count(totals.missing),
        count(totals.extra),
        count(totals.different),
    ]);
    table
}

fn differences(pipeline: &str, found: &[Difference], all: u64, width: Option<usize>) -> Option<String> {
    if found.is_empty() {
        return None;
    }
    let mut lines = vec![pipeline.to_owned()];
    for difference in found.iter().take(SHOWN) {
        lines.push(in_width(&format!("  {}", sentence(difference)), width));
        for property in &difference.properties {
            let types = property
                .types
                .map_or(String::new(), |[expected, actual]| format!(" ({actual} instead of {expected})"));
            let text = format!(
                "    {}: {} instead of {}{types}",
                property.property, property.actual, property.expected
            );
            lines.push(in_width(&text, width));
        }
    }
    let shown = found.len().min(SHOWN) as u64;
    if all > shown {
        lines.push(format!("  and {} more (--output json names them)", count(all - shown)));
    }
    Some(lines.join("\n"))
}

fn in_width(line: &str, width: Option<usize>) -> String {
    let line = clean(line);
    width.map_or_else(|| line.clone(), |width| cut(&line, width))
}

fn sentence(difference: &Difference) -> String {
    let which = match &difference.subject {
        Subject::Node { key } => format!("{key:?}"),
        Subject::Relationship { start, end } => format!("{start:?} → {end:?}"),
        Subject::Element { element_id } => format!("(no key) {element_id}"),
    };
    let mut text = match difference.kind {
        DifferenceKind::Missing => format!("missing    {which}"),
        DifferenceKind::Extra => format!("extra      {which}"),
        DifferenceKind::Different => format!("different  {which}"),
    };
    if let Some(surplus) = difference.surplus {
        text.push_str(&format!(": {}", counted(surplus, "too many", "too many")));
    }
    if let Some(reason) = difference.dead_letter {
        text.push_str(&format!(": older than the source's record, which is a dead letter ({reason})"));
    }
    if !difference.labels.is_empty() {
        text.push_str(&format!(": without the label {}", difference.labels.join(", ")));
    }
    text
}

fn strays(report: &VerifyReport, width: Option<usize>) -> Option<String> {
    let strays = &report.strays;
    if strays.found.is_empty() {
        return None;
    }
    let mut lines = vec!["where no pipeline has them".to_owned()];
    let line = |stray: &Stray| {
        let labels: Vec<String> = stray.labels.iter().map(|labels| labels.join(":")).collect();
        let keys: Vec<&str> = stray.keys.iter().map(|key| key.as_deref().unwrap_or("(no key)")).collect();
        match &stray.relationship_type {
            Some(kind) => format!("  extra      {kind} {} ({})", keys.join(" → "), labels.join(" → ")),
            None => format!("  extra      node {} ({})", keys.join(", "), labels.join(", ")),
        }
    };
    lines.extend(strays.found.iter().take(SHOWN).map(|stray| in_width(&line(stray), width)));
    let all = strays.nodes + strays.relationships;
    if all > SHOWN as u64 {
        lines.push(format!("  and {} more", count(all - SHOWN as u64)));
    }
    Some(lines.join("\n"))
}

/// What others have put on nodes.
fn foreign(pipeline: &PipelineComparison, width: Option<usize>) -> Option<String> {
    let foreign = &pipeline.foreign;
    let part = |what: &str, name: &str, found: &ForeignName| {
        let example = found.keys.first().map_or(String::new(), |key| format!(", such as on {key:?}"));
        format!("{what} {name} on {}{example}", counted(found.count, "node", "nodes"))
    };
    let labels = foreign.labels.iter().map(|(name, found)| part("the label", name, found));
    let properties = foreign.properties.iter().map(|(name, found)| part("the property", name, found));
    let parts: Vec<String> = labels.chain(properties).collect();
    (!parts.is_empty()).then(|| {
        let text = format!("foreign to `{}`, which is no difference: {}", pipeline.name, parts.join("; "));
        wrapped(&clean(&text), 0, width)
    })
}

fn repaired(repair: &RepairReport, width: Option<usize>) -> String {
    let sent: Vec<String> =
        repair.sent.iter().map(|(pipeline, sent)| format!("{pipeline} {}", count(*sent))).collect();
    let mut text = match sent.is_empty() {
        true => "Sent again: nothing".to_owned(),
        false => format!("Sent again: {}", sent.join(", ")),
    };
    text.push_str(&format!(
        ". Deleted: {}, {}, {}.",
        counted(repair.deleted_nodes, "node", "nodes"),
        counted(repair.deleted_relationships, "relationship", "relationships"),
        counted(repair.removed_properties, "property of a relationship", "properties of relationships")
    ));
    if !repair.tied_by_others.is_empty() {
        let names: Vec<&str> = repair.tied_by_others.iter().take(SHOWN).map(String::as_str).collect();
        text.push_str(&format!(
            " Left, since others have tied relationships to them or given them the label of another type: {}.",
            names.join(", ")
        ));
    }
    let mut parts = vec![wrapped(&clean(&text), 0, width)];
    for (pipeline, left) in &repair.left {
        let title = format!("{pipeline}, after the repair");
        parts.extend(differences(&title, &left.differences, left.differing(), width));
    }
    parts.join("\n\n")
}

fn closing(report: &VerifyReport) -> String {
    let totals = &report.totals;
    let differ = totals.missing + totals.extra + totals.different;
    match (&report.repair, report.equal) {
        (None, true) => {
            format!("The target has exactly what is expected of it: {} records.", count(totals.expected))
        }
        (Some(_), true) => {
            format!("{} and mended: the target has now what is expected of it.", differed(differ))
        }
        (None, false) => format!(
            "{}. `regraft verify --repair` sends what is missing or different through the pipelines again; with \
             --delete-extra it deletes what the source does not have.",
            differed(differ)
        ),
        (Some(repair), false) => {
            let left: u64 = repair.left.values().map(|left| left.differing()).sum();
            format!("{}; after the repair {} still.", differed(differ), count(left + repair.strays_left))
        }
    }
}

fn differed(number: u64) -> String {
    counted(number, "record differed", "records differed")
}
