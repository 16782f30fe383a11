//! Grafana's dashboards and the alerts on a real migration: every expression is understood and has data.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use regraft::metrics::{Described, Metrics, Mismatch};
use regraft::status::Scrapes;
use regraft::status::http::{Counts, serve_counts};
use regraft::stop::Stop;
use serde_json::Value;

use super::alerts::alerts;
use super::prometheus::Prometheus;
use super::{TYPES, free_port, get, of_types, runtime};
use crate::support::{Regraft, Running, Sample, Stack, counts, eventually, project};

/// The dashboards: file and uid.
pub const DASHBOARDS: [(&str, &str); 2] =
    [("migration-overview.json", "regraft-overview"), ("worker-detail.json", "regraft-workers")];

pub fn dashboard(file: &str) -> Value {
    let text = fs::read_to_string(project().join("grafana/dashboards").join(file)).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Title and expression of everything that a dashboard asks Prometheus for.
fn expressions(dashboard: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            all.push((text(&panel["title"]), text(&target["expr"])));
        }
    }
    for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
        if annotation["expr"].is_string() {
            all.push((text(&annotation["name"]), text(&annotation["expr"])));
        }
    }
    all
}

/// Names of Regraft's metrics in an expression.
pub fn names_in(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    words.filter(|word| word.starts_with("regraft_")).map(str::to_owned).collect()
}

/// The metric that a series' name belongs to.
pub fn metric_of<'d>(described: &'d [Described], name: &str) -> Option<&'d Described> {
    let plain = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
    described.iter().find(|each| {
        each.name == name || each.kind == "histogram" && plain.is_some_and(|plain| each.name == plain)
    })
}

/// Where each metric is shown: in the order of [`DASHBOARDS`], then in the alerts.
pub fn shown_in(metric: &Described, described: &[Described]) -> Vec<String> {
    let uses =
        |expression: &str| names_in(expression).iter().any(|name| metric_of(described, name) == Some(metric));
    let mut places = Vec::new();
    for (file, _) in DASHBOARDS {
        let dashboard = dashboard(file);
        if expressions(&dashboard).iter().any(|(_, expression)| uses(expression)) {
            places.push(dashboard["title"].as_str().unwrap().to_owned());
        }
    }
    if alerts().iter().any(|alert| uses(&alert.expression)) {
        places.push("alerts".to_owned());
    }
    places
}

#[test]
fn dashboards_are_whole_and_fit_together() {
    let described = Metrics::new().unwrap().described().to_vec();
    let uids: Vec<&str> = DASHBOARDS.iter().map(|(_, uid)| *uid).collect();
    for (file, uid) in DASHBOARDS {
        let dashboard = dashboard(file);
        assert_eq!(dashboard["uid"], uid);
        assert_eq!(dashboard["schemaVersion"], 39);
        let variables: Vec<&str> = dashboard["templating"]["list"]
            .as_array()
            .unwrap()
            .iter()
            .map(|variable| variable["name"].as_str().unwrap())
            .collect();
        assert!(variables.contains(&"type") && variables.contains(&"stage"), "{file}: {variables:?}");
        let linked = dashboard["links"].as_array().unwrap().iter().map(|link| link["url"].as_str().unwrap());
        let others = uids.iter().filter(|other| **other != uid).map(|other| format!("/d/{other}"));
        assert_eq!(linked.collect::<Vec<_>>(), others.collect::<Vec<_>>(), "{file}");
        let mut ids = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            let title = panel["title"].as_str().unwrap();
            assert!(ids.insert(panel["id"].as_i64().unwrap()), "{file}: {title} has another's id");
            if panel["type"] == "row" {
                continue;
            }
            assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{file}: {title}");
            assert_eq!(panel["datasource"]["uid"], "regraft-prometheus", "{file}: {title}");
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(
                defaults["thresholds"].is_object()
                    && (defaults["unit"].is_string() || panel["type"] == "state-timeline"),
                "{file}: {title} has no unit or thresholds"
            );
        }
        for (title, expression) in expressions(&dashboard) {
            for name in names_in(&expression) {
                let metric = metric_of(&described, &name);
                let metric = metric.unwrap_or_else(|| panic!("{file}: {title}: there is no {name}"));
                assert!(
                    metric.kind != "histogram" || metric.name != name,
                    "{file}: {title}: {name} is a histogram"
                );
            }
        }
    }
    let provisioned = fs::read_to_string(project().join("grafana/provisioning/datasources/prometheus.yaml"));
    assert!(provisioned.unwrap().contains("uid: regraft-prometheus"));
}

