//! One raw message into what is sent on: the pipeline's pure function, and the counting of what it said. Pure.

use std::borrow::Cow;

use uuid::Uuid;

use super::Context;
use super::derived::{Further, Origin, further};
use super::partition::Partition;
use super::repeat::Ending;
use crate::error::{Cause, Error, Result};
use crate::pipeline::{Outcome, Pipeline, Rejection, Reshaped};
use crate::record::{
    DeadLetter, Finding, Identity, ModelRecord, RawEntity, RawRecord, Reason, Value, letter_message, named,
};

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
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, on the stack: a box would be one for every record"
)]
pub(super) enum Decision<'m> {
    /// Goes to the model topic, and what it derives to others.
    Model(ModelRecord<'m>, Vec<Further<'m>>),
    /// Another parallel relationship stands for it; the pass that read it.
    Merged(u32),
    /// Goes to the dead letters.
    DeadLetter(Box<DeadLetter>),
}

impl Decision<'_> {
    /// The pass that the record belongs to.
    pub(super) fn pass(&self) -> u32 {
        match self {
            Decision::Model(record, _) => record.pass,
            Decision::Merged(pass) => *pass,
            Decision::DeadLetter(letter) => letter.pass,
        }
    }

    pub(super) fn ending(&self) -> Ending {
        match self {
            Decision::Model(..) => Ending::Passed,
            Decision::Merged(_) => Ending::Merged,
            Decision::DeadLetter(_) => Ending::Rejected,
        }
    }
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
            let letter = Letter::new(context, pass, partition.epoch(), position, 0);
            let why = Why { reason: Reason::Undecodable, message: undecodable.message, ..Why::default() };
            return Ok(Decision::DeadLetter(Box::new(letter.of(&context.pipeline, why))));
        }
    };
    if raw.lineage != context.lineage.id {
        return Err(other_lineage(context, position, raw.lineage));
    }
    let letter = Letter::new(context, raw.pass, partition.epoch(), position, raw.read_at_micros);
    let keys = Keys::of(&raw.entity);
    let too_large =
        if let Finding::TooLarge { bytes, digest } = raw.finding { Some((bytes, digest)) } else { None };
    let most = context.kafka.settings().max_record_bytes;
    let rejection = match reshape(&context.pipeline, raw, most, &mut scratch.pipeline, &mut scratch.body)? {
        Outcome::Merged => {
            let counts = partition.counts(letter.pass);
            counts.records += 1;
            counts.merged += 1;
            return Ok(Decision::Merged(letter.pass));
        }
        Outcome::Record(reshaped) => {
            return Ok(pass_on(context, partition, &letter, reshaped, &scratch.body));
        }
        Outcome::Rejected(rejection) => rejection,
    };
    partition.counts(letter.pass).dead_letter(rejection.reason, true);
    let mut why = Why::from(rejection);
    if let (None, Some((bytes, digest))) = (&why.value, too_large) {
        why.value = Some(serde_json::json!({ "bytes": bytes, "xxh3_128": format!("{digest:032x}") }));
    }
    let known = letter.of(&context.pipeline, why);
    let owned = |key: Option<Cow<'_, str>>| key.map(|key| named(&key).into_owned());
    let Keys { key, start, end } = keys;
    Ok(Decision::DeadLetter(Box::new(DeadLetter {
        key: owned(key),
        start: owned(start),
        end: owned(end),
        ..known
    })))
}

/// What becomes of a raw record up to its topic: the pure function, and the limit that what it makes has to keep as
/// well. Where the record goes on, `body` is the contract's fields as one Avro datum.
///
/// Errors: only where Regraft itself is wrong.
pub fn reshape<'a>(
    pipeline: &'a Pipeline,
    raw: RawRecord<'a>,
    max_record_bytes: usize,
    scratch: &mut crate::pipeline::Scratch,
    body: &mut Vec<u8>,
) -> Result<Outcome<'a>> {
    let outcome = pipeline.transform(raw, scratch);
    let Outcome::Record(reshaped) = &outcome else { return Ok(outcome) };
    encode(pipeline, reshaped, body)?;
    Ok(over_the_limit(max_record_bytes, body.len()).map_or(outcome, Outcome::Rejected))
}

