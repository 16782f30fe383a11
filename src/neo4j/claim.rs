//! Claims on a target: who may do what there at a time, across processes.
//!
//! A claim is a node `_RegraftLock` with its holder and the time until which it holds, renewed while the holder
//! lives: after a kill it runs out by itself. All claims are taken in turn, under the write lock of one node.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::bookkeeping::LOCK;
use super::{Cell, Statement, TargetGraph, Transaction};
use crate::error::{Cause, Error, Result};

/// What a claim is for, and with that, what it excludes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Writing records. Any number at a time.
    Load,
    /// Adding to the schema. One at a time; loaders that run already go on, none begins.
    Schema,
    /// Taking away from the schema, rolling back, repairing: nobody else at all.
    Exclusive,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Purpose::Load => "load",
            Purpose::Schema => "schema",
            Purpose::Exclusive => "exclusive",
        }
    }

    /// The purposes that must not be held by anybody when a claim for this one is taken.
    fn excludes(self) -> Vec<String> {
        let excluded: &[Purpose] = match self {
            Purpose::Load | Purpose::Schema => &[Purpose::Schema, Purpose::Exclusive],
            Purpose::Exclusive => &[Purpose::Load, Purpose::Schema, Purpose::Exclusive],
        };
        excluded.iter().map(|purpose| purpose.as_str().to_owned()).collect()
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
    /// How long to wait for others.
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

/// A claim that is held. Renewed in the background; given back by [`Claim::release`], or runs out.
pub struct Claim {
    target: TargetGraph,
    id: String,
    lost: Arc<AtomicBool>,
    renewing: JoinHandle<()>,
}

impl Claim {
    /// Takes a claim, waiting for those that exclude it. The bookkeeping has to be set up
    /// ([`super::bookkeeping::prepare`]).
    pub async fn take(target: &TargetGraph, wanted: &Wanted) -> Result<Self> {
        let id = uuid::Uuid::new_v4().to_string();
        let start = Instant::now();
        while let Some(other) = attempt(target, wanted, &id).await? {
            if start.elapsed() >= wanted.patience {
                return Err(Error::new(
                    Cause::Busy,
                    format!("{} waits for {}, which works on {}", wanted.holder, other, target.place()),
                )
                .what_to_do(
                    "let it finish or end it, then start again; a killed one's claim runs out by itself",
                ));
            }
            tracing::info!("{} waits for {other}", wanted.holder);
            tokio::time::sleep(Duration::from_millis(500).min(wanted.patience)).await;
        }
        let lost = Arc::new(AtomicBool::new(false));
        let renewing = tokio::spawn(renew(target.clone(), id.clone(), wanted.lease, Arc::clone(&lost)));
        Ok(Self { target: target.clone(), id, lost, renewing })
    }

    /// Fails once the claim was lost: somebody else may be at work.
    pub fn check(&self) -> Result<()> {
        if self.lost.load(Ordering::Relaxed) { Err(lost(&self.target)) } else { Ok(()) }
    }

    /// Makes `transaction` commit only if the claim is still held then: its node is locked until that.
    pub async fn fence(&self, transaction: &mut Transaction) -> Result<()> {
        let text = format!(
            "MATCH (c:{LOCK} {{id: $id}}) SET c.fenced = true WITH c WHERE c.until > datetime.realtime() RETURN [1] AS r"
        );
        let rows = transaction.rows(Statement::new(text).param("id", self.id.as_str())).await?;
        if rows.is_empty() { Err(lost(&self.target)) } else { Ok(()) }
    }

    /// Gives the claim back.
    pub async fn release(self) -> Result<()> {
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

fn lost(target: &TargetGraph) -> Error {
    Error::new(Cause::Fenced, format!("keep the claim on {}", target.place()))
        .what_to_do("it ran out while the target could not be reached; start again")
}

/// One attempt. Returns who is in the way.
async fn attempt(target: &TargetGraph, wanted: &Wanted, id: &str) -> Result<Option<String>> {
    let mut transaction = target.begin().await?;
    // Everybody who takes a claim writes here first, so that they do it one after the other.
    let turn = format!("MERGE (m:{LOCK} {{id: 'turn'}}) SET m.by = $id");
    transaction.run(Statement::new(turn).param("id", id)).await?;
    let others = format!(
        "MATCH (c:{LOCK}) WHERE c.until > datetime.realtime() AND c.purpose IN $excludes \
         RETURN [c.holder, toString(c.since)] AS row ORDER BY c.since LIMIT 1"
    );
    let rows = transaction.rows(Statement::new(others).param("excludes", wanted.purpose.excludes())).await?;
    if let Some(row) = rows.first() {
        let text = |index: usize| row.get(index).and_then(Cell::as_str).unwrap_or("?").to_owned();
        transaction.rollback().await?;
        return Ok(Some(format!("{}, since {}", text(0), text(1))));
    }
    let take = format!(
        "OPTIONAL MATCH (old:{LOCK}) WHERE old.until <= datetime.realtime() DELETE old \
         WITH count(*) AS ignored \
         CREATE (c:{LOCK} {{id: $id, purpose: $purpose, holder: $holder, since: datetime.realtime()}}) \
         SET c.until = c.since + duration({{milliseconds: $lease}})"
    );
    let statement = Statement::new(take)
        .param("id", id)
        .param("purpose", wanted.purpose.as_str())
        .param("holder", wanted.holder.as_str())
        .param("lease", milliseconds(wanted.lease));
    transaction.run(statement).await?;
    transaction.commit().await?;
    Ok(None)
}

async fn renew(target: TargetGraph, id: String, lease: Duration, lost: Arc<AtomicBool>) {
    let mut held_until = Instant::now() + lease;
    loop {
        tokio::time::sleep(lease / 4).await;
        let text = format!(
            "MATCH (c:{LOCK} {{id: $id}}) WHERE c.until > datetime.realtime() \
             SET c.until = datetime.realtime() + duration({{milliseconds: $lease}}) RETURN [1] AS row"
        );
        let statement = Statement::new(text).param("id", id.as_str()).param("lease", milliseconds(lease));
        let asked = Instant::now();
        match target.rows(statement).await {
            Ok(rows) if !rows.is_empty() => held_until = asked + lease,
            Ok(_) => break,
            // The server may be back before the claim runs out.
            Err(_) if Instant::now() < held_until => {}
            Err(_) => break,
        }
    }
    lost.store(true, Ordering::Relaxed);
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
