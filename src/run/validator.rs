//! Validating a migration: the comparison of both graphs' content, and its repair.

use std::collections::BTreeSet;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::engine::{Engine, Needs, Topics};
use super::journal::Journal;
use crate::config::Config;
use crate::error::{Cause, Error, Result};
use crate::extract::Rate;
use crate::metrics::Metrics;
use crate::observe::Loaded;
use crate::schema::{History, Version};
use crate::status::Tally;
use crate::stop::Stop;
use crate::verify::{Against, Context, Options, Verifier, VerifyReport};

/// What `verify` is to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyOptions {
    /// Where the expected records come from.
    pub against: Against,
    /// Differences that the report names, of each pipeline.
    pub limit: usize,
    /// Begins anew, whatever is kept of an interrupted comparison.
    pub anew: bool,
    /// Rows a second that each database is asked for; none leaves the source at its configured rate.
    pub rows_per_second: Option<u64>,
    /// Sends what differs through the pipelines again.
    pub repair: bool,
    /// Deletes what is not expected. Only with `repair`.
    pub delete_extra: bool,
    /// The command as it was typed, for the list of runs.
    pub command: String,
}

/// Validates a migration.
pub struct MigrationValidator {
    pub(super) engine: Arc<Engine>,
    tally: Tally,
}

impl MigrationValidator {
    /// Connects to Kafka, the target and, unless raw topics are to stand for it, the source.
    ///
    /// Errors: [`Cause::Usage`] where nothing was migrated under the topic prefix yet.
    pub async fn connect(
        config: Config,
        types: &[String],
        against: Against,
        metrics: Arc<Metrics>,
        stop: &Stop,
    ) -> Result<Self> {
        let needs = Needs { source: against == Against::Source, target: true, topics: Topics::Look };
        let prefix = config.kafka.topic_prefix.clone();
        let engine = Engine::start(config, types, needs, metrics, stop).await?;
        let nothing = || {
            Error::new(Cause::Usage, format!("compare: nothing was migrated under the prefix {prefix:?}"))
                .what_to_do("run `regraft migrate-data`, or set kafka.topic_prefix to that of the migration")
        };
        Ok(Self { engine: Arc::new(engine.ok_or_else(nothing)?), tally: Tally::new([]) })
    }

    /// What is shared with other commands.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// How far a comparison is.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Compares the target with what is expected of it, and mends it where that is asked for; the mending is in the list
    /// of runs. Nothing where `stop` came first: the next call goes on.
    ///
    /// Errors: service failures, after which the next call goes on as well.
    pub async fn verify(&self, options: &VerifyOptions, stop: &Stop) -> Result<Option<VerifyReport>> {
        if !options.repair {
            return self.compare(options, stop).await;
        }
        self.check_repair().await?;
        let journal = Journal::begin(&self.engine, options.command.clone()).await?;
        let repaired = self.repair(options, stop, journal.id()).await;
        let (exit_code, outcome) = outcome(&repaired);
        journal.end(exit_code, outcome).await;
        repaired
    }

    async fn compare(&self, options: &VerifyOptions, stop: &Stop) -> Result<Option<VerifyReport>> {
        let mut verifier = self.verifier(options, stop).await?;
        let Some(mut report) = verifier.compare().await? else { return Ok(None) };
        report.remarks = self.remarks().await?;
        Ok(Some(report))
    }

    pub(super) async fn verifier(&self, options: &VerifyOptions, stop: &Stop) -> Result<Verifier> {
        let engine = &self.engine;
        engine.checkpoints.refresh().await?;
        let target = engine.target()?.clone();
        let rate = |configured| Arc::new(Rate::new(options.rows_per_second.unwrap_or(configured)));
        let context = Context {
            source: engine.source.clone(),
            target: target.clone(),
            kafka: engine.kafka.clone(),
            checkpoints: engine.checkpoints.clone(),
            watermarks: engine.watermarks.clone(),
            pipelines: engine.pipelines.clone(),
            selected: engine.selected.clone(),
            schema_versions: schema_versions(&History::read(&target).await?),
            page_rows: u64::try_from(engine.config.source.page_size).unwrap_or(u64::MAX),
            max_record_bytes: engine.config.kafka.max_record_bytes,
            types_at_once: engine.config.run.pipelines_at_once,
            retry: engine.config.run.retry,
            source_rate: rate(engine.config.source.rows_per_second),
            target_rate: rate(0),
            fingerprint: self.fingerprint(options.against).await?,
            tally: self.tally.clone(),
            metrics: engine.metrics.clone(),
            stop: stop.clone(),
        };
        let options = Options { against: options.against, limit: options.limit, anew: options.anew };
        Verifier::start(context, options).await
    }

