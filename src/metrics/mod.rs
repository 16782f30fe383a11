//! What a process counts, by Prometheus's conventions: prefix `regraft_`, base units, counters end in `_total`.
//!
//! Every series that can be foreseen starts at zero. No label holds a key or any other data of a record. Per
//! partition there are gauges only, and they go when the partition goes. `docs/metrics.md` lists all of it, and a test
//! compares it with what is registered here. Beside these there are the client library's own `process_…` metrics.

mod families;
mod partition;
mod pipeline;
mod run;
mod stage;
mod verify;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::process_collector::ProcessCollector;
use prometheus::{Registry, TextEncoder};

pub use families::Described;
pub use pipeline::Standing;
pub use run::{Connections, RunEnd, Service};
pub use stage::{Arrival, BatchOutcome, CommitSystem, StageMetrics};
pub use verify::{Mismatch, VerifyMetrics};

use crate::checkpoint::Stage;
use crate::error::{Cause, Error, Result};
use families::{Catalogue, Families};
use partition::Assigned;

/// What every metric's name begins with.
const PREFIX: &str = "regraft";

/// All metrics of a process. Handles for the hot path come from [`Metrics::stage`].
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    /// Memory, CPU time and files of the process, under the names that every program gives them.
    process: Registry,
    families: Families,
    described: Arc<[Described]>,
    assigned: Assigned,
}

impl Metrics {
    /// Metrics with nothing counted yet.
    pub fn new() -> Result<Metrics> {
        Metrics::registered()
            .map_err(|source| Error::new(Cause::Unexpected, "set up the metrics").source(source))
    }

    fn registered() -> prometheus::Result<Metrics> {
        let registry = Registry::new_custom(Some(PREFIX.to_owned()), None)?;
        let mut catalogue = Catalogue::new(registry.clone());
        let families = Families::register(&mut catalogue)?;
        families.build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let process = Registry::new();
        process.register(Box::new(ProcessCollector::for_self()))?;
        let assigned = Assigned::new(&families);
        Ok(Metrics { registry, process, families, described: catalogue.described().into(), assigned })
    }

    /// The handles of a stage for a pipeline, resolved once and for all; its series appear at zero.
    pub fn stage(&self, stage: Stage, pipeline: &str) -> StageMetrics {
        StageMetrics::new(&self.families, &self.assigned, stage, pipeline)
    }

    /// What verify counts for a pipeline; its series appear at zero.
    pub fn verify(&self, pipeline: &str) -> VerifyMetrics {
        VerifyMetrics::new(&self.families, pipeline)
    }

    /// Every metric that there can be, whether or not it has a series yet.
    pub fn described(&self) -> &[Described] {
        &self.described
    }

    /// Everything in Prometheus's text format.
    pub fn text(&self) -> Result<String> {
        let mut families = self.registry.gather();
        families.extend(self.process.gather());
        TextEncoder::new()
            .encode_to_string(&families)
            .map_err(|source| Error::new(Cause::Unexpected, "write the metrics as text").source(source))
    }
}

/// Gauges are signed; no count comes near the end of that.
fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Seconds since 1970.
fn now_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests;
