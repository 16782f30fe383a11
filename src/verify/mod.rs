//! Comparing the content of both graphs through the pipelines: source + derived − open dead letters = target.
//!
//! ```text
//! source ─ the same reading ─▶ pure function ─▶ expected ─┐
//!   or raw topics                                          ├─ sums of digests by type and bucket of keys
//! target ─ the same reading ────────────────▶  actual  ─┘      │ buckets that differ
//!                                                               ▼
//!                                read again, record by record: missing, extra, different
//! ```
//!
//! Both sides are reduced in streams to order-independent sums of 128-bit digests (`subject`, `buckets`, `sides`): in the
//! first reading (`compare`) each side is read once. Only buckets whose sums differ are looked at again (`detail`), with
//! bounded memory. What was summed is kept in the target (`keeper`) until the comparison is through.
//!
//! What is expected is what the pure function makes of the source (`judge`), less what is accounted for otherwise:
//!
//! - what the pure function rejects, and relationships at a node that it rejects;
//! - what the target refused (`target_rejected`) while that dead letter is open, and relationships at it;
//! - derived relationships of which an end is neither in the source nor in the target.
//!
//! Of the two properties that loading adds to nodes, the values are not compared: a version that the schema has had, and
//! an instant in UTC, is all that can be asked. What others have put on nodes is listed as foreign.
//!
//! [`Verifier::mend`] sends what differs through the pipelines again and, where it may, deletes what the source does not
//! have; loading what was sent is up to who calls it.

mod buckets;
mod compare;
mod delete;
mod derived;
mod describe;
mod detail;
mod feed;
mod held;
mod judge;
mod keeper;
mod kept;
mod letters;
mod lookup;
mod mend;
mod names;
mod noting;
mod plan;
mod raw;
mod reading;
mod report;
mod reporter;
mod sides;
mod strays;
mod subject;
mod tally;
mod verifier;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::extract::Rate;
use crate::kafka::{Checkpoints, Kafka, Watermarks};
use crate::metrics::Metrics;
use crate::neo4j::{SourceGraph, TargetGraph};
use crate::pipeline::{Pipeline, Pipelines};
use crate::status::Tally;
use crate::stop::Stop;

use derived::DerivedPairs;
use keeper::Keeper;
use letters::OpenLetters;

pub use mend::{Deletion, Mending};
pub use report::{
    Against, Difference, DifferenceKind, Foreign, ForeignName, Left, PipelineComparison, PropertyDifference,
    RepairReport, Stray, Strays, Subject, Totals, VerifyReport,
};
pub use tally::{EmittedCounts, SourceCounts};
pub use verifier::{Options, Verifier};

/// What a comparison works with.
pub struct Context {
    /// The source; none where raw topics stand for it.
    pub source: Option<SourceGraph>,
    /// The target.
    pub target: TargetGraph,
    /// Kafka.
    pub kafka: Kafka,
    /// The checkpoints topic, followed.
    pub checkpoints: Arc<Checkpoints>,
    /// The topics' ends.
    pub watermarks: Watermarks,
    /// All pipelines.
    pub pipelines: Pipelines,
    /// Those that are compared.
    pub selected: Vec<Arc<Pipeline>>,
    /// Every version that the target's schema has had.
    pub schema_versions: BTreeSet<String>,
    /// Rows of a page, on either side.
    pub page_rows: u64,
    /// Largest encoded raw record.
    pub max_record_bytes: usize,
    /// Types that are compared side by side.
    pub types_at_once: usize,
    /// How long a service failure is tried again.
    pub retry: Duration,
    /// Rows a second that the source is asked for.
    pub source_rate: Arc<Rate>,
    /// Rows a second that the target is asked for.
    pub target_rate: Arc<Rate>,
    /// Tells this comparison from others: what was migrated so far, by what definitions.
    pub fingerprint: String,
    /// Told how far each type is: rows of both sides.
    pub tally: Tally,
    /// Counts of what was compared, and of what differs, by pipeline.
    pub metrics: Arc<Metrics>,
    /// When to stop.
    pub stop: Stop,
}

/// What the parts of a comparison share.
struct Shared {
    /// None where raw topics stand for it.
    source: Option<SourceGraph>,
    target: TargetGraph,
    pipelines: Pipelines,
    letters: Arc<OpenLetters>,
    derived: Arc<DerivedPairs>,
    max_record_bytes: usize,
    keeper: Arc<Keeper>,
    /// Labels whose nodes are compared themselves, and not only read for what others need of them.
    compared_labels: BTreeSet<String>,
    types_at_once: usize,
    retry: Duration,
    tally: Tally,
    metrics: Arc<Metrics>,
    stop: Stop,
}
