//! What progress looks like, as pure text: bars for a terminal, one line for anything else.

use console::measure_text_width;

use super::numbers::{count, percent, rate, time_left};
use super::text::{clean, cut};
use crate::status::{Snapshot, State};

/// Names longer than this are cut; to the second length where that makes room for bars.
const LONGEST_NAMES: [usize; 2] = [22, 16];

/// Widest bar that still helps.
const WIDEST_BAR: usize = 40;

/// Narrowest bar that still shows something.
const NARROWEST_BAR: usize = 6;

/// So many of those that failed, and of those that wait, are named in the one line.
const MOST_NOTES: usize = 3;

/// One line per pipeline and one for all, at most `height` lines and `width` columns.
///
/// Where there are more pipelines than lines, those that work come before those that wait or are done.
pub fn bars(snapshots: &[Snapshot], width: usize, height: usize) -> Vec<String> {
    // One line for all of them, and one for those that are not shown.
    let room = height.saturating_sub(2).max(1);
    let mut shown: Vec<usize> = (0..snapshots.len()).collect();
    shown.sort_by_key(|index| urgency(snapshots[*index].state_here()));
    let hidden = shown.split_off(room.min(shown.len()));
    shown.sort_unstable();
    let all = whole(snapshots);
    let rows: Vec<Row> =
        shown.iter().map(|index| Row::of(&snapshots[*index])).chain([Row::of(&all)]).collect();
    let layout = Layout::of(&rows, width);
    let mut lines: Vec<String> = rows.iter().map(|row| row.line(&layout, width)).collect();
    if !hidden.is_empty() {
        let more =
            format!("and {} more: {}", hidden.len(), states(hidden.iter().map(|index| &snapshots[*index])));
        lines.insert(lines.len() - 1, cut(&more, width));
    }
    lines
}

/// All of other work in one line, for logs: what is done to how many things, and how many of them need a look.
pub fn plain_tally(snapshots: &[Snapshot], done: &str, found: &str) -> String {
    let all = whole(snapshots);
    let mut parts = vec![format!("{done} {}", count(all.finished()))];
    if !found.is_empty() {
        parts.push(format!("{found} {}", count(all.dead_lettered)));
    }
    with_the_rest(parts, &all, snapshots, "parts")
}

/// All of a migration in one line, for logs.
pub fn plain(snapshots: &[Snapshot]) -> String {
    let all = whole(snapshots);
    let mut parts = vec![
        format!("read {}", count(all.read)),
        format!("transformed {}", count(all.transformed)),
        format!("loaded {}", count(all.loaded)),
    ];
    if all.merged > 0 {
        parts.push(format!("merged {}", count(all.merged)));
    }
    parts.push(format!("dead letters {}", count(all.dead_lettered)));
    with_the_rest(parts, &all, snapshots, "pipelines")
}

fn with_the_rest(mut parts: Vec<String>, all: &Snapshot, snapshots: &[Snapshot], of: &str) -> String {
    if let Some(expected) = all.expected.filter(|expected| *expected > 0) {
        parts.push(format!("{}% of {}", percent(all.finished(), expected), count(expected)));
    }
    parts.push(rate(all.records_per_second));
    parts.extend(all.seconds_left().map(|seconds| format!("{} left", time_left(seconds))));
    let mut line = format!("{}; {of}: {}", parts.join(", "), states(snapshots.iter()));
    for state in [State::Failed, State::Waiting] {
        let notes = snapshots.iter().filter(|snapshot| snapshot.state_here() == state);
        let notes =
            notes.filter_map(|each| Some(format!("; {}: {}", each.pipeline, clean(each.note.as_ref()?))));
        line.extend(notes.take(MOST_NOTES));
    }
    line
}

pub(super) fn urgency(state: State) -> u8 {
    match state {
        State::Failed => 0,
        State::Running => 1,
        State::Waiting => 2,
        State::Idle | State::NotStarted => 3,
        State::Done => 4,
    }
}

/// `2 running, 1 waiting, 3 done`.
pub(super) fn states<'a>(snapshots: impl Iterator<Item = &'a Snapshot> + Clone) -> String {
    const ORDER: [State; State::ALL.len()] =
        [State::Failed, State::Running, State::Waiting, State::Idle, State::NotStarted, State::Done];
    let of = |state: State| snapshots.clone().filter(|snapshot| snapshot.state_here() == state).count();
    let parts = ORDER.into_iter().map(|state| (of(state), state)).filter(|(number, _)| *number > 0);
    parts.map(|(number, state)| format!("{number} {state}")).collect::<Vec<_>>().join(", ")
}

