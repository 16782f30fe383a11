//! Mending: records that differ go to their raw topics again, what is not expected is deleted where that is allowed.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

use super::Shared;
use super::delete::Deleter;
use super::describe::Wanted;
use super::detail::{Event, Sink};
use super::held::Remaining;
use super::lookup::Absent;
use super::plan::Compared;
use super::report::{RepairReport, Stray};
use super::reporter::rows_of;
use super::strays::StraySink;
use crate::checkpoint::LastKey;
use crate::error::{Cause, Error, Result};
use crate::extract::{Limits, Resend, Resent};
use crate::kafka::{Checkpoints, Kafka};
use crate::neo4j::claim::Claim;
use crate::undo::UndoJournal;

/// What mending works with.
pub struct Mending {
    /// Kafka.
    pub kafka: Kafka,
    /// The checkpoints topic, followed.
    pub checkpoints: Arc<Checkpoints>,
    /// This process, as the owner of what it sends.
    pub owner: Uuid,
    /// How a transaction is bounded.
    pub limits: Limits,
    /// How what is not expected is deleted; nothing is deleted without it.
    pub deletion: Option<Deletion>,
}

/// What deleting takes.
pub struct Deletion {
    /// The claim on the target, exclusive.
    pub claim: Arc<Claim>,
    /// What goes is noted there first.
    pub undo: UndoJournal,
    /// Whether it is: otherwise only that something went.
    pub journaling: bool,
    /// Topic prefix of the migration.
    pub prefix: String,
    /// Partitions of the topics.
    pub partitions: i32,
}

/// Records that are looked up at a time.
const AT_A_TIME: usize = 100;

/// Mends what it is told of.
pub(super) struct Mender<'m> {
    shared: Arc<Shared>,
    absent: &'m Absent,
    kafka: Kafka,
    checkpoints: Arc<Checkpoints>,
    owner: Uuid,
    limits: Limits,
    senders: BTreeMap<String, Sending>,
    deleter: Option<Deleter>,
    report: RepairReport,
}

/// Key and ends of a derived relationship that is not there, the record that derives it, and that one's pipeline.
type MissingDerived = (LastKey, [u128; 2], Option<(String, Resent)>);

/// The thread that sends a pipeline's records: transaction calls block.
struct Sending {
    records: mpsc::Sender<Resent>,
    thread: JoinHandle<Result<u64>>,
    last: Option<Resent>,
}

impl<'m> Mender<'m> {
    pub(super) fn new(shared: Arc<Shared>, mending: Mending, absent: &'m Absent) -> Self {
        let Mending { kafka, checkpoints, owner, limits, deletion } = mending;
        let deleter =
            deletion.map(|deletion| Deleter::new(shared.target.clone(), &shared.pipelines, deletion));
        let (senders, report) = (BTreeMap::new(), RepairReport::default());
        Self { shared, absent, kafka, checkpoints, owner, limits, senders, deleter, report }
    }

    pub(super) fn deletes(&self) -> bool {
        self.deleter.is_some()
    }

