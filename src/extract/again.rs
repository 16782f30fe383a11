//! One row of the source once more: of a record that was too large for its topic when it was extracted, since of such a
//! one only key, size and digest were kept.

use super::Context;
use super::reader::read_one;
use super::writer::encode_within;
use crate::error::Result;
use crate::record::{Finding, RawEntity, RawRecord, Value};

/// The raw record as extraction would write it now, in the pass of the one given; too large again where the limit has not
/// been raised far enough. Nothing where the source no longer has it under this key.
pub async fn read_again(context: &Context, raw: &RawRecord<'_>) -> Result<Option<Vec<u8>>> {
    let lookups: Vec<String> = context.lookups.iter().map(|(name, _)| name.clone()).collect();
    let row = read_one(&context.source, &context.reading()?, &lookups, &raw.element_id).await?;
    let Some(row) = row.filter(|row| is_the_same(&raw.entity, &row.entity)) else { return Ok(None) };
    let mut record = RawRecord {
        lineage: raw.lineage,
        pass: raw.pass,
        read_at_micros: row.read_at_micros,
        element_id: row.element_id.into(),
        finding: Finding::None,
        entity: row.entity,
    };
    let mut encoded = Vec::new();
    encode_within(&mut record, context.limits.max_record_bytes, &mut encoded);
    Ok(Some(encoded))
}

/// Whether both have the same key; one that was very long may have been cut.
fn is_the_same(kept: &RawEntity<'_>, now: &RawEntity<'_>) -> bool {
    let begins = |now: &Value<'_>, kept: &Value<'_>| match (now.as_str(), kept.as_str()) {
        (Some(now), Some(kept)) => now.starts_with(kept),
        (now, kept) => now.is_none() && kept.is_none(),
    };
    match (kept, now) {
        (RawEntity::Node { key: kept, .. }, RawEntity::Node { key: now, .. }) => begins(now, kept),
        (
            RawEntity::Relationship { start: kept_start, end: kept_end, .. },
            RawEntity::Relationship { start, end, .. },
        ) => begins(start, kept_start) && begins(end, kept_end),
        (RawEntity::Node { .. } | RawEntity::Relationship { .. }, _) => false,
    }
}
