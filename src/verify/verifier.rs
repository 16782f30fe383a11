//! The comparison from its beginning to its report.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Instant;

use tracing::info;

use super::buckets::BucketSet;
use super::compare::{Ends, Summed};
use super::derived::DerivedPairs;
use super::keeper::Keeper;
use super::letters::OpenLetters;
use super::lookup::Absent;
use super::mend::{Mender, Mending};
use super::names::Names;
use super::plan::{Compared, Plan};
use super::report::{
    Against, Foreign, ForeignName, Left, PipelineComparison, RepairReport, Strays, VerifyReport,
};
use super::reporter::{FoundDifferences, Reporter};
use super::strays::StrayReport;
use super::subject::BeyondKind;
use super::{Context, Shared};
use crate::dead_letters::Reader;
use crate::error::Result;
use crate::metrics::Mismatch;
use crate::record::{Reason, instant_text};

/// What a comparison is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where the expected records come from.
    pub against: Against,
    /// Differences that the report names, of each pipeline.
    pub limit: usize,
    /// Begins anew, whatever is kept of an interrupted comparison.
    pub anew: bool,
}

/// Compares the target with what is expected of it.
pub struct Verifier {
    context: Context,
    options: Options,
    shared: Arc<Shared>,
    plan: Plan,
    ends: Ends,
    /// Buckets that differed in the first reading.
    differing: Vec<(Arc<Compared>, BucketSet)>,
    absent: Absent,
    started: Instant,
}

impl Verifier {
    /// Prepares: reads the open dead letters, counts rows, takes up what is kept of a comparison that was interrupted.
    pub async fn start(context: Context, options: Options) -> Result<Self> {
        let started = Instant::now();
        let plan = Plan::make(&context, options.against).await?;
        context.tally.show(plan.all().map(|compared| compared.subject.name().to_owned()));
        for compared in plan.all() {
            // Its series appear at zero.
            let _ = context.metrics.verify(compared.subject.name());
        }
        let mut derived = DerivedPairs::default();
        for receiver in plan.relationships.iter().filter(|compared| !compared.derivers.is_empty()) {
            derived.receive(receiver.subject.clone(), receiver.buckets);
        }
        let prefix = context.kafka.names.prefix().to_owned();
        let begun = context.fingerprint.clone();
        let keeper = Keeper::open(context.target.clone(), &prefix, begun, options.anew).await?;
        if let Some(since_ms) = keeper.goes_on_since_ms() {
            info!("an interrupted comparison is gone on with, from {}", instant_text(since_ms));
        }
        let shared = Shared {
            source: context.source.clone(),
            target: context.target.clone(),
            pipelines: context.pipelines.clone(),
            letters: Arc::new(letters(&context).await?),
            derived: Arc::new(derived),
            max_record_bytes: context.max_record_bytes,
            keeper: Arc::new(keeper),
            compared_labels: compared_labels(&plan),
            types_at_once: context.types_at_once.max(1),
            retry: context.retry,
            tally: context.tally.clone(),
            metrics: context.metrics.clone(),
            stop: context.stop.clone(),
        };
        Ok(Self {
            context,
            options,
            shared: Arc::new(shared),
            plan,
            ends: Ends::default(),
            differing: Vec::new(),
            absent: Absent::default(),
            started,
        })
    }

    /// Compares. Nothing where `stop` came first: what was summed is kept, and the next comparison goes on.
    ///
    /// Errors: service failures; what was summed is kept as well.
    pub async fn compare(&mut self) -> Result<Option<VerifyReport>> {
        let Some(nodes) = self.shared.sum_all(self.plan.nodes.clone(), &Ends::default()).await? else {
            return Ok(None);
        };
        self.ends = ends_of(&nodes);
        let relationships = self.shared.sum_all(self.plan.relationships.clone(), &self.ends).await?;
        let Some(relationships) = relationships else { return Ok(None) };
        let mut summed = nodes;
        summed.extend(relationships);
        let goes_on_from = self.shared.keeper.goes_on_since_ms().map(instant_text);
        let mut report =
            VerifyReport { against: self.options.against, goes_on_from, ..VerifyReport::default() };
        self.differing = summed.iter().map(|(of, summed)| (of.clone(), summed.differing.clone())).collect();
        let Some(mut found) = self.look_again().await? else { return Ok(None) };
        for compared in self.plan.all().filter(|compared| compared.target.is_some()) {
            let name = compared.subject.name();
            let of = summed.iter().find(|(each, _)| Arc::ptr_eq(each, compared));
            if let Some((_, summed)) = of {
                let found = found.remove(name).unwrap_or_default();
                self.count(name, &found);
                report.pipelines.push(self.comparison(compared, summed, found));
            }
        }
        report.strays = self.strays(&report).await?;
        self.shared.keeper.forget().await?;
        report.seconds = self.started.elapsed().as_secs_f64();
        report.close();
        Ok(Some(report))
    }

