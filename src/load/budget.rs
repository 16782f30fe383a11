//! The limit of dead letters, as loading sees it.

use std::collections::BTreeMap;

use super::Context;
use crate::checkpoint::{StageCheckpoint, charged_dead_letters, check_limit};
use crate::error::Result;
use crate::neo4j::load_checkpoints;

/// Fails where the newest pass has more dead letters than it may have: those of transformation, those of a worker's `own`
/// partitions as they are now, and those of other workers as the target has them.
pub(super) async fn check(context: &Context, own: &BTreeMap<i32, &StageCheckpoint>) -> Result<()> {
    let name = context.pipeline.name();
    let Some(pass) = own.values().map(|each| each.counts.newest_pass()).max() else { return Ok(()) };
    let (expected, transformed) = context.checkpoints.read(|state| {
        let expected = state.extract.get(name).map_or(0, |extract| extract.counted);
        (expected, charged_dead_letters(pass, state.transform_of(name).iter()))
    });
    let loaded = charged_dead_letters(pass, own.values().copied());
    // Who has none of them leaves the count to the worker that has.
    let others = if loaded == 0 { 0 } else { charged_to_others(context, own, pass).await? };
    let charged = u64::try_from(transformed + loaded + others).unwrap_or(0);
    check_limit(context.limit, name, pass, charged, expected)
}

async fn charged_to_others(
    context: &Context,
    own: &BTreeMap<i32, &StageCheckpoint>,
    pass: u32,
) -> Result<i64> {
    if i32::try_from(own.len()) == Ok(context.lineage.partitions) {
        return Ok(0);
    }
    let all = load_checkpoints::read_all(&context.target, context.kafka.names.prefix()).await?;
    let others = all.get(context.pipeline.name()).into_iter().flatten();
    let others = others.filter(|(partition, _)| !own.contains_key(partition));
    Ok(charged_dead_letters(pass, others.map(|(_, checkpoint)| checkpoint)))
}
