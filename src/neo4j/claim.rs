//! Claims on a target: who may do what there at a time, across processes.
//!
//! A claim is a node `_RegraftLock` with its holder and the time until which it holds, renewed while the holder
//! lives: after a kill it runs out by itself. Claims are taken and renewed in turn, under the write lock of one node.
//! One that has run out is its holder's still, until somebody takes a claim that excludes it: an outage of the target
//! takes nothing from anybody.
//!
//! ```no_run
//! # async fn job(target: &regraft::neo4j::TargetGraph) -> regraft::error::Result<()> {
//! use regraft::neo4j::claim::{Claim, Purpose, Wanted};
//! // Nobody loads, migrates, repairs or rolls back meanwhile. Refused while a loader is at work.
//! let claim = Claim::take(target, &Wanted::new(Purpose::Exclusive, "rollback")).await?;
//! let mut transaction = target.begin().await?;
//! claim.fence(&mut transaction).await?; // commits only if nobody has taken over
//! transaction.commit().await?;
//! claim.release().await
//! # }
//! ```

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::bookkeeping::LOCK;
use super::{Cell, Statement, TargetGraph, Transaction, load_checkpoints};
use crate::error::{Cause, Error, Result};

/// What a claim is for, and with that, what it excludes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Writing records. Any number at a time.
    Load,
    /// Changing the schema, rolling back, repairing: nobody else at all.
    Exclusive,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Purpose::Load => "load",
            Purpose::Exclusive => "exclusive",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How to take a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What for.
    pub purpose: Purpose,
    /// Who, for those who have to wait: a command and where it runs.
    pub holder: String,
    /// How long it holds without being renewed: after a kill, the others wait this long.
    pub lease: Duration,
    /// How long to wait for others. A loader that is seen to be at work is not waited for: it may go on for days.
    pub patience: Duration,
}

impl Wanted {
    /// A claim with the usual times: 20 s after a kill, a minute of patience.
    pub fn new(purpose: Purpose, what: &str) -> Self {
        let host =
            hostname::get().map_or_else(|_| "?".to_owned(), |name| name.to_string_lossy().into_owned());
        let holder = format!("{what} (process {} on {host})", std::process::id());
        Self { purpose, holder, lease: Duration::from_secs(20), patience: Duration::from_secs(60) }
    }
}

/// A claim as others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// What for.
    pub purpose: Purpose,
    /// Who.
    pub holder: String,
    /// Since when, by the server's clock.
    pub since: String,
    /// Until when, unless it is renewed.
    pub until: String,
    #[serde(skip)]
    id: String,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, since {}", self.holder, self.since)
    }
}

/// How long an attempt to take a claim waits for its turn, which takes others milliseconds.
const TURN: Duration = Duration::from_secs(10);

/// A claim that is held. Renewed in the background; given back by [`Claim::release`], or runs out.
pub struct Claim {
    target: TargetGraph,
    id: String,
    lease: Duration,
    lost: watch::Receiver<bool>,
    renewing: JoinHandle<()>,
}

impl Claim {
    /// Takes a claim, waiting for those that exclude it. The bookkeeping has to be set up
    /// ([`super::bookkeeping::prepare`]).
    ///
    /// Errors: [`Cause::Busy`] naming the holder, where a loader is at work or the patience has run out.
    pub async fn take(target: &TargetGraph, wanted: &Wanted) -> Result<Self> {
        let tell = |other: &str| tracing::warn!("{} waits for {other}", wanted.holder);
        Self::take_telling(target, wanted, &tell).await
    }

