//! `regraft dead-letters replay` and `resolve`: dead letters put back through their pipeline, or set aside.

use chrono::{Duration, Utc};
use clap::Args;
use serde::Serialize;

use super::{Selection, reason};
use crate::checkpoint::Stage;
use crate::cli::moving::{self, Then};
use crate::cli::numbers::{count, counted};
use crate::cli::output::width_of_stderr;
use crate::cli::table::{Table, name, number};
use crate::cli::text::wrapped;
use crate::cli::{Exit, Output, Present, Session};
use crate::dead_letters::{Filter, Position};
use crate::error::{Cause, Error, Result};
use crate::record::Reason;
use crate::replay::{PutBack, when};
use crate::run::{LetterDesk, LetterOptions, LettersDealtWith};
use crate::status::RunReport;

/// Which open dead letters; `--types` selects pipelines.
#[derive(Debug, Clone, Default, Args)]
pub struct OpenOnes {
    /// Only those for these reasons, separated by commas
    #[arg(long, value_name = "REASONS", value_delimiter = ',', value_parser = reason)]
    pub reason: Vec<Reason>,
    /// Only those of the node with this key, or of relationships that it ends
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Only those of the raw record at this place
    #[arg(long, value_name = "TOPIC:PARTITION:OFFSET")]
    pub at: Option<Position>,
    /// Only those that are dead letters for longer than this: P7D, PT1H30M, 90s
    #[arg(long, value_name = "DURATION", value_parser = when::duration)]
    pub older_than: Option<Duration>,
    /// Only those that became dead letters within this time
    #[arg(long, value_name = "DURATION", value_parser = when::duration)]
    pub newer_than: Option<Duration>,
    /// At most so many
    #[arg(long, value_name = "NUMBER")]
    pub limit: Option<u64>,
    /// Carries it out; without it, shows what would be done
    #[arg(long)]
    pub execute: bool,
}

/// Puts the original records through their pipeline as it is now
///
/// What fails again is a new dead letter that names the earlier one. A record whose entity a newer pass has read never
/// overwrites it. Records that were too large are read from the source again.
#[derive(Debug, Clone, Args)]
pub struct Replay {
    /// Which ones
    #[command(flatten)]
    pub selection: OpenOnes,
    /// Puts back, too, the relationships that lack a node which is put back
    #[arg(long)]
    pub with_relationships: bool,
    /// Then loads until nothing is left to do
    #[arg(long, requires = "execute")]
    pub then_run: bool,
}

/// Sets dead letters aside with a comment; they no longer count towards load.max_dead_letters
#[derive(Debug, Clone, Args)]
pub struct Resolve {
    /// Which ones
    #[command(flatten)]
    pub selection: OpenOnes,
    /// Why nothing is to be done about them
    #[arg(long, value_name = "TEXT")]
    pub comment: String,
}

impl OpenOnes {
    fn options(&self, session: &Session) -> LetterOptions {
        let ago = |duration: &Duration| {
            Utc::now().checked_sub_signed(*duration).map_or(i64::MIN, |at| at.timestamp_millis())
        };
        let selection = Selection {
            reason: self.reason.clone(),
            key: self.key.clone(),
            at: self.at.clone(),
            ..Selection::default()
        };
        let filter = Filter {
            since_ms: self.newer_than.as_ref().map(ago),
            until_ms: self.older_than.as_ref().map(ago),
            ..selection.filter(Vec::new())
        };
        LetterOptions {
            filter,
            limit: self.limit,
            with_relationships: false,
            execute: self.execute,
            command: session.typed(),
        }
    }
}

impl Replay {
    pub(super) fn run(&self, session: &Session) -> Result<Exit> {
        let desk = desk(session)?;
        let options =
            LetterOptions { with_relationships: self.with_relationships, ..self.selection.options(session) };
        let dealt = session.block_on(desk.put_back(&options, &show(session)))?;
        let then = match self.then_run && dealt.executed {
            true => Some(moving::then(session, &[Stage::Load], desk.engine().started())?),
            false => None,
        };
        let exit = then.as_ref().map_or_else(|| session.done(), |then| then.exit);
        let then = then.map(|Then { report, .. }| report);
        session.output().result(&LettersResult { dealt, then })?;
        Ok(exit)
    }
}

impl Resolve {
    pub(super) fn run(&self, session: &Session) -> Result<Exit> {
        if self.comment.trim().is_empty() {
            return Err(Error::new(Cause::Usage, "dead-letters resolve: the comment is empty")
                .what_to_do("say in --comment why nothing is to be done about them"));
        }
        let desk = desk(session)?;
        let options = self.selection.options(session);
        let dealt = session.block_on(desk.resolve(&options, &self.comment, &show(session)))?;
        session.output().result(&LettersResult { dealt, then: None })?;
        Ok(session.done())
    }
}

fn desk(session: &Session) -> Result<LetterDesk> {
    let desk = LetterDesk::connect(session.config()?, session.types(), session.stop.clone());
    session.block_on(desk)?.ok_or_else(|| {
        Error::new(Cause::CheckFailed, "dead-letters: nothing was started yet under this topic prefix")
    })
}

/// Shows the plan before anything is changed, where the result does not show it anyway.
fn show(session: &Session) -> impl Fn(&LettersDealtWith) {
    |dealt| {
        if session.output() == Output::Human {
            session.screen.say(&plan(dealt, width_of_stderr()));
        }
    }
}

