//! Every metric family: its name, what it says, its labels. One place, so that the documentation can be compared.

use prometheus::core::Collector;
use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, Result as Registered,
};

/// Seconds that a commit takes, from a local transaction to one that is about to time out.
const COMMIT_SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Records of a batch, up to the largest `load.batch_size`.
const BATCH_RECORDS: &[f64] = &[1.0, 10.0, 100.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0, 100_000.0];

/// Seconds from the source to the target: a batch or two where the stages keep up, days after a replay.
pub(super) const LATENCY_SECONDS: &[f64] =
    &[0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0, 604_800.0];

const STAGE: &[&str] = &["stage", "pipeline"];
const PARTITION: &[&str] = &["stage", "pipeline", "partition"];
const PIPELINE: &[&str] = &["pipeline"];

/// What a metric is, as the documentation lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The whole name.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Labels.
    pub labels: Vec<String>,
    /// What it says.
    pub help: String,
}

/// All families of a process.
#[derive(Debug, Clone)]
pub(super) struct Families {
    pub records_in: IntCounterVec,
    pub records_out: IntCounterVec,
    pub merged: IntCounterVec,
    pub dead_lettered: IntCounterVec,
    pub batches: IntCounterVec,
    pub batch_records: HistogramVec,
    pub commit_seconds: HistogramVec,
    pub latency_seconds: HistogramVec,
    pub retries: IntCounterVec,
    pub retries_exhausted: IntCounterVec,
    pub dead_letter_writes: IntCounterVec,
    pub dead_letter_write_failures: IntCounterVec,
    pub last_commit: GaugeVec,
    pub last_progress: GaugeVec,
    pub queued: IntGaugeVec,
    pub held: IntGaugeVec,
    pub lag: IntGaugeVec,
    pub committed_offset: IntGaugeVec,
    pub log_start_offset: IntGaugeVec,
    pub oldest_unread: GaugeVec,
    pub topic_retention: GaugeVec,
    pub group_last_active: GaugeVec,
    pub offsets_retention: GaugeVec,
    pub expected: IntGaugeVec,
    pub read: IntGaugeVec,
    pub finished: IntGaugeVec,
    pub charged: IntGaugeVec,
    pub allowed: IntGaugeVec,
    pub state: IntGaugeVec,
    pub service_up: IntGaugeVec,
    pub connections: IntGaugeVec,
    pub connections_max: IntGaugeVec,
    pub verified: IntCounterVec,
    pub mismatches: IntCounterVec,
    pub build: IntGaugeVec,
    pub run: IntGaugeVec,
    pub run_start: GaugeVec,
    pub run_end: GaugeVec,
}

/// Registers families and keeps what they are.
pub(super) struct Catalogue {
    registry: Registry,
    described: Vec<Described>,
}

impl Catalogue {
    pub(super) fn new(registry: Registry) -> Self {
        Self { registry, described: Vec::new() }
    }

    pub(super) fn described(self) -> Vec<Described> {
        self.described
    }

    fn add<C: Collector + Clone + 'static>(
        &mut self,
        (kind, name, help): (&'static str, &str, &str),
        labels: &[&str],
        collector: C,
    ) -> Registered<C> {
        self.registry.register(Box::new(collector.clone()))?;
        self.described.push(Described {
            name: format!("{}_{name}", super::PREFIX),
            kind,
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            help: help.to_owned(),
        });
        Ok(collector)
    }

