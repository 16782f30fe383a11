//! The journal of a process, and the transactions that can't commit without it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use uuid::Uuid;

use super::notes::Notes;
use crate::error::{Cause, Error, Result};
use crate::kafka::{Acknowledged, Kafka, Receipt, UndoProducer};
use crate::neo4j::{TargetGraph, Transaction};
use crate::record::{Gap, Mark, UndoEntry, UndoRecord};

/// The undo journal of a process: one producer, made with the first note. Clones share it.
#[derive(Clone)]
pub struct UndoJournal {
    shared: Arc<Shared>,
}

struct Shared {
    kafka: Kafka,
    producer: Mutex<Option<Arc<UndoProducer>>>,
}

/// What a message has beside key and value, with room to spare.
const MESSAGE_OVERHEAD: usize = 1024;

impl UndoJournal {
    /// The journal on a Kafka; connects to nothing yet. The topic has to be there
    /// ([`crate::kafka::ensure_undo_topic`]).
    pub fn new(kafka: &Kafka) -> Self {
        Self { shared: Arc::new(Shared { kafka: kafka.clone(), producer: Mutex::default() }) }
    }

    /// Begins a transaction on the target, to be committed with its notes.
    pub async fn begin(&self, target: &TargetGraph) -> Result<Journaled> {
        let transaction = target.begin().await?;
        Ok(Journaled { journal: self.clone(), transaction, notes: Notes::default(), sent: None })
    }

    /// Notes on every partition that a run begins or ends. Returns the time of it on the brokers' clocks, milliseconds
    /// since 1970: what the run changes has that time or a later one where it begins, an earlier one where it ends.
    pub async fn mark(&self, run: Uuid, ends: bool) -> Result<i64> {
        let mut notes = Notes::default();
        let mark = UndoEntry::Mark(Mark { run, ends });
        for partition in 0..self.shared.kafka.settings().partitions {
            notes.entry(&mark, partition, run.as_bytes());
        }
        let sent = self.send(&notes).await?;
        let times = self.acknowledged(sent).await?.times_ms;
        let time =
            if ends { times.values().max().map(|time| time + 1) } else { times.values().min().copied() };
        time.ok_or_else(|| {
            Error::new(Cause::TopicShape, format!("ask for the time of {}", self.shared.kafka.names.undo()))
        })
    }

    async fn send(&self, notes: &Notes) -> Result<Sent> {
        let producer = self.producer().await?;
        let receipt = Receipt::default();
        for (partition, key, payload) in notes.iter() {
            producer.send(&receipt, partition, key, payload).await?;
        }
        Ok(Sent { producer, receipt })
    }

    async fn acknowledged(&self, sent: Sent) -> Result<Acknowledged> {
        let Sent { producer, receipt } = sent;
        let answer = producer.acknowledged(receipt).await;
        if answer.is_err() {
            self.give_up(producer).await;
        }
        answer
    }

    async fn producer(&self) -> Result<Arc<UndoProducer>> {
        let mut producer = self.shared.producer.lock().await;
        if let Some(producer) = producer.as_ref() {
            return Ok(producer.clone());
        }
        let made = Arc::new(UndoProducer::start(&self.shared.kafka)?);
        *producer = Some(made.clone());
        Ok(made)
    }

    /// A producer that failed may have failed for good: the next note makes another one. What it still holds is thrown
    /// away, so that it does not come late.
    async fn give_up(&self, failed: Arc<UndoProducer>) {
        let mut producer = self.shared.producer.lock().await;
        if producer.as_ref().is_some_and(|current| Arc::ptr_eq(current, &failed)) {
            *producer = None;
        }
        drop(producer);
        // Its end blocks for a moment; whoever else waits for it gets its failures first.
        tokio::task::spawn_blocking(move || drop(failed));
    }
}

/// Takes notes of one transaction.
pub struct Noting<'j> {
    kafka: &'j Kafka,
    notes: &'j mut Notes,
}

impl Noting<'_> {
    /// Notes what an entity was before this transaction wrote to it: once for each entity, from what was read under a
    /// lock. Nothing is sent before [`Journaled::send`], which comes after the write.
    ///
    /// *Absent* may be noted only of what this transaction has created: the server has proved then that it was not
    /// there.
    pub fn note(&mut self, record: &UndoRecord<'_>) -> Result<()> {
        let limit = self.kafka.max_message_bytes() - MESSAGE_OVERHEAD;
        self.notes.image(record, self.kafka.settings().partitions, limit)
    }
}

struct Sent {
    producer: Arc<UndoProducer>,
    receipt: Receipt,
}

/// A transaction on the target that commits only when the journal has what it noted.
///
/// Dropped otherwise, at whatever point, the server rolls it back; notes that were sent stay, and are true.
pub struct Journaled {
    journal: UndoJournal,
    transaction: Transaction,
    notes: Notes,
    sent: Option<Sent>,
}

impl Journaled {
    /// The transaction, to lock, read and write in.
    pub fn transaction(&mut self) -> &mut Transaction {
        &mut self.transaction
    }

    /// The transaction, and where to note what is read in it meanwhile.
    pub fn split(&mut self) -> (&mut Transaction, Noting<'_>) {
        (&mut self.transaction, Noting { kafka: &self.journal.shared.kafka, notes: &mut self.notes })
    }

    /// As [`Noting::note`].
    pub fn note(&mut self, record: &UndoRecord<'_>) -> Result<()> {
        self.split().1.note(record)
    }

    /// Notes that rows of a partition were written without before-images.
    pub fn note_gap(&mut self, gap: Gap<'_>, partition: i32) {
        let key = gap.pipeline.as_bytes().to_vec();
        self.notes.entry(&UndoEntry::Gap(gap), partition, &key);
    }

    /// Sends what was noted without waiting, so that what is left to do in the transaction is done meanwhile.
    pub async fn send(&mut self) -> Result<()> {
        if !self.notes.is_empty() {
            let notes = std::mem::take(&mut self.notes);
            let sent = self.journal.send(&notes).await?;
            match &self.sent {
                // One receipt is waited for at the end: what was sent before is waited for here.
                Some(_) => {
                    if let Some(before) = self.sent.replace(sent) {
                        self.journal.acknowledged(before).await?;
                    }
                }
                None => self.sent = Some(sent),
            }
        }
        Ok(())
    }

    /// Sends what was noted and waits until the brokers have it. Returns the offset behind the last note of each
    /// partition of the undo topic.
    ///
    /// Errors: a failure of Kafka, after which nothing may be committed.
    pub async fn acknowledged(&mut self) -> Result<BTreeMap<i32, i64>> {
        self.send().await?;
        match self.sent.take() {
            Some(sent) => Ok(self.journal.acknowledged(sent).await?.next_offsets),
            None => Ok(BTreeMap::new()),
        }
    }

    /// Sends what was noted, waits until the brokers have it, then commits. Returns how long the target took for that.
    ///
    /// Errors: a failure of Kafka, after which nothing is committed; a failed commit, of which it may not be known.
    pub async fn commit(mut self) -> Result<Duration> {
        if let Err(error) = self.acknowledged().await {
            // The failure is what counts; the server rolls back in any case.
            let _ = self.transaction.rollback().await;
            return Err(error);
        }
        let begun = Instant::now();
        self.transaction.commit().await.map_err(|failed| failed.error)?;
        Ok(begun.elapsed())
    }

    /// Rolls back; what was noted and not sent is forgotten.
    pub async fn rollback(self) -> Result<()> {
        self.transaction.rollback().await
    }
}
