//! The schema and a rollback: the constraints that it needs, and the versions that it takes down.

use std::collections::BTreeSet;

use super::{RollbackReport, Rolling};
use crate::error::{Cause, Error, Result};
use crate::neo4j::catalog::Own;
use crate::neo4j::claim::Claim;
use crate::neo4j::{Statement, hold, quote};
use crate::rollback::Survey;
use crate::schema::{self, SchemaManager};

impl Rolling<'_> {
    /// Entities are found by their keys, as loading finds them. False where the schema is that of the date already, had
    /// no such keys, and has no node that could be found by them: all is done.
    pub(super) async fn has_keys(&self, survey: &Survey, report: &RollbackReport) -> Result<bool> {
        let target = self.engine.target()?;
        let inventory = target.inventory(Own::LeftOut).await?;
        let keys = survey.kinds.iter().flat_map(|seen| seen.kind.keys());
        let missing: BTreeSet<_> = keys
            .filter(|end| !inventory.has_key_constraint(&end.label, &end.key_property))
            .map(|end| (end.label.clone(), end.key_property.clone()))
            .collect();
        if missing.is_empty() {
            return Ok(true);
        }
        if self.options.with_schema && report.schema.applied.is_empty() {
            let mut found = 0;
            for (label, _) in &missing {
                let text = format!("MATCH (n:{}) RETURN [n IS NULL] AS row LIMIT 1", quote(label)?);
                found += target.rows(Statement::new(text)).await?.len();
            }
            if found == 0 {
                return Ok(false);
            }
        }
        let missing: Vec<_> = missing.iter().map(|(label, key)| format!("{label}.{key}")).collect();
        let message = format!("roll back: the target has no uniqueness constraint on {}", missing.join(", "));
        Err(Error::new(Cause::TargetNotReady, message))
    }

    /// Whether versions are to be taken down.
    pub(super) fn takes_down(&self, report: &RollbackReport) -> bool {
        self.options.with_schema && !report.schema.applied.is_empty()
    }

    /// Refuses to take down the schema of types that are not rolled back.
    pub(super) async fn check_selection(&self, report: &RollbackReport) -> Result<()> {
        if !self.selection || !self.takes_down(report) {
            return Ok(());
        }
        let loaded = self.engine.observer.loaded().await?;
        let is_selected = |name: &str| self.engine.selected.iter().any(|pipeline| pipeline.name() == name);
        let others = loaded.iter().filter(|(name, of)| {
            !is_selected(name) && of.values().any(|checkpoint| checkpoint.next_offset > 0)
        });
        let others: Vec<_> = others.map(|(name, _)| name.as_str()).collect();
        if others.is_empty() {
            return Ok(());
        }
        let message =
            format!("take down the schema with some types only: it is also that of {}", others.join(", "));
        Err(Error::new(Cause::Usage, message).what_to_do("leave --types out, or --with-schema"))
    }

    /// Takes down the versions that came since, where that is asked for, and lets go of loading.
    ///
    /// Errors: those of the migration. The same command goes on with it.
    pub(super) async fn take_down(&self, claim: &Claim, report: &mut RollbackReport) -> Result<()> {
        if !self.options.with_schema {
            return Ok(());
        }
        let target = self.engine.target()?;
        if self.takes_down(report) {
            let folder = self.engine.config.paths.schemas.join("migrations");
            let options = schema::Options {
                target_version: Some(report.schema.then.clone()),
                execute: true,
                ..schema::Options::default()
            };
            let manager = SchemaManager::open(target, &folder)?.until(self.stop.clone());
            manager.migrate_claimed(&options, claim, &|_| {}).await.map_err(|error| {
                error.during("take down the schema; the data is rolled back, and the same command goes on")
            })?;
            report.schema.taken_down = true;
        }
        if self.held_for_the_schema().await?.is_none() {
            return Ok(());
        }
        let mut transaction = target.begin().await?;
        claim.fence(&mut transaction).await?;
        hold::lift(&mut transaction, self.engine.kafka.names.prefix()).await?;
        transaction.commit().await.map_err(Error::from)
    }
}