/// The sums of all pipelines, as one more.
pub(super) fn whole(snapshots: &[Snapshot]) -> Snapshot {
    // The whole is known only where every part is.
    let mut all =
        Snapshot { pipeline: "all".to_owned(), state: State::Done, expected: Some(0), ..Snapshot::default() };
    for one in snapshots {
        all.read += one.read;
        all.transformed += one.transformed;
        all.loaded += one.loaded;
        all.merged += one.merged;
        all.dead_lettered += one.dead_lettered;
        let through_here = one.through_here.map(|through| through + all.through_here.unwrap_or(0));
        all.through_here = through_here.or(all.through_here);
        all.lag += one.lag;
        all.records_per_second += one.records_per_second;
        if one.state_here() != State::Done {
            all.state = State::Running;
        }
        // More may have been read than was counted at the start.
        all.expected =
            all.expected.zip(one.expected).map(|(sum, expected)| sum + expected.max(one.finished()));
    }
    all
}

/// The cells of a pipeline's line.
struct Row {
    name: String,
    /// 0 to 100, where there is something to measure by.
    done: Option<u64>,
    finished: String,
    expected: String,
    rate: String,
    left: String,
    /// What stands at the end, or in place of all numbers.
    note: String,
    numbers: bool,
}

/// How the cells are laid out, alike in all lines.
struct Layout {
    name: usize,
    bar: usize,
    /// Whether `12/27` or just `12` is shown.
    of_expected: bool,
    counts: usize,
    rate: usize,
    left: usize,
    note: usize,
}

impl Row {
    fn of(snapshot: &Snapshot) -> Row {
        let finished = snapshot.finished();
        let expected = snapshot.expected.map(|expected| expected.max(finished));
        let state = snapshot.state_here();
        let running = state == State::Running;
        let numbers = matches!(state, State::Running | State::Idle | State::Done);
        let note = match (numbers, &snapshot.note) {
            (true, _) if snapshot.dead_lettered > 0 => format!("{} dead", count(snapshot.dead_lettered)),
            (true, _) => String::new(),
            (false, None) => state.to_string(),
            (false, Some(note)) => format!("{}: {}", state, clean(note)),
        };
        Row {
            name: snapshot.pipeline.clone(),
            done: expected.map(|expected| percent(finished, expected)),
            finished: count(finished),
            expected: expected.filter(|_| state != State::Done).map_or(String::new(), count),
            rate: if running { rate(snapshot.records_per_second) } else { String::new() },
            left: match state {
                State::Running => {
                    let left = snapshot.seconds_left();
                    left.map_or(String::new(), |seconds| format!("{} left", time_left(seconds)))
                }
                state => state.to_string(),
            },
            note,
            numbers,
        }
    }

    fn counts(&self, of_expected: bool) -> String {
        if of_expected && !self.expected.is_empty() {
            format!("{}/{}", self.finished, self.expected)
        } else {
            self.finished.clone()
        }
    }

    fn line(&self, layout: &Layout, width: usize) -> String {
        let mut cells = vec![pad(&cut(&self.name, layout.name), layout.name, false)];
        if self.numbers {
            if layout.bar > 0 {
                let bar = |done| format!("[{}]", bar(done, layout.bar));
                cells.push(self.done.map_or_else(|| " ".repeat(layout.bar + 2), bar));
            }
            cells.push(self.done.map_or("    ".to_owned(), |done| format!("{done:3}%")));
            cells.push(pad(&self.counts(layout.of_expected), layout.counts, true));
            cells.push(pad(&self.rate, layout.rate, true));
            cells.push(pad(&self.left, layout.left, true));
            cells.push(pad(&self.note, layout.note, true));
        } else {
            cells.push(self.note.clone());
        }
        cut(cells.join("  ").trim_end(), width)
    }
}

impl Layout {
    /// A bar is worth more than the number that it runs to and the end of a name, and the numbers more than a bar.
    fn of(rows: &[Row], width: usize) -> Layout {
        let [long, short] = LONGEST_NAMES;
        let layouts = [(long, true), (long, false), (short, false)];
        let mut layouts = layouts.into_iter().map(|(name, all)| Layout::measured(rows, width, name, all));
        let with_bars = layouts.find(|layout| layout.bar > 0);
        with_bars.unwrap_or_else(|| Layout::measured(rows, width, long, false))
    }

    fn measured(rows: &[Row], width: usize, longest_name: usize, of_expected: bool) -> Layout {
        let widest = |cell: &dyn Fn(&Row) -> String| {
            let cells = rows.iter().filter(|row| row.numbers).map(|row| measure_text_width(&cell(row)));
            cells.max().unwrap_or_default()
        };
        let name =
            rows.iter().map(|row| measure_text_width(&row.name)).max().unwrap_or_default().min(longest_name);
        let counts = widest(&|row| row.counts(of_expected));
        let (rate, left) = (widest(&|row| row.rate.clone()), widest(&|row| row.left.clone()));
        let note = widest(&|row| row.note.clone());
        // Six gaps, the percentage, and the brackets of the bar.
        let room = width.saturating_sub(name + counts + rate + left + note + 12 + 4 + 2).min(WIDEST_BAR);
        let bar = if room < NARROWEST_BAR { 0 } else { room };
        Layout { name, bar, of_expected, counts, rate, left, note }
    }
}

