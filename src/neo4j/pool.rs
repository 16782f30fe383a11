//! Connections, each of which is known to be clean or is closed.
//!
//! neo4rs has a pool of its own, which takes back what is dropped as it is: a transaction stays open on the
//! server, with its locks, until that very connection is taken out again and reset, and nobody can ask for a
//! given one. So every connection here is a neo4rs pool of one, and who holds it says whether it is clean when it
//! comes back. Whatever is not (an early return, a cancelled task at any await, an interrupted answer) is closed;
//! Neo4j rolls back and releases locks at once when a socket closes, also in the middle of a statement.

use std::sync::{Arc, Mutex, PoisonError};

use neo4rs::{Graph, Query};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::{Settings, Statement, failure};
use crate::error::{Cause, Error, Result};

/// The connections to one Neo4j, at most `settings.connections` at a time.
pub(super) struct Pool {
    settings: Settings,
    on_this_machine: bool,
    /// "the source" or "the target", as messages name it.
    name: &'static str,
    idle: Mutex<Vec<Graph>>,
    permits: Arc<Semaphore>,
}

/// Connections at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Somebody works with them.
    pub in_use: usize,
    /// Open, for the next one.
    pub idle: usize,
    /// So many there may be.
    pub max: usize,
}

/// A connection in use. Closed when dropped, unless it was said to be clean.
pub(super) struct Lease {
    pool: Arc<Pool>,
    graph: Option<Graph>,
    clean: bool,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    /// Checks the settings; connects to nothing yet.
    pub(super) fn new(settings: Settings, name: &'static str) -> Result<Arc<Self>> {
        let scheme = settings.check()?;
        if scheme.unverified {
            tracing::warn!("{name} at {} is not verified: anybody may answer (+ssc)", settings.address());
        }
        let permits = Arc::new(Semaphore::new(settings.connections));
        let on_this_machine = settings.is_on_this_machine();
        Ok(Arc::new(Self { settings, on_this_machine, name, idle: Mutex::new(Vec::new()), permits }))
    }

    /// Reaches the server, logs in and opens the database, or says within the time-out what is wrong.
    pub(super) async fn connect(self: &Arc<Self>) -> Result<()> {
        if self.settings.check()?.routed {
            // The routing of neo4rs turns every failure into "no server": ask the address itself first.
            let direct = self.settings.at(self.settings.uri.replacen("neo4j", "bolt", 1));
            Self::new(direct, self.name)?.open().await?;
        }
        let graph = self.open().await?;
        self.idle().push(graph);
        Ok(())
    }

    /// A connection for exclusive use, an idle one or a new one.
    pub(super) async fn lease(self: &Arc<Self>) -> Result<Lease> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| Error::new(Cause::Unexpected, "wait for a connection"))?;
        let idle = self.idle().pop();
        let graph = match idle {
            Some(graph) => graph,
            None => self.open().await?,
        };
        Ok(Lease { pool: Arc::clone(self), graph: Some(graph), clean: false, _permit: permit })
    }

    /// How many connections are in use, how many idle, and how many there may be.
    pub(super) fn usage(&self) -> Usage {
        let in_use = self.settings.connections.saturating_sub(self.permits.available_permits());
        Usage { in_use, idle: self.idle().len(), max: self.settings.connections }
    }

    /// "the target at bolt://…".
    pub(super) fn place(&self) -> String {
        format!("{} at {}", self.name, self.settings.address())
    }

    /// A new connection that has opened the database once: afterwards only the server's own time counts.
    async fn open(&self) -> Result<Graph> {
        let attempt = || format!("connect to {}", self.place());
        let graph = self
            .settings
            .driver_config()
            .and_then(Graph::connect)
            .map_err(|error| failure::error(attempt(), error))?;
        let hello = async {
            let mut transaction = graph.start_txn().await?;
            transaction.run("RETURN 1").await?;
            transaction.rollback().await
        };
        match timeout(self.settings.connect_timeout, hello).await {
            Ok(Ok(())) => Ok(graph),
            Ok(Err(error)) => Err(failure::error(attempt(), error)),
            Err(_) => {
                let seconds = self.settings.connect_timeout.as_secs_f32();
                Err(Error::new(Cause::Unreachable, format!("{}: no answer within {seconds} s", attempt())))
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Graph>> {
        // Nothing is done under the lock that could leave the list half changed.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// neo4rs's handle on this connection.
    pub(super) fn graph(&self) -> Result<&Graph> {
        self.graph
            .as_ref()
            .ok_or_else(|| Error::new(Cause::Unexpected, "use a connection that was given back"))
    }

    /// A statement as neo4rs takes it for this server.
    pub(super) fn query(&self, statement: Statement) -> Query {
        statement.into_query(self.pool.on_this_machine)
    }

    /// "the target at bolt://…".
    pub(super) fn place(&self) -> String {
        self.pool.place()
    }

    /// Nothing is open on the server and no answer is outstanding: keep the connection.
    pub(super) fn clean(&mut self) {
        self.clean = true;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let (true, Some(graph)) = (self.clean, self.graph.take()) {
            self.pool.idle().push(graph);
        }
    }
}