/// Counts the record and makes it, and what it derives, ready to be sent.
fn pass_on<'m>(
    context: &'m Context,
    partition: &mut Partition,
    from: &Letter<'m>,
    reshaped: Reshaped<'m>,
    body: &'m [u8],
) -> Decision<'m> {
    let identity = from.position.identity(context.lineage.id, from.epoch);
    let counts = partition.counts(from.pass);
    counts.records += 1;
    counts.passed += 1;
    for name in &reshaped.dropped {
        counts.drop_property(name);
    }
    let derived = if reshaped.derived.is_empty() {
        Vec::new()
    } else {
        let origin = Origin {
            pipeline: context.pipeline.name(),
            raw_topic: from.topic,
            identity,
            pass: from.pass,
            read_at_micros: from.read_at_micros,
            partitions: context.lineage.partitions,
        };
        further(reshaped.derived, &origin, &context.receivers, counts)
    };
    let model = ModelRecord {
        identity,
        pass: from.pass,
        read_at_micros: from.read_at_micros,
        derived_from: None,
        contract: context.pipeline.contract().fingerprint(),
        entity: reshaped.entity,
        body: Cow::Borrowed(body),
        kept: reshaped.kept,
    };
    Decision::Model(model, derived)
}

fn encode(pipeline: &Pipeline, reshaped: &Reshaped<'_>, body: &mut Vec<u8>) -> Result<()> {
    body.clear();
    pipeline.contract().encode(&reshaped.row, body).map_err(|error| {
        // The pure function checks every slot against the contract: this is Regraft's own mistake.
        Error::new(Cause::Unexpected, format!("encode a record of `{}`", pipeline.name())).source(error)
    })
}

/// A record that its own reshaping made too large for the topic. What is beside the body is never more than the raw
/// record was, which is within its limit; topics take twice that and something for the envelope.
fn over_the_limit(max_record_bytes: usize, body_bytes: usize) -> Option<Rejection> {
    (body_bytes > max_record_bytes + 32_768).then(|| Rejection::too_large(body_bytes as u64))
}

fn other_lineage(context: &Context, position: Position, found: Uuid) -> Error {
    let at = format!("{}/{} at offset {}", context.pipeline.name(), position.partition, position.offset);
    let message =
        format!("transform {at}: the record is of lineage {found}, the topic of {}", context.lineage.id);
    Error::new(Cause::Lineage, message).what_to_do(
        "the topic holds records of an earlier migration whose checkpoints are gone: delete the pipeline's topics \
         and extract again, or use another kafka.topic_prefix",
    )
}

/// Usable keys of a record, kept for its dead letter.
#[derive(Default)]
struct Keys<'m> {
    key: Option<Cow<'m, str>>,
    start: Option<Cow<'m, str>>,
    end: Option<Cow<'m, str>>,
}

impl<'m> Keys<'m> {
    fn of(entity: &RawEntity<'m>) -> Self {
        // Text that borrows from the message is not copied by this.
        let text =
            |value: &Value<'m>| if let Value::String(text) = value { Some(text.clone()) } else { None };
        match entity {
            RawEntity::Node { key, .. } => Self { key: text(key), ..Self::default() },
            RawEntity::Relationship { start, end, .. } => {
                Self { start: text(start), end: text(end), key: None }
            }
        }
    }
}

/// What a dead letter says of the record that it is about.
pub(super) struct Letter<'m> {
    pub pass: u32,
    pub epoch: u32,
    pub position: Position,
    pub read_at_micros: i64,
    pub topic: &'m str,
    pub lineage: Uuid,
}

/// What a dead letter says is wrong.
pub(super) struct Why {
    reason: Reason,
    message: String,
    property: Option<String>,
    value: Option<serde_json::Value>,
}

impl Default for Why {
    fn default() -> Self {
        Self { reason: Reason::Undecodable, message: String::new(), property: None, value: None }
    }
}

impl From<Rejection> for Why {
    fn from(rejection: Rejection) -> Self {
        Self {
            reason: rejection.reason,
            message: rejection.message.into(),
            property: rejection.property.map(String::from),
            value: rejection.value,
        }
    }
}

impl<'m> Letter<'m> {
    fn new(context: &'m Context, pass: u32, epoch: u32, position: Position, read_at_micros: i64) -> Self {
        Self { pass, epoch, position, read_at_micros, topic: &context.raw_topic, lineage: context.lineage.id }
    }

    /// The dead letter of a pipeline, for the record itself; its keys are left open.
    pub(super) fn of(self, pipeline: &Pipeline, why: Why) -> DeadLetter {
        DeadLetter {
            pipeline: pipeline.name().to_owned(),
            entity_type: pipeline.source().entity_type().to_owned(),
            key: None,
            start: None,
            end: None,
            reason: why.reason,
            message: letter_message(&why.message),
            property: why.property,
            value: why.value,
            derived: false,
            charged: true,
            pass: self.pass,
            read_at_micros: self.read_at_micros,
            topic: self.topic.to_owned(),
            lineage: self.lineage,
            partition: self.position.partition,
            offset: self.position.offset,
            output: 0,
            epoch: self.epoch,
            model: None,
            earlier: None,
        }
    }
}
