//! One raw message into what is sent on: the pipeline's pure function, and the counting of what it said. Pure.

use std::borrow::Cow;

use uuid::Uuid;

use super::Context;
use super::partition::Partition;
use crate::error::{Cause, Error, Result};
use crate::pipeline::Outcome;
use crate::record::{DeadLetter, Finding, Identity, ModelRecord, RawEntity, RawRecord, Reason};

/// Where the message stands on the raw topic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    pub partition: i32,
    pub offset: i64,
}

impl Position {
    /// The identity of the record's own outcome in an epoch.
    pub(super) fn identity(self, lineage: Uuid, epoch: u32) -> Identity {
        Identity { lineage, partition: self.partition, offset: self.offset, output: 0, epoch }
    }
}

/// Buffers that are used again for every record.
#[derive(Default)]
pub(super) struct Scratch {
    body: Vec<u8>,
    pipeline: crate::pipeline::Scratch,
}

/// What becomes of the message.
pub(super) enum Decision<'m> {
    /// Goes to the model topic.
    Model(ModelRecord<'m>),
    /// Another parallel relationship stands for it; the pass that read it.
    Merged(u32),
    /// Goes to the dead letters.
    DeadLetter(Box<DeadLetter>),
}

/// Decides and counts. The message's bytes live on in what is decided.
///
/// Errors: [`Cause::Lineage`] for a record of another lineage, which no pass of these topics wrote.
pub(super) fn decide<'m>(
    context: &'m Context,
    partition: &mut Partition,
    position: Position,
    payload: &'m [u8],
    scratch: &'m mut Scratch,
) -> Result<Decision<'m>> {
    let raw = match RawRecord::decode(payload) {
        Ok(raw) => raw,
        Err(undecodable) => {
            let pass = partition.pass_of_foreign();
            let counts = partition.counts(pass);
            counts.dead_letter(Reason::Undecodable, true);
            // Extraction did not write it, so it stands in nobody's count of rows read.
            counts.foreign += 1;
            let letter =
                Letter { pass, epoch: partition.epoch(), position, read_at_micros: 0, keys: Keys::default() };
            let rejection = (Reason::Undecodable, undecodable.message, None, None);
            return Ok(Decision::DeadLetter(Box::new(letter.of(context, rejection))));
        }
    };
    if raw.lineage != context.lineage.id {
        let at = format!("{}/{} at offset {}", context.pipeline.name(), position.partition, position.offset);
        let message = format!(
            "transform {at}: the record is of lineage {}, the topic of {}",
            raw.lineage, context.lineage.id
        );
        return Err(Error::new(Cause::Lineage, message).what_to_do(
            "the topic holds records of an earlier migration whose checkpoints are gone: start extraction with the \
             --checkpoint-dir that has kept them, or delete the pipeline's topics, or use another kafka.topic_prefix",
        ));
    }
    let (pass, read_at_micros, epoch) = (raw.pass, raw.read_at_micros, partition.epoch());
    let keys = Keys::of(&raw.entity);
    let too_large =
        if let Finding::TooLarge { bytes, digest } = raw.finding { Some((bytes, digest)) } else { None };
    let rejection = match context.pipeline.transform(raw, &mut scratch.pipeline) {
        Outcome::Merged => {
            let counts = partition.counts(pass);
            counts.records += 1;
            counts.merged += 1;
            return Ok(Decision::Merged(pass));
        }
        Outcome::Record(reshaped) => {
            scratch.body.clear();
            let encoded = context.pipeline.contract().encode(&reshaped.row, &mut scratch.body);
            encoded.map_err(|error| {
                // The pure function checks every slot against the contract: this is Regraft's own mistake.
                Error::new(Cause::Unexpected, format!("encode a record of `{}`", context.pipeline.name()))
                    .source(error)
            })?;
            let counts = partition.counts(pass);
            counts.records += 1;
            counts.passed += 1;
            let identity = position.identity(context.lineage.id, epoch);
            return Ok(Decision::Model(ModelRecord {
                identity,
                pass,
                read_at_micros,
                derived_from: None,
                contract: context.pipeline.contract().fingerprint(),
                entity: reshaped.entity,
                body: Cow::Borrowed(&scratch.body),
                kept: reshaped.kept,
            }));
        }
        Outcome::Rejected(rejection) => rejection,
    };
    partition.counts(pass).dead_letter(rejection.reason, true);
    let letter = Letter { pass, epoch, position, read_at_micros, keys };
    let value = rejection.value.or_else(|| {
        too_large.map(
            |(bytes, digest)| serde_json::json!({ "bytes": bytes, "xxh3_128": format!("{digest:032x}") }),
        )
    });
    let property = rejection.property.map(String::from);
    let rejection = (rejection.reason, rejection.message.into(), property, value);
    Ok(Decision::DeadLetter(Box::new(letter.of(context, rejection))))
}

/// Usable keys of a record, kept for its dead letter.
#[derive(Default)]
struct Keys {
    key: Option<String>,
    start: Option<String>,
    end: Option<String>,
}

impl Keys {
    fn of(entity: &RawEntity<'_>) -> Self {
        let text = |value: &crate::record::Value<'_>| value.as_str().map(str::to_owned);
        match entity {
            RawEntity::Node { key, .. } => Self { key: text(key), ..Self::default() },
            RawEntity::Relationship { start, end, .. } => {
                Self { start: text(start), end: text(end), key: None }
            }
        }
    }
}

struct Letter {
    pass: u32,
    epoch: u32,
    position: Position,
    read_at_micros: i64,
    keys: Keys,
}

type Why = (Reason, String, Option<String>, Option<serde_json::Value>);

impl Letter {
    fn of(self, context: &Context, (reason, message, property, value): Why) -> DeadLetter {
        let pipeline = &context.pipeline;
        DeadLetter {
            pipeline: pipeline.name().to_owned(),
            entity_type: pipeline.source().entity_type().to_owned(),
            key: self.keys.key,
            start: self.keys.start,
            end: self.keys.end,
            reason,
            message,
            property,
            value,
            derived: false,
            charged: true,
            pass: self.pass,
            read_at_micros: self.read_at_micros,
            topic: context.kafka.names.raw(pipeline.name()),
            lineage: context.lineage.id,
            partition: self.position.partition,
            offset: self.position.offset,
            output: 0,
            epoch: self.epoch,
            model: None,
            earlier: None,
        }
    }
}
