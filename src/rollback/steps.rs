//! The steps of a rollback over the whole journal: batches from the reading thread, one transaction each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::apply::{Group, Hand, Means, Worker};
use super::reader::{Item, Range, Step, items};
use super::report::{Looked, Observer, Outcome, TypeReport};
use super::seen::slices_of;
use super::survey::Survey;
use crate::error::{Cause, Error, Result};
use crate::kafka::Kafka;
use crate::neo4j::TargetGraph;
use crate::neo4j::claim::Claim;
use crate::neo4j::load_positions::Raised;
use crate::stop::Stop;
use crate::undo::UndoJournal;

/// Bounds of a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Entities of a batch.
    pub batch_rows: usize,
    /// Bytes of before-images that are held before a batch is worked on.
    pub batch_bytes: usize,
    /// How long a service failure is tried again.
    pub retry: Duration,
}

/// A rollback to one instant.
pub struct Rollback<'r> {
    /// Kafka.
    pub kafka: &'r Kafka,
    /// The target.
    pub target: &'r TargetGraph,
    /// What of the journal is taken back.
    pub range: Range,
    /// What is in it.
    pub survey: Arc<Survey>,
    /// Bounds.
    pub settings: Settings,
    /// When to stop: between two batches.
    pub stop: &'r Stop,
    /// Takes news of the progress.
    pub observe: Observer<'r>,
}

/// The right to write: the target is claimed, and no loader has its checkpoints any more.
pub struct Authority<'c> {
    /// The journal that it writes.
    pub undo: UndoJournal,
    /// The claim, exclusive.
    pub claim: &'c Claim,
    /// Epoch of what it writes.
    pub epoch: u32,
    /// The pipelines' checkpoints as taken over.
    pub raised: BTreeMap<String, Raised>,
}

/// Reports by pipeline.
type Reports = BTreeMap<String, TypeReport>;

/// Items of one kind.
struct Batch {
    kind: usize,
    items: Vec<Item>,
}

