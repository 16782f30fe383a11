//! `regraft replay`: moves a stage's committed offsets, so that records go through it once more.

use std::path::PathBuf;

use chrono::{DateTime, Duration, Utc};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::moving::{self, Then};
use super::numbers::count;
use super::output::{print_bytes, width_of_stderr};
use super::table::{Table, name, number};
use super::text::{clean, wrapped};
use super::{Exit, Output, Present, Session};
use crate::checkpoint::Stage;
use crate::error::{Cause, Error, Result};
use crate::replay::{Plan, Scope, To, TopicScope, csv, when};
use crate::run::{Engine, ReplayOptions, Replayed, Replayer, WantedOffsets};
use crate::status::RunReport;

/// Moves a stage's offsets, so that records go through it again (or are left out); without --execute shows the plan
///
/// The options are those of kafka-consumer-groups --reset-offsets. Transformed again, records are loaded again too;
/// loaded again, they are written as they were transformed. However far back it goes, the same graph results once all is
/// drained. What a move forwards leaves out stays open in the account of its pass, until a move back brings it or a new
/// pass begins. Refused while the group has members.
#[derive(Debug, Clone, Args)]
pub struct Replay {
    /// Where to
    #[command(flatten)]
    pub to: Where,
    /// Only these stages, separated by commas; without it both
    #[arg(long, value_name = "STAGES", value_delimiter = ',')]
    pub stage: Vec<StageName>,
    /// Only this topic, or these partitions of it; may be given several times
    #[arg(long, value_name = "TOPIC[:0,1,2]")]
    pub topic: Vec<TopicScope>,
    /// Goes on where retention has removed some of the records
    #[arg(long)]
    pub allow_gap: bool,
    /// Carries the plan out
    #[arg(long, conflicts_with = "dry_run")]
    pub execute: bool,
    /// Shows the plan only, as without --execute
    #[arg(long)]
    pub dry_run: bool,
    /// Then runs the stages that were moved, until nothing is left to do
    #[arg(long, requires = "execute")]
    pub then_run: bool,
    /// Prints the new offsets as CSV, which --from-file and Kafka's own tool read; alone, the present ones
    #[arg(long)]
    pub export: bool,
}

/// Where to.
#[derive(Debug, Clone, Default, Args)]
#[group(required = false, multiple = false)]
pub struct Where {
    /// To the first record that is left
    #[arg(long)]
    pub to_earliest: bool,
    /// To the end: what is there is left out
    #[arg(long)]
    pub to_latest: bool,
    /// To where the group is: takes what another tool has set
    #[arg(long)]
    pub to_current: bool,
    /// To the stage's own checkpoint: for loading, to what the target has (after it was restored from a backup)
    #[arg(long)]
    pub to_checkpoint: bool,
    /// To this offset
    #[arg(long, value_name = "OFFSET", allow_negative_numbers = true)]
    pub to_offset: Option<i64>,
    /// So many on from where the group is; back if negative
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub shift_by: Option<i64>,
    /// To what was written then or later: RFC 3339; without a zone UTC
    #[arg(long, value_name = "DATE-TIME", value_parser = when::instant)]
    pub to_datetime: Option<DateTime<Utc>>,
    /// To what was written so long ago or later: P7D, PT1H30M, 90s
    #[arg(long, value_name = "DURATION", value_parser = when::duration)]
    pub by_duration: Option<Duration>,
    /// To the offsets of a CSV file, as --export and Kafka's own tool write it
    #[arg(long, value_name = "FILE")]
    pub from_file: Option<PathBuf>,
}

/// A stage that has offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StageName {
    /// Raw records into model records
    Transform,
    /// Model records into the target
    Load,
}

impl From<StageName> for Stage {
    fn from(name: StageName) -> Stage {
        match name {
            StageName::Transform => Stage::Transform,
            StageName::Load => Stage::Load,
        }
    }
}

