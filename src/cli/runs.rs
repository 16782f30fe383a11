//! `regraft runs`: what was run, when, by whom, and how it ended.

use chrono::{DateTime, SecondsFormat};
use clap::{Args, Subcommand};
use serde::Serialize;
use uuid::Uuid;

use super::numbers::{duration, instant};
use super::table::{Table, name};
use super::text::clean;
use super::{Exit, Present, Session, looking};
use crate::checkpoint::Run;
use crate::error::{Cause, Error, Result};
use crate::run::list_runs;

/// Shows every run: when, who, what, how it ended
#[derive(Debug, Clone, Args)]
pub struct Runs {
    /// What to show
    #[command(subcommand)]
    pub command: RunsCommand,
}

/// What to show of the runs.
#[derive(Debug, Clone, Subcommand)]
pub enum RunsCommand {
    /// All of them, the newest first
    List {
        /// At most so many
        #[arg(long, value_name = "NUMBER", default_value_t = 50)]
        limit: usize,
    },
    /// One of them in full
    Show {
        /// Its id, or the beginning of it
        id: String,
    },
}

impl Runs {
    /// Calls it.
    pub fn run(&self, session: &Session) -> Result<Exit> {
        let runs = looking::start(session)?.map(|engine| list_runs(&engine)).unwrap_or_default();
        match &self.command {
            RunsCommand::List { limit } => session.output().result(&RunList::new(runs, *limit))?,
            RunsCommand::Show { id } => session.output().result(&RunView::from(the_one(runs, id)?))?,
        }
        Ok(Exit::Done)
    }
}

/// The run whose id begins so.
fn the_one(runs: Vec<Run>, beginning: &str) -> Result<Run> {
    let wanted = beginning.to_lowercase();
    let mut found: Vec<Run> =
        runs.into_iter().filter(|run| run.id.to_string().starts_with(&wanted)).collect();
    match (found.pop(), found.len()) {
        (Some(run), 0) => Ok(run),
        (None, _) => {
            Err(Error::new(Cause::Usage, format!("no run has an id that begins with {beginning:?}"))
                .what_to_do("take one of `regraft runs list`"))
        }
        (Some(_), others) => {
            let message = format!("{} runs have an id that begins with {beginning:?}", others + 1);
            Err(Error::new(Cause::Usage, message).what_to_do("give more of the id"))
        }
    }
}

/// The result of `runs list`, newest first.
#[derive(Debug, Clone, Serialize)]
pub struct RunList {
    /// The runs.
    pub runs: Vec<RunView>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunView {
    /// Id.
    pub id: Uuid,
    /// The command as it was given.
    pub command: String,
    /// User and host.
    pub who: String,
    /// Regraft's version.
    pub version: String,
    /// Pipelines that it was to move.
    pub pipelines: Vec<String>,
    /// When it started, in UTC, by the brokers' clock: `rollback --target-date` takes it as it is.
    pub started_at: String,
    /// When it ended; null while it runs, or where it was killed.
    pub ended_at: Option<String>,
    /// Exit code.
    pub exit_code: Option<u8>,
    /// How it ended, in a few words.
    pub summary: Option<String>,
    #[serde(skip)]
    micros: (i64, Option<i64>),
}

impl From<Run> for RunView {
    fn from(run: Run) -> Self {
        let text = |micros| {
            DateTime::from_timestamp_micros(micros)
                .map_or_else(String::new, |at| at.to_rfc3339_opts(SecondsFormat::Micros, true))
        };
        let ended = run.outcome.as_ref().map(|outcome| outcome.at_micros);
        RunView {
            id: run.id,
            command: run.command,
            who: run.who,
            version: run.version,
            pipelines: run.pipelines,
            started_at: text(run.started_at_micros),
            ended_at: ended.map(text),
            exit_code: run.outcome.as_ref().map(|outcome| outcome.exit_code),
            summary: run.outcome.map(|outcome| outcome.summary),
            micros: (run.started_at_micros, ended),
        }
    }
}

impl RunList {
    /// The newest `limit` of them.
    pub fn new(runs: impl IntoIterator<Item = Run>, limit: usize) -> RunList {
        let mut runs: Vec<RunView> = runs.into_iter().map(RunView::from).collect();
        runs.sort_by_key(|run| std::cmp::Reverse((run.micros.0, run.id)));
        runs.truncate(limit);
        RunList { runs }
    }
}

impl RunView {
    fn outcome(&self) -> String {
        match (self.exit_code, &self.summary) {
            (Some(code), Some(summary)) if code > 0 => format!("exit {code}: {}", clean(summary)),
            (_, Some(summary)) => clean(summary),
            _ => "runs, or was killed".to_owned(),
        }
    }

