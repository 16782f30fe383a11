//! What became of a raw record, on its way to its topics within the open transaction.

use std::collections::BTreeSet;

use super::derived::{Further, Outcome};
use super::outcome::Decision;
use super::{Context, now_micros};
use crate::checkpoint::{Entry, EntryKey, Stage, WriterContract};
use crate::error::{Cause, Error, Result};
use crate::kafka::{Message, REPLAY_HEADER, TransactionalProducer, send_dead_letter};
use crate::pipeline::Pipeline;
use crate::record::{ModelRecord, ReplayMark};

/// The raw message that a decision is about.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'m> {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Key.
    pub key: Option<&'m [u8]>,
    /// Value.
    pub payload: &'m [u8],
}

/// Sends the outcomes of one pipeline's records.
pub(super) struct Sender {
    model_topic: String,
    encoded: Vec<u8>,
    /// Pipelines whose contract's text is known to be among the checkpoints.
    contracts_known: BTreeSet<String>,
}

impl Sender {
    pub(super) fn new(context: &Context) -> Self {
        let model_topic = context.kafka.names.model(context.pipeline.name());
        Self { model_topic, encoded: Vec::new(), contracts_known: BTreeSet::new() }
    }

    /// Sends a model record with what it derives, or a dead letter; what is merged goes nowhere. `mark` goes with what a
    /// replay makes. Returns the bytes of derived records.
    pub(super) fn send(
        &mut self,
        context: &Context,
        producer: &mut TransactionalProducer,
        raw: Raw<'_>,
        decision: &Decision<'_>,
        mark: Option<&ReplayMark>,
    ) -> Result<usize> {
        match decision {
            Decision::Model(record, further) => {
                let topic = std::mem::take(&mut self.model_topic);
                // Same key, same number of partitions: what is in order on the raw topic stays so.
                let sent = self.send_model(producer, record, (&topic, raw.partition, raw.key), mark);
                self.model_topic = topic;
                sent?;
                self.register_contract(context, producer, &context.pipeline)?;
                let mut bytes = 0;
                for each in further {
                    bytes += self.send_derived(context, producer, each, raw.payload)?;
                }
                Ok(bytes)
            }
            Decision::Merged(_) => Ok(0),
            Decision::DeadLetter(letter) => {
                send_dead_letter(producer, &context.kafka, Stage::Transform, letter, raw.key, raw.payload)?;
                Ok(0)
            }
        }
    }

    /// What a record derives goes into the transaction that the record itself is in. Returns its bytes.
    pub(super) fn send_derived(
        &mut self,
        context: &Context,
        producer: &mut TransactionalProducer,
        further: &Further<'_>,
        original: &[u8],
    ) -> Result<usize> {
        let receiver = &context.receivers[further.receiver];
        let key = further.key.as_deref();
        match &further.outcome {
            Outcome::Model(record) => {
                let to = (receiver.topic.as_str(), further.partition, key);
                self.send_model(producer, record, to, further.mark.as_ref())?;
                self.register_contract(context, producer, &receiver.pipeline)?;
                Ok(self.encoded.len())
            }
            Outcome::DeadLetter(letter) => {
                send_dead_letter(producer, &context.kafka, Stage::Transform, letter, key, original)?;
                Ok(0)
            }
        }
    }

    fn send_model(
        &mut self,
        producer: &mut TransactionalProducer,
        record: &ModelRecord<'_>,
        (topic, partition, key): (&str, i32, Option<&[u8]>),
        mark: Option<&ReplayMark>,
    ) -> Result<()> {
        self.encoded.clear();
        record.encode(&mut self.encoded);
        let mark = mark.map(header).transpose()?;
        producer.send(&Message { topic, partition, key, payload: &self.encoded, headers: mark.as_slice() })
    }

    /// The open transaction was given up, and with it the contracts that it may have registered.
    pub(super) fn aborted(&mut self) {
        self.contracts_known.clear();
    }

    /// The contract's text goes before the commit of the first record that it wrote, for loaders with another one.
    fn register_contract(
        &mut self,
        context: &Context,
        producer: &mut TransactionalProducer,
        pipeline: &Pipeline,
    ) -> Result<()> {
        if self.contracts_known.contains(pipeline.name()) {
            return Ok(());
        }
        let (name, contract) = (pipeline.name().to_owned(), pipeline.contract());
        let key = (name.clone(), contract.fingerprint());
        let known = context.checkpoints.read(|state| state.contracts.contains_key(&key));
        if !known {
            let entry = WriterContract { schema: contract.text().to_owned(), at_micros: now_micros() };
            producer.write(&EntryKey::Contract(key.0, key.1), &Entry::Contract(entry))?;
        }
        self.contracts_known.insert(name);
        Ok(())
    }
}

/// The header that goes with a model record which a replay makes.
fn header(mark: &ReplayMark) -> Result<(&'static str, String)> {
    let json = serde_json::to_string(mark);
    json.map(|json| (REPLAY_HEADER, json))
        .map_err(|error| Error::new(Cause::Unexpected, "encode the mark of a replay").source(error))
}
