//! `regraft status`: where every pipeline is.

use std::time::Duration;

use clap::Args;

use super::bars::{states, urgency, whole};
use super::numbers::{count, rate, time_left};
use super::output::print_bytes;
use super::progress::with_rates;
use super::table::{Table, name, number};
use super::text::{clean, wrapped};
use super::{Exit, Output, Present, Session};
use crate::error::{Error, Result};
use crate::run::Look;
use crate::status::{State, Status};

/// Shows where every pipeline is: state, counts, lag, rate and time left
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Shows it again and again until Ctrl-C (with --output json: a line each time)
    #[arg(long)]
    pub watch: bool,
    /// How often, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3_600), requires = "watch")]
    pub interval: u64,
}

/// How long a single look waits for counts to move, where somebody is at work.
const MOVING: Duration = Duration::from_secs(1);

impl StatusArgs {
    /// Calls it. What can be seen without the target is shown, and then the exit code says that it is not all.
    pub fn run(&self, session: &Session) -> Result<Exit> {
        let Some(look) = session.block_on(Look::start(session.config()?, session.types()))? else {
            session.output().result(&Status { remarks: vec![NOTHING.to_owned()], ..Status::default() })?;
            return Ok(Exit::Done);
        };
        let rated = with_rates(look.board().observe());
        let seen = || -> Result<Status> {
            session.block_on(look.refresh())?;
            let remarks = look.without_target.iter().map(unseen).collect();
            Ok(Status { pipelines: rated(), remarks, all: None })
        };
        if self.watch {
            return self.watch(session, seen);
        }
        let mut status = seen()?;
        if status.pipelines.iter().any(|one| one.state == State::Running) && !session.stop.pause(MOVING) {
            status = seen()?;
        }
        session.output().result(&status)?;
        Ok(look.without_target.map_or(Exit::Done, |error| Exit::Failed(error.cause())))
    }

    /// Shows it until Ctrl-C, which is how this ends. A service that goes away meanwhile is said, and looked for again.
    fn watch(&self, session: &Session, seen: impl Fn() -> Result<Status>) -> Result<Exit> {
        let terminal = console::Term::stdout();
        let mut first = true;
        while !session.stop.is_requested() {
            match seen() {
                Ok(mut status) => {
                    if session.output() == Output::Human && terminal.is_term() {
                        // Where it can't be cleared, it stands below the last one.
                        let _ = terminal.clear_screen();
                        status = fitting(status, usize::from(terminal.size().0));
                    } else if session.output() == Output::Human && !first {
                        print_bytes(b"\n")?;
                    }
                    session.output().result(&status)?;
                }
                Err(error) if first => return Err(error),
                Err(error) => session.screen.say(&format!("can't look: {}", error.chain().join(": "))),
            }
            first = false;
            session.stop.pause(Duration::from_secs(self.interval));
        }
        Ok(Exit::Done)
    }
}

/// Lines that are no pipeline's: the titles, the line above the sums, the sums, what was left out for want of room, an
/// empty one, how many more there are, and the cursor's.
const OTHER_LINES: usize = 7;

/// What fits on a screen of so many lines: those that work before those that wait or are done, and how many more there
/// are.
fn fitting(mut status: Status, height: usize) -> Status {
    let notes = status.remarks.len() + status.pipelines.iter().filter(|one| one.note.is_some()).count();
    let room = height.saturating_sub(OTHER_LINES + notes).max(1);
    if status.pipelines.len() <= room {
        return status;
    }
    let mut order: Vec<usize> = (0..status.pipelines.len()).collect();
    order.sort_by_key(|index| urgency(status.pipelines[*index].state));
    let hidden = order.split_off(room);
    let more = states(hidden.iter().map(|index| &status.pipelines[*index]));
    status.remarks.push(format!("and {} more: {more}", hidden.len()));
    status.all = Some(whole(&status.pipelines));
    let mut index = 0;
    status.pipelines.retain(|_| {
        index += 1;
        !hidden.contains(&(index - 1))
    });
    status
}

const NOTHING: &str = "nothing was started yet under this topic prefix: there is no checkpoints topic";

fn unseen(error: &Error) -> String {
    format!("what is loaded can't be seen: {}", error.chain().join(": "))
}

