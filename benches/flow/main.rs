//! How fast data moves, each step against its ceiling in the same run: `make bench`, on the stack of the environment.
//!
//! A ceiling is what the best statement or client that we know makes of the same rows on the same machine, with
//! nothing of Regraft around it: no order, no account, no checkpoint, no retry.

mod ceilings;
mod graph;
mod migration;

use std::time::Duration;

use graph::{Graph, Size};
use migration::Migration;

type Failure = Box<dyn std::error::Error>;

/// A measured step: so many rows in so much time.
struct Measured {
    rows: u64,
    took: Duration,
}

impl Measured {
    fn per_second(&self) -> f64 {
        self.rows as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }
}

fn main() -> Result<(), Failure> {
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(measure(Size::from_environment()?))
}

async fn measure(size: Size) -> Result<(), Failure> {
    let graph = Graph::connect().await?;
    eprintln!("filling the source: {} nodes, {} relationships", size.nodes, size.relationships);
    graph.fill(size).await?;

    println!("{:<44} {:>12} {:>12} {:>8}", "", "rows/s", "ceiling", "ratio");
    let read = ceilings::read_nodes(&graph, size).await?;
    let create = ceilings::create_nodes(&graph, size).await?;
    let merge = ceilings::merge_nodes(&graph, size).await?;
    let relate = ceilings::merge_relationships(&graph).await?;
    graph.empty_target().await?;

    let all = size.nodes + size.relationships;
    let migration = Migration::new()?;
    line(
        "extract, nodes (ceiling: reading them)",
        &migration.stage("extract", "thing", size.nodes)?,
        Some(&read),
    );
    migration.stage("extract", "linked", size.relationships)?;
    line("transform, nodes", &migration.stage("transform", "thing", size.nodes)?, None);
    migration.stage("transform", "linked", size.relationships)?;
    let loaded = migration.stage("load", "thing", size.nodes)?;
    line("load, new nodes (ceiling: CREATE from lists)", &loaded, Some(&create));
    let related = migration.stage("load", "linked", size.relationships)?;
    line("load, relationships (ceiling: MERGE from lists)", &related, Some(&relate));

    let again = Migration::new()?;
    again.stage("extract", "thing", size.nodes)?;
    again.stage("transform", "thing", size.nodes)?;
    let existing = again.stage("load", "thing", size.nodes)?;
    line("load, existing nodes (ceiling: MERGE from lists)", &existing, Some(&merge));

    graph.empty_target().await?;
    let whole = Migration::new()?.whole(all)?;
    // Reading and writing can overlap, creating nodes and relating them can't.
    let seconds = create.took.as_secs_f64() + relate.took.as_secs_f64();
    let ceiling = Measured { rows: all, took: Duration::from_secs_f64(seconds) };
    line("migrate-data, all (ceiling: the two writes)", &whole, Some(&ceiling));
    graph.empty_target().await?;
    graph.empty_source().await
}

fn line(what: &str, measured: &Measured, ceiling: Option<&Measured>) {
    let rate = measured.per_second();
    match ceiling.map(Measured::per_second) {
        Some(ceiling) => println!("{what:<48} {rate:>8.0} {ceiling:>12.0} {:>8.2}", rate / ceiling),
        None => println!("{what:<48} {rate:>8.0} {:>12} {:>8}", "–", "–"),
    }
}