#[test]
fn every_expression_has_data_in_a_real_migration_and_a_killed_loader_leaves_no_series() {
    let stack = Stack::any();
    let sample = Sample::dirty(&stack, 4);
    let expected = of_types(&sample);
    let ports: Vec<u16> = (0..5).map(|_| free_port()).collect();
    let names = ["extract", "transform", "load", "load", "verify"];
    let targets: Vec<(&str, u16)> = names.into_iter().zip(ports.iter().copied()).collect();
    let Some(mut prometheus) = Prometheus::start(&targets) else { return };
    // A little more than there are: they are over four fifths of what is allowed, and not beyond it.
    let most = most_dead_letters(&expected) * 6 / 5;
    let regraft = Regraft::new(&stack)
        .with("kafka.partitions", 4)
        .in_small_steps()
        .with("source.page_size", 10)
        .with("source.rows_per_second", 20)
        .with("load.max_dead_letters", most);
    let runtime = runtime();
    let verify = runtime.spawn(a_verify_that_found_something(ports[4]));
    runtime.block_on(prometheus.ready());
    let start = |stage: &str, port: u16| {
        let listen = format!("127.0.0.1:{port}");
        regraft.spawn_with(
            &[stage, "--until-drained", "--types", TYPES],
            &[("REGRAFT__METRICS__LISTEN", listen.as_str())],
        )
    };
    let extract = start("extract", ports[0]);
    let transform = start("transform", ports[1]);
    let (first, second) = (start("load", ports[2]), start("load", ports[3]));
    killed_loader_leaves_nothing(&runtime, &prometheus, first, ports[2], ports[3]);
    for worker in [extract, transform, second] {
        worker.wait().expect(0);
    }
    runtime.block_on(async {
        everything_has_data(&prometheus).await;
        the_last_counts_were_seen(&prometheus, &expected).await;
        what_came_again_was_counted_once(&prometheus, ports[3]).await;
    });
    let ended = regraft.run(&["migrate-data", "--types", TYPES]);
    ended.expect(0);
    assert_eq!(counts(&ended.report()), expected);
    verify.abort();
}

/// Of one pipeline. Relationships to an end that is a dead letter itself are not charged.
fn most_dead_letters(counts: &Value) -> u64 {
    let of = |pipeline: &Value| {
        let reasons = pipeline["dead_letters"].as_object().unwrap().iter();
        let charged = reasons.filter(|(reason, _)| *reason != "endpoint_missing");
        charged.map(|(_, count)| count.as_u64().unwrap()).sum::<u64>()
    };
    counts.as_object().unwrap().values().map(of).max().unwrap()
}

/// Both loaders share the partitions; one is killed; the other has all of them, and Prometheus none of the first's.
fn killed_loader_leaves_nothing(
    runtime: &tokio::runtime::Runtime,
    prometheus: &Prometheus,
    first: Running,
    first_port: u16,
    second_port: u16,
) {
    let partitions = |port: u16| {
        let series = format!(
            r#"count(regraft_committed_offset{{stage="load", pipeline="episode", instance="127.0.0.1:{port}"}})"#
        );
        runtime.block_on(prometheus.number(&series)).unwrap_or_default()
    };
    eventually("two loaders share the episodes", || {
        partitions(first_port) == 2.0 && partitions(second_port) == 2.0
    });
    assert!(first.kill(), "it was to be killed at work");
    eventually("the other loader has all partitions, and nobody else", || {
        partitions(first_port) == 0.0 && partitions(second_port) == 4.0
    });
    eventually("it shows all of them", || {
        let page = runtime.block_on(get(&format!("http://127.0.0.1:{second_port}/metrics"))).unwrap().1;
        ["committed_offset", "lag_offsets"].iter().all(|family| {
            let series = format!("regraft_{family}{{");
            let own = page.lines().filter(|line| {
                line.starts_with(&series) && line.contains("\"episode\"") && line.contains("\"load\"")
            });
            own.count() == 4
        })
    });
}