    /// Everything is sent and deleted once this returns. Where one sender failed, the others have come to their end.
    pub(super) async fn finish(mut self) -> Result<RepairReport> {
        let mut failure = None;
        for (pipeline, sending) in std::mem::take(&mut self.senders) {
            match ended(&pipeline, sending).await {
                Ok(sent) => drop(self.report.sent.insert(pipeline, sent)),
                Err(error) => drop(failure.get_or_insert(error)),
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
        if let Some(deleter) = self.deleter {
            deleter.finish(&mut self.report).await?;
        }
        Ok(self.report)
    }

    async fn send(&mut self, pipeline: &str, record: Option<Resent>) -> Result<()> {
        let Some(record) = record else { return Ok(()) };
        if !self.senders.contains_key(pipeline) {
            let sending = self.start(pipeline.to_owned());
            self.senders.insert(pipeline.to_owned(), sending);
        }
        let Some(sending) = self.senders.get_mut(pipeline) else { return Ok(()) };
        // A record that derives several missing ones is sent once.
        if sending.last.as_ref() == Some(&record) {
            return Ok(());
        }
        sending.last = Some(record.clone());
        if sending.records.send(record).await.is_err()
            && let Some(sending) = self.senders.remove(pipeline)
        {
            // It has ended: it says why.
            ended(pipeline, sending).await?;
        }
        Ok(())
    }

    fn start(&self, pipeline: String) -> Sending {
        let (records, mut received) = mpsc::channel::<Resent>(500);
        let (kafka, checkpoints) = (self.kafka.clone(), self.checkpoints.clone());
        let (owner, limits) = (self.owner, self.limits);
        let runtime = tokio::runtime::Handle::current();
        let thread = tokio::task::spawn_blocking(move || {
            let mut resend = Resend::start(&kafka, &checkpoints, &pipeline, owner, limits)?;
            let mut sent = 0;
            loop {
                // The next one may be long in coming: others are read before.
                match runtime.block_on(async { timeout(Resend::LOOK, received.recv()).await }) {
                    Ok(Some(record)) => {
                        resend.send(&record)?;
                        sent += 1;
                    }
                    Ok(None) => break,
                    Err(_) => resend.commit_if_due()?,
                }
            }
            resend.commit()?;
            Ok(sent)
        });
        Sending { records, thread, last: None }
    }

    async fn send_derived(&mut self, compared: &Compared, derived: Vec<MissingDerived>) -> Result<()> {
        for some in derived.chunks(AT_A_TIME) {
            let pairs: Vec<_> = some.iter().map(|(key, ends, _)| (key.clone(), *ends)).collect();
            let expected = self.absent.are_expected(&self.shared, compared, &pairs).await?;
            for ((_, _, send), _) in some.iter().zip(expected).filter(|(_, expected)| *expected) {
                if let Some((pipeline, record)) = send {
                    self.send(pipeline, Some(record.clone())).await?;
                }
            }
        }
        Ok(())
    }

    /// Removes from relationships what nothing expects: sending them again does not.
    async fn remove_beyond(&mut self, compared: &Compared, different: &[(LastKey, Wanted)]) -> Result<()> {
        let Some(deleter) = self.deleter.as_mut().filter(|_| !compared.subject.pipeline.is_node()) else {
            return Ok(());
        };
        for some in different.chunks(AT_A_TIME) {
            let keys: Vec<LastKey> = some.iter().map(|(key, _)| key.clone()).collect();
            let rows = rows_of(compared, &keys).await?;
            for (key, wanted) in some {
                for row in rows.get(key).into_iter().flatten() {
                    let names = wanted.describe(&compared.subject, row).beyond;
                    if !names.is_empty() {
                        deleter.properties(compared, key, &row.element_id, names).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn delete_left(
        &mut self,
        compared: &Compared,
        key: Option<LastKey>,
        rows: Vec<(String, bool)>,
        why: Remaining,
    ) -> Result<()> {
        let Some(deleter) = &mut self.deleter else { return Ok(()) };
        let kept = match why {
            Remaining::Extra => None,
            Remaining::Surplus { .. } => {
                let as_expected = rows.iter().position(|(_, as_expected)| *as_expected);
                Some(as_expected.unwrap_or(0))
            }
            // The source has it, though it can't be migrated as it is.
            Remaining::Older(_) => return Ok(()),
        };
        let rows = rows.into_iter().enumerate().filter(|(at, _)| Some(*at) != kept);
        let element_ids: Vec<String> = rows.map(|(_, (element_id, _))| element_id).collect();
        deleter.entities(compared, key.as_ref(), element_ids).await
    }
}

async fn ended(pipeline: &str, sending: Sending) -> Result<u64> {
    drop(sending.records);
    let ended = sending.thread.await;
    let attempt = || format!("send records of `{pipeline}` again");
    ended.map_err(|error| Error::new(Cause::Unexpected, attempt()).source(error))?
}

impl Sink for Mender<'_> {
    fn wants_records(&self) -> bool {
        true
    }

    async fn take(&mut self, compared: &Compared, events: Vec<Event>) -> Result<()> {
        let (mut derived, mut different) = (Vec::new(), Vec::new());
        for event in events {
            match event {
                Event::Missing { send, .. } => self.send(compared.subject.name(), send).await?,
                Event::MissingDerived { key, ends, send } => derived.push((key, ends, send)),
                Event::Different { key, wanted, send } => {
                    if let Some((pipeline, record)) = send {
                        self.send(&pipeline, Some(record)).await?;
                    }
                    different.push((key, wanted));
                }
                Event::Left { key, rows, why } => self.delete_left(compared, key, rows, why).await?,
            }
        }
        self.send_derived(compared, derived).await?;
        self.remove_beyond(compared, &different).await
    }
}

impl StraySink for Mender<'_> {
    async fn take(&mut self, stray: Stray) -> Result<()> {
        match &mut self.deleter {
            Some(deleter) => deleter.stray(stray).await,
            None => Ok(()),
        }
    }
}
