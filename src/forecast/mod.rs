//! What a run would do, found out without a topic and without a change: a dry run, and what compatibility is judged by.
//!
//! ```text
//! source ─ extraction's reading ─▶ pure function ─▶ nodes: tried in the target, rolled back ─▶ which of them are dead
//!                                                   relationships: are both ends there, or would they be? ◀─┘
//! ```
//!
//! Nodes of all types come first (`nodes`), then relationships, stored and derived (`relationships`, `derived`). An end is
//! there if it is in the target now, or if its node in the source passes its pipeline. Of the graph nothing is held in
//! memory but digests of dead nodes, 16 bytes each: what derives relationships is read a second time instead.

mod dead;
mod derived;
mod judge;
mod nodes;
mod pairs;
mod presence;
mod reading;
mod relationships;
mod report;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use uuid::Uuid;

use crate::checkpoint::Cursor;
use crate::config::DeadLetterLimit;
use crate::error::{Cause, Error, Result};
use crate::extract::{Envelope, Rate, Rows};
use crate::load::{KnownNames, Trial};
use crate::neo4j::catalog::{Inventory, Own};
use crate::neo4j::{SourceGraph, TargetGraph};
use crate::pipeline::{Pipeline, Pipelines, Source};
use crate::record::RawRecord;
use crate::status::Tally;
use crate::stop::Stop;

use dead::DeadNodes;
use presence::Presence;
pub use report::{Applied, Detail, Details, Emitted, ForecastReport, PipelineForecast, Place, Totals};

/// What a forecast works with.
#[derive(Clone)]
pub struct Context {
    /// The source.
    pub source: SourceGraph,
    /// The target.
    pub target: TargetGraph,
    /// All pipelines.
    pub pipelines: Pipelines,
    /// Those that are asked for.
    pub selected: Vec<Arc<Pipeline>>,
    /// Schema version of the target.
    pub schema_version: String,
    /// Label and property of what the target has a range index on once its schema is up to date.
    pub indexed: Vec<(String, String)>,
    /// Rows of a page.
    pub page_rows: u64,
    /// Largest encoded record.
    pub max_record_bytes: usize,
    /// Rows that are tried in one transaction.
    pub batch_rows: usize,
    /// The same in bytes.
    pub batch_bytes: usize,
    /// Types that are read at once.
    pub types_at_once: usize,
    /// Rows a second that the source is asked for.
    pub rate: Arc<Rate>,
    /// How long a service failure is tried again.
    pub retry: Duration,
    /// Dead letters allowed of a type.
    pub limit: DeadLetterLimit,
    /// Looks at so many records of a type only.
    pub sample: Option<u64>,
    /// Told how far each type is.
    pub tally: Tally,
    /// When to stop.
    pub stop: Stop,
}

/// Sees every record as it was read, before it is judged.
pub trait Look: Send + 'static {
    /// Told of the next one.
    fn see(&mut self, record: &RawRecord<'_>);
}

impl Look for () {
    fn see(&mut self, _record: &RawRecord<'_>) {}
}

/// What all types share.
pub(crate) struct Shared {
    context: Context,
    presence: Presence,
    names: Arc<KnownNames>,
    inventory: Inventory,
}

/// A type, and what looked at its records.
type Seen<L> = (PipelineForecast, L);

impl Context {
    /// Node types that are read: those that are selected, and those at which selected relationships end.
    pub fn nodes_read(&self) -> Vec<Arc<Pipeline>> {
        let ends_there = |label: &str| {
            self.selected.iter().any(|pipeline| match pipeline.source() {
                Source::Relationship { start, end, .. } => {
                    start.label.as_ref() == label || end.label.as_ref() == label
                }
                Source::Node { .. } => false,
            })
        };
        let is_read = |pipeline: &&Arc<Pipeline>| {
            pipeline.is_node() && (self.is_selected(pipeline) || ends_there(pipeline.source().entity_type()))
        };
        self.pipelines.all().iter().filter(is_read).cloned().collect()
    }