async fn everything_has_data(prometheus: &Prometheus) {
    let mut wrong = Vec::new();
    for (file, _) in DASHBOARDS {
        for (title, expression) in expressions(&dashboard(file)) {
            let asked = ["type", "stage", "instance"]
                .iter()
                .fold(expression.clone(), |asked, name| asked.replace(&format!("${name}"), ".*"))
                .replace("$__rate_interval", "10s");
            match prometheus.history(&asked).await {
                Ok(series) if series.iter().any(has_number) => {}
                Ok(_) => wrong.push(format!("{file}: {title} has no data: {asked}")),
                Err(error) => wrong.push(format!("{file}: {title}: {error}: {asked}")),
            }
        }
    }
    for alert in alerts() {
        if let Err(error) = prometheus.history(&alert.expression).await {
            wrong.push(format!("{}: {error}", alert.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for fires in ["RegraftDeadLettersOverBudget", "RegraftVerifyMismatch"] {
        let firing = format!(r#"ALERTS{{alertname="{fires}", alertstate="firing"}}"#);
        assert!(!prometheus.history(&firing).await.unwrap().is_empty(), "{fires} does not fire");
    }
}

fn has_number(series: &Value) -> bool {
    let values = series["values"].as_array().into_iter().flatten();
    values.filter_map(|pair| pair[1].as_str()).any(|text| !matches!(text, "NaN" | "+Inf" | "-Inf"))
}

/// Workers that have ended stayed until their last counts were asked for.
async fn the_last_counts_were_seen(prometheus: &Prometheus, counts: &Value) {
    let total = |key: &str| -> f64 {
        counts.as_object().unwrap().values().map(|pipeline| pipeline[key].as_f64().unwrap()).sum()
    };
    for (series, expected) in [
        (r#"sum(last_over_time(regraft_records_out_total{stage="extract"}[10m]))"#, total("read")),
        (r#"sum(last_over_time(regraft_records_in_total{stage="transform"}[10m]))"#, total("read")),
        (r#"sum(last_over_time(regraft_records_merged_total{stage="transform"}[10m]))"#, total("merged")),
        (r#"count(last_over_time(regraft_run_end_timestamp_seconds{outcome="done"}[10m]))"#, 3.0),
        (r#"sum(max by (pipeline) (last_over_time(regraft_records_finished[10m])))"#, total("read")),
    ] {
        assert_eq!(prometheus.number(series).await, Some(expected), "{series}");
    }
}

/// Whoever waits takes the same in at every turn. The killed loader's dead letters may have been left to this one.
async fn what_came_again_was_counted_once(prometheus: &Prometheus, port: u16) {
    let sum = |name: &str| {
        format!(
            r#"sum(last_over_time(regraft_records_{name}_total{{stage="load", instance="127.0.0.1:{port}"}}[10m]))"#
        )
    };
    let more = format!("{} - {} - {}", sum("in"), sum("out"), sum("dead_lettered"));
    assert!(prometheus.number(&more).await.unwrap() <= 0.0, "{more}");
}

/// What a verify that compares and finds something exposes, from the same counters and page as the command's.
async fn a_verify_that_found_something(port: u16) {
    let metrics = Metrics::new().unwrap();
    let counted = metrics.verify("episode");
    let counts = Counts { metrics: Arc::new(metrics), scrapes: Scrapes::default() };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let counting = async {
        loop {
            counted.compared(100);
            counted.mismatched(Mismatch::Missing, 1);
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
    };
    tokio::join!(serve_counts(listener, counts, Stop::new()), counting);
}
