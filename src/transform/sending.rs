//! What became of a raw record, on its way to its topic within the open transaction.

use super::Context;
use super::outcome::Decision;
use crate::checkpoint::{Entry, EntryKey, Stage, WriterContract};
use crate::error::{Cause, Error, Result};
use crate::kafka::{Message, REPLAY_HEADER, TransactionalProducer, send_dead_letter};
use crate::record::ReplayMark;

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
    contract_known: bool,
}

impl Sender {
    pub(super) fn new(context: &Context) -> Self {
        let model_topic = context.kafka.names.model(context.pipeline.name());
        Self { model_topic, encoded: Vec::new(), contract_known: false }
    }

    /// Sends a model record or dead letter; what is merged goes nowhere. `mark` goes with what a replay makes.
    pub(super) fn send(
        &mut self,
        context: &Context,
        producer: &mut TransactionalProducer,
        raw: Raw<'_>,
        decision: &Decision<'_>,
        mark: Option<&ReplayMark>,
    ) -> Result<()> {
        match decision {
            Decision::Model(record) => {
                self.encoded.clear();
                record.encode(&mut self.encoded);
                let mark = mark.map(header).transpose()?;
                // Same key, same number of partitions: what is in order on the raw topic stays so.
                producer.send(&Message {
                    topic: &self.model_topic,
                    partition: raw.partition,
                    key: raw.key,
                    payload: &self.encoded,
                    headers: mark.as_slice(),
                })?;
                self.register_contract(context, producer)
            }
            Decision::Merged(_) => Ok(()),
            Decision::DeadLetter(letter) => {
                send_dead_letter(producer, &context.kafka, Stage::Transform, letter, raw.key, raw.payload)
            }
        }
    }

    /// The open transaction was given up, and with it the contract that it may have registered.
    pub(super) fn aborted(&mut self) {
        self.contract_known = false;
    }

    /// The contract's text goes before the first record that it wrote, for loaders with another one.
    fn register_contract(&mut self, context: &Context, producer: &mut TransactionalProducer) -> Result<()> {
        if self.contract_known {
            return Ok(());
        }
        let contract = context.pipeline.contract();
        let key = (context.pipeline.name().to_owned(), contract.fingerprint());
        let known = context.checkpoints.read(|state| state.contracts.contains_key(&key));
        if !known {
            let at_micros = chrono::Utc::now().timestamp_micros();
            let entry = WriterContract { schema: contract.text().to_owned(), at_micros };
            producer.write(&EntryKey::Contract(key.0, key.1), &Entry::Contract(entry))?;
        }
        self.contract_known = true;
        Ok(())
    }
}

/// The header that goes with a model record which a replay makes.
fn header(mark: &ReplayMark) -> Result<(&'static str, String)> {
    let json = serde_json::to_string(mark);
    json.map(|json| (REPLAY_HEADER, json))
        .map_err(|error| Error::new(Cause::Unexpected, "encode the mark of a replay").source(error))
}
