//! What people see at the end of a run: the account per pipeline, dead letters by reason, how fast it was.

use std::collections::BTreeMap;

use super::Present;
use super::closing::closing;
use super::numbers::count;
use super::table::{Table, name, number};
use super::text::{clean, wrapped};
use crate::record::Reason;
use crate::status::{PipelineReport, RunReport, Sample};

impl Present for RunReport {
    fn present(&self, width: Option<usize>) -> String {
        let mut parts = vec![accounts(self).render(width)];
        parts.extend(derived(self).map(|table| format!("Derived records\n{}", table.render(width))));
        parts.extend(replays(self).map(|table| format!("Replays\n{}", table.render(width))));
        parts.extend(dead_letters(self, width));
        let mut end: Vec<String> =
            self.remarks.iter().map(|remark| wrapped(&clean(remark), 0, width)).collect();
        end.push(wrapped(&closing(self), 0, width));
        parts.push(end.join("\n"));
        parts.join("\n\n")
    }
}

fn accounts(report: &RunReport) -> Table {
    let mut table = Table::new([
        name("pipeline"),
        number("pass").spare(1),
        number("read"),
        number("loaded"),
        number("merged"),
        number("dead letters"),
        name("account"),
    ]);
    for pipeline in &report.pipelines {
        let ended = pipeline.loaded + pipeline.merged + pipeline.dead_lettered();
        table.row([
            pipeline.name.clone(),
            pipeline.pass.to_string(),
            count(pipeline.read),
            count(pipeline.loaded),
            count(pipeline.merged),
            count(pipeline.dead_lettered()),
            match pipeline.extracted {
                true => balance(pipeline.read, ended),
                false => format!("{} of {} read", count(pipeline.read), count(pipeline.expected)),
            },
        ]);
    }
    let totals = &report.totals;
    let dead_letters = totals.dead_letters.values().sum();
    table.sums([
        "total".to_owned(),
        String::new(),
        count(totals.read),
        count(totals.loaded),
        count(totals.merged),
        count(dead_letters),
        match report.is_extracted() {
            true => balance(totals.read, totals.loaded + totals.merged + dead_letters),
            false => "not all read".to_owned(),
        },
    ]);
    table
}

/// Only for pipelines that derived records come to.
fn derived(report: &RunReport) -> Option<Table> {
    let mut table = Table::new([
        name("pipeline"),
        number("emitted"),
        number("loaded"),
        number("dead letters"),
        name("account"),
    ]);
    let mut any = false;
    for pipeline in report.pipelines.iter().filter(|pipeline| pipeline.emitted.total > 0) {
        any = true;
        let emitted = &pipeline.emitted;
        table.row([
            pipeline.name.clone(),
            count(emitted.total),
            count(emitted.loaded),
            count(emitted.dead_lettered()),
            balance(emitted.total, emitted.loaded + emitted.dead_lettered()),
        ]);
    }
    any.then_some(table)
}

/// Only for pipelines that had replays in this pass.
fn replays(report: &RunReport) -> Option<Table> {
    let mut table = Table::new([
        name("pipeline"),
        number("replay"),
        number("read again"),
        number("loaded"),
        number("merged").spare(1),
        number("dead letters"),
        name("account"),
    ]);
    let mut any = false;
    for pipeline in &report.pipelines {
        for replay in &pipeline.replays {
            any = true;
            table.row([
                pipeline.name.clone(),
                replay.epoch.to_string(),
                count(replay.read),
                count(replay.loaded),
                count(replay.merged),
                count(replay.dead_letters.values().sum()),
                balance(replay.read, replay.read - replay.in_flight()),
            ]);
        }
    }
    any.then_some(table)
}

fn balance(came: u64, ended: u64) -> String {
    match came.cmp(&ended) {
        std::cmp::Ordering::Equal => "closed".to_owned(),
        std::cmp::Ordering::Greater => format!("{} open", count(came - ended)),
        std::cmp::Ordering::Less => format!("{} too many", count(ended - came)),
    }
}

/// Every reason that there is, with where, an example, and what to do.
fn dead_letters(report: &RunReport, width: Option<usize>) -> Option<String> {
    let mut by_reason: BTreeMap<Reason, Vec<(&str, u64)>> = BTreeMap::new();
    for pipeline in &report.pipelines {
        for (reason, number) in together(pipeline) {
            by_reason.entry(reason).or_default().push((&pipeline.name, number));
        }
    }
    if by_reason.is_empty() {
        return None;
    }
    let mut lines = vec!["Dead letters (regraft dead-letters list shows them)".to_owned()];
    for (reason, places) in by_reason {
        let sample = report.samples.iter().find(|sample| sample.reason == reason);
        lines.extend(of_reason(reason, &places, sample, width));
    }
    Some(lines.join("\n"))
}

