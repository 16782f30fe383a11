//! What has to hold before a run touches anything.

use super::engine::Engine;
use crate::checkpoint::check_limit;
use crate::error::{Cause, Error, Result};
use crate::neo4j::catalog::Own;
use crate::neo4j::hold;
use crate::pipeline::Source;

impl Engine {
    /// Nobody may have begun to roll back without ending it.
    pub(super) async fn check_hold(&self) -> Result<()> {
        match hold::find(self.target()?, self.kafka.names.prefix()).await? {
            Some(hold) => Err(hold.refusal()),
            None => Ok(()),
        }
    }

    /// Nothing may hold loading ([`Engine::check_hold`]). Loading needs the uniqueness constraint of every key that
    /// it looks nodes up by: without it MERGE makes duplicates, and every look-up is a scan.
    pub(super) async fn check_target(&self) -> Result<()> {
        self.check_hold().await?;
        let inventory = self.target()?.inventory(Own::LeftOut).await?;
        let mut missing = Vec::new();
        for pipeline in &self.selected {
            let keys = match pipeline.source() {
                Source::Node { label, key } => vec![(label, key)],
                Source::Relationship { start, end, .. } => {
                    vec![(&start.label, &start.key), (&end.label, &end.key)]
                }
            };
            for (label, key) in keys {
                if !inventory.has_key_constraint(label, key) {
                    missing.push(format!("{label}.{key}"));
                }
            }
        }
        missing.sort();
        missing.dedup();
        if missing.is_empty() {
            return Ok(());
        }
        let message =
            format!("load into the target: it has no uniqueness constraint on {}", missing.join(", "));
        Err(Error::new(Cause::TargetNotReady, message))
    }

    /// What loading may have to wait for that is not selected, a sentence each.
    pub fn waits_for_others(&self) -> Vec<String> {
        let selected: Vec<&str> = self.selected.iter().map(|pipeline| pipeline.name()).collect();
        let sentence = |name: &str, others: &[String], what: &str| {
            let others: Vec<&str> =
                others.iter().map(String::as_str).filter(|other| !selected.contains(other)).collect();
            (!others.is_empty()).then(|| format!("`{name}` {what} {}", others.join(" and ")))
        };
        let each = self.selected.iter().flat_map(|pipeline| {
            let name = pipeline.name();
            let ends = "waits, where an end is not in the target, for what this run does not move:";
            let derived = "gets what is there already of that which is derived by";
            [
                sentence(name, &self.end_pipelines(pipeline), ends),
                sentence(name, self.observer.derivers_of(name), derived),
            ]
        });
        each.flatten().collect()
    }

    /// A pass that is beyond its limit of dead letters is not gone on with until the limit is raised.
    pub(super) async fn check_limits(&self) -> Result<()> {
        let loaded = self.observer.loaded().await?;
        for pipeline in &self.selected {
            let account = self.observer.account(pipeline.name(), &loaded);
            let limit = self.config.load.max_dead_letters;
            check_limit(limit, pipeline.name(), account.pass, account.charged, account.expected)?;
        }
        Ok(())
    }
}