/// The result: `{"dead_letters": {"episode": {"rule_violated": 5}}, "total", "waiting": {"has_episode": 2}, "executed",
/// "run", "put_back", "passed", "merged", "rejected": {reason: n}, "left": {why: n}, "relationships": {…}, "resolved",
/// "then": report}`; what does not apply is left out.
#[derive(Debug, Serialize)]
struct LettersResult {
    #[serde(flatten)]
    dealt: LettersDealtWith,
    #[serde(skip_serializing_if = "Option::is_none")]
    then: Option<RunReport>,
}

fn plan(dealt: &LettersDealtWith, width: Option<usize>) -> String {
    if dealt.total == 0 {
        return "No open dead letters are meant.".to_owned();
    }
    let mut table = Table::new([name("pipeline"), name("reason"), number("open dead letters")]);
    for (pipeline, reasons) in &dealt.dead_letters {
        for (reason, number) in reasons {
            table.row([pipeline.clone(), reason.to_string(), count(*number)]);
        }
    }
    let mut parts = vec![table.render(width)];
    if !dealt.waiting.is_empty() {
        let of_each: Vec<String> =
            dealt.waiting.iter().map(|(pipeline, number)| format!("{pipeline} {}", count(*number))).collect();
        let text = format!(
            "Relationships that lack one of these nodes: {} (--with-relationships puts them back too)",
            of_each.join(", ")
        );
        parts.push(wrapped(&text, 0, width));
    }
    parts.join("\n")
}

fn done(put_back: &PutBack, what: &str) -> String {
    let numbered = |all: Vec<(String, u64)>| {
        all.into_iter().map(|(why, number)| format!("{} {why}", count(number))).collect::<Vec<_>>().join(", ")
    };
    let mut parts = vec![format!("{} put back", counted(put_back.put_back, what, &format!("{what}s")))];
    parts.push(format!("{} to be loaded", count(put_back.passed)));
    if put_back.merged > 0 {
        parts.push(format!("{} merged", count(put_back.merged)));
    }
    if !put_back.rejected.is_empty() {
        let rejected = put_back.rejected.iter().map(|(reason, number)| (reason.to_string(), *number));
        parts.push(format!("dead letters again: {}", numbered(rejected.collect())));
    }
    let mut text = parts.join("; ");
    for (why, number) in &put_back.left {
        text.push_str(&format!("\n{} left as they are: {why}", count(*number)));
    }
    text
}

impl Present for LettersResult {
    fn present(&self, width: Option<usize>) -> String {
        let dealt = &self.dealt;
        if !dealt.executed {
            let mut parts = vec![plan(dealt, width)];
            if dealt.total > 0 {
                parts.push("Nothing was changed. --execute carries it out.".to_owned());
            }
            return parts.join("\n\n");
        }
        let mut parts = Vec::new();
        parts.extend(dealt.put_back.as_ref().map(|put_back| done(put_back, "dead letter")));
        parts.extend(dealt.relationships.as_ref().map(|put_back| done(put_back, "relationship")));
        parts.extend(
            dealt
                .resolved
                .map(|number| format!("{} resolved.", counted(number, "dead letter", "dead letters"))),
        );
        if dealt.put_back.is_some() && self.then.is_none() {
            parts.push("`regraft migrate-data` or a load worker brings them into the target.".to_owned());
        }
        parts.extend(self.then.as_ref().map(|report| format!("\n{}", report.present(width))));
        parts.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dealt() -> LettersDealtWith {
        let reasons = [(Reason::RuleViolated, 1_200), (Reason::Orphaned, 3)];
        LettersDealtWith {
            dead_letters: [("episode".to_owned(), reasons.into())].into(),
            total: 1_203,
            waiting: [("has_episode".to_owned(), 7)].into(),
            ..LettersDealtWith::default()
        }
    }

    #[test]
    fn the_plan_groups_and_offers_what_waits() {
        let result = LettersResult { dealt: dealt(), then: None };
        let expected = "\
pipeline  reason         open dead letters
episode   orphaned                       3
episode   rule_violated              1,200
Relationships that lack one of these nodes: has_episode 7 (--with-relationships puts them back too)

Nothing was changed. --execute carries it out.";
        assert_eq!(result.present(None), expected);
    }

    #[test]
    fn what_was_done_is_told_and_machine_readable() {
        let put_back = PutBack {
            put_back: 1_203,
            passed: 1_200,
            merged: 0,
            rejected: [(Reason::Orphaned, 3)].into(),
            left: [("retention has removed its original record", 2)].into(),
        };
        let dealt = LettersDealtWith { executed: true, put_back: Some(put_back), ..dealt() };
        let result = LettersResult { dealt, then: None };
        let expected = "\
1,203 dead letters put back; 1,200 to be loaded; dead letters again: 3 orphaned
2 left as they are: retention has removed its original record
`regraft migrate-data` or a load worker brings them into the target.";
        assert_eq!(result.present(None), expected);
        assert_eq!(
            serde_json::to_value(&result).unwrap(),
            serde_json::json!({
                "dead_letters": {"episode": {"orphaned": 3, "rule_violated": 1200}}, "total": 1203,
                "waiting": {"has_episode": 7}, "executed": true, "put_back": 1203, "passed": 1200, "merged": 0,
                "rejected": {"orphaned": 3}, "left": {"retention has removed its original record": 2},
            })
        );
    }
}