impl Where {
    /// What was asked for; nothing where nothing was.
    fn wanted(&self) -> Result<Option<WantedOffsets>> {
        if let Some(path) = &self.from_file {
            let place = path.display();
            let text = std::fs::read_to_string(path)
                .map_err(|source| Error::new(Cause::File, format!("read {place}")).source(source))?;
            let lines = csv::parse(&text)
                .map_err(|wrong| Error::new(Cause::Usage, format!("read {place}: {wrong}")))?;
            return Ok(Some(WantedOffsets::Lines(lines)));
        }
        let flags = [
            (self.to_earliest, To::Earliest),
            (self.to_latest, To::Latest),
            (self.to_current, To::Current),
            (self.to_checkpoint, To::Checkpoint),
        ];
        let flag = flags.into_iter().find_map(|(given, to)| given.then_some(to));
        let to = flag
            .or(self.to_offset.map(To::Offset))
            .or(self.shift_by.map(To::ShiftBy))
            .or(self.to_datetime.map(To::DateTime))
            .or(self.by_duration.map(To::Duration));
        Ok(to.map(WantedOffsets::To))
    }
}

impl Replay {
    /// Calls it.
    pub fn run(&self, session: &Session) -> Result<Exit> {
        let wanted = match self.to.wanted()? {
            Some(wanted) => wanted,
            None if self.export => WantedOffsets::To(To::Current),
            None => {
                return Err(Error::new(Cause::Usage, "replay: it is not said where to").what_to_do(
                    "give one of --to-earliest, --to-latest, --to-current, --to-checkpoint, --to-offset, --shift-by, \
                     --to-datetime, --by-duration, --from-file",
                ));
            }
        };
        let options = ReplayOptions {
            wanted,
            scope: Scope {
                stages: self.stage.iter().map(|stage| Stage::from(*stage)).collect(),
                topics: self.topic.clone(),
            },
            allow_gap: self.allow_gap,
            execute: self.execute,
            command: session.typed(),
        };
        let Some(replayer) = session.block_on(Replayer::connect(session.config()?, session.types()))? else {
            return Err(Error::new(
                Cause::CheckFailed,
                "replay: nothing was started yet under this topic prefix",
            ));
        };
        // Before anything is changed, where the result does not show it anyway.
        let show = |plan: &Plan| {
            if session.output() == Output::Human && !self.export {
                session.screen.say(&plan.present(width_of_stderr()));
            }
        };
        let replayed = session.block_on(replayer.replay(&options, &show))?;
        self.finish(session, replayed, replayer.engine())
    }

    fn finish(&self, session: &Session, replayed: Replayed, engine: &Engine) -> Result<Exit> {
        if self.export {
            print_bytes(csv::format(&replayed.plan.lines(&engine.kafka.names)).as_bytes())?;
        }
        let stages: Vec<Stage> = replayed.epochs.keys().copied().collect();
        let then = match self.then_run && replayed.executed {
            true => Some(moving::then(session, &stages, engine.started())?),
            false => None,
        };
        let exit = then.as_ref().map_or(Exit::Done, |then| then.exit);
        let result = ReplayResult { replayed, then: then.map(|Then { report, .. }| report) };
        if !self.export {
            session.output().result(&result)?;
        }
        Ok(exit)
    }
}

/// The result of `replay`: `{"to", "steps": [{"pipeline", "stage", "topic", "partition", "current", "new", "end",
/// "at_most_records", "at_most_left_out", "warning"}], "executed", "run", "epochs": {"load": 3}, "then": report}`.
#[derive(Debug, Serialize)]
struct ReplayResult {
    #[serde(flatten)]
    replayed: Replayed,
    #[serde(skip_serializing_if = "Option::is_none")]
    then: Option<RunReport>,
}

