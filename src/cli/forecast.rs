//! What people see of a dry run: what would become of the records of each type, and why some would be dead letters.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Present;
use super::numbers::{count, counted, duration};
use super::table::{Table, name, number};
use super::text::{clean, wrapped};
use crate::forecast::{Applied, ForecastReport};
use crate::record::Reason;

impl Present for ForecastReport {
    fn present(&self, width: Option<usize>) -> String {
        let mut parts = vec![records(self).render(width)];
        parts.extend(derived(self).map(|table| format!("Derived records\n{}", table.render(width))));
        parts.extend(dead_letters(self, width));
        let not_foreseen =
            self.not_foreseen.iter().map(|what| wrapped(&format!("- {}", clean(what)), 2, width));
        let not_foreseen: Vec<String> = not_foreseen.collect();
        parts.push(format!("What a dry run can't foresee\n{}", not_foreseen.join("\n")));
        let mut end: Vec<String> =
            self.remarks.iter().map(|remark| wrapped(&clean(remark), 0, width)).collect();
        end.push(wrapped(&closing(self), 0, width));
        parts.push(end.join("\n"));
        parts.join("\n\n")
    }
}

fn records(report: &ForecastReport) -> Table {
    let mut table = Table::new([
        name("pipeline"),
        number("read"),
        number("written"),
        number("updated"),
        number("unchanged"),
        number("merged").spare(1),
        number("dead letters"),
    ]);
    let row = |name: &str, read: u64, applied: &Applied, merged: u64, dead: u64| {
        let Applied { written, updated, unchanged, .. } = *applied;
        let numbers = [read, written, updated, unchanged, merged, dead].map(count);
        std::iter::once(name.to_owned()).chain(numbers).collect::<Vec<_>>()
    };
    for pipeline in &report.pipelines {
        let dead = pipeline.dead_lettered();
        table.row(row(&pipeline.name, pipeline.read, &pipeline.loaded, pipeline.merged, dead));
    }
    let totals = &report.totals;
    let dead = totals.dead_letters.values().sum();
    table.sums(row("total", totals.read, &totals.loaded, totals.merged, dead));
    table
}

/// Only for pipelines that derived records come to.
fn derived(report: &ForecastReport) -> Option<Table> {
    let mut table = Table::new([
        name("pipeline"),
        number("emitted"),
        number("written"),
        number("unchanged"),
        number("dead letters"),
    ]);
    let receiving: Vec<_> = report.pipelines.iter().filter(|each| each.emitted.total > 0).collect();
    for pipeline in &receiving {
        let emitted = &pipeline.emitted;
        let dead = emitted.dead_letters.values().sum();
        let numbers = [emitted.total, emitted.loaded.written, emitted.loaded.unchanged, dead].map(count);
        table.row(std::iter::once(pipeline.name.clone()).chain(numbers));
    }
    (!receiving.is_empty()).then_some(table)
}

fn dead_letters(report: &ForecastReport, width: Option<usize>) -> Option<String> {
    let mut by_reason: BTreeMap<Reason, Vec<(&str, u64)>> = BTreeMap::new();
    for pipeline in &report.pipelines {
        let mut sum = pipeline.dead_letters.clone();
        for (reason, number) in &pipeline.emitted.dead_letters {
            *sum.entry(*reason).or_default() += number;
        }
        for (reason, number) in sum {
            by_reason.entry(reason).or_default().push((&pipeline.name, number));
        }
    }
    if by_reason.is_empty() {
        return None;
    }
    let mut lines = vec!["Dead letters that a run would make".to_owned()];
    for (reason, places) in by_reason {
        let all: u64 = places.iter().map(|(_, number)| number).sum();
        let each: Vec<String> =
            places.iter().map(|(name, number)| format!("{name} {}", count(*number))).collect();
        lines.push(wrapped(&format!("{reason} {}: {}", count(all), each.join(", ")), 2, width));
        let example = report
            .pipelines
            .iter()
            .find_map(|pipeline| Some((&pipeline.name, pipeline.details.first(reason)?)));
        if let Some((name, (subject, message))) = example {
            let text = format!("such as {name} {}: {}", clean(subject), clean(message));
            lines.push(wrapped(&text, 6, width));
        }
        lines.push(wrapped(&format!("what to do: {}", reason.what_to_do()), 6, width));
    }
    Some(lines.join("\n"))
}

fn closing(report: &ForecastReport) -> String {
    let time = duration(Duration::try_from_secs_f64(report.seconds).unwrap_or_default());
    let records = counted(report.totals.read, "record", "records");
    format!("{records} looked at in {time}. Nothing was changed: this was a dry run.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::{Detail, Emitted, PipelineForecast, Totals};

    #[test]
    fn at_80_columns() {
        let loaded = Applied { loaded: 12_000, written: 11_000, updated: 900, unchanged: 100 };
        let detail = Detail {
            count: 3,
            examples: vec!["e1\u{1b}[31m".to_owned()],
            message: "an episode needs a title".to_owned(),
        };
        let mut pipeline = PipelineForecast {
            name: "episode".to_owned(),
            read: 12_003,
            loaded,
            dead_letters: BTreeMap::from([(Reason::RuleViolated, 3)]),
            ..PipelineForecast::default()
        };
        pipeline.details.0.insert(
            (Reason::RuleViolated, Some("title".into()), Some(crate::record::ValueType::String)),
            detail,
        );
        let emitted = Emitted {
            total: 4,
            loaded: Applied { loaded: 3, written: 3, ..Applied::default() },
            dead_letters: BTreeMap::from([(Reason::EndpointMissing, 1)]),
        };
        let connects =
            PipelineForecast { name: "connects".to_owned(), emitted, ..PipelineForecast::default() };
        let report = ForecastReport {
            totals: Totals {
                read: 12_003,
                loaded,
                dead_letters: BTreeMap::from([(Reason::RuleViolated, 3)]),
                ..Totals::default()
            },
            pipelines: vec![pipeline, connects],
            not_foreseen: vec!["what changes in the source or the target from now on".to_owned()],
            remarks: vec!["`episode`: a remark".to_owned()],
            seconds: 1.25,
        };
        let expected = "\
pipeline    read  written  updated  unchanged  merged  dead letters
episode   12,003   11,000      900        100       0             3
connects       0        0        0          0       0             0
───────────────────────────────────────────────────────────────────
total     12,003   11,000      900        100       0             3

Derived records
pipeline  emitted  written  unchanged  dead letters
connects        4        3          0             1

Dead letters that a run would make
  rule_violated 3: episode 3
      such as episode e1\\u{1b}[31m: an episode needs a title
      what to do: mend the value in the source, or the rule in the pipeline file
  endpoint_missing 1: connects 1
      what to do: look for the dead letter of the end that is named; mend that
      first

What a dry run can't foresee
  - what changes in the source or the target from now on

`episode`: a remark
12,003 records looked at in 1.2 s. Nothing was changed: this was a dry run.";
        assert_eq!(report.present(Some(80)), expected);
    }
}
