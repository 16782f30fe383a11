//! `regraft dead-letters`: what could not be migrated, and why.

mod again;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::numbers::{count, counted};
use super::output::{Items, print, width_of_stdout};
use super::table::{Table, name, number};
use super::text::{clean, wrapped};
use super::{Exit, Output, Present, Session, looking};
use crate::dead_letters::{Filter, LetterState, Listing, Position, Reader, View};
use crate::error::Result;
use crate::record::Reason;
pub use again::{OpenOnes, Replay, Resolve};

/// Looks at the records that could not be migrated, puts them back after a fix, or sets them aside
#[derive(Debug, Clone, Args)]
pub struct DeadLetters {
    /// What to do with them
    #[command(subcommand)]
    pub command: DeadLettersCommand,
}

/// What to do with dead letters.
#[derive(Debug, Clone, Subcommand)]
pub enum DeadLettersCommand {
    /// Groups them by reason, with the newest of each (with --output json: a list of all)
    List(Selection),
    /// Shows them in full, with the original record (with --output json: a list)
    Show(Selection),
    /// Writes them all as JSON, one a line, with the original record
    Export(Export),
    #[allow(missing_docs, reason = "the command's own text stands at its arguments, where clap reads it")]
    Replay(Replay),
    #[allow(missing_docs, reason = "the command's own text stands at its arguments, where clap reads it")]
    Resolve(Resolve),
}

/// Which dead letters; `--types` selects pipelines.
#[derive(Debug, Clone, Default, Args)]
pub struct Selection {
    /// Only those for these reasons, separated by commas
    #[arg(long, value_name = "REASONS", value_delimiter = ',', value_parser = reason)]
    pub reason: Vec<Reason>,
    /// Only those in these states, separated by commas; without it all states
    #[arg(long, value_name = "STATES", value_delimiter = ',', value_parser = state)]
    pub state: Vec<LetterState>,
    /// Only those of the node with this key, or of relationships that it ends
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Only those of the raw record at this place
    #[arg(long, value_name = "TOPIC:PARTITION:OFFSET")]
    pub at: Option<Position>,
    /// At most so many
    #[arg(long, value_name = "NUMBER")]
    pub limit: Option<usize>,
}

/// Which dead letters, and where to.
#[derive(Debug, Clone, Args)]
pub struct Export {
    /// Which ones
    #[command(flatten)]
    pub selection: Selection,
    /// The file to write instead of stdout
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

impl Selection {
    /// How many `show` shows to people unless told otherwise.
    pub const SHOWN: usize = 20;

    /// The filter, for these pipelines (none: all).
    pub fn filter(&self, pipelines: Vec<String>) -> Filter {
        Filter {
            pipelines,
            reasons: self.reason.clone(),
            states: self.state.clone(),
            key: self.key.clone(),
            at: self.at.clone(),
            ..Filter::default()
        }
    }
}

impl DeadLetters {
    /// Calls it.
    pub fn run(&self, session: &Session) -> Result<Exit> {
        let selection = match &self.command {
            DeadLettersCommand::Replay(replay) => return replay.run(session),
            DeadLettersCommand::Resolve(resolve) => return resolve.run(session),
            DeadLettersCommand::List(selection)
            | DeadLettersCommand::Show(selection)
            | DeadLettersCommand::Export(Export { selection, .. }) => selection,
        };
        let engine = looking::start(session)?;
        let (pipelines, reader) = match engine {
            None => (Vec::new(), None),
            Some(engine) => {
                let names = engine.selected.iter().map(|pipeline| pipeline.name().to_owned());
                // What was dead-lettered by pipelines that are no longer there shows too, unless some are named.
                let named = if session.types().is_empty() { Vec::new() } else { names.collect() };
                let (kafka, checkpoints) = (&engine.kafka, &engine.checkpoints);
                (named, Some(session.block_on(Reader::settled(kafka, &engine.watermarks, checkpoints))?))
            }
        };
        let selected =
            Selected { session, reader, filter: selection.filter(pipelines), limit: selection.limit };
        match (&self.command, session.output()) {
            (DeadLettersCommand::Show(_), Output::Human) => selected.show(),
            (DeadLettersCommand::Show(_), Output::Json) => selected.write(Items::list(), true),
            (DeadLettersCommand::Export(export), _) => {
                selected.write(Items::lines(export.file.as_deref())?, true)
            }
            (_, Output::Human) => selected.list(),
            (_, Output::Json) => selected.write(Items::list(), false),
        }
    }
}

/// The dead letters that are meant, none where nothing was started yet.
struct Selected<'s> {
    session: &'s Session,
    reader: Option<Reader>,
    filter: Filter,
    limit: Option<usize>,
}