    fn counter(&mut self, name: &str, help: &str, labels: &[&str]) -> Registered<IntCounterVec> {
        self.add(("counter", name, help), labels, IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn gauge(&mut self, name: &str, help: &str, labels: &[&str]) -> Registered<IntGaugeVec> {
        self.add(("gauge", name, help), labels, IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    /// A gauge of seconds.
    fn seconds(&mut self, name: &str, help: &str, labels: &[&str]) -> Registered<GaugeVec> {
        self.add(("gauge", name, help), labels, GaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn histogram(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Registered<HistogramVec> {
        let histogram = HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)?;
        self.add(("histogram", name, help), labels, histogram)
    }
}

impl Families {
    /// Registers all of them; no series yet.
    #[rustfmt::skip]
    pub(super) fn register(to: &mut Catalogue) -> Registered<Self> {
        Ok(Self {
            records_in: to.counter("records_in_total", "Records that a stage took in: extraction counts what it reads, the others what is durable.", STAGE)?,
            records_out: to.counter("records_out_total", "Records that a stage passed on or applied.", STAGE)?,
            merged: to.counter("records_merged_total", "Parallel relationships that another one stands for.", STAGE)?,
            dead_lettered: to.counter("records_dead_lettered_total", "Records that can't be migrated, by reason.", &["stage", "pipeline", "reason"])?,
            batches: to.counter("batches_total", "Attempts at a batch, by how they ended.", &["stage", "pipeline", "outcome"])?,
            batch_records: to.histogram("batch_records", "Records of a committed batch.", STAGE, BATCH_RECORDS)?,
            commit_seconds: to.histogram("commit_duration_seconds", "How long commits take, by the system that is committed to.", &["stage", "system"], COMMIT_SECONDS)?,
            latency_seconds: to.histogram("record_latency_seconds", "From reading a record in the source to its commit in the target; mode replay where it was there before.", &["pipeline", "mode"], LATENCY_SECONDS)?,
            retries: to.counter("retries_total", "Attempts after a service failure.", &["stage", "reason"])?,
            retries_exhausted: to.counter("retries_exhausted_total", "Service failures that lasted longer than run.retry_seconds.", &["stage", "reason"])?,
            dead_letter_writes: to.counter("dead_letter_writes_total", "Transactions that were to write dead letters to their topic.", &["stage"])?,
            dead_letter_write_failures: to.counter("dead_letter_write_failures_total", "Those of them in which the topic of dead letters took none.", &["stage"])?,
            last_commit: to.seconds("last_commit_timestamp_seconds", "When a stage last committed; 0 before that.", STAGE)?,
            last_progress: to.seconds("last_progress_timestamp_seconds", "When a stage last finished a record, or began to wait for one; 0 before that.", STAGE)?,
            queued: to.gauge("queued_records", "Records that a stage holds in memory: read, not yet committed.", STAGE)?,
            held: to.gauge("held_relationships", "Relationships that wait for their ends to be loaded.", PIPELINE)?,
            lag: to.gauge("lag_offsets", "Offsets between the committed position and the end of an assigned partition.", PARTITION)?,
            committed_offset: to.gauge("committed_offset", "Next offset to read of an assigned partition, as committed.", PARTITION)?,
            log_start_offset: to.gauge("log_start_offset", "Oldest offset that an assigned partition still has.", PARTITION)?,
            oldest_unread: to.seconds("oldest_uncommitted_timestamp_seconds", "Time of the oldest record of an assigned partition that is read and not yet committed; no series where there is none.", PARTITION)?,
            topic_retention: to.seconds("topic_retention_seconds", "How long the topic that a stage reads keeps records; +Inf for ever.", STAGE)?,
            group_last_active: to.seconds("group_last_active_timestamp_seconds", "When a stage's consumer group was last seen with this worker as a member.", STAGE)?,
            offsets_retention: to.seconds("offsets_retention_seconds", "How long Kafka keeps the committed offsets of a group without members.", &[])?,
            expected: to.gauge("records_expected", "Records that the pass will have. Absent before it has begun.", PIPELINE)?,
            read: to.gauge("records_read", "Rows of the pass that were read, and records that others derived for it, by all processes.", PIPELINE)?,
            finished: to.gauge("records_finished", "Records of the pass that were loaded, merged or dead-lettered, by all processes; known to those that see the target.", PIPELINE)?,
            charged: to.gauge("dead_letters_charged", "Dead letters of the pass that count towards load.max_dead_letters, from all processes.", PIPELINE)?,
            allowed: to.gauge("dead_letters_allowed", "Dead letters that load.max_dead_letters allows the pass.", PIPELINE)?,
            state: to.gauge("pipeline_state", "1 for the state that a pipeline is in as this process sees it, 0 for the others.", &["pipeline", "state"])?,
            service_up: to.gauge("service_up", "Whether a service that this process needs answered when it was last asked, every ten seconds.", &["service"])?,
            connections: to.gauge("neo4j_connections", "Connections to a Neo4j, in use and idle.", &["service", "state"])?,
            connections_max: to.gauge("neo4j_connections_max", "Connections to a Neo4j that there may be.", &["service"])?,
            verified: to.counter("verify_records_total", "Records that verify compared.", PIPELINE)?,
            mismatches: to.counter("verify_mismatches_total", "Records that verify found missing, extra or different.", &["pipeline", "kind"])?,
            build: to.gauge("build_info", "The version that runs; always 1.", &["version"])?,
            run: to.gauge("run_info", "The run that this process is, with its command and kafka.topic_prefix; always 1.", &["run", "command", "prefix"])?,
            run_start: to.seconds("run_start_timestamp_seconds", "When the run started.", &[])?,
            run_end: to.seconds("run_end_timestamp_seconds", "When the run ended, by how; no series while it runs.", &["outcome"])?,
        })
    }
}
