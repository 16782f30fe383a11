//! One raw message into what is sent on: the pipeline's pure function, and the counting of what it said. Pure.

use std::borrow::Cow;

use super::Context;
use super::partition::Partition;
use crate::error::{Cause, Error, Result};
use crate::pipeline::Outcome;
use crate::record::{DeadLetter, Finding, Identity, Key, ModelEntity, ModelRecord, RawEntity, RawRecord, Reason};

/// Where the message stands on the raw topic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    pub partition: i32,
    pub offset: i64,
}

/// Buffers that are used again for every record.
#[derive(Default)]
pub(super) struct Scratch {
    body: Vec<u8>,
}

/// What becomes of the message.
pub(super) enum Decision<'m> {
    /// Goes to the model topic.
    Model(ModelRecord<'m>),
    /// Another parallel relationship stands for it.
    Merged,
    /// Goes to the dead letters.
    DeadLetter(Box<DeadLetter>),
}
