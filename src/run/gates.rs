//! The gates before and after a migration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{SecondsFormat, Utc};

use super::engine::{neo4j_settings, read_pipelines};
use super::validator::{MigrationValidator, VerifyOptions};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::neo4j::{ReadOnlyGraph, SourceGraph, Statement, quote};
use crate::pipeline::{ADDED_TO_NODES, Source};
use crate::record::Reason;
use crate::schema::{self, SchemaManager};
use crate::stop::Stop;
use crate::validation::custom::{self, When};
use crate::validation::{
    Finding, PostReport, PreReport, Severity, Statistics, compare_before_after, kept, statistics,
};
use crate::verify::VerifyReport;

/// What `validate-post` is to do.
#[derive(Debug, Clone, Default)]
pub struct PostOptions {
    /// Name of the statistics that it compares with.
    pub name: String,
    /// How the content is compared.
    pub verify: VerifyOptions,
}

/// Takes statistics of the source, keeps them under `name`, and says whether a migration may begin. Nothing where `stop`
/// came first. The source is only read; nothing else is asked.
pub async fn validate_pre(
    config: &Config,
    types: &[String],
    name: &str,
    stop: &Stop,
) -> Result<Option<PreReport>> {
    // Whatever is wrong with files and name is said before anything is counted.
    let selected = read_pipelines(config)?.select(types)?;
    let validators = custom::load(&config.paths.validators)?;
    kept::path_of(&config.paths.statistics, name)?;
    let source = SourceGraph::connect(&neo4j_settings(&config.source.server, 2)?).await?;
    let mut taken = Statistics {
        format: kept::FORMAT,
        name: name.to_owned(),
        taken_at: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
        regraft: env!("CARGO_PKG_VERSION").to_owned(),
        types: BTreeMap::new(),
    };
    for pipeline in selected.iter().filter(|pipeline| pipeline.is_read()) {
        let of = tokio::select! {
            of = statistics::take(&source, pipeline.source()) => of?,
            () = stop.requested() => return Ok(None),
        };
        taken.types.insert(pipeline.name().to_owned(), of);
    }
    let mut findings = of_source(&taken);
    findings.extend(run_validators(&validators, When::Pre, &source).await?);
    let path = kept::keep(&config.paths.statistics, &taken)?;
    Ok(Some(PreReport::new(path.display().to_string(), findings, taken)))
}

fn of_source(taken: &Statistics) -> Vec<Finding> {
    let mut findings = Vec::new();
    if taken.types.values().all(|of| of.count == 0) {
        let message = "the source has nothing that a pipeline reads: is it the right database?";
        findings.push(Finding::new("empty", Severity::Error, 0, message));
        return findings;
    }
    for (pipeline, of) in &taken.types {
        if of.count == 0 {
            let message = format!("the source has no {}", of.entity_type);
            findings.push(Finding::new("nothing_there", Severity::Note, 0, message).of(pipeline));
        }
        if of.without_key > 0 {
            let message = "nodes without a usable key become dead letters (missing_key)";
            let finding = Finding::new("missing_key", Severity::Warning, of.without_key, message);
            findings.push(finding.of(pipeline));
        }
    }
    findings
}

async fn run_validators(
    validators: &[custom::Validator],
    when: When,
    graph: &ReadOnlyGraph,
) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for validator in validators.iter().filter(|validator| validator.runs(when)) {
        findings.extend(validator.run(graph).await?);
    }
    Ok(findings)
}