    /// The same, telling whom it waits for, once for each.
    pub async fn take_telling(
        target: &TargetGraph,
        wanted: &Wanted,
        tell: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Self> {
        let id = uuid::Uuid::new_v4().to_string();
        let start = Instant::now();
        let (mut others, mut told) = (Others::default(), false);
        loop {
            // Whoever stands still within its turn, frozen with its connection open, keeps it.
            let Ok(in_the_way) =
                tokio::time::timeout(TURN.min(wanted.lease), attempt(target, wanted, &id)).await
            else {
                if start.elapsed() >= wanted.patience {
                    return Err(stuck(target, wanted));
                }
                if !std::mem::replace(&mut told, true) {
                    tell("a process that has begun to take or renew its claim and does not go on");
                }
                continue;
            };
            let in_the_way = in_the_way?;
            let Some(first) = in_the_way.first() else { break };
            if let Some(loader) = in_the_way.iter().find(|other| others.is_loader_at_work(other)) {
                return Err(at_work(target, wanted, loader));
            }
            if start.elapsed() >= wanted.patience {
                return Err(taken(target, wanted, first));
            }
            for other in in_the_way.iter().filter(|other| others.is_new(other)) {
                tell(&other.to_string());
            }
            others.see(in_the_way);
            tokio::time::sleep(Duration::from_millis(500).min(wanted.patience)).await;
        }
        let (sender, lost) = watch::channel(false);
        let renewing = tokio::spawn(renew(target.clone(), id.clone(), wanted.lease, sender));
        Ok(Self { target: target.clone(), id, lease: wanted.lease, lost, renewing })
    }

    /// Fails once it is known that the claim was lost: somebody else may be at work.
    pub fn check(&self) -> Result<()> {
        if *self.lost.borrow() { Err(lost(&self.target)) } else { Ok(()) }
    }

    /// Asks the target whether the claim is held still, and renews it: before what can't be fenced.
    pub async fn confirm(&self) -> Result<()> {
        self.check()?;
        if prolong(&self.target, &self.id, self.lease).await? { Ok(()) } else { Err(lost(&self.target)) }
    }

    /// Returns once the claim was lost, with what to tell.
    pub async fn lost(&self) -> Error {
        // The sender lives in the task that renews, which ends no other way.
        let _ = self.lost.clone().wait_for(|lost| *lost).await;
        lost(&self.target)
    }

    /// Makes `transaction` commit only if the claim is still held then. Its node is locked until that, and can't be
    /// renewed meanwhile: in a transaction that takes long, call it last.
    pub async fn fence(&self, transaction: &mut Transaction) -> Result<()> {
        let text = format!("MATCH (c:{LOCK} {{id: $id}}) SET c.fenced = true RETURN [1] AS r");
        let rows = transaction.rows(Statement::new(text).param("id", self.id.as_str())).await?;
        if rows.is_empty() { Err(lost(&self.target)) } else { Ok(()) }
    }

    /// Gives the claim back. Afterwards it is lost to whoever still holds on to it.
    pub async fn release(&self) -> Result<()> {
        self.renewing.abort();
        let text = format!("MATCH (c:{LOCK} {{id: $id}}) DELETE c");
        self.target.run(Statement::new(text).param("id", self.id.as_str())).await.map(drop)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // What is not given back runs out.
        self.renewing.abort();
    }
}

/// The claims that hold at this moment.
pub async fn held(target: &TargetGraph) -> Result<Vec<Held>> {
    let text = format!("MATCH (c:{LOCK}) WHERE c.until > datetime.realtime() {RETURN}");
    Ok(target.rows(Statement::new(text)).await?.iter().map(|row| as_held(row)).collect())
}

/// Those that were in the way at earlier attempts, and until when they held then.
#[derive(Default)]
struct Others(HashMap<String, String>);

impl Others {
    fn is_new(&self, other: &Held) -> bool {
        !self.0.contains_key(&other.id)
    }

    /// Whether it has renewed its claim since it was first seen, so that it is no killed one.
    fn is_loader_at_work(&self, other: &Held) -> bool {
        other.purpose == Purpose::Load && self.0.get(&other.id).is_some_and(|until| *until != other.until)
    }

