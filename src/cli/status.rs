//! `regraft status`: where every pipeline is.

use std::time::Duration;

use clap::Args;

use super::Present;
use super::numbers::{count, rate, time_left};
use super::table::{Table, name, number};
use super::text::{clean, wrapped};
use crate::status::Status;

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

impl StatusArgs {
    /// How often it is shown.
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.interval)
    }
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
        let mut notes = Vec::new();
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
    use crate::status::{Snapshot, State};

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
        Status { pipelines: vec![episode, has_episode] }
    }

    #[test]
    fn at_80_columns() {
        assert_eq!(
            status().present(Some(80)),
            "\
pipeline     state      read  loaded  dead letters    lag     rate  left
episode      running  20,000  12,345            12  7,643  8,120/s   2 s
has_episode  waiting       0       0             0      0      0/s
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

has_episode: for the load of episode";
        assert_eq!(status().present(Some(200)), expected);
        assert_eq!(status().present(None), expected);
    }
}