impl Present for Status {
    fn present(&self, width: Option<usize>) -> String {
        let mut table = Table::new([
            name("pipeline"),
            name("state"),
            number("pass").spare(6),
            number("read"),
            number("transformed").spare(4),
            number("loaded"),
            number("merged").spare(5),
            number("dead letters"),
            number("lag").spare(3),
            number("rate").spare(2),
            number("left").spare(1),
        ]);
        let mut notes: Vec<String> = Vec::new();
        for one in &self.pipelines {
            table.row([
                one.pipeline.clone(),
                one.state.to_string(),
                one.pass.to_string(),
                count(one.read),
                count(one.transformed),
                count(one.loaded),
                count(one.merged),
                count(one.dead_lettered),
                count(one.lag),
                rate(one.records_per_second),
                one.seconds_left().map(time_left).unwrap_or_default(),
            ]);
            notes.extend(
                one.note
                    .as_ref()
                    .map(|note| wrapped(&format!("{}: {}", clean(&one.pipeline), clean(note)), 0, width)),
            );
        }
        let all = self.all.clone().unwrap_or_else(|| whole(&self.pipelines));
        table.sums([
            "all".to_owned(),
            String::new(),
            String::new(),
            count(all.read),
            count(all.transformed),
            count(all.loaded),
            count(all.merged),
            count(all.dead_lettered),
            count(all.lag),
            rate(all.records_per_second),
            all.seconds_left().map(time_left).unwrap_or_default(),
        ]);
        notes.extend(self.remarks.iter().map(|remark| wrapped(&clean(remark), 0, width)));
        if self.pipelines.is_empty() {
            return notes.join("\n");
        }
        let mut text = table.render(width);
        if !notes.is_empty() {
            text.push_str("\n\n");
            text.push_str(&notes.join("\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Snapshot;

    fn status() -> Status {
        let episode = Snapshot {
            pipeline: "episode".to_owned(),
            state: State::Running,
            pass: 1,
            expected: Some(27_000),
            read: 20_000,
            transformed: 15_000,
            loaded: 12_345,
            dead_lettered: 12,
            lag: 7_643,
            records_per_second: 8_120.4,
            ..Snapshot::default()
        };
        let has_episode = Snapshot {
            pipeline: "has_episode".to_owned(),
            state: State::Waiting,
            note: Some("for the load of episode".to_owned()),
            ..Snapshot::default()
        };
        Status { pipelines: vec![episode, has_episode], ..Status::default() }
    }

    #[test]
    fn at_80_columns() {
        assert_eq!(
            status().present(Some(80)),
            "\
pipeline     state      read  loaded  dead letters    lag     rate  left
episode      running  20,000  12,345            12  7,643  8,120/s   2 s
has_episode  waiting       0       0             0      0      0/s
────────────────────────────────────────────────────────────────────────
all                   20,000  12,345            12  7,643  8,120/s
(too narrow for: pass, transformed, merged)

has_episode: for the load of episode"
        );
    }

    #[test]
    fn at_200_columns_and_without_a_terminal() {
        let expected = "\
pipeline     state    pass    read  transformed  loaded  merged  dead letters    lag     rate  left
episode      running     1  20,000       15,000  12,345       0            12  7,643  8,120/s   2 s
has_episode  waiting     0       0            0       0       0             0      0      0/s
───────────────────────────────────────────────────────────────────────────────────────────────────
all                         20,000       15,000  12,345       0            12  7,643  8,120/s

has_episode: for the load of episode";
        assert_eq!(status().present(Some(200)), expected);
        assert_eq!(status().present(None), expected);
    }

    #[test]
    fn on_a_small_screen_those_that_work_are_seen_and_the_sums_of_all() {
        let one = |number: usize, state| Snapshot {
            pipeline: format!("type_{number}"),
            state,
            read: 10,
            ..Snapshot::default()
        };
        let pipelines =
            (0..30).map(|number| one(number, if number == 25 { State::Running } else { State::Done }));
        let status = Status { pipelines: pipelines.collect(), ..Status::default() };
        let shown = fitting(status.clone(), 24);
        let text = shown.present(Some(80));
        assert!(text.lines().count() < 24, "{text}");
        assert!(text.contains("type_25") && text.contains("and 13 more: 13 done"), "{text}");
        assert!(text.contains("300"), "{text}");
        assert_eq!(fitting(status.clone(), 100), status);
    }
}
