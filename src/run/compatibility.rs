//! `check-compatibility`: everything that can be looked at before a migration, put together.

use std::sync::Arc;
use std::time::Instant;

use super::closing::declared;
use super::dry_run::DryRun;
use crate::compatibility::{
    CompatibilityReport, Kept, Survey, of_kafka, of_records, of_source, of_target, parity, script,
};
use crate::config::Config;
use crate::error::Result;
use crate::kafka::{Inspection, inspect};
use crate::pipeline::Pipeline;
use crate::status::Tally;
use crate::stop::Stop;

/// Checks whether source, target and Kafka are fit for a migration. Changes none of them.
pub struct CompatibilityChecker {
    dry_run: DryRun,
}

impl CompatibilityChecker {
    /// Connects to all services; one that does not answer is reported within ten seconds. With `sample` only so many
    /// records of each type are looked at.
    pub async fn connect(config: Config, types: &[String], sample: Option<u64>, stop: &Stop) -> Result<Self> {
        let mut dry_run = DryRun::connect(config, types, stop).await?;
        dry_run.context.sample = sample;
        Ok(Self { dry_run })
    }

    /// How far it is.
    pub fn tally(&self) -> &Tally {
        self.dry_run.tally()
    }

    /// Looks at everything. Returns the report and the fix script; nothing where it was stopped.
    ///
    /// Errors: service failures; the next call begins anew.
    pub async fn check(&self) -> Result<Option<(CompatibilityReport, String)>> {
        let started = Instant::now();
        let DryRun { kafka, config, context } = &self.dry_run;
        let (source, pipelines) = (&context.source, &context.pipelines);
        let mut issues = of_source(source, pipelines, &declared(pipelines)).await?;
        issues.extend(of_target(&context.target, &config.paths.schemas.join("migrations")).await?);
        let names: Vec<String> = pipelines.all().iter().map(|each| each.name().to_owned()).collect();
        let inspected: Inspection = inspect(kafka, &names).await?;
        let labels = pipelines.declared_labels();
        let survey = |pipeline: &Arc<Pipeline>| {
            let label = pipeline.is_node().then(|| pipeline.source().entity_type());
            Survey::new(label, labels)
        };
        let Some((forecast, seen)) = self.dry_run.look_through(survey).await? else { return Ok(None) };
        let kept = Kept { retention_ms: config.kafka.retention_ms, records: forecast.totals.read };
        issues.extend(of_kafka(&inspected, kept));
        issues.extend(of_records(&seen, &forecast));
        let mut report = CompatibilityReport::new(issues, parity(&seen), forecast);
        let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let script = script(&mut report.issues, &seen, context.sample.is_some(), &now)?;
        report.sample = context.sample;
        report.seconds = (started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        Ok(Some((report, script)))
    }
}