impl MigrationValidator {
    /// Whether the migration stands: its accounts are closed, the schema is as it was applied, every node says when and
    /// under which version it was written, the content is what is expected, and nothing is unexplained by what the source
    /// had when `validate-pre` took its statistics. Nothing where `stop` came first; the next call goes on.
    pub async fn validate_post(&self, options: &PostOptions, stop: &Stop) -> Result<Option<PostReport>> {
        let paths = &self.engine.config.paths;
        let validators = custom::load(&paths.validators)?;
        let before = kept::kept(&paths.statistics, &options.name)?;
        let Some(verified) = self.verify(&options.verify, stop).await? else { return Ok(None) };
        let mut findings = self.of_accounts().await?;
        findings.extend(self.of_schema(paths.schemas.join("migrations")).await?);
        findings.extend(self.of_stamps().await?);
        findings.extend(self.of_references().await?);
        findings.extend(of_content(&verified));
        let target = self.engine.target()?.read_only();
        findings.extend(run_validators(&validators, When::Post, &target).await?);
        if before.is_none() {
            let message = format!(
                "no statistics are kept under the name `{}`: the target is held against the source as it is now \
                 (`regraft validate-pre` before a migration keeps them)",
                options.name
            );
            findings.push(Finding::new("no_statistics", Severity::Note, 0, message));
        }
        let before =
            before.unwrap_or_else(|| Statistics { name: options.name.clone(), ..Statistics::default() });
        let before_after = compare_before_after(&before, &verified);
        for (pipeline, change) in before_after.types.iter().filter(|(_, change)| change.unexplained != 0) {
            let message = format!(
                "{} before and {} after: what is merged, derived and dead-lettered does not explain it",
                change.before, change.after
            );
            let count = change.unexplained.unsigned_abs();
            findings.push(Finding::new("unexplained", Severity::Error, count, message).of(pipeline));
        }
        findings.sort_by_key(|finding| finding.severity);
        Ok(Some(PostReport::new(findings, before_after, verified)))
    }

    /// What is not through, and the dead letters: those that follow from others apart from those that do not.
    async fn of_accounts(&self) -> Result<Vec<Finding>> {
        let engine = &self.engine;
        let loaded = engine.observer.loaded().await?;
        let mut findings = Vec::new();
        for pipeline in &engine.selected {
            let name = pipeline.name();
            let account = engine.observer.account(name, &loaded);
            if pipeline.is_read() && !account.extracted {
                let message = "its newest pass is not through: run `regraft migrate-data`";
                findings.push(Finding::new("not_through", Severity::Error, 0, message).of(name));
            }
            if account.in_flight() > 0 {
                let message = "records are on their way: run `regraft migrate-data`";
                let finding = Finding::new("in_flight", Severity::Error, account.in_flight(), message);
                findings.push(finding.of(name));
            }
            for (reason, count) in account.all_dead_letters() {
                let finding = if reason == Reason::EndpointMissing {
                    let message = "relationships without one of their ends: consequences of that one's dead letter, \
                                   or of its absence";
                    Finding::new("consequence", Severity::Note, count, message)
                } else {
                    let message = format!("dead letters: {reason} (`regraft dead-letters list` groups them)");
                    Finding::new("dead_letters", Severity::Warning, count, message)
                };
                findings.push(finding.of(name));
            }
        }
        Ok(findings)
    }

    async fn of_schema(&self, folder: PathBuf) -> Result<Vec<Finding>> {
        let target = self.engine.target()?;
        let said = |error: Error| Finding::new("schema", Severity::Error, 1, error.chain().join(": "));
        if let Err(error) = schema::settled_version(target).await {
            return Ok(vec![said(error)]);
        }
        let manager = SchemaManager::open(target, &folder)?;
        let status = manager.status().await?;
        let pending = status.versions.iter().filter(|each| each.state == schema::State::Pending);
        let pending: Vec<Finding> = pending
            .map(|each| {
                let message = format!(
                    "version {} ({}) is not applied: run `regraft migrate-schema`",
                    each.version, each.name
                );
                Finding::new("schema_pending", Severity::Warning, 1, message)
            })
            .collect();
        let validation = manager.validate().await?;
        let wrong = validation.findings.into_iter().filter(|found| found.severity == schema::Severity::Error);
        let finding = |found: schema::Finding| {
            let message = format!("{}: {} (`regraft schema repair`)", found.name, found.message);
            Finding::new("schema", Severity::Error, 1, message)
        };
        Ok(wrong.map(finding).chain(pending).collect())
    }

