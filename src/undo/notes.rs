//! What is to be written to the undo topic, encoded and held until it is sent.

use std::ops::Range;

use crate::error::{Cause, Error, Result};
use crate::record::{Gap, GapReason, UndoEntry, UndoRecord, partition_of};

/// Messages in one buffer.
#[derive(Debug, Default)]
pub(super) struct Notes {
    bytes: Vec<u8>,
    messages: Vec<Message>,
}

#[derive(Debug, Clone)]
struct Message {
    partition: i32,
    key: Range<usize>,
    payload: Range<usize>,
}

impl Notes {
    /// Adds what an entity was. An image that no message can hold becomes a gap that names the entity.
    pub(super) fn image(&mut self, record: &UndoRecord<'_>, partitions: i32, limit: usize) -> Result<()> {
        let partition = record.subject.partition_key().map(|key| partition_of(&key, partitions));
        let partition = partition.ok_or_else(|| {
            Error::new(Cause::Unexpected, format!("journal {}: it has no key", record.subject))
        })?;
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&record.subject.message_key());
        let middle = self.bytes.len();
        record.encode(&mut self.bytes);
        if self.bytes.len() - start > limit {
            self.bytes.truncate(middle);
            let gap = Gap {
                pipeline: record.pipeline.clone(),
                claim: record.claim,
                reason: GapReason::ImageTooLarge,
                rows: 1,
                subject: Some(record.subject.clone()),
            };
            UndoEntry::Gap(gap).encode(&mut self.bytes);
        }
        self.messages.push(Message { partition, key: start..middle, payload: middle..self.bytes.len() });
        Ok(())
    }

    /// Adds an entry to a partition, under a key.
    pub(super) fn entry(&mut self, entry: &UndoEntry<'_>, partition: i32, key: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let middle = self.bytes.len();
        entry.encode(&mut self.bytes);
        self.messages.push(Message { partition, key: start..middle, payload: middle..self.bytes.len() });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Partition, key and value of each message, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i32, &[u8], &[u8])> {
        let part = |range: &Range<usize>| self.bytes.get(range.clone()).unwrap_or_default();
        self.messages
            .iter()
            .map(move |message| (message.partition, part(&message.key), part(&message.payload)))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::record::{Author, Before, Identity, NodeRef, Subject, Value, Written};

    fn record(text: &str) -> UndoRecord<'_> {
        UndoRecord {
            author: Author::Load,
            pipeline: "p".into(),
            identity: Identity { lineage: Uuid::nil(), partition: 1, offset: 2, output: 0, epoch: 0 },
            pass: 1,
            read_at_micros: 3,
            claim: 4,
            subject: Subject::Node(NodeRef { label: "A".into(), key_property: "id".into(), key: "k".into() }),
            written: Written::default(),
            before: Before::Node {
                labels: vec!["A".into()],
                properties: vec![("t".into(), Value::text(text))],
            },
        }
    }

    #[test]
    fn what_is_noted_comes_out_in_order_and_what_is_too_large_is_a_gap() {
        let mut notes = Notes::default();
        assert!(notes.is_empty());
        let long = "x".repeat(1000);
        notes.image(&record("short"), 4, 500).unwrap();
        notes.image(&record(&long), 4, 500).unwrap();
        let read: Vec<_> = notes
            .iter()
            .map(|(partition, key, payload)| (partition, key.to_vec(), UndoEntry::decode(payload).unwrap()))
            .collect();
        assert_eq!(read[0].0, partition_of(b"k", 4));
        assert_eq!(read[0].1, b"[\"A\",\"k\"]");
        assert_eq!(read[0].2, UndoEntry::Image(record("short")));
        let UndoEntry::Gap(gap) = &read[1].2 else { panic!("{:?}", read[1].2) };
        assert_eq!((gap.reason, gap.rows), (GapReason::ImageTooLarge, 1));
        assert_eq!(gap.subject, Some(record("").subject));
    }
}
