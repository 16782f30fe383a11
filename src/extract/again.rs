//! One row of the source once more: of a record that was too large for its topic when it was extracted, since of such a
//! one only key, size and digest were kept.

use super::reader::read_one;
use super::statement::Reading;
use super::{Context, Envelope};
use crate::error::Result;
use crate::record::{Finding, RawEntity, RawRecord, Value};

/// The raw record as extraction would write it now, in the pass of the one given; too large again where the limit has not
/// been raised far enough. Nothing where the source no longer has it under this key.
pub async fn read_again(context: &Context, raw: &RawRecord<'_>) -> Result<Option<Vec<u8>>> {
    let lookups: Vec<String> = context.lookups.iter().map(|(name, _)| name.clone()).collect();
    let reading = Reading::of(&context.shape, &context.lookups)?;
    let row = read_one(&context.source, &reading, &lookups, &raw.element_id).await?;
    let Some(row) = row.filter(|row| is_the_same(&raw.entity, &row.entity)) else { return Ok(None) };
    let max_record_bytes = context.limits.max_record_bytes;
    let envelope = Envelope { lineage: raw.lineage, pass: raw.pass, max_record_bytes };
    let mut record = envelope.wrap(row, Finding::None);
    let mut encoded = Vec::new();
    envelope.encode(&mut record, &mut encoded);
    Ok(Some(encoded))
}

/// Whether both have the same key. One that is too long to be carried was left out.
fn is_the_same(kept: &RawEntity<'_>, now: &RawEntity<'_>) -> bool {
    let is_key =
        |now: &Value<'_>, kept: &Value<'_>| kept.as_str().is_none_or(|kept| now.as_str() == Some(kept));
    match (kept, now) {
        (RawEntity::Node { key: kept, .. }, RawEntity::Node { key: now, .. }) => is_key(now, kept),
        (
            RawEntity::Relationship { start: kept_start, end: kept_end, .. },
            RawEntity::Relationship { start, end, .. },
        ) => is_key(start, kept_start) && is_key(end, kept_end),
        (RawEntity::Node { .. } | RawEntity::Relationship { .. }, _) => false,
    }
}