    /// Nodes that name another one by its key, which a lookup has found in the source and the target does not have: what
    /// follows from that one's dead letter.
    async fn of_references(&self) -> Result<Vec<Finding>> {
        let target = self.engine.target()?.read_only();
        let labels = || {
            self.engine.pipelines.all().iter().filter_map(|each| match each.source() {
                Source::Node { label, key } => Some((label, key)),
                Source::Relationship { .. } => None,
            })
        };
        let mut findings = Vec::new();
        for pipeline in &self.engine.selected {
            let Source::Node { label, .. } = pipeline.source() else { continue };
            for lookup in pipeline.lookups() {
                let name = lookup.name();
                let named =
                    labels().filter(|(other, other_key)| returns_key(lookup.cypher(), other, other_key));
                let named: Vec<_> = named.collect();
                let ([(other, other_key)], true) =
                    (named.as_slice(), pipeline.contract().field(name).is_some())
                else {
                    continue;
                };
                let cases = format!(
                    "MATCH (n:{}) WHERE n.{} IS NOT NULL AND NOT EXISTS {{ MATCH (o:{}) WHERE o.{} = n.{} }}",
                    quote(label)?,
                    quote(name)?,
                    quote(other)?,
                    quote(other_key)?,
                    quote(name)?
                );
                let rows = target.rows(Statement::new(format!("{cases} RETURN [count(n)] AS row"))).await?;
                let count = rows.first().and_then(|row| row.first()?.as_i64()).unwrap_or(0).unsigned_abs();
                if count > 0 {
                    let message = format!(
                        "`{name}` names a {other} that the target does not have: a consequence of its dead letter, if it has one"
                    );
                    findings.push(
                        Finding::new("consequence", Severity::Note, count, message).of(pipeline.name()),
                    );
                }
            }
        }
        Ok(findings)
    }

    /// Nodes without the properties that loading adds.
    async fn of_stamps(&self) -> Result<Vec<Finding>> {
        let target = self.engine.target()?.read_only();
        let mut findings = Vec::new();
        for pipeline in &self.engine.selected {
            let Source::Node { label, .. } = pipeline.source() else { continue };
            for property in ADDED_TO_NODES {
                let text = format!(
                    "MATCH (n:{}) WHERE n.{} IS NULL RETURN [count(n)] AS row",
                    quote(label)?,
                    quote(property)?
                );
                let rows = target.rows(Statement::new(text)).await?;
                let count = rows.first().and_then(|row| row.first()?.as_i64()).unwrap_or(0).unsigned_abs();
                if count > 0 {
                    let message = format!("nodes without {property}: something else has written them");
                    findings
                        .push(Finding::new("unstamped", Severity::Error, count, message).of(pipeline.name()));
                }
            }
        }
        Ok(findings)
    }
}

/// Whether an expression matches nodes of a label, and returns their key.
fn returns_key(cypher: &str, label: &str, key: &str) -> bool {
    let returned = cypher.rsplit_once("RETURN").and_then(|(_, returned)| returned.split_whitespace().next());
    let is_key = returned.is_some_and(|returned| returned.ends_with(&format!(".{key}")));
    is_key
        && cypher.split(':').skip(1).any(|after| {
            let rest = after.strip_prefix(label);
            rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_'))
        })
}

fn of_content(verified: &VerifyReport) -> Vec<Finding> {
    let differing = verified.pipelines.iter().filter(|pipeline| pipeline.differing() > 0);
    let mut findings: Vec<Finding> = differing
        .map(|pipeline| {
            let mends = match pipeline.extra {
                0 => "`regraft verify --repair` mends them",
                _ => "`regraft verify --repair --delete-extra` mends them; what is older than a dead letter stays",
            };
            let message = format!(
                "{} missing, {} extra, {} different: {mends}",
                pipeline.missing, pipeline.extra, pipeline.different
            );
            Finding::new("content", Severity::Error, pipeline.differing(), message).of(&pipeline.name)
        })
        .collect();
    let strays = verified.strays.nodes + verified.strays.relationships;
    if strays > 0 {
        let message = "nodes or relationships where no pipeline has them: `regraft verify` names them";
        findings.push(Finding::new("strays", Severity::Error, strays, message));
    }
    findings
}