    /// A digest of what the comparison is about: definitions, and how far the migration was. A comparison of anything
    /// else is not gone on with.
    async fn fingerprint(&self, against: Against) -> Result<String> {
        let engine = &self.engine;
        let loaded = engine.observer.loaded().await?;
        let mut digest = Sha256::new();
        digest.update(format!("{} {against:?}", env!("CARGO_PKG_VERSION")));
        digest.update(engine.source.as_ref().map_or_else(String::new, |source| source.place()));
        digest.update(engine.config.kafka.max_record_bytes.to_string());
        digest.update(format!("{:?}", schema_versions(&History::read(engine.target()?).await?)));
        // Dead letters that come, and what is done about them.
        let (letters, partitions) = (engine.kafka.names.dead_letters(), engine.kafka.settings().partitions);
        digest.update(format!("{:?}", engine.watermarks.ends_of(&letters, partitions).await?));
        digest.update(engine.checkpoints.read(|state| format!("{:?}", state.replays.keys())));
        for pipeline in engine.pipelines.all() {
            let name = pipeline.name();
            let selected = engine.selected.iter().any(|each| each.name() == name);
            digest.update(format!("{name} {selected} {}", pipeline.digest()));
            let extracted = engine.checkpoints.read(|state| state.extract.get(name).cloned());
            if let Some(extract) = extracted {
                let (lineage, pass) = (extract.lineage, extract.pass);
                digest.update(format!("{lineage} {pass} {} {}", extract.read, extract.repaired));
            }
            for (partition, checkpoint) in loaded.get(name).into_iter().flatten() {
                digest.update(format!("{partition} {} {}", checkpoint.next_offset, checkpoint.epoch));
            }
        }
        Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// What makes the comparison say less, or other, than it seems to.
    pub(super) async fn remarks(&self) -> Result<Vec<String>> {
        let engine = &self.engine;
        let loaded: Loaded = engine.observer.loaded().await?;
        let mut remarks = Vec::new();
        for pipeline in &engine.selected {
            let name = pipeline.name();
            let account = engine.observer.account(name, &loaded);
            if account.pass == 0 {
                remarks.push(format!("`{name}` was never migrated"));
            } else if !account.extracted {
                remarks.push(format!("`{name}`: extraction of pass {} is not through", account.pass));
            } else if account.in_flight() > 0 {
                let on_their_way = account.in_flight();
                remarks.push(format!(
                    "`{name}`: {on_their_way} records are on their way; until they arrive they are missing"
                ));
            }
            let known = engine.checkpoints.read(|state| {
                let changes =
                    state.transform_of(name).into_iter().filter_map(|each| each.changes.last().cloned());
                changes.map(|change| change.digest).collect::<BTreeSet<_>>()
            });
            if !known.is_empty() && !known.contains(&pipeline.digest()) {
                remarks.push(format!(
                    "`{name}`: its definition has changed since its records were transformed; it is compared by the \
                     new one"
                ));
            }
        }
        Ok(remarks)
    }
}

/// Every version that the schema has had: what stands on a node is the one that it had when the node was written.
fn schema_versions(history: &History) -> BTreeSet<String> {
    let known = history.attempts.iter().map(|attempt| attempt.version.to_string());
    known.chain([Version::NONE.to_string()]).collect()
}

/// Exit code, and how it ended in a few words.
fn outcome(repaired: &Result<Option<VerifyReport>>) -> (u8, String) {
    match repaired {
        Err(error) => (error.policy().exit_code, error.chain().join(": ")),
        Ok(None) => (3, "interrupted; the next run goes on".to_owned()),
        Ok(Some(report)) => {
            let Some(repair) = &report.repair else { return (0, "nothing differed".to_owned()) };
            let sent: u64 = repair.sent.values().sum();
            let deleted = repair.deleted_nodes + repair.deleted_relationships;
            let left: u64 = repair.left.values().map(|left| left.differing()).sum();
            let summary =
                format!("{sent} records sent again, {deleted} deleted, {} differ", left + repair.strays_left);
            (u8::from(!report.equal), summary)
        }
    }
}
