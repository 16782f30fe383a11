//! Which types are read on which side.

use std::collections::BTreeSet;
use std::sync::Arc;

use uuid::Uuid;

use super::buckets::Buckets;
use super::raw::RawPass;
use super::reading::Origin;
use super::subject::Subject;
use super::{Against, Context};
use crate::checkpoint::ExtractCheckpoint;
use crate::error::{Cause, Error, Result};
use crate::extract::{Envelope, Rate, Rows};
use crate::neo4j::ReadOnlyGraph;
use crate::pipeline::{Pipeline, Source};

/// A type that is read, and where.
pub(super) struct Compared {
    pub(super) subject: Arc<Subject>,
    pub(super) envelope: Envelope,
    /// Rows of both sides, about.
    pub(super) rows: u64,
    /// Partitions of its topics.
    pub(super) partitions: i32,
    /// Where the expected records come from.
    pub(super) source: Origin,
    /// Where the actual ones are; nothing where the type is read for what others need of it alone.
    pub(super) target: Option<Origin>,
    pub(super) buckets: Buckets,
    /// Whether its records derive some of a type that is compared.
    pub(super) derives: bool,
    /// Types whose records derive some of it.
    pub(super) derivers: Vec<Arc<Compared>>,
}

/// What is read: nodes first, since relationships depend on them.
pub(super) struct Plan {
    pub(super) nodes: Vec<Arc<Compared>>,
    pub(super) relationships: Vec<Arc<Compared>>,
}

impl Plan {
    /// Plans to compare the selected types. Counts rows on both sides.
    pub(super) async fn make(context: &Context, against: Against) -> Result<Self> {
        let planner = Planner { context, against, versions: Arc::new(context.schema_versions.clone()) };
        let (nodes, relationships): (Vec<_>, Vec<_>) =
            context.selected.iter().cloned().partition(|pipeline| pipeline.is_node());
        let mut plan = Self { nodes: Vec::new(), relationships: Vec::new() };
        for pipeline in planner.nodes_needed(&nodes, &relationships) {
            let compared = nodes.iter().any(|selected| selected.name() == pipeline.name());
            let derives = planner.derives_to(&pipeline, &relationships);
            plan.nodes.push(Arc::new(planner.compared(pipeline, compared, derives, Vec::new()).await?));
        }
        for pipeline in relationships {
            let derivers: Vec<_> = plan
                .nodes
                .iter()
                .filter(|each| planner.derives_to(&each.subject.pipeline, std::slice::from_ref(&pipeline)))
                .cloned()
                .collect();
            plan.relationships.push(Arc::new(planner.compared(pipeline, true, false, derivers).await?));
        }
        Ok(plan)
    }

    /// All of them, in the order in which they are read.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Compared>> {
        self.nodes.iter().chain(&self.relationships)
    }
}

struct Planner<'c> {
    context: &'c Context,
    against: Against,
    versions: Arc<BTreeSet<String>>,
}

impl Planner<'_> {
    /// Node types that are compared themselves, that relationships end at, or that derive some.
    fn nodes_needed(&self, nodes: &[Arc<Pipeline>], relationships: &[Arc<Pipeline>]) -> Vec<Arc<Pipeline>> {
        let mut labels = BTreeSet::new();
        for pipeline in relationships {
            if let Source::Relationship { start, end, .. } = pipeline.source() {
                labels.extend([start.label.as_ref(), end.label.as_ref()]);
            }
        }
        let is_needed = |pipeline: &&Arc<Pipeline>| {
            pipeline.is_node()
                && (nodes.iter().any(|selected| selected.name() == pipeline.name())
                    || labels.contains(pipeline.source().entity_type())
                    || self.derives_to(pipeline, relationships))
        };
        self.context.pipelines.all().iter().filter(is_needed).cloned().collect()
    }

    /// Whether a pipeline's records derive some of one of these.
    fn derives_to(&self, pipeline: &Pipeline, relationships: &[Arc<Pipeline>]) -> bool {
        let receivers = pipeline.receivers();
        relationships.iter().any(|relationship| receivers.contains(relationship.name()))
    }

    async fn compared(
        &self,
        pipeline: Arc<Pipeline>,
        compared: bool,
        derives: bool,
        derivers: Vec<Arc<Compared>>,
    ) -> Result<Compared> {
        let context = self.context;
        let name = pipeline.name().to_owned();
        let subject = Arc::new(Subject::new(pipeline, self.versions.clone()));
        let (extracted, partitions) = context.checkpoints.read(|state| {
            let partitions = state.lineages.get(&name).map(|lineage| lineage.partitions);
            (state.extract.get(&name).cloned(), partitions)
        });
        let source = self.source(&subject, extracted.as_ref()).await?;
        let rate = &context.target_rate;
        let target = compared
            .then(|| Origin::Rows(self.rows(&context.target.read_only(), &subject, Vec::new(), rate)));
        let expected = source.count().await?;
        let actual = match &target {
            Some(target) => target.count().await?,
            None => 0,
        };
        Ok(Compared {
            envelope: Envelope {
                lineage: extracted.as_ref().map_or_else(Uuid::nil, |extract| extract.lineage),
                pass: extracted.as_ref().map_or(1, |extract| extract.pass),
                // What stands on the topic was within the limit when it was written.
                max_record_bytes: match self.against {
                    Against::Source => context.max_record_bytes,
                    Against::Raw => usize::MAX,
                },
            },
            rows: expected + actual,
            partitions: partitions.unwrap_or_else(|| context.kafka.settings().partitions),
            source,
            target,
            buckets: Buckets::for_records(expected.max(actual)),
            derives,
            derivers,
            subject,
        })
    }

    async fn source(&self, subject: &Subject, extracted: Option<&ExtractCheckpoint>) -> Result<Origin> {
        let context = self.context;
        if !subject.pipeline.is_read() {
            return Ok(Origin::Nothing);
        }
        if self.against == Against::Source {
            let source = context.source.as_ref();
            let source =
                source.ok_or_else(|| Error::new(Cause::Unexpected, "compare with the source without one"))?;
            let rows = self.rows(source, subject, subject.lookups(), &context.source_rate);
            return Ok(Origin::Rows(rows));
        }
        let name = subject.name();
        let Some(extracted) = extracted.filter(|extract| extract.finished.is_some()) else {
            let attempt = format!("compare `{name}` with its raw topic: no pass of it is through");
            return Err(Error::new(Cause::Busy, attempt).what_to_do("run `regraft migrate-data` first"));
        };
        let topic = context.kafka.names.raw(name);
        let partitions = context.kafka.settings().partitions;
        let pass = RawPass {
            pipeline: name.to_owned(),
            lineage: extracted.lineage,
            pass: extracted.pass,
            read: extracted.read,
            repaired: extracted.repaired,
            ends: context.watermarks.ends_of(&topic, partitions).await?,
        };
        Ok(Origin::Raw(context.kafka.clone(), Box::new(pass)))
    }

    fn rows(
        &self,
        graph: &ReadOnlyGraph,
        subject: &Subject,
        lookups: Vec<(String, String)>,
        rate: &Arc<Rate>,
    ) -> Rows {
        Rows::new(graph.clone(), subject.shape.clone(), lookups, self.context.page_rows, rate.clone())
    }
}