impl Present for Plan {
    fn present(&self, width: Option<usize>) -> String {
        if self.steps.is_empty() {
            return "Nothing that is meant was started yet.".to_owned();
        }
        let mut table = Table::new([
            name("pipeline"),
            name("stage"),
            number("partition"),
            number("current"),
            number("new"),
            number("records at most"),
            name("").spare(1),
        ]);
        let signed = |number: i64| match u64::try_from(number) {
            Ok(number) => count(number),
            Err(_) => number.to_string(),
        };
        for step in &self.steps {
            let left_out = match step.at_most_left_out {
                0 => String::new(),
                number => format!("leaves out {} at most", signed(number)),
            };
            table.row([
                step.pipeline.clone(),
                step.stage.to_string(),
                step.partition.to_string(),
                signed(step.current),
                signed(step.new),
                signed(step.at_most_records),
                left_out,
            ]);
        }
        let mut parts = vec![format!("Offsets {}", self.to), table.render(width)];
        parts.extend(self.steps.iter().filter_map(|step| {
            let warning = step.warning.as_ref()?;
            let text = format!("warning: {}, partition {}: {warning}", step.topic, step.partition);
            Some(wrapped(&clean(&text), 0, width))
        }));
        parts.join("\n")
    }
}

impl Present for ReplayResult {
    fn present(&self, width: Option<usize>) -> String {
        let Replayed { plan, executed, run, .. } = &self.replayed;
        let mut parts = Vec::new();
        if !executed {
            parts.push(plan.present(width));
        }
        parts.push(match (executed, plan.changes().next().is_some()) {
            (true, _) => {
                let run = run.map_or(String::new(), |run| format!(" (run {run})"));
                let next = if self.then.is_some() {
                    ""
                } else {
                    " `regraft migrate-data` or the workers go on from there."
                };
                format!("Moved{run}.{next}")
            }
            (false, true) => "Nothing was changed. --execute carries it out.".to_owned(),
            (false, false) => "There is nothing to move.".to_owned(),
        });
        parts.extend(self.then.as_ref().map(|report| report.present(width)));
        parts.join("\n\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Step;

    fn plan() -> Plan {
        let step = |partition, current: i64, new: i64, warning: Option<&str>| Step {
            pipeline: "episode".into(),
            stage: Stage::Load,
            topic: "regraft.model.episode".into(),
            partition,
            current,
            new,
            end: 5_000,
            at_most_records: (current - new).max(0),
            at_most_left_out: (new - current).max(0),
            warning: warning.map(str::to_owned),
            checkpoint: current,
            of_other_lineage: false,
            gap: None,
        };
        let steps = vec![
            step(0, 4_000, 0, Some("-7 is before the first offset: moved to 0")),
            step(1, 4_000, 5_000, None),
        ];
        Plan { to: "shifted by -4007".into(), steps }
    }

    #[test]
    fn a_plan_shows_every_partition() {
        let expected = "\
Offsets shifted by -4007
pipeline  stage  partition  current    new  records at most
episode   load           0    4,000      0            4,000
episode   load           1    4,000  5,000                0  leaves out 1,000 at most
warning: regraft.model.episode, partition 0: -7 is before the first offset: moved to 0";
        assert_eq!(plan().present(None), expected);
        assert!(plan().present(Some(80)).lines().all(|line| console::measure_text_width(line) <= 80));
    }

    #[test]
    fn programs_get_the_plan_and_what_was_done() {
        let replayed = Replayed {
            plan: Plan { to: "to the earliest".into(), steps: vec![plan().steps[1].clone()] },
            executed: true,
            run: Some(uuid::Uuid::nil()),
            epochs: [(Stage::Load, 3)].into(),
        };
        let json = serde_json::to_value(ReplayResult { replayed, then: None }).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "to": "to the earliest",
                "steps": [{
                    "pipeline": "episode", "stage": "load", "topic": "regraft.model.episode", "partition": 1,
                    "current": 4000, "new": 5000, "end": 5000, "at_most_records": 0, "at_most_left_out": 1000,
                }],
                "executed": true, "run": "00000000-0000-0000-0000-000000000000", "epochs": {"load": 3},
            })
        );
    }
}