    fn is_selected(&self, pipeline: &Pipeline) -> bool {
        self.selected.iter().any(|selected| selected.name() == pipeline.name())
    }
}

/// Finds out what a whole pass over the selected types would do now. `look` makes what sees a type's records; it comes back
/// with what it has seen. Nothing where `stop` came first.
///
/// Changes nothing: the source is read, the target is read and written to in transactions that are rolled back.
///
/// Errors: service failures.
pub async fn forecast<L: Look>(
    context: Context,
    look: impl Fn(&Arc<Pipeline>) -> L,
) -> Result<Option<(ForecastReport, Vec<(Arc<Pipeline>, L)>)>> {
    let target = context.target.read_only();
    let inventory = context.target.inventory(Own::LeftOut).await?;
    let shared = Arc::new(Shared {
        presence: Presence::read(&target, &context.pipelines, &inventory).await?,
        names: Arc::new(KnownNames::read(&target).await?),
        inventory,
        context,
    });
    let mut dead = DeadNodes::default();
    let mut looked: Vec<(Arc<Pipeline>, L)> = Vec::new();
    let mut forecasts: Vec<PipelineForecast> = Vec::new();
    let of_nodes = shared.context.nodes_read().into_iter().map(|pipeline| {
        let (shared, look) = (shared.clone(), look(&pipeline));
        let name = pipeline.name().to_owned();
        (name, async move { nodes::read(&shared, pipeline, look).await })
    });
    let Some(read) = shared.side_by_side(of_nodes.collect()).await? else { return Ok(None) };
    for nodes::Read { pipeline, forecast, dead: of_type, look } in read {
        dead.add(of_type);
        if shared.context.is_selected(&pipeline) {
            forecasts.push(forecast);
            looked.push((pipeline, look));
        }
    }
    let dead = Arc::new(dead);
    let relationships = shared.context.selected.iter().filter(|pipeline| !pipeline.is_node()).cloned();
    let of_relationships = relationships.map(|pipeline| {
        let (shared, dead, look) = (shared.clone(), dead.clone(), look(&pipeline));
        let name = pipeline.name().to_owned();
        (name, async move {
            let read = relationships::read(&shared, &pipeline, &dead, look).await?;
            Ok(read.map(|seen| (pipeline, seen)))
        })
    });
    let Some(read) = shared.side_by_side(of_relationships.collect()).await? else { return Ok(None) };
    for (pipeline, (forecast, look)) in read {
        forecasts.push(forecast);
        looked.push((pipeline, look));
    }
    if !derived::add(&shared, &dead, &mut forecasts).await? {
        return Ok(None);
    }
    let order = |name: &str| shared.context.selected.iter().position(|pipeline| pipeline.name() == name);
    forecasts.sort_by_key(|forecast| order(&forecast.name));
    let limit = shared.context.limit;
    forecasts.iter_mut().for_each(|each| each.beyond_limit = !limit.allows(each.charged, each.read));
    let mut report = ForecastReport::new(forecasts);
    report.not_foreseen = shared.not_foreseen();
    Ok(Some((report, looked)))
}

impl Shared {
    /// Runs work on types, a few at a time. Nothing where one of them was stopped.
    async fn side_by_side<T: Send + 'static>(
        &self,
        work: Vec<(String, impl Future<Output = Result<Option<T>>> + Send + 'static)>,
    ) -> Result<Option<Vec<T>>> {
        let mut waiting = work.into_iter();
        let (mut running, mut done) = (JoinSet::new(), Vec::new());
        loop {
            while running.len() < self.context.types_at_once.max(1) {
                let Some((name, work)) = waiting.next() else { break };
                running.spawn(async move {
                    work.await.map_err(|error| error.during(format!("look through `{name}`")))
                });
            }
            let Some(ended) = running.join_next().await else { return Ok(Some(done)) };
            let ended =
                ended.map_err(|error| Error::new(Cause::Unexpected, "look through a type").source(error))?;
            let Some(ended) = ended? else { return Ok(None) };
            done.push(ended);
        }
    }

    /// The rows of a type in the source, from the first on.
    async fn rows(&self, pipeline: &Pipeline) -> Result<(Rows, Cursor)> {
        let context = &self.context;
        let lookups = pipeline.lookups().iter();
        let lookups = lookups.map(|lookup| (lookup.name().to_owned(), lookup.cypher().to_owned()));
        let rows = Rows::new(
            context.source.clone(),
            pipeline.source().shape(),
            lookups.collect(),
            context.page_rows.min(context.sample.unwrap_or(u64::MAX)),
            context.rate.clone(),
        );
        Ok((rows, Cursor::Keyed { after: None }))
    }

    fn envelope(&self) -> Envelope {
        Envelope { lineage: Uuid::nil(), pass: 0, max_record_bytes: self.context.max_record_bytes }
    }

    fn trial(&self, pipeline: &Pipeline) -> Result<Trial> {
        let context = &self.context;
        Trial::new(&context.target, pipeline, &self.names, &context.schema_version, context.retry)
    }

    /// What this way of looking ahead can't see.
    fn not_foreseen(&self) -> Vec<String> {
        let mut sentences = vec![
            "what changes in the source or the target from now on".to_owned(),
            "what the target refuses because of several new records together, or at a commit alone"
                .to_owned(),
        ];
        let untried = self.presence.untried(&self.context.nodes_read());
        if !untried.is_empty() {
            sentences.push(format!(
                "what is in the target of {}, and what it would refuse: there is no uniqueness constraint on their keys yet \
                 (`regraft migrate-schema` makes them; without them nothing is loaded)",
                untried.join(", ")
            ));
        }
        let types: Vec<&str> = self
            .context
            .selected
            .iter()
            .filter(|pipeline| !pipeline.is_node())
            .map(|pipeline| pipeline.source().entity_type())
            .filter(|name| {
                let constraints = self.inventory.constraints.iter().map(|each| &each.labels_or_types);
                let indexes = self.inventory.indexes.iter().map(|each| &each.labels_or_types);
                constraints.chain(indexes).any(|on| on.iter().any(|each| each == name))
            })
            .collect();
        if !types.is_empty() {
            sentences.push(format!(
                "what the target would refuse of new relationships of {}, which have a constraint or index there",
                types.join(", ")
            ));
        }
        if let Some(sample) = self.context.sample {
            sentences.push(format!("whatever is not among the first {sample} records of each type"));
        }
        sentences
    }
}
