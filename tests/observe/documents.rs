//! docs/metrics.md against what is registered, and what is exposed.

use std::fs;

use regraft::metrics::Metrics;

use super::dashboards::{metric_of, shown_in};
use crate::support::project;

/// The table between the two marks: made from what is registered, never by hand.
fn table() -> String {
    let described = Metrics::new().unwrap().described().to_vec();
    let mut lines =
        vec!["| metric | type | labels | says | shown in |".to_owned(), "|---|---|---|---|---|".to_owned()];
    for metric in &described {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let shown = match shown_in(metric, &described) {
            places if places.is_empty() => "nowhere".to_owned(),
            places => places.join(", "),
        };
        let (name, kind, help) = (&metric.name, metric.kind, &metric.help);
        lines.push(format!("| `{name}` | {kind} | {} | {help} | {shown} |", labels.join(", ")));
    }
    lines.join("\n")
}

/// `REGRAFT_WRITE_DOCUMENTS=1 cargo test --test main observe::documents` writes the table anew.
#[test]
fn the_table_of_metrics_is_what_is_registered() {
    const MARKS: (&str, &str) = ("<!-- metrics -->\n", "\n<!-- /metrics -->");
    let path = project().join("docs/metrics.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(MARKS.0).unwrap();
    let (found, after) = rest.split_once(MARKS.1).unwrap();
    if std::env::var_os("REGRAFT_WRITE_DOCUMENTS").is_some() {
        let text = format!("{before}{}{}{}{after}", MARKS.0, table(), MARKS.1);
        fs::write(&path, text).unwrap();
        return;
    }
    assert_eq!(found, table(), "docs/metrics.md is behind: see this test's comment");
}

#[test]
fn what_is_exposed_is_listed() {
    let metrics = Metrics::new().unwrap();
    let described = metrics.described();
    let _load = metrics.stage(regraft::checkpoint::Stage::Load, "episode");
    let text = metrics.text().unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let (mut own, mut process) = (0, 0);
    for name in names {
        match name.starts_with("process_") {
            true => process += 1,
            false => {
                assert!(metric_of(described, name).is_some(), "{name} is not listed");
                own += 1;
            }
        }
    }
    assert!(own > 15 && process > 3, "{text}");
}