    fn count(&self, pipeline: &str, found: &FoundDifferences) {
        let metrics = self.shared.metrics.verify(pipeline);
        metrics.mismatched(Mismatch::Missing, found.missing);
        metrics.mismatched(Mismatch::Extra, found.extra);
        metrics.mismatched(Mismatch::Different, found.different);
    }

    /// Sends what differs again and, where it may, deletes what is not expected. Relationships come first: a node goes
    /// without its relationships. Nothing where `stop` came first.
    pub async fn mend(&mut self, mending: Mending) -> Result<Option<RepairReport>> {
        let mut mender = Mender::new(self.shared.clone(), mending, &self.absent);
        let mended = self.mend_all(&mut mender).await;
        // Whatever ended it: what was sent so far is completed first.
        let finished = mender.finish().await;
        Ok(mended?.then_some(finished?))
    }

    /// False where `stop` came first.
    async fn mend_all(&self, mender: &mut Mender<'_>) -> Result<bool> {
        let in_order = self.differing.iter().rev();
        for (compared, buckets) in in_order.filter(|(compared, _)| compared.target.is_some()) {
            if !self.shared.look_again(compared, buckets, &self.ends, mender).await? {
                return Ok(false);
            }
        }
        if mender.deletes() {
            let (rows, whole) = (self.rows_by_type(None), self.is_whole());
            self.shared.look_for_strays(&rows, whole, mender).await?;
        }
        Ok(true)
    }

    /// Looks once more at all that differed, after it was mended, and completes the report. False where `stop` came
    /// first.
    pub async fn compare_again(
        &mut self,
        report: &mut VerifyReport,
        mut repair: RepairReport,
    ) -> Result<bool> {
        // Loading may have brought dead letters.
        let letters = Arc::new(letters(&self.context).await?);
        let shared = &self.shared;
        self.shared = Arc::new(Shared {
            source: shared.source.clone(),
            target: shared.target.clone(),
            pipelines: shared.pipelines.clone(),
            letters,
            derived: shared.derived.clone(),
            max_record_bytes: shared.max_record_bytes,
            keeper: shared.keeper.clone(),
            compared_labels: shared.compared_labels.clone(),
            types_at_once: shared.types_at_once,
            retry: shared.retry,
            tally: shared.tally.clone(),
            metrics: shared.metrics.clone(),
            stop: shared.stop.clone(),
        });
        self.absent = Absent::default();
        let Some(found) = self.look_again().await? else { return Ok(false) };
        for (name, found) in found {
            let left = Left {
                missing: found.missing,
                extra: found.extra,
                different: found.different,
                differences: found.differences,
            };
            repair.left.insert(name, left);
        }
        let strays = self.strays(report).await?;
        repair.strays_left = strays.nodes + strays.relationships;
        report.repair = Some(repair);
        report.seconds = self.started.elapsed().as_secs_f64();
        report.close();
        Ok(true)
    }

    /// Looks at all buckets that differed, one type after the other: nodes first, so that it is known which are missing.
    async fn look_again(&mut self) -> Result<Option<BTreeMap<String, FoundDifferences>>> {
        let mut all = BTreeMap::new();
        for (compared, buckets) in &self.differing {
            if compared.target.is_none() || buckets.is_empty() {
                continue;
            }
            let mut reporter = Reporter {
                shared: &self.shared,
                limit: self.options.limit,
                absent: &mut self.absent,
                found: FoundDifferences::default(),
            };
            if !self.shared.look_again(compared, buckets, &self.ends, &mut reporter).await? {
                return Ok(None);
            }
            all.insert(compared.subject.name().to_owned(), reporter.found);
        }
        Ok(Some(all))
    }