impl Rollback<'_> {
    /// What executing would do, by pipeline. Writes nothing.
    pub async fn plan(&self) -> Result<Reports> {
        let mut reports = self.gaps();
        self.step(Step::Look, None, &mut reports).await?;
        Ok(reports)
    }

    /// Brings everything to what it was, step after step; returns what was done, and whether `stop` came before the
    /// end. What is done stays done; the next call finds what is left.
    pub async fn execute(&self, authority: &Authority<'_>) -> Result<(Reports, bool)> {
        let raised = self.numbers(authority);
        let hand = Hand { undo: &authority.undo, claim: authority.claim, raised: &raised };
        let mut reports = self.gaps();
        for step in [Step::RemoveRelationships, Step::Nodes, Step::RestoreRelationships] {
            if !self.step(step, Some(&hand), &mut reports).await? {
                return Ok((reports, true));
            }
        }
        Ok((reports, false))
    }

    /// Epoch and claim of what is written, by pipeline: above everything that the journal has of it.
    fn numbers(&self, authority: &Authority<'_>) -> BTreeMap<String, (u32, i64)> {
        let each = self.survey.newest.iter().map(|(pipeline, (epoch, claim))| {
            let least_claim = authority.raised.get(pipeline).map_or(0, |raised| raised.claim);
            (pipeline.clone(), (authority.epoch.max(epoch + 1), least_claim.max(claim + 1)))
        });
        each.collect()
    }

    /// What was written without the journal stays as it is.
    fn gaps(&self) -> Reports {
        let mut reports = Reports::new();
        for seen in &self.survey.kinds {
            let report = reports.entry(seen.pipeline.clone());
            report.or_insert_with(|| TypeReport::new(seen.kind.entity_type()));
        }
        for (pipeline, gaps) in &self.survey.gaps {
            let report = reports.entry(pipeline.clone()).or_default();
            for (reason, gap) in gaps {
                *report.cannot.entry((*reason).into()).or_default() += gap.rows;
            }
        }
        reports
    }

    /// One step over all slices. False if `stop` came before its end.
    async fn step(&self, step: Step, hand: Option<&Hand<'_>>, reports: &mut Reports) -> Result<bool> {
        let workers = self.survey.kinds.iter().map(Worker::new).collect::<Result<Vec<_>>>()?;
        let going = self.survey.kinds.iter().filter(|seen| !seen.kind.is_node() && seen.absent > 0);
        let going: Vec<String> = going.map(|seen| seen.kind.entity_type().to_owned()).collect();
        let (target, retry) = (self.target, self.settings.retry);
        let means = Means { target, hand, going: &going, retry, stop: self.stop };
        let (mut entities, at_most) = (0, self.range.records());
        let slices = slices_of(at_most);
        for slice in 0..slices {
            let (sender, mut batches) = mpsc::channel(1);
            let reading = self.read(step, (slice, slices), sender);
            while let Some(Batch { kind, items }) = batches.recv().await {
                if self.stop.is_requested() {
                    break;
                }
                let (Some(worker), Some(seen)) = (workers.get(kind), self.survey.kinds.get(kind)) else {
                    continue;
                };
                let report = reports.entry(seen.pipeline.clone()).or_default();
                let tell = |group: &Group, outcome: Outcome| {
                    entities += 1;
                    report.add(outcome, || group.subject().map_or_else(String::new, ToString::to_string));
                };
                worker.apply(&means, Group::all(items), tell).await?;
                (self.observe)(Looked { step, entities, at_most });
            }
            // A reader that still has something to say ends when nobody listens.
            drop(batches);
            let read = reading.await;
            read.map_err(|error| Error::new(Cause::Unexpected, "read the undo topic").source(error))??;
            if self.stop.is_requested() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads the journal on a thread of its own and sends batches; ends early where nobody takes them any more.
    fn read(
        &self,
        step: Step,
        slice: (u64, u64),
        sender: mpsc::Sender<Batch>,
    ) -> tokio::task::JoinHandle<Result<()>> {
        let (kafka, range, survey) = (self.kafka.clone(), self.range.clone(), self.survey.clone());
        let mut waiting = Waiting::new(survey.kinds.len(), self.settings);
        tokio::task::spawn_blocking(move || {
            let mut unheard = false;
            let read = items(&kafka, &range, &survey, step, slice, |item| {
                let full = waiting.add(item);
                unheard = full.is_some_and(|batch| sender.blocking_send(batch).is_err());
                if unheard { Err(Error::new(Cause::Unexpected, "hand on what was read")) } else { Ok(()) }
            });
            if unheard {
                return Ok(());
            }
            read?;
            for batch in waiting.rest() {
                if sender.blocking_send(batch).is_err() {
                    return Ok(());
                }
            }
            Ok(())
        })
    }
}

/// Items that wait until there are enough of their kind for a batch, or too many of all kinds.
struct Waiting {
    settings: Settings,
    items: Vec<Vec<Item>>,
    bytes: usize,
}

impl Waiting {
    fn new(kinds: usize, settings: Settings) -> Self {
        Self { settings, items: (0..kinds).map(|_| Vec::new()).collect(), bytes: 0 }
    }

    /// Adds an item. Returns the largest batch, once it is full or too many bytes are held.
    fn add(&mut self, item: Item) -> Option<Batch> {
        self.bytes += item.bytes;
        let items = self.items.get_mut(item.kind)?;
        items.push(item);
        let full = items.len() >= self.settings.batch_rows;
        let (kind, _) = self.items.iter().enumerate().max_by_key(|(_, items)| items.len())?;
        if !full && self.bytes < self.settings.batch_bytes {
            return None;
        }
        let items = std::mem::take(self.items.get_mut(kind)?);
        self.bytes -= items.iter().map(|item| item.bytes).sum::<usize>();
        Some(Batch { kind, items })
    }

    fn rest(self) -> impl Iterator<Item = Batch> {
        let batches = self.items.into_iter().enumerate().map(|(kind, items)| Batch { kind, items });
        batches.filter(|batch| !batch.items.is_empty())
    }
}
