//! What a file requires of the target before it may run, asked there.

use super::{Requirement, Script};
use crate::error::{Cause, Error, Result};
use crate::neo4j::TargetGraph;

/// Fails, naming it, where something is missing that the head of the script requires.
pub(super) async fn check(target: &TargetGraph, script: &Script) -> Result<()> {
    for requirement in &script.requirements {
        check_one(target, requirement).await.map_err(|error| error.during(script.file.clone()))?;
    }
    Ok(())
}

async fn check_one(target: &TargetGraph, requirement: &Requirement) -> Result<()> {
    let (holds, wants) = match requirement {
        Requirement::Edition(edition) => {
            (target.server().await?.edition == *edition, format!("edition {edition}"))
        }
        Requirement::AtLeast(numbers) => {
            let (major, minor, patch) = target.server().await?.numbers();
            let wanted: Vec<String> = numbers.iter().map(u64::to_string).collect();
            ([major, minor, patch].as_slice() >= numbers.as_slice(), format!("Neo4j {}", wanted.join(".")))
        }
        Requirement::Query(query) => {
            let answer = target.look(query).await?;
            (answer.and_then(|cell| cell.as_bool()) == Some(true), format!("that {query} gives true"))
        }
    };
    if holds {
        return Ok(());
    }
    Err(Error::new(
        Cause::TargetNotReady,
        format!("{} does not have what is required: {wants}", target.place()),
    )
    .what_to_do("bring the target to what the file requires, then start again; this file changed nothing"))
}