impl Selected<'_> {
    /// Hands them over one by one, as long as that returns true and nobody wants to stop.
    fn each(&self, with_record: bool, mut each: impl FnMut(View) -> Result<bool>) -> Result<Exit> {
        if let Some(reader) = &self.reader {
            let mut originals = reader.originals();
            reader.read(&self.filter, |found| {
                let view = if with_record { originals.view(found)? } else { found.into_view() };
                Ok(each(view)? && !self.session.stop.is_requested())
            })?;
        }
        Ok(self.session.done())
    }

    fn list(&self) -> Result<Exit> {
        let mut listing = Listing::new(self.limit.unwrap_or(0));
        let exit = self.each(false, |view| {
            listing.add(view);
            Ok(true)
        })?;
        print(&listing.present(width_of_stdout()))?;
        Ok(exit)
    }

    fn show(&self) -> Result<Exit> {
        let limit = self.limit.unwrap_or(Selection::SHOWN);
        let (mut shown, mut more) = (0, false);
        let exit = self.each(true, |view| {
            more = shown == limit;
            if !more {
                let gap = if shown == 0 { "" } else { "\n" };
                print(&format!("{gap}{}", view.present(width_of_stdout())))?;
                shown += 1;
            }
            Ok(!more)
        })?;
        if shown == 0 && !more {
            print("No dead letters.")?;
        } else if more {
            print("\nThere are more: --limit shows more, --reason, --key and --types fewer kinds.")?;
        }
        Ok(exit)
    }

    /// Values for programs. Where nobody reads on, no more are looked for.
    fn write(&self, mut items: Items, with_record: bool) -> Result<Exit> {
        let mut left = self.limit.unwrap_or(usize::MAX);
        if left == 0 {
            items.end()?;
            return Ok(Exit::Done);
        }
        let exit = self.each(with_record, |view| {
            left -= 1;
            Ok(items.item(&view)? && left > 0)
        })?;
        items.end()?;
        Ok(exit)
    }
}

fn reason(text: &str) -> Result<Reason, String> {
    named(text, Reason::ALL, Reason::as_str)
}

fn state(text: &str) -> Result<LetterState, String> {
    named(text, LetterState::ALL, LetterState::as_str)
}

/// The one of `all` with this name.
fn named<T: Copy, const N: usize>(text: &str, all: [T; N], name: fn(T) -> &'static str) -> Result<T, String> {
    let found = all.into_iter().find(|each| name(*each) == text);
    found.ok_or_else(|| format!("expected one of {}", all.map(name).join(", ")))
}

impl Present for Listing {
    fn present(&self, width: Option<usize>) -> String {
        if self.groups.is_empty() {
            return "No dead letters.".to_owned();
        }
        let mut columns = vec![name("pipeline"), name("reason")];
        columns.extend(LetterState::ALL.map(|state| number(state.as_str())));
        let mut table = Table::new(columns);
        for ((pipeline, reason), group) in &self.groups {
            let counts =
                LetterState::ALL.map(|state| count(group.states.get(&state).copied().unwrap_or_default()));
            table.row([pipeline.clone(), reason.to_string()].into_iter().chain(counts));
        }
        let mut parts = vec![table.render(width)];
        if self.limit == 0 {
            let newest: Vec<String> =
                self.groups.values().map(|group| in_short(&group.newest, width)).collect();
            parts.push(format!("The newest of each:\n{}", newest.join("\n")));
            parts.push("--limit shows more, --reason and --types fewer kinds.".to_owned());
        } else {
            parts.push(self.first.iter().map(|view| in_short(view, width)).collect::<Vec<_>>().join("\n"));
            let more = self.total().saturating_sub(self.first.len() as u64);
            let more = (more > 0).then(|| format!("and {} more", count(more)));
            parts.extend(more);
        }
        parts.push(format!("{}.", counted(self.total(), "dead letter", "dead letters")));
        parts.join("\n\n")
    }
}