    fn comparison(
        &self,
        compared: &Compared,
        summed: &Summed,
        found: FoundDifferences,
    ) -> PipelineComparison {
        let name = compared.subject.name();
        let mut emitted = self.shared.derived.counts(name);
        if found.accounted > 0 {
            emitted.expected = emitted.expected.saturating_sub(found.accounted);
            *emitted.dead_letters.entry(Reason::EndpointMissing).or_default() += found.accounted;
        }
        PipelineComparison {
            name: name.to_owned(),
            entity_type: compared.subject.pipeline.source().entity_type().to_owned(),
            source: summed.expected.counts.clone(),
            emitted,
            expected: summed.expected.sums.total().saturating_sub(found.accounted),
            target: summed.actual.as_ref().map_or(0, |actual| actual.sums.total()),
            missing: found.missing,
            extra: found.extra,
            different: found.different,
            differences: found.differences,
            foreign: summed
                .actual
                .as_ref()
                .map_or_else(Foreign::default, |actual| foreign(&summed.expected.names, &actual.names)),
        }
    }

    async fn strays(&self, report: &VerifyReport) -> Result<Strays> {
        let mut sink = StrayReport { limit: self.options.limit, strays: Strays::default() };
        let rows = self.rows_by_type(Some(report));
        self.shared.look_for_strays(&rows, self.is_whole(), &mut sink).await?;
        Ok(sink.strays)
    }

    /// Rows of the target by relationship type, of the types of which all pipelines are compared. Without a report, or
    /// after a repair, none is known to be all that there is.
    fn rows_by_type(&self, report: Option<&VerifyReport>) -> BTreeMap<String, u64> {
        let mut rows = BTreeMap::new();
        for pipeline in self.context.pipelines.all().iter().filter(|pipeline| !pipeline.is_node()) {
            let selected = self.context.selected.iter().any(|selected| selected.name() == pipeline.name());
            let entity_type = pipeline.source().entity_type().to_owned();
            let found = report.filter(|report| report.repair.is_none());
            let found =
                found.and_then(|report| report.pipelines.iter().find(|of| of.name == pipeline.name()));
            if selected {
                *rows.entry(entity_type).or_default() += found.map_or(0, |found| found.target);
            }
        }
        rows
    }

    fn is_whole(&self) -> bool {
        self.context.selected.len() == self.context.pipelines.all().len()
    }
}

/// Labels whose nodes are compared themselves.
fn compared_labels(plan: &Plan) -> BTreeSet<String> {
    let compared = plan.nodes.iter().filter(|each| each.target.is_some());
    compared.map(|each| each.subject.pipeline.source().entity_type().to_owned()).collect()
}

async fn letters(context: &Context) -> Result<OpenLetters> {
    // What a killed worker's open transaction hides would be taken for missing.
    let reader = Reader::settled(&context.kafka, &context.watermarks, &context.checkpoints).await?;
    OpenLetters::read(reader, &context.pipelines).await
}

fn ends_of(nodes: &[(Arc<Compared>, Summed)]) -> Ends {
    let all = |of: fn(&Summed) -> &Vec<u128>| {
        let each = nodes.iter().flat_map(|(_, summed)| of(summed)).copied();
        Arc::new(each.collect::<HashSet<u128>>())
    };
    Ends { dead: all(|summed| &summed.expected.dead_ends), found: all(|summed| &summed.expected.found) }
}

fn foreign(expected: &Names, actual: &Names) -> Foreign {
    let mut foreign = Foreign::default();
    for ((kind, name), (count, keys)) in expected.foreign(actual) {
        let found = ForeignName { count, keys: keys.into_iter().map(String::from).collect() };
        match kind {
            BeyondKind::Label => foreign.labels.insert(name.into(), found),
            BeyondKind::Property => foreign.properties.insert(name.into(), found),
        };
    }
    foreign
}
