//! What a pipeline writes: nodes of a label, or relationships between two.

use super::Context;
use super::batch::Touched;
use super::statement::Target;
use crate::checkpoint::SourceShape;
use crate::error::{Cause, Error, Result};
use crate::neo4j::{Cell, Statement, quote};

/// Whether the target has no node of the label yet, so that creating is worth trying.
pub(super) async fn is_fresh(context: &Context) -> Result<bool> {
    let SourceShape::Node { label, .. } = &context.lineage.source else { return Ok(false) };
    let statement = Statement::new(format!("MATCH (n:{}) RETURN [count(n)] AS row", quote(label)?));
    let rows = context.target.rows(statement).await?;
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
