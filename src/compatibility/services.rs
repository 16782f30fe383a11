//! Issues of the services: versions, constraints and indexes, what no pipeline covers, dense nodes, topics.

use super::report::{Area, Issue, Severity};
use crate::error::{Error, Result};
use crate::extract::{Declared, examples_beside, uncovered};
use crate::kafka::Inspection;
use crate::neo4j::catalog::{Own, Server};
use crate::neo4j::{Cell, SourceGraph, Statement, TargetGraph, quote};
use crate::pipeline::{Pipelines, Source};
use crate::schema::{self, SchemaManager};

/// The oldest version that Regraft is tested with.
const OLDEST: (u64, u64, u64) = (5, 26, 0);
/// A node with more relationships than this is dense.
const DENSE: i64 = 10_000;
const DAY_MS: u64 = 86_400_000;

/// How long topics would be kept, and how many records have to come through.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// `kafka.retention_ms`.
    pub retention_ms: i64,
    /// Records of a pass.
    pub records: u64,
}

/// Issues of the source: its server, keys without an index, what no pipeline covers, dense nodes.
pub async fn of_source(
    source: &SourceGraph,
    pipelines: &Pipelines,
    declared: &Declared,
) -> Result<Vec<Issue>> {
    let mut issues = vec![server("source", &source.server().await?)];
    let inventory = source.inventory(Own::Listed).await?;
    for pipeline in pipelines.all() {
        let Source::Node { label, key } = pipeline.source() else { continue };
        if !inventory.has_range_index(label, key) {
            let message =
                format!("no index serves the key `{key}`: extraction sorts one scan of all nodes instead");
            let issue = Issue::new(Area::Schema, "key_without_index", Severity::Note, message)
                .of(label.as_ref())
                .remedy(
                    "create one, where the monolith may be changed; it is faster then and can be interrupted",
                );
            issues.push(Issue {
                pipeline: Some(pipeline.name().to_owned()),
                property: Some(key.to_string()),
                ..issue
            });
        }
        issues.extend(dense(source, label, key).await?);
    }
    let beside = uncovered(source, declared).await?;
    for (labels, number) in beside.nodes {
        let examples = examples_beside(source, &labels).await?;
        let named = if labels.is_empty() { "no label".to_owned() } else { labels.join(":") };
        let message = "nodes without a label that a pipeline declares: they are not read";
        issues.push(
            Issue::new(Area::Schema, "unmapped_label", Severity::Warning, message)
                .of(named)
                .counted(number, examples)
                .remedy("write a pipeline for the label, or leave them behind on purpose"),
        );
    }
    for (kind, number) in beside.relationships {
        let (code, area, message) = match declared.has_type(&kind) {
            true => (
                "undeclared_ends",
                Area::Data,
                "relationships of a declared type between labels that are not declared for it: they are not read",
            ),
            false => (
                "unmapped_type",
                Area::Schema,
                "relationships of a type that no pipeline declares: they are not read",
            ),
        };
        issues.push(
            Issue::new(area, code, Severity::Warning, message)
                .of(kind)
                .counted(number, Vec::new())
                .remedy("write a pipeline for them, or leave them behind on purpose"),
        );
    }
    Ok(issues)
}

async fn dense(source: &SourceGraph, label: &str, key: &str) -> Result<Option<Issue>> {
    let (quoted, key) = (quote(label)?, quote(key)?);
    let text = format!(
        "MATCH (n:{quoted}) WITH n, COUNT {{ (n)--() }} AS degree WHERE degree >= $dense \
         WITH n, degree ORDER BY degree DESC WITH count(*) AS number, collect(toStringOrNull(n.{key}) + ': ' + degree)[..5] AS some \
         RETURN [number, some] AS row"
    );
    let rows = source.rows(Statement::new(text).param("dense", DENSE)).await?;
    let row = rows.first();
    let number = row.and_then(|row| row.first()).and_then(Cell::as_i64).unwrap_or(0);
    let some = row.and_then(|row| row.get(1)).and_then(Cell::as_texts).unwrap_or_default();
    let some = some.into_iter().map(str::to_owned).collect();
    let message =
        format!("nodes with {DENSE} relationships or more: loading at them goes one transaction at a time");
    Ok((number > 0).then(|| {
        Issue::new(Area::Data, "dense_node", Severity::Note, message)
            .of(label)
            .counted(u64::try_from(number).unwrap_or(0), some)
            .remedy("nothing has to be done")
    }))
}

fn server(which: &str, server: &Server) -> Issue {
    let Server { version, edition } = server;
    let old = server.numbers() < OLDEST;
    let message = format!("the {which} is Neo4j {version} {edition}");
    let (severity, remedy) = match old {
        true => {
            (Severity::Warning, "Regraft is tested with 5.26 and newer: upgrade, or try with a copy first")
        }
        false => (Severity::Note, "nothing has to be done"),
    };
    Issue::new(Area::Schema, "server_version", severity, message).of(which).remedy(remedy)
}

