//! Reading both graphs as a comparison does, and nothing else: what its time is held against.

use std::sync::Arc;
use std::time::Instant;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use regraft::checkpoint::{Cursor, SourceShape};
use regraft::error::Result;
use regraft::extract::{Rate, Rows};
use regraft::neo4j::SourceGraph;

use crate::support::Stack;

/// As `run.pipelines_at_once` and `source.page_size` have it.
const TYPES_AT_ONCE: usize = 4;
const PAGE_ROWS: u64 = 5_000;

/// Seconds for all nodes of some labels, and then all relationships of some types between the nodes of a label, of both
/// sides.
pub fn time_of_reading(stack: &Stack, labels: &[String], types: &[(String, String)]) -> f64 {
    let id = || "id".to_owned();
    let nodes = labels.iter().map(|label| SourceShape::Node { label: label.clone(), key: id() }).collect();
    let relationships = types.iter().map(|(kind, label)| SourceShape::Relationship {
        relationship_type: kind.clone(),
        start_label: label.clone(),
        start_key: id(),
        end_label: label.clone(),
        end_key: id(),
    });
    let relationships = relationships.collect();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let graphs = [graph(stack, "SOURCE").await, graph(stack, "TARGET").await];
        let started = Instant::now();
        read_all(&graphs, nodes).await.unwrap();
        read_all(&graphs, relationships).await.unwrap();
        started.elapsed().as_secs_f64()
    })
}

async fn graph(stack: &Stack, which: &str) -> SourceGraph {
    let mut settings = stack.settings_of(which);
    settings.connections = TYPES_AT_ONCE * 2 + 1;
    SourceGraph::connect(&settings).await.unwrap()
}

async fn read_all(graphs: &[SourceGraph; 2], shapes: Vec<SourceShape>) -> Result<()> {
    let both = shapes.into_iter().map(|shape| async move {
        let [source, target] = graphs;
        tokio::try_join!(read(source, shape.clone()), read(target, shape)).map(drop)
    });
    stream::iter(both).buffer_unordered(TYPES_AT_ONCE).try_collect::<()>().await
}

async fn read(graph: &SourceGraph, shape: SourceShape) -> Result<u64> {
    let rows = Rows::new(graph.clone(), shape, Vec::new(), PAGE_ROWS, Arc::new(Rate::new(0)));
    let mut reading = rows.read(Cursor::Keyed { after: None }).await?;
    let mut read = 0;
    while let Some(settled) = reading.next().await? {
        read += settled.rows.len() as u64;
    }
    Ok(read)
}
