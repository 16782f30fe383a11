//! `regraft rollback`: the target as it was at an instant.

use std::sync::{Mutex, PoisonError};

use clap::Args;
use serde::Serialize;

use super::numbers::count;
use super::progress::Progress;
use super::table::{Table, name, number};
use super::text::{clean, wrapped};
use super::{Exit, Present, Session};
use crate::error::Result;
use crate::record::{instant_text, parse_instant};
use crate::rollback::{Cannot, KeepReason, Looked, Step, TypeReport};
use crate::run::{RollbackOptions, RollbackReport, RollbackResult, roll_back};
use crate::status::Tally;

/// Takes the target's data back to what it was at a date: shows what that would do, and does it with --execute
///
/// Only what Regraft has changed since is taken back. What others have put on nodes or tied to them stays. It may be
/// interrupted at any time: the same command goes on. It can be rolled back itself.
#[derive(Debug, Clone, Args)]
pub struct RollbackArgs {
    /// The date, such as "2026-01-31 12:00:00" or 2026-01-31T13:00:00.123+01:00; UTC unless it has an offset
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub target_date: i64,
    /// Does it, which without this is only shown
    #[arg(long)]
    pub execute: bool,
    /// Takes down the schema versions, too, that were applied since
    #[arg(long)]
    pub with_schema: bool,
}

impl RollbackArgs {
    /// Calls it.
    pub fn run(&self, session: &Session) -> Result<Exit> {
        let config = session.config()?;
        let options = RollbackOptions {
            instant_ms: self.target_date,
            execute: self.execute,
            with_schema: self.with_schema,
            command: session.typed(),
        };
        session.screen.say(&format!("target date: {} (UTC)", instant_text(self.target_date)));
        let steps = if self.execute { &STEPS[1..] } else { &STEPS[..1] };
        let tally = Tally::new(steps.iter().map(|step| name_of(*step).to_owned()));
        let shown = Progress::tally(&session.screen, &tally, "looked at", "");
        let told = Mutex::new(None);
        let tell = move |looked: Looked| tell(&tally, &told, looked);
        let report = session.block_on(roll_back(config, session.types(), &options, &tell, &session.stop));
        drop(shown);
        let report = report?;
        let Some(report) = report else {
            session.output().result(&Nothing { result: RollbackResult::NothingToDo })?;
            return Ok(Exit::Done);
        };
        session.output().result(&report)?;
        Ok(match report.result {
            RollbackResult::Interrupted => Exit::Interrupted,
            RollbackResult::RolledBack if !report.is_complete() => Exit::CheckFailed,
            RollbackResult::RolledBack | RollbackResult::Planned | RollbackResult::NothingToDo => Exit::Done,
        })
    }
}

fn date(text: &str) -> std::result::Result<i64, String> {
    parse_instant(text).ok_or_else(|| {
        "write it as \"2026-01-31 12:00:00\" (seconds and an offset such as +01:00 may follow)".to_owned()
    })
}

/// The look, and the steps of doing it in their order.
const STEPS: [Step; 4] = [Step::Look, Step::RemoveRelationships, Step::Nodes, Step::RestoreRelationships];

fn name_of(step: Step) -> &'static str {
    match step {
        Step::Look => "what would change",
        Step::RemoveRelationships => "relationships that go",
        Step::Nodes => "nodes",
        Step::RestoreRelationships => "relationships that come back",
    }
}

/// Puts on the tally how far a step is; one that follows another has ended it. `told` is what was said last.
fn tell(tally: &Tally, told: &Mutex<Option<Looked>>, looked: Looked) {
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    let before = told.filter(|told| told.step == looked.step).map_or(0, |told| told.entities);
    let since = told.map_or(Step::RemoveRelationships, |told| told.step);
    let passed = STEPS.iter().skip_while(|step| **step != since).take_while(|step| **step != looked.step);
    for step in passed.filter(|_| looked.step != Step::Look) {
        // It was at most so many; none at all, where nothing was said of it.
        let of_step = told.filter(|told| told.step == *step);
        tally.begin(name_of(*step), Some(of_step.map_or(0, |told| told.entities)));
        tally.end(name_of(*step));
    }
    if before == 0 {
        tally.begin(name_of(looked.step), Some(looked.at_most));
    }
    tally.add(name_of(looked.step), looked.entities.saturating_sub(before));
    *told = Some(looked);
}

/// The result where nothing was ever started.
#[derive(Debug, Serialize)]
struct Nothing {
    result: RollbackResult,
}

impl Present for Nothing {
    fn present(&self, _width: Option<usize>) -> String {
        "Nothing was started yet under this topic prefix: there is nothing to roll back.".to_owned()
    }
}