/// What and why, then where.
fn in_short(view: &View, width: Option<usize>) -> String {
    let what = format!("{}: {}", clean(&view.subject), clean(&view.message));
    let state = if view.state == LetterState::Open { String::new() } else { format!(", {}", view.state) };
    let derived = if view.derived { ", derived" } else { "" };
    let place = format!("{}{state}{derived}, at {}", view.reason, clean(&view.position()));
    format!("{}\n{}", wrapped(&what, 0, width), wrapped(&place, 4, width))
}

impl Present for View {
    fn present(&self, width: Option<usize>) -> String {
        let read_at = self.read_at.as_ref().map_or_else(String::new, |at| format!(", read at {at}"));
        let mut lines = vec![in_short(self, width), format!("    pass {}{read_at}", self.pass)];
        lines.push(wrapped(&format!("what to do: {}", self.reason.what_to_do()), 4, width));
        if let Some(record) = &self.record {
            // JSON escapes control characters itself.
            let text = serde_json::to_string_pretty(record).unwrap_or_default();
            lines.extend(text.lines().map(|line| format!("    {line}")));
        }
        lines.extend(
            self.comment.as_ref().map(|comment| wrapped(&clean(&format!("set aside: {comment}")), 4, width)),
        );
        lines.extend(self.earlier.map(|earlier| {
            let (partition, offset) = (earlier.partition, earlier.offset);
            format!("    again, after the dead letter at partition {partition}, offset {offset}")
        }));
        lines.extend(self.note.as_ref().map(|note| wrapped(note, 4, width)));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::record::DeadLetter;

    fn view(key: &str, state: LetterState) -> View {
        let letter = DeadLetter {
            pipeline: "episode".to_owned(),
            entity_type: "Episode".to_owned(),
            key: Some(key.to_owned()),
            start: None,
            end: None,
            reason: Reason::TypeMismatch,
            message: "published_date: \"soon\" is no date\u{1b}[2J".to_owned(),
            property: None,
            value: None,
            derived: false,
            charged: true,
            pass: 1,
            read_at_micros: 0,
            topic: "regraft.raw.episode".to_owned(),
            lineage: Uuid::nil(),
            partition: 0,
            offset: 17,
            output: 0,
            epoch: 0,
            model: None,
            earlier: None,
        };
        View::new(letter, state, Some(serde_json::json!({"id": "e1", "note": "\u{1b}[2J"})))
    }

    #[test]
    fn a_list_groups_and_shows_the_first() {
        let mut listing = Listing::new(2);
        assert_eq!(listing.present(None), "No dead letters.");
        for (key, state) in
            [("e1", LetterState::Open), ("e2", LetterState::Replayed), ("e3", LetterState::Open)]
        {
            listing.add(view(key, state));
        }
        let expected = r#"pipeline  reason         open  replayed  superseded  resolved
episode   type_mismatch     2         1           0         0

Episode "e1": published_date: "soon" is no date\u{1b}[2J
    type_mismatch, at regraft.raw.episode:0:17
Episode "e2": published_date: "soon" is no date\u{1b}[2J
    type_mismatch, replayed, at regraft.raw.episode:0:17

and 1 more

3 dead letters."#;
        assert_eq!(listing.present(Some(80)), expected);
        assert_eq!(listing.present(None), expected);
    }

    #[test]
    fn a_list_shows_the_newest_of_each_group() {
        let mut listing = Listing::new(0);
        for (key, written_at) in [
            ("e1", "2026-01-01T00:00:00.000Z"),
            ("e3", "2026-01-03T00:00:00.000Z"),
            ("e2", "2026-01-02T00:00:00.000Z"),
        ] {
            listing.add(View { written_at: Some(written_at.to_owned()), ..view(key, LetterState::Open) });
        }
        let text = listing.present(None);
        assert!(text.contains("The newest of each:\nEpisode \"e3\": "), "{text}");
        assert!(!text.contains("e1") && text.ends_with("3 dead letters."), "{text}");
    }

    #[test]
    fn one_is_shown_in_full_and_harmless() {
        let text = view("e1", LetterState::Open).present(Some(80));
        assert!(text.contains("what to do: mend the value"), "{text}");
        assert!(text.contains("    {\n      \"id\": \"e1\","), "{text}");
        assert!(!text.contains('\u{1b}'));
        assert!(text.contains("\n    pass 1\n"), "nobody knows when it was read: {text}");
    }
}
