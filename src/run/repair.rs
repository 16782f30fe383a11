//! Mending what a comparison found: records that differ through the pipelines again, what is not expected deleted.

use std::sync::Arc;

use uuid::Uuid;

use super::lane::{Lane, run_all};
use super::validator::{MigrationValidator, VerifyOptions};
use super::view::View;
use super::visible::VisibleRun;
use crate::checkpoint::Stage;
use crate::error::{Cause, Error, Result};
use crate::extract::Limits;
use crate::neo4j::claim::{Claim, Purpose, Wanted};
use crate::pipeline::Pipeline;
use crate::schema;
use crate::status::Board;
use crate::stop::Stop;
use crate::verify::{Mending, Progress, VerifyReport};

/// How long deleting waits for others who work on the target. A loader works for longer than that: it is refused.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

impl MigrationValidator {
    /// What has to hold before anything is compared in order to mend it.
    pub(super) async fn check_repair(&self) -> Result<()> {
        let engine = &self.engine;
        engine.checkpoints.refresh().await?;
        for pipeline in &engine.selected {
            let name = pipeline.name();
            let through = engine
                .checkpoints
                .read(|state| state.extract.get(name).is_some_and(|extract| extract.finished.is_some()));
            if !through {
                let attempt = format!("repair `{name}`: its newest pass is not through");
                let advice = "run `regraft migrate-data` first, or leave it out with --types";
                return Err(Error::new(Cause::Busy, attempt).what_to_do(advice));
            }
        }
        engine.check_limits().await?;
        engine.check_target().await
    }

    /// Brings what is on its way to its end, compares, mends, and looks once more at what differed.
    pub(super) async fn repair(
        &self,
        options: &VerifyOptions,
        progress: &Progress,
        stop: &Stop,
        run: Uuid,
    ) -> Result<Option<VerifyReport>> {
        // A repair that was killed may have sent what nobody has loaded yet.
        if !self.drain(stop).await? {
            return Ok(None);
        }
        let mut verifier = self.verifier(options, progress, stop).await?;
        let Some(mut report) = verifier.compare().await? else { return Ok(None) };
        report.remarks = self.remarks().await?;
        if report.equal {
            return Ok(Some(report));
        }
        let target = self.engine.target()?;
        let version = schema::current_version(target).await?;
        let visible = VisibleRun::begin(target, &version, run, &options.command).await?;
        let mending = self.mending(options).await?;
        let mended = verifier.mend(mending).await;
        let drained = match &mended {
            Ok(Some(_)) => self.drain(stop).await,
            _ => Ok(false),
        };
        let outcome = match (&mended, &drained) {
            (Err(error), _) | (_, Err(error)) => error.chain().join(": "),
            (Ok(Some(_)), Ok(true)) => "repaired".to_owned(),
            _ => "interrupted".to_owned(),
        };
        if let Some(visible) = visible {
            visible.end(&outcome).await;
        }
        let (Some(repair), true) = (mended?, drained?) else { return Ok(None) };
        let looked = verifier.compare_again(&mut report, repair).await?;
        Ok(looked.then_some(report))
    }

    async fn mending(&self, options: &VerifyOptions) -> Result<Mending> {
        let engine = &self.engine;
        let deletion = if options.delete_extra { Some(self.claim().await?) } else { None };
        Ok(Mending {
            kafka: engine.kafka.clone(),
            checkpoints: engine.checkpoints.clone(),
            owner: engine.process,
            limits: Limits {
                chunk_rows: u64::try_from(engine.config.source.page_size).unwrap_or(u64::MAX),
                chunk_bytes: engine.config.load.batch_bytes,
                max_record_bytes: engine.config.kafka.max_record_bytes,
            },
            deletion,
        })
    }

    /// The target for this process alone; refused while loaders work on it.
    async fn claim(&self) -> Result<Claim> {
        let engine = &self.engine;
        let busy = engine.watermarks.groups_with_members().await?;
        let names = engine.pipelines.all().iter();
        let groups = names.map(|pipeline| engine.kafka.names.group(Stage::Load, pipeline.name()));
        let loading: Vec<String> = groups.filter(|group| busy.contains(group)).collect();
        if !loading.is_empty() {
            let attempt = format!("delete from the target: loaders are at work ({})", loading.join(", "));
            return Err(Error::new(Cause::Busy, attempt).what_to_do("end them, then start again"));
        }
        let wanted = Wanted { patience: PATIENCE, ..Wanted::new(Purpose::Exclusive, "regraft verify") };
        Claim::take(engine.target()?, &wanted).await
    }

    /// Transforms and loads what is on the topics. False where `stop` came first.
    async fn drain(&self, stop: &Stop) -> Result<bool> {
        let engine = &self.engine;
        let version = schema::current_version(engine.target()?).await?.to_string();
        let known = |pipeline: &&Arc<Pipeline>| {
            engine.checkpoints.read(|state| state.lineages.contains_key(pipeline.name()))
        };
        let pipelines: Vec<_> = engine.pipelines.all().iter().filter(known).cloned().collect();
        let (all, view) = (stop.child(), View::new(Board::default()));
        let lane = |stage| Lane {
            stage,
            engine: engine.clone(),
            view: view.clone(),
            until_drained: true,
            together: false,
            new_pass: false,
            schema_version: version.clone(),
            stop: all.clone(),
        };
        run_all([Stage::Transform, Stage::Load].map(lane).into(), &pipelines, &all).await?;
        Ok(!stop.is_requested())
    }
}