/// Dead letters of a pipeline by reason, those of derived records included.
fn together(pipeline: &PipelineReport) -> BTreeMap<Reason, u64> {
    let mut sum = pipeline.dead_letters.clone();
    for (reason, number) in &pipeline.emitted.dead_letters {
        *sum.entry(*reason).or_default() += number;
    }
    sum.retain(|_, number| *number > 0);
    sum
}

fn of_reason(
    reason: Reason,
    places: &[(&str, u64)],
    sample: Option<&Sample>,
    width: Option<usize>,
) -> Vec<String> {
    let all: u64 = places.iter().map(|(_, number)| number).sum();
    let places: Vec<String> =
        places.iter().map(|(name, number)| format!("{name} {}", count(*number))).collect();
    let mut lines = vec![wrapped(&format!("{reason} {}: {}", count(all), places.join(", ")), 2, width)];
    if let Some(sample) = sample {
        let text = format!("such as {}: {}", clean(&sample.subject), clean(&sample.message));
        lines.push(wrapped(&text, 6, width));
    }
    lines.push(wrapped(&format!("what to do: {}", reason.what_to_do()), 6, width));
    lines
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::checkpoint::{ReplayAccount, Stage};
    use crate::status::Emitted;

    fn report() -> RunReport {
        let episode = PipelineReport {
            name: "episode".to_owned(),
            pass: 1,
            extracted: true,
            read: 12_345,
            loaded: 12_330,
            dead_letters: BTreeMap::from([(Reason::MissingKey, 5), (Reason::DuplicateKey, 10)]),
            ..PipelineReport::default()
        };
        let contains_topic = PipelineReport {
            name: "contains_topic".to_owned(),
            pass: 1,
            extracted: true,
            read: 100,
            loaded: 90,
            merged: 8,
            dead_letters: BTreeMap::from([(Reason::DuplicateKey, 2)]),
            emitted: Emitted {
                total: 50,
                loaded: 48,
                dead_letters: BTreeMap::from([(Reason::MissingKey, 1)]),
            },
            replays: vec![ReplayAccount {
                epoch: 3,
                read: 40,
                loaded: 37,
                merged: 2,
                dead_letters: BTreeMap::from([(Reason::DuplicateKey, 1)]),
            }],
            ..PipelineReport::default()
        };
        let mut report =
            RunReport::new(vec![episode, contains_topic], Stage::Load, 12_494, Duration::from_secs(3));
        report.samples = vec![Sample {
            reason: Reason::MissingKey,
            pipeline: "episode".to_owned(),
            subject: "Episode at regraft.raw.episode:2:17".to_owned(),
            message: "the key property id is blank \u{1b}[31m".to_owned(),
            what_to_do: Reason::MissingKey.what_to_do(),
        }];
        report.remarks = vec!["episode: the source changed while it was read.".to_owned()];
        report
    }

    #[test]
    fn at_80_columns() {
        let expected = "\
pipeline        pass    read  loaded  merged  dead letters  account
episode            1  12,345  12,330       0            15  closed
contains_topic     1     100      90       8             2  closed
───────────────────────────────────────────────────────────────────
total                 12,445  12,420       8            17  closed

Derived records
pipeline        emitted  loaded  dead letters  account
contains_topic       50      48             1  1 open

Replays
pipeline        replay  read again  loaded  merged  dead letters  account
contains_topic       3          40      37       2             1  closed

Dead letters (regraft dead-letters list shows them)
  missing_key 6: episode 5, contains_topic 1
      such as Episode at regraft.raw.episode:2:17: the key property id is blank
      \\u{1b}[31m
      what to do: give the source's node (or the relationship's end) a key that
      is a string
  duplicate_key 12: episode 10, contains_topic 2
      what to do: decide which one is right and change or remove the others in
      the source

episode: the source changed while it was read.
12,494 records in 3.0 s (4,165/s). Some records are still on their way: start
again to finish.";
        assert_eq!(report().present(Some(80)), expected);
        assert!(expected.lines().all(|line| console::measure_text_width(line) <= 80));
    }

    #[test]
    fn wide_and_without_a_terminal_nothing_wraps() {
        let wide = report().present(Some(200));
        assert_eq!(wide, report().present(None));
        assert!(wide.contains(
            "\n      what to do: give the source's node (or the relationship's end) a key that is a string\n"
        ));
    }

    #[test]
    fn a_pass_that_was_not_read_to_its_end_is_not_closed() {
        let thing = PipelineReport {
            name: "thing".to_owned(),
            pass: 1,
            expected: 3_000,
            read: 2_100,
            loaded: 2_100,
            ..PipelineReport::default()
        };
        let said = RunReport::new(vec![thing], Stage::Load, 2_100, Duration::from_secs(1)).present(None);
        assert!(said.contains("2,100 of 3,000 read") && said.contains("not all read"), "{said}");
        assert!(said.ends_with("The source was not read to its end: start again to finish."), "{said}");
    }
}