    fn see(&mut self, others: Vec<Held>) {
        for other in others {
            self.0.entry(other.id).or_insert(other.until);
        }
    }
}

fn at_work(target: &TargetGraph, wanted: &Wanted, loader: &Held) -> Error {
    let message = format!(
        "{} needs {} for itself, and a loader is at work there: {loader}",
        wanted.holder,
        target.place()
    );
    Error::new(Cause::Busy, message)
        .what_to_do("end it (Ctrl-C or SIGTERM; it finishes its batch), then start again")
}

fn taken(target: &TargetGraph, wanted: &Wanted, other: &Held) -> Error {
    Error::new(Cause::Busy, format!("{} waits for {other}, which works on {}", wanted.holder, target.place()))
        .what_to_do("let it finish or end it, then start again; a killed one's claim runs out by itself")
}

fn stuck(target: &TargetGraph, wanted: &Wanted) -> Error {
    let message = format!(
        "{} waits for its turn to take a claim on {}: another process has it and does not give it back, or the server \
         does not answer",
        wanted.holder,
        target.place()
    );
    Error::new(Cause::Busy, message).what_to_do(
        "end the process that stands still; or find its transaction with SHOW TRANSACTIONS (one that has to do with \
         _RegraftLock, and is blocked by nobody) and end it with TERMINATE TRANSACTION; then start again",
    )
}

fn lost(target: &TargetGraph) -> Error {
    Error::new(Cause::Fenced, format!("the claim on {} was lost", target.place())).what_to_do(
        "another process has taken it while the target could not be reached, or while this one stood still: let it \
         finish, then start again",
    )
}

/// Everybody who takes or renews a claim writes here first, so that they do it one after the other.
async fn await_turn(transaction: &mut Transaction, id: &str) -> Result<()> {
    let turn = format!("MERGE (m:{LOCK} {{id: 'turn'}}) SET m.by = $id");
    transaction.run(Statement::new(turn).param("id", id)).await.map(drop)
}

const RETURN: &str =
    "RETURN [c.id, c.purpose, c.holder, toString(c.since), toString(c.until)] AS row ORDER BY c.since";

fn as_held(row: &[Cell<'_>]) -> Held {
    let text = |index: usize| row.get(index).and_then(Cell::as_str).unwrap_or("?").to_owned();
    // Whatever else another version may know is more than loading.
    let purpose = if text(1) == Purpose::Load.as_str() { Purpose::Load } else { Purpose::Exclusive };
    Held { id: text(0), purpose, holder: text(2), since: text(3), until: text(4) }
}

/// One attempt. Returns who is in the way, the oldest first.
async fn attempt(target: &TargetGraph, wanted: &Wanted, id: &str) -> Result<Vec<Held>> {
    let excluded = match wanted.purpose {
        Purpose::Load => "c.purpose <> 'load'",
        Purpose::Exclusive => "c.purpose IS NOT NULL",
    };
    let mut transaction = target.begin().await?;
    await_turn(&mut transaction, id).await?;
    // Ours may be there already: of an attempt that was not waited for to its end.
    let others = format!(
        "MATCH (c:{LOCK}) WHERE c.id <> $id AND c.until > datetime.realtime() AND {excluded} {RETURN}"
    );
    let others = transaction.rows(Statement::new(others).param("id", id)).await?;
    let others: Vec<Held> = others.iter().map(|row| as_held(row)).collect();
    if !others.is_empty() {
        transaction.rollback().await?;
        return Ok(others);
    }
    // What has run out and is excluded is taken over; the rest only goes when nobody can come back for it.
    let take = format!(
        "OPTIONAL MATCH (c:{LOCK}) WHERE c.id <> $id AND c.until <= datetime.realtime() \
         AND ({excluded} OR c.until < datetime.realtime() - duration('P1D')) DELETE c \
         WITH count(*) AS ignored \
         MERGE (c:{LOCK} {{id: $id}}) \
         SET c.purpose = $purpose, c.holder = $holder, c.since = datetime.realtime() \
         SET c.until = c.since + duration({{milliseconds: $lease}})"
    );
    let statement = Statement::new(take)
        .param("id", id)
        .param("purpose", wanted.purpose.as_str())
        .param("holder", wanted.holder.as_str())
        .param("lease", milliseconds(wanted.lease));
    transaction.run(statement).await?;
    if wanted.purpose == Purpose::Exclusive {
        load_checkpoints::take_over_all(&mut transaction, id).await?;
    }
    transaction.commit().await?;
    Ok(Vec::new())
}

/// Renews a claim. False where somebody else has taken over.
async fn prolong(target: &TargetGraph, id: &str, lease: Duration) -> Result<bool> {
    let mut transaction = target.begin().await?;
    await_turn(&mut transaction, id).await?;
    let text = format!(
        "MATCH (c:{LOCK} {{id: $id}}) \
         SET c.until = datetime.realtime() + duration({{milliseconds: $lease}}) RETURN [1] AS row"
    );
    let statement = Statement::new(text).param("id", id).param("lease", milliseconds(lease));
    let held = !transaction.rows(statement).await?.is_empty();
    transaction.commit().await?;
    Ok(held)
}

async fn renew(target: TargetGraph, id: String, lease: Duration, lost: watch::Sender<bool>) {
    loop {
        tokio::time::sleep(lease / 4).await;
        match tokio::time::timeout(lease / 2, prolong(&target, &id, lease)).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => break,
            // It may be back before anybody else takes the claim.
            Ok(Err(error)) => tracing::debug!("a claim could not be renewed: {error:?}"),
            Err(_) => tracing::debug!("a claim could not be renewed: no answer"),
        }
    }
    lost.send_replace(true);
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loader_that_renews_is_at_work_and_a_killed_one_is_not() {
        let held = |purpose, until: &str| Held {
            purpose,
            holder: "load".into(),
            since: "0".into(),
            until: until.into(),
            id: "1".into(),
        };
        let mut others = Others::default();
        let loader = held(Purpose::Load, "20");
        assert!(others.is_new(&loader) && !others.is_loader_at_work(&loader));
        others.see(vec![loader.clone()]);
        assert!(!others.is_new(&loader) && !others.is_loader_at_work(&loader));
        assert!(others.is_loader_at_work(&held(Purpose::Load, "25")));
        assert!(!others.is_loader_at_work(&held(Purpose::Exclusive, "25")));
    }
}
