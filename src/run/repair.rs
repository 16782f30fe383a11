//! Mending what a comparison found: records that differ through the pipelines again, what is not expected deleted.

use std::sync::Arc;

use tracing::warn;
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
use crate::verify::{Deletion, Mending, VerifyReport};

impl MigrationValidator {
    /// What has to hold before anything is compared in order to mend it.
    pub(super) async fn check_repair(&self) -> Result<()> {
        let engine = &self.engine;
        engine.checkpoints.refresh().await?;
        for pipeline in &engine.selected {
            let name = pipeline.name();
            if let Some(open) = self.unfinished(name) {
                let attempt = match open == name {
                    true => format!("repair `{name}`: its newest pass is not through"),
                    false => {
                        format!(
                            "repair `{name}`: the newest pass of `{open}`, which derives some of it, is not through"
                        )
                    }
                };
                let advice = "run `regraft migrate-data` first, or leave it out with --types";
                return Err(Error::new(Cause::Busy, attempt).what_to_do(advice));
            }
        }
        engine.check_limits().await?;
        engine.check_target().await?;
        engine.ensure_topics().await
    }

    /// Of a pipeline and those that derive records for it, one whose newest pass has not been read to its end.
    fn unfinished<'p>(&'p self, pipeline: &'p str) -> Option<&'p str> {
        let derivers = self.engine.observer.derivers_of(pipeline).iter().map(String::as_str);
        self.engine.checkpoints.read(|state| {
            let open = |name: &&str| state.extract.get(*name).is_none_or(|pass| pass.finished.is_none());
            std::iter::once(pipeline).chain(derivers).find(open)
        })
    }

    /// Brings what is on its way to its end, compares, mends, and looks once more at what differed: under a claim that
    /// nobody else has, refused while loaders are at work.
    pub(super) async fn repair(
        &self,
        options: &VerifyOptions,
        stop: &Stop,
        run: Uuid,
    ) -> Result<Option<VerifyReport>> {
        let wanted = Wanted::new(Purpose::Exclusive, "regraft verify --repair");
        let claim = tokio::select! {
            claim = Claim::take(self.engine.target()?, &wanted) => Arc::new(claim?),
            () = stop.requested() => return Ok(None),
        };
        let until = stop.child();
        let repaired = {
            let repairing = self.repair_claimed(options, &until, run, &claim);
            tokio::pin!(repairing);
            tokio::select! {
                repaired = &mut repairing => repaired,
                lost = claim.lost() => {
                    until.request();
                    // What it says of it is its consequence.
                    let _ = repairing.await;
                    Err(lost)
                }
            }
        };
        if let Err(error) = claim.release().await {
            warn!("the claim on the target runs out by itself: {}", error.chain().join(": "));
        }
        repaired
    }

    async fn repair_claimed(
        &self,
        options: &VerifyOptions,
        stop: &Stop,
        run: Uuid,
        claim: &Arc<Claim>,
    ) -> Result<Option<VerifyReport>> {
        // A repair that was killed may have sent what nobody has loaded yet.
        if !self.drain(claim, stop).await? {
            return Ok(None);
        }
        let mut verifier = self.verifier(options, stop).await?;
        let Some(mut report) = verifier.compare().await? else { return Ok(None) };
        report.remarks = self.remarks().await?;
        if report.equal {
            return Ok(Some(report));
        }
        let target = self.engine.target()?;
        let version = schema::settled_version(target).await?;
        let visible = VisibleRun::begin(target, &version, run, "data", &options.command).await?;
        let mended = verifier.mend(self.mending(options, claim)).await;
        let drained = match &mended {
            Ok(Some(_)) => self.drain(claim, stop).await,
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

    fn mending(&self, options: &VerifyOptions, claim: &Arc<Claim>) -> Mending {
        let engine = &self.engine;
        Mending {
            kafka: engine.kafka.clone(),
            checkpoints: engine.checkpoints.clone(),
            owner: engine.process,
            limits: Limits {
                chunk_rows: u64::try_from(engine.config.source.page_size).unwrap_or(u64::MAX),
                chunk_bytes: engine.config.load.batch_bytes,
                max_record_bytes: engine.config.kafka.max_record_bytes,
            },
            deletion: options.delete_extra.then(|| Deletion {
                claim: claim.clone(),
                undo: engine.undo.clone(),
                journaling: engine.config.load.undo,
                prefix: engine.kafka.names.prefix().to_owned(),
                partitions: engine.kafka.settings().partitions,
            }),
        }
    }

    /// Transforms and loads what is on the topics, also of types that were not selected: they may derive what was, or be
    /// its ends. A pass that is not read to its end would be waited for without end. False where `stop` came first.
    async fn drain(&self, claim: &Arc<Claim>, stop: &Stop) -> Result<bool> {
        let engine = &self.engine;
        let version = schema::settled_version(engine.target()?).await?.to_string();
        let through = |pipeline: &&Arc<Pipeline>| self.unfinished(pipeline.name()).is_none();
        let pipelines: Vec<_> = engine.pipelines.all().iter().filter(through).cloned().collect();
        let (all, view) = (stop.child(), View::new(Board::default()));
        let lane = |stage| Lane {
            stage,
            engine: engine.clone(),
            view: view.clone(),
            until_drained: true,
            together: false,
            schema_version: version.clone(),
            claim: Some(claim.clone()),
            stop: all.clone(),
        };
        run_all([Stage::Transform, Stage::Load].map(lane).into(), &pipelines, &all).await?;
        Ok(!stop.is_requested())
    }
}