impl Present for RollbackReport {
    fn present(&self, width: Option<usize>) -> String {
        let mut parts = Vec::new();
        if !self.pipelines.is_empty() {
            parts.push(types(self).render(width));
        }
        let reasons = self.pipelines.iter().flat_map(|(pipeline, report)| reasons(pipeline, report, width));
        let reasons: Vec<String> = reasons.collect();
        if !reasons.is_empty() {
            parts.push(reasons.join("\n"));
        }
        if !self.runs.is_empty() {
            let mut lines = vec!["Runs since then:".to_owned()];
            lines.extend(self.runs.iter().map(|run| format!("  {} {}", run.started_at, clean(&run.command))));
            parts.push(lines.join("\n"));
        }
        let mut end = vec![match self.result {
            RollbackResult::NothingToDo => format!("Nothing was changed since {}.", self.target_date),
            RollbackResult::Planned => format!("To be as on {}: {}.", self.target_date, self.summary()),
            RollbackResult::RolledBack => format!("As on {}: {}.", self.target_date, self.summary()),
            RollbackResult::Interrupted => {
                format!("On the way to {}: {}.", self.target_date, self.summary())
            }
        }];
        end.extend(self.remarks.iter().map(|remark| format!("- {}", clean(remark))));
        parts.push(end.iter().map(|line| wrapped(line, 0, width)).collect::<Vec<_>>().join("\n"));
        parts.join("\n\n")
    }
}

fn types(report: &RollbackReport) -> Table {
    let mut table = Table::new([
        name("pipeline"),
        number("restore"),
        number("delete"),
        number("recreate"),
        number("unchanged").spare(1),
        number("keep"),
        number("can't"),
    ]);
    for (pipeline, of) in &report.pipelines {
        table.row([
            pipeline.clone(),
            count(of.restore),
            count(of.delete),
            count(of.recreate),
            count(of.unchanged),
            count(of.keep.values().sum()),
            count(of.cannot.values().sum()),
        ]);
    }
    table
}

/// Why something is kept or can't be restored, with some of the entities.
fn reasons(pipeline: &str, report: &TypeReport, width: Option<usize>) -> Vec<String> {
    let kept = report.keep.iter().map(|(reason, number)| {
        let why = match reason {
            KeepReason::Relationships => "others have tied relationships to them",
            KeepReason::ForeignProperties => "others have put properties or labels on them",
            KeepReason::ParallelRelationships => {
                "others have made parallel ones, and which is whose can't be told"
            }
        };
        format!("{pipeline}: {} kept, since {why}", count(*number))
    });
    let cannot = report.cannot.iter().map(|(reason, number)| {
        let why = match reason {
            Cannot::JournalOff => "rows were written while load.undo was false",
            Cannot::ImageTooLarge => "were larger than a message can be",
            Cannot::Unkeyed => "were deleted and had no key",
            Cannot::EndMissing => "relationships have lost an end",
            Cannot::Refused => "are refused by the target",
        };
        format!("{pipeline}: {} can't be restored: {why}", count(*number))
    });
    let samples = report.samples.iter().map(|sample| {
        let message = sample.message.as_ref().map_or_else(String::new, |message| format!(": {message}"));
        wrapped(&clean(&format!("{}: {}{message}", sample.reason, sample.entity)), 4, width)
    });
    kept.chain(cannot).map(|line| wrapped(&line, 0, width)).chain(samples).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::rollback::Sample;
    use crate::run::SchemaSince;
    use crate::schema::Version;

    fn report() -> RollbackReport {
        let episode = TypeReport {
            entity_type: "Episode".into(),
            restore: 12,
            delete: 3_000,
            recreate: 1,
            unchanged: 7,
            keep: BTreeMap::from([(KeepReason::Relationships, 1)]),
            cannot: BTreeMap::from([(Cannot::JournalOff, 500)]),
            samples: vec![Sample {
                reason: "keep relationships".into(),
                entity: "Episode \"e1\"".into(),
                message: None,
            }],
        };
        RollbackReport {
            target_date: "2026-01-31T12:00:00.000Z".into(),
            result: RollbackResult::Planned,
            pipelines: BTreeMap::from([("episode".into(), episode)]),
            runs: Vec::new(),
            schema: SchemaSince {
                then: Version::NONE,
                now: Version::NONE,
                applied: Vec::new(),
                taken_down: false,
            },
            left_out: BTreeMap::new(),
            open_dead_letters: BTreeMap::new(),
            remarks: vec!["nothing was changed; --execute does it".into()],
        }
    }

    #[test]
    fn a_plan_shows_what_would_be_done_and_what_can_not() {
        let expected = "\
pipeline  restore  delete  recreate  unchanged  keep  can't
episode        12   3,000         1          7     1    500

episode: 1 kept, since others have tied relationships to them
episode: 500 can't be restored: rows were written while load.undo was false
    keep relationships: Episode \"e1\"

To be as on 2026-01-31T12:00:00.000Z: 12 restored, 3000 deleted, 1 recreated, 1 kept, 500 can't be restored.
- nothing was changed; --execute does it";
        assert_eq!(report().present(None), expected);
    }

    #[test]
    fn programs_get_the_same_by_name() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(json["result"], "planned");
        assert_eq!(json["pipelines"]["episode"]["keep"], serde_json::json!({"relationships": 1}));
        assert_eq!(json["pipelines"]["episode"]["cannot"], serde_json::json!({"journal_off": 500}));
        assert_eq!(json["pipelines"]["episode"]["type"], "Episode");
    }

    #[test]
    fn a_date_that_is_none_is_refused_with_a_form() {
        assert!(date("yesterday").unwrap_err().contains("2026-01-31 12:00:00"));
        assert_eq!(date("1970-01-01 01:00:01+01:00"), Ok(1000));
    }
}
