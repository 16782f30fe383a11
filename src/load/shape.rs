//! What a pipeline writes: nodes of a label, or relationships between two.

use super::Context;
use super::batch::Touched;
use super::statement::Target;
use crate::checkpoint::SourceShape;
use crate::error::{Cause, Error, Result};
use crate::neo4j::{Cell, Statement, quote};

/// Whether the target has nothing of the pipeline yet, so that creating is worth trying. Counts that the server keeps:
/// of nodes by label, of relationships by type and label of the start.
pub(super) async fn is_fresh(context: &Context) -> Result<bool> {
    let text = match &context.lineage.source {
        SourceShape::Node { label, .. } => format!("MATCH (n:{}) RETURN [count(n)] AS row", quote(label)?),
        SourceShape::Relationship { relationship_type, start_label, .. } => {
            let (start, kind) = (quote(start_label)?, quote(relationship_type)?);
            format!("MATCH (:{start})-[x:{kind}]->() RETURN [count(x)] AS row")
        }
    };
    let rows = context.target.rows(Statement::new(text)).await?;
    let count = rows.first().and_then(|row| row.first()).and_then(Cell::as_i64);
    Ok(count == Some(0))
}

/// What the lineage says is written, and the labels of the nodes that it touches.
pub(super) fn target_of(context: &Context) -> Result<(Target, Touched)> {
    Ok(match &context.lineage.source {
        SourceShape::Node { label, key } => {
            let slot = context.pipeline.contract().field(key).map(|(slot, _)| slot);
            let attempt = || format!("load `{}`: its contract has no {key}", context.pipeline.name());
            let key_slot = slot.ok_or_else(|| Error::new(Cause::Definition, attempt()))?;
            (Target::Node { label: quote(label)?, key: quote(key)?, key_slot }, Touched::Node(label.clone()))
        }
        SourceShape::Relationship { relationship_type, start_label, start_key, end_label, end_key } => {
            let start = (quote(start_label)?, quote(start_key)?);
            let end = (quote(end_label)?, quote(end_key)?);
            let target = Target::Relationship { kind: quote(relationship_type)?, start, end };
            (target, Touched::Ends(start_label.clone(), end_label.clone()))
        }
    })
}