    fn took(&self) -> String {
        let (start, end) = self.micros;
        let micros = end.and_then(|end| u64::try_from(end - start).ok());
        micros.map_or_else(String::new, |micros| duration(std::time::Duration::from_micros(micros)))
    }
}

impl Present for RunList {
    fn present(&self, width: Option<usize>) -> String {
        if self.runs.is_empty() {
            return "No runs yet.".to_owned();
        }
        let mut table = Table::new([
            name("started"),
            name("took").spare(1),
            name("command"),
            name("who").spare(3),
            name("outcome"),
            name("id").spare(2),
        ]);
        for run in &self.runs {
            table.row([
                instant(run.micros.0),
                run.took(),
                run.command.clone(),
                run.who.clone(),
                run.outcome(),
                run.id.to_string(),
            ]);
        }
        table.render(width)
    }
}

impl Present for RunView {
    fn present(&self, _width: Option<usize>) -> String {
        let ended = self.micros.1.map_or_else(String::new, instant);
        let rows = [
            ("id", self.id.to_string()),
            ("command", clean(&self.command)),
            ("who", clean(&self.who)),
            ("version", clean(&self.version)),
            ("pipelines", clean(&self.pipelines.join(", "))),
            ("started", instant(self.micros.0)),
            ("ended", ended),
            ("took", self.took()),
            ("outcome", self.outcome()),
        ];
        rows.map(|(title, value)| format!("{title:<10} {value}").trim_end().to_owned()).join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::RunOutcome;

    fn run(started: i64, outcome: Option<RunOutcome>) -> Run {
        Run {
            id: Uuid::from_u128(u128::from(started.unsigned_abs())),
            command: "regraft migrate-data".to_owned(),
            who: "ada@host".to_owned(),
            version: "0.1.0".to_owned(),
            pipelines: vec!["episode".to_owned()],
            started_at_micros: started,
            outcome,
        }
    }

    fn list() -> RunList {
        let done = RunOutcome { at_micros: 63_000_000, exit_code: 0, summary: "9 records".to_owned() };
        let lost = RunOutcome { at_micros: 99_000_000, exit_code: 3, summary: "Kafka went away".to_owned() };
        RunList::new([run(0, Some(done)), run(90_000_000, Some(lost)), run(99_500_000, None)], 50)
    }

    #[test]
    fn the_newest_stands_first() {
        let expected = "\
started                      took        command               who       outcome                  id
1970-01-01 00:01:39.500 UTC              regraft migrate-data  ada@host  runs, or was killed      00000000-0000-0000-0000-000005ee3fe0
1970-01-01 00:01:30.000 UTC  9.0 s       regraft migrate-data  ada@host  exit 3: Kafka went away  00000000-0000-0000-0000-0000055d4a80
1970-01-01 00:00:00.000 UTC  1 min 03 s  regraft migrate-data  ada@host  9 records                00000000-0000-0000-0000-000000000000";
        assert_eq!(list().present(None), expected);
    }

    #[test]
    fn at_80_columns_what_matters_stays() {
        let text = list().present(Some(80));
        assert!(text.lines().all(|line| console::measure_text_width(line) <= 80), "{text}");
        assert!(text.contains("exit 3: Kafka went away"), "{text}");
    }

    #[test]
    fn programs_get_instants() {
        let json = serde_json::to_value(&list().runs[1]).unwrap();
        assert_eq!(json["started_at"], "1970-01-01T00:01:30.000000Z");
        assert_eq!((&json["exit_code"], &json["summary"]), (&3.into(), &"Kafka went away".into()));
    }
}
