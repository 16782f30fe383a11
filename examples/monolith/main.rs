//! Fills a Neo4j with the sample monolith and prints what a migration of it is to be expected to do.
//!
//! The graph is a function of `--podcasts`, `--seed` and a few other numbers: it is generated twice, once to count what to
//! expect, once to write it, and never held in memory. Each type is a declaration of how healthy ones look and of what can
//! be wrong with them; `planted/` puts what is wrong into its surroundings.

mod batch;
mod database;
mod defects;
mod dense;
mod expectations;
mod graph;
mod kinds;
mod moments;
mod nodes;
mod numbers;
mod plan;
mod planted;
mod prose;
mod relationships;
mod write;

use std::process::ExitCode;

use clap::Parser;
use regraft::error::Result;

use crate::expectations::Expectations;
use crate::kinds::{graph, healthy};
use crate::plan::Plan;
use crate::write::Progress;

/// Fill a Neo4j with a sample monolith and print as JSON what to expect of its migration.
///
/// The database is the one that regraft.toml calls the source: REGRAFT__SOURCE__URI, …__USER, …__PASSWORD or
/// …__PASSWORD_FILE, …__DATABASE. What is planted for the reason target_rejected is refused by a target that has the
/// indexes of schema 1.0.0.
#[derive(Parser)]
struct Arguments {
    /// Number of healthy podcasts; each brings some 1,000 nodes and relationships of all types on average
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    podcasts: u64,
    /// Another seed gives another graph, the same seed the same
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Plant records that can't be migrated, for every reason that data can cause (the default)
    #[arg(long, overrides_with = "no_dirty")]
    dirty: bool,
    /// Plant nothing wrong
    #[arg(long)]
    no_dirty: bool,
    /// Give segments, entities and quotes embeddings of 384 floats
    #[arg(long)]
    embeddings: bool,
    /// Add an entity with N relationships, and as many entities for it to occur with
    #[arg(long, default_value_t = 0, value_name = "N")]
    dense: u64,
    /// Write into a database that is not empty; what is there must not be a sample
    #[arg(long, conflicts_with = "wipe")]
    append: bool,
    /// Delete everything in the database first
    #[arg(long)]
    wipe: bool,
    /// Print what to expect and write nothing
    #[arg(long)]
    expect_only: bool,
    /// Nodes and relationships in one transaction
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..))]
    batch_size: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}\n  {}", error.chain().join("\n  because: "), error.advice());
            ExitCode::from(error.policy().exit_code)
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { seed, podcasts, no_dirty, embeddings, dense, .. } = *arguments;
    let plan = Plan { seed, podcasts, dirty: !no_dirty, embeddings, dense };
    let expectations = Expectations::of(graph(&plan))?;
    if !arguments.expect_only {
        fill(arguments, &plan, expectations.nodes + expectations.relationships).await?;
    }
    println!("{:#}", expectations.to_json(&plan));
    Ok(())
}

async fn fill(arguments: &Arguments, plan: &Plan, total: u64) -> Result<()> {
    let database = database::connect().await?;
    if arguments.wipe {
        database::wipe(&database).await?;
    } else if !arguments.append {
        database::require_empty(&database).await?;
    }
    database::set_up(&database).await?;
    let (batch_size, mut progress) = (arguments.batch_size as usize, Progress::of(total));
    write::write(&database, healthy(plan), batch_size, &mut progress).await?;
    database::drop_index_for_writing(&database).await?;
    write::write(&database, planted::fragments(plan), batch_size, &mut progress).await?;
    progress.done();
    Ok(())
}
