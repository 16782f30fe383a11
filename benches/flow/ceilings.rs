//! What the server can do with the same rows when nothing stands around the statement.

use std::time::Instant;

use regraft::neo4j::{Parameter, Statement, TargetGraph};

use super::graph::{Graph, Size};
use super::{Failure, Measured};

const BATCH: usize = 5000;
/// Connections of the ceilings: more than the cores bring no more.
const CONNECTIONS: usize = 2;

/// All nodes as one list column, read and dropped.
pub async fn read_nodes(graph: &Graph, size: Size) -> Result<Measured, Failure> {
    let statement = "MATCH (n:BenchThing) RETURN [n.id, properties(n)] AS row";
    let started = Instant::now();
    let mut stream = graph.source.stream(Statement::new(statement)).await?;
    let mut rows = 0;
    while let Some(row) = stream.next().await? {
        row.into_cells()?;
        rows += 1;
    }
    if rows != size.nodes {
        return Err(format!("{rows} nodes were read of {}", size.nodes).into());
    }
    Ok(Measured { rows, took: started.elapsed() })
}

/// New nodes: `CREATE` from positional lists on disjoint keys.
pub async fn create_nodes(graph: &Graph, size: Size) -> Result<Measured, Failure> {
    let text = "UNWIND $rows AS r CREATE (n:BenchThing {id: r[0], number: r[1], ratio: r[2], flag: r[3], tags: r[4], \
                text: r[5]})";
    write(&graph.target, text, node_rows(size)).await
}

/// The same nodes once more: `MERGE` from positional lists.
pub async fn merge_nodes(graph: &Graph, size: Size) -> Result<Measured, Failure> {
    let text = "UNWIND $rows AS r MERGE (n:BenchThing {id: r[0]}) SET n.number = r[1], n.ratio = r[2], n.flag = r[3], \
                n.tags = r[4], n.text = r[5]";
    write(&graph.target, text, node_rows(size)).await
}

/// Relationships between nodes that are there, on one connection: two that share nodes deadlock.
pub async fn merge_relationships(graph: &Graph) -> Result<Measured, Failure> {
    let text = "UNWIND $rows AS r MATCH (a:BenchThing {id: r[0]}) MATCH (b:BenchThing {id: r[1]}) \
                MERGE (a)-[x:BENCH_LINKED]->(b) SET x.weight = r[2]";
    let pairs = "MATCH (a:BenchThing)-[x:BENCH_LINKED]->(b) RETURN [a.id, b.id] AS row";
    let mut stream = graph.source.stream(Statement::new(pairs)).await?;
    let mut rows = Vec::new();
    while let Some(row) = stream.next().await? {
        let cells = row.into_cells()?;
        let text = |at: usize| cells.get(at).and_then(|cell| cell.as_str()).unwrap_or_default().to_owned();
        rows.push(Parameter::list(vec![text(0).as_str().into(), text(1).as_str().into(), 0.5.into()]));
    }
    let (count, batches) = (rows.len() as u64, batches(rows));
    let started = Instant::now();
    write_batches(graph.target.clone(), text, batches).await?;
    Ok(Measured { rows: count, took: started.elapsed() })
}

fn node_rows(size: Size) -> Vec<Parameter> {
    let text = "nine char".repeat(24);
    let row = |number: i64| {
        let tags = Parameter::list(vec!["a".into(), "b".into()]);
        let id = format!("thing-{number}");
        let ratio = number as f64 / 7.0;
        Parameter::list(vec![
            id.as_str().into(),
            number.into(),
            ratio.into(),
            (number % 2 == 0).into(),
            tags,
            text.as_str().into(),
        ])
    };
    (1..=size.nodes as i64).map(row).collect()
}

fn batches(rows: Vec<Parameter>) -> Vec<Parameter> {
    let mut rows = rows.into_iter().peekable();
    let mut batches = Vec::new();
    while rows.peek().is_some() {
        batches.push(Parameter::list(rows.by_ref().take(BATCH).collect()));
    }
    batches
}

async fn write(target: &TargetGraph, text: &'static str, rows: Vec<Parameter>) -> Result<Measured, Failure> {
    let count = rows.len() as u64;
    let mut batches = batches(rows);
    let started = Instant::now();
    let mut writers = Vec::new();
    let share = batches.len().div_ceil(CONNECTIONS);
    while !batches.is_empty() {
        let own = batches.split_off(batches.len().saturating_sub(share));
        writers.push(tokio::spawn(write_batches(target.clone(), text, own)));
    }
    for writer in writers {
        writer.await??;
    }
    Ok(Measured { rows: count, took: started.elapsed() })
}

async fn write_batches(
    target: TargetGraph,
    text: &'static str,
    batches: Vec<Parameter>,
) -> Result<(), regraft::error::Error> {
    for rows in batches {
        target.run(Statement::new(text).param("rows", rows)).await?;
    }
    Ok(())
}