/// Issues of the target: its server, and its schema against the migration files.
pub async fn of_target(target: &TargetGraph, migrations: &std::path::Path) -> Result<Vec<Issue>> {
    let mut issues = vec![server("target", &target.server().await?)];
    let manager = SchemaManager::open(target, migrations)?;
    let status = manager.status().await?;
    if let Some(interrupted) = &status.interrupted {
        let message = format!("the schema version {} is half way", interrupted.version);
        let remedy = format!("regraft migrate-schema with {}", interrupted.safe.join(" or "));
        issues.push(
            Issue::new(Area::Schema, "schema_interrupted", Severity::Error, message)
                .of("target")
                .remedy(remedy),
        );
    }
    let pending = status.versions.iter().filter(|version| version.state == schema::State::Pending);
    let pending: Vec<String> = pending.map(|version| version.version.to_string()).collect();
    if !pending.is_empty() {
        let message = format!(
            "the target's schema has version {}: constraints and indexes of newer ones are not there",
            status.version
        );
        issues.push(
            Issue::new(Area::Schema, "schema_pending", Severity::Note, message)
                .of("target")
                .counted(pending.len() as u64, pending)
                .remedy("regraft migrate-schema"),
        );
    }
    for finding in manager.validate().await?.findings {
        let severity = match finding.severity {
            schema::Severity::Error => Severity::Error,
            schema::Severity::Note => Severity::Note,
        };
        issues.push(
            Issue::new(Area::Schema, "schema_drift", severity, finding.message)
                .of("target")
                .counted(1, vec![finding.name])
                .remedy("regraft schema repair explains it"),
        );
    }
    Ok(issues)
}

/// Issues of Kafka.
pub fn of_kafka(found: &Inspection, kept: Kept) -> Vec<Issue> {
    let message =
        format!("Kafka answers with {} broker(s); of its version the client says nothing", found.brokers);
    let mut issues =
        vec![Issue::new(Area::Kafka, "reachable", Severity::Note, message).remedy("nothing has to be done")];
    let failure = |code: &str, error: &Error| {
        Issue::new(Area::Kafka, code, Severity::Error, error.chain().join(": ")).remedy(error.advice())
    };
    issues.extend(found.can_not_create.as_ref().map(|error| failure("topics_not_creatable", error)));
    issues.extend(found.can_not_write.as_ref().map(|error| failure("transactions_refused", error)));
    issues.extend(found.other_shapes.iter().map(|error| failure("topic_shape", error)));
    const RAISE: &str = "raise its max.message.bytes to twice kafka.max_record_bytes and 65,536 more";
    let small = |severity, remedy: String| {
        move |(topic, bytes): &(String, u64)| {
            let message = format!(
                "{topic} takes messages of {bytes} bytes at most: larger records could not be written"
            );
            Issue::new(Area::Kafka, "message_size", severity, message)
                .counted(1, vec![topic.clone()])
                .remedy(remedy.as_str())
        }
    };
    issues.extend(found.too_small.iter().map(small(Severity::Error, RAISE.to_owned())));
    let raised = format!("the next start does so, if kafka's user may; otherwise {RAISE}");
    issues.extend(found.raised_at_a_start.iter().map(small(Severity::Note, raised)));
    // A migration that is looked into, mended and gone on with takes days; a run of its own far less.
    let needed_ms = (7 * DAY_MS).max(kept.records / 1_000 * 2_000);
    let short = |ms: u64| format!("{:.1} days", ms as f64 / DAY_MS as f64);
    let configured = u64::try_from(kept.retention_ms).ok().filter(|ms| *ms < needed_ms);
    let topics = found.retention.topics_ms.iter().filter(|(topic, _)| found.existing.contains(topic));
    let topics =
        topics.filter_map(|(topic, ms)| ms.filter(|ms| *ms < needed_ms).map(|ms| (topic.clone(), ms)));
    for (what, ms) in configured.map(|ms| ("kafka.retention_ms".to_owned(), ms)).into_iter().chain(topics) {
        let message =
            format!("{what}: records are kept for {} only; what is not loaded by then is gone", short(ms));
        issues.push(
            Issue::new(Area::Kafka, "topic_retention", Severity::Warning, message)
                .counted(1, vec![what])
                .remedy(format!("keep them for {} or for ever (-1)", short(needed_ms))),
        );
    }
    if let Some(minutes) = found.retention.offsets_minutes.filter(|minutes| minutes * 60_000 < DAY_MS) {
        let message = format!("offsets of a group without members are kept for {minutes} minutes only");
        issues.push(
            Issue::new(Area::Kafka, "offset_retention", Severity::Warning, message).remedy(
                "raise offsets.retention.minutes; the target's checkpoints stand in for what is lost",
            ),
        );
    }
    issues
}
