use std::time::Duration;

use super::*;
use crate::record::Reason;

fn value(text: &str, series: &str) -> Option<f64> {
    let line =
        text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit_once(' ').and_then(|(_, value)| value.parse().ok())
}

#[test]
fn known_series_start_at_zero() {
    let metrics = Metrics::new().unwrap();
    let _load = metrics.stage(Stage::Load, "episode");
    let text = metrics.text().unwrap();
    for series in [
        r#"regraft_records_in_total{pipeline="episode",stage="load"}"#,
        r#"regraft_records_dead_lettered_total{pipeline="episode",reason="target_rejected",stage="load"}"#,
        r#"regraft_batches_total{outcome="split",pipeline="episode",stage="load"}"#,
        r#"regraft_retries_total{reason="deadlock",stage="load"}"#,
        r#"regraft_retries_exhausted_total{reason="unreachable",stage="load"}"#,
        r#"regraft_commit_duration_seconds_count{stage="load",system="neo4j"}"#,
        r#"regraft_last_commit_timestamp_seconds{pipeline="episode",stage="load"}"#,
        r#"regraft_held_relationships{pipeline="episode"}"#,
    ] {
        assert_eq!(value(&text, series), Some(0.0), "{series} in\n{text}");
    }
    let build = format!(r#"regraft_build_info{{version="{}"}}"#, env!("CARGO_PKG_VERSION"));
    assert_eq!(value(&text, &build), Some(1.0));
}

#[test]
fn what_happens_is_counted_under_its_names() {
    let metrics = Metrics::new().unwrap();
    let load = metrics.stage(Stage::Load, "episode");
    for reason in Reason::ALL {
        load.dead_lettered(reason, 2);
    }
    for (index, outcome) in
        [BatchOutcome::Committed, BatchOutcome::Retried, BatchOutcome::Split, BatchOutcome::Failed]
            .into_iter()
            .enumerate()
    {
        (0..=index).for_each(|_| load.batch(outcome, 5_000));
    }
    load.commit_took(CommitSystem::Offsets, Duration::from_millis(20));
    load.retry(Cause::Busy);
    let text = metrics.text().unwrap();
    for reason in Reason::ALL {
        let series = format!(
            r#"regraft_records_dead_lettered_total{{pipeline="episode",reason="{reason}",stage="load"}}"#
        );
        assert_eq!(value(&text, &series), Some(2.0), "{series}");
    }
    for (outcome, count) in [("committed", 1.0), ("retried", 2.0), ("split", 3.0), ("failed", 4.0)] {
        let series =
            format!(r#"regraft_batches_total{{outcome="{outcome}",pipeline="episode",stage="load"}}"#);
        assert_eq!(value(&text, &series), Some(count), "{series}");
    }
    let commits = r#"regraft_commit_duration_seconds_bucket{stage="load",system="offsets",le="0.025"}"#;
    assert_eq!(value(&text, commits), Some(1.0), "{text}");
    assert_eq!(value(&text, r#"regraft_retries_total{reason="busy",stage="load"}"#), Some(1.0));
}

#[test]
fn a_revoked_partition_leaves_no_series() {
    let metrics = Metrics::new().unwrap();
    let (load, transform) =
        (metrics.stage(Stage::Load, "episode"), metrics.stage(Stage::Transform, "episode"));
    load.committed(3, 100);
    transform.committed(3, 200);
    metrics.lag(Stage::Load, "episode", 3, 7);
    metrics.lag(Stage::Load, "episode", 2, 9);
    let lag = r#"regraft_lag_offsets{partition="3",pipeline="episode",stage="load"}"#;
    assert_eq!(value(&metrics.text().unwrap(), lag), Some(7.0));
    assert!(!metrics.text().unwrap().contains(r#"partition="2""#), "a partition of another worker");
    load.revoked(3);
    load.revoked(3);
    let text = metrics.text().unwrap();
    assert_eq!(value(&text, lag), None);
    let other = r#"regraft_committed_offset{partition="3",pipeline="episode",stage="transform"}"#;
    assert_eq!(value(&text, other), Some(200.0));
}

#[test]
fn names_follow_the_conventions() {
    let metrics = Metrics::new().unwrap();
    let _stage = metrics.stage(Stage::Extract, "p");
    let standing = Standing { expected: Some(1), read: 1, finished: Some(1), charged: 0, allowed: 1 };
    metrics.standing("p", standing);
    for family in metrics.registry.gather() {
        let name = family.name();
        assert!(name.starts_with("regraft_"), "{name}");
        let counter = family.get_field_type() == prometheus::proto::MetricType::COUNTER;
        assert_eq!(counter, name.ends_with("_total"), "{name}");
        assert!(metrics.described().iter().any(|each| each.name == name), "{name}");
        assert!(family.help().ends_with('.'), "{name}");
    }
}

#[test]
fn a_stage_that_ends_leaves_no_partition_behind() {
    let metrics = Metrics::new().unwrap();
    let load = metrics.stage(Stage::Load, "episode");
    load.committed(0, 5);
    load.committed(1, 6);
    metrics.lag(Stage::Load, "episode", 1, 9);
    load.oldest_uncommitted(1, Some(1_000));
    metrics.log_start(Stage::Load, "episode", 1, 3);
    load.queued(10);
    let oldest =
        r#"regraft_oldest_uncommitted_timestamp_seconds{partition="1",pipeline="episode",stage="load"}"#;
    assert_eq!(value(&metrics.text().unwrap(), oldest), Some(1.0));
    load.released();
    let text = metrics.text().unwrap();
    assert!(!text.contains("partition="), "{text}");
    assert_eq!(value(&text, r#"regraft_queued_records{pipeline="episode",stage="load"}"#), Some(0.0));
    let active = r#"regraft_group_last_active_timestamp_seconds{pipeline="episode",stage="load"}"#;
    assert!(value(&text, active) > Some(0.0), "the group's last sign of life stays");
}

#[test]
fn latencies_tell_replays_from_first_loads() {
    let metrics = Metrics::new().unwrap();
    let load = metrics.stage(Stage::Load, "episode");
    let count = |mode: &str| {
        let series = format!(r#"regraft_record_latency_seconds_count{{mode="{mode}",pipeline="episode"}}"#);
        value(&metrics.text().unwrap(), &series)
    };
    assert_eq!((count("live"), count("replay")), (Some(0.0), Some(0.0)));
    load.latencies([(Arrival::Live, 0.3), (Arrival::Replay, 90_000.0), (Arrival::Live, 2.0)].into_iter());
    metrics.stage(Stage::Transform, "episode").latencies(std::iter::once((Arrival::Live, 1.0)));
    assert_eq!((count("live"), count("replay")), (Some(2.0), Some(1.0)));
}

#[test]
fn a_pipeline_is_in_one_state() {
    let metrics = Metrics::new().unwrap();
    let states = ["waiting", "running", "done"];
    metrics.state("episode", "waiting", &states);
    metrics.state("episode", "running", &states);
    let text = metrics.text().unwrap();
    for (state, expected) in [("waiting", 0.0), ("running", 1.0), ("done", 0.0)] {
        let series = format!(r#"regraft_pipeline_state{{pipeline="episode",state="{state}"}}"#);
        assert_eq!(value(&text, &series), Some(expected), "{state}");
    }
}

#[test]
fn the_process_itself_is_measured() {
    let text = Metrics::new().unwrap().text().unwrap();
    assert!(value(&text, "process_resident_memory_bytes") > Some(0.0), "{text}");
}

#[test]
fn what_is_not_known_yet_has_no_series() {
    let metrics = Metrics::new().unwrap();
    let standing = |expected| Standing { expected, read: 0, finished: Some(0), charged: 0, allowed: 1 };
    let expected = r#"regraft_records_expected{pipeline="p"}"#;
    metrics.standing("p", standing(None));
    assert_eq!(value(&metrics.text().unwrap(), expected), None);
    metrics.standing("p", standing(Some(7)));
    assert_eq!(value(&metrics.text().unwrap(), expected), Some(7.0));
    metrics.standing("p", standing(None));
    assert_eq!(value(&metrics.text().unwrap(), expected), None, "a newer pass was asked for");
}