fn bar(done: u64, width: usize) -> String {
    let filled = usize::try_from(done).unwrap_or_default() * width / 100;
    let head = if filled < width { ">" } else { "" };
    format!("{}{head}{}", "=".repeat(filled), " ".repeat(width - filled - head.len()))
}

fn pad(text: &str, width: usize, right: bool) -> String {
    let room = " ".repeat(width.saturating_sub(measure_text_width(text)));
    if right { room + text } else { text.to_owned() + &room }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(pipeline: &str, state: State, expected: u64, loaded: u64, per_second: f64) -> Snapshot {
        Snapshot {
            pipeline: pipeline.to_owned(),
            state,
            expected: Some(expected),
            read: loaded,
            transformed: loaded,
            loaded,
            records_per_second: per_second,
            ..Snapshot::default()
        }
    }

    fn four() -> Vec<Snapshot> {
        let mut episode = snapshot("episode", State::Running, 27_000, 12_345, 8_120.4);
        episode.dead_lettered = 12;
        let mut waiting = snapshot("quote_extracted_from_segment", State::Waiting, 0, 0, 0.0);
        (waiting.expected, waiting.note) = (None, Some("for quote, segment\u{7}".to_owned()));
        vec![
            snapshot("podcast", State::Done, 200, 200, 0.0),
            episode,
            snapshot("segment", State::Running, 1_200_000, 0, 0.0),
            waiting,
        ]
    }

    #[test]
    fn at_80_columns() {
        let expected = "\
podcast                 [============]  100%     200               done
episode                 [=====>      ]   45%  12,357  8,120/s  2 s left  12 dead
segment                 [>           ]    0%       0      0/s
quote_extracted_from_…  waiting: for quote, segment\\u{7}
all                                           12,557  8,120/s            12 dead";
        assert_eq!(bars(&four(), 80, 24).join("\n"), expected);
    }

    #[test]
    fn at_80_columns_a_bar_is_worth_more_than_the_end_of_a_name() {
        let mut large =
            vec![snapshot("quote_extracted_from_segment", State::Running, 12_000_000, 1_234_567, 12_000.0)];
        large[0].dead_lettered = 1_234;
        let expected = "\
quote_extracted…  [>       ]   10%  1,235,801  12,000/s  15 min left  1,234 dead
all               [>       ]   10%  1,235,801  12,000/s  15 min left  1,234 dead";
        assert_eq!(bars(&large, 80, 24).join("\n"), expected);
    }

    #[test]
    fn at_200_columns_once_everything_is_counted() {
        let mut counted = four();
        counted[3].expected = Some(0);
        let expected = "\
podcast                 [========================================]  100%               200                 done
episode                 [==================>                     ]   45%     12,357/27,000  8,120/s    2 s left  12 dead
segment                 [>                                       ]    0%       0/1,200,000      0/s
quote_extracted_from_…  waiting: for quote, segment\\u{7}
all                     [>                                       ]    1%  12,557/1,227,200  8,120/s  2 min left  12 dead";
        assert_eq!(bars(&counted, 200, 24).join("\n"), expected);
    }

    #[test]
    fn in_a_low_and_narrow_terminal_those_that_work_are_shown() {
        let mut many: Vec<Snapshot> =
            (0..20).map(|index| snapshot(&format!("type_{index}"), State::Done, 1, 1, 0.0)).collect();
        many.extend(four());
        let expected = "\
type_0                  100%       1               done
episode                  45%  12,357  8,120/s  2 s left  12…
segment                   0%       0      0/s
quote_extracted_from_…  waiting: for quote, segment\\u{7}
and 20 more: 20 done
all                           12,577  8,120/s            12…";
        assert_eq!(bars(&many, 60, 6).join("\n"), expected);
    }

    #[test]
    fn other_work_says_what_it_does() {
        let mut compared = four()[..2].to_vec();
        compared[0].dead_lettered = 1;
        assert_eq!(
            plain_tally(&compared, "compared", "differ"),
            "compared 12,558, differ 13, 46% of 27,201, 8,120/s, 2 s left; parts: 1 running, 1 done"
        );
    }

    #[test]
    fn without_a_terminal_it_is_one_line() {
        let mut counted = four();
        counted[3].expected = Some(0);
        assert_eq!(
            plain(&counted),
            "read 12,545, transformed 12,545, loaded 12,545, dead letters 12, 1% of 1,227,200, 8,120/s, 2 min left; \
             pipelines: 2 running, 1 waiting, 1 done; quote_extracted_from_segment: for quote, segment\\u{7}"
        );
    }
}
