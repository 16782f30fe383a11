//! The new Neo4j: transactions whose end is always known to the server.

use std::sync::Arc;

use super::pool::{Lease, Pool, Usage};
use super::source::{ReadOnlyGraph, column_of};
use super::{Cell, Counters, Row, Settings, Statement, failure, server_code};
use crate::error::{Cause, Error, Result};

/// The target graph.
#[derive(Clone)]
pub struct TargetGraph {
    pub(super) pool: Arc<Pool>,
}

impl TargetGraph {
    /// Connects and checks that the target answers; a message within ten seconds otherwise.
    pub async fn connect(settings: &Settings) -> Result<Self> {
        let pool = Pool::new(settings.clone(), "the target")?;
        pool.connect().await?;
        Ok(Self { pool })
    }

    /// The same graph, with the same connections, for who only looks at it.
    pub fn read_only(&self) -> ReadOnlyGraph {
        ReadOnlyGraph { pool: Arc::clone(&self.pool) }
    }

    /// Begins an explicit transaction on a connection of its own.
    pub async fn begin(&self) -> Result<Transaction> {
        let lease = self.pool.lease().await?;
        let txn =
            lease.graph()?.start_txn().await.map_err(|error| {
                failure::error(format!("begin a transaction on {}", lease.place()), error)
            })?;
        Ok(Transaction { txn: Some(txn), lease })
    }

    /// Runs one statement in an explicit transaction.
    pub async fn run(&self, statement: Statement) -> Result<Counters> {
        let mut transaction = self.begin().await?;
        let counters = transaction.run(statement).await?;
        transaction.commit().await?;
        Ok(counters)
    }

    /// The rows of one statement (one list column), run in an explicit transaction.
    pub async fn rows(&self, statement: Statement) -> Result<Vec<Vec<Cell<'static>>>> {
        let mut transaction = self.begin().await?;
        let rows = transaction.rows(statement).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    /// Runs one statement in a transaction that the server begins and commits: for `CALL {…} IN TRANSACTIONS`,
    /// which runs in no other, and for schema statements.
    ///
    /// neo4rs tries it again after a transient error (for up to a minute), so it has to bear being run twice.
    /// When the connection breaks off it may or may not have been carried out.
    pub async fn run_auto_commit(&self, statement: Statement) -> Result<Counters> {
        let mut lease = self.pool.lease().await?;
        let summary = lease
            .graph()?
            .run(lease.query(statement))
            .await
            .map_err(|error| failure::error(format!("write to {}", lease.place()), error))?;
        lease.clean();
        Ok(Counters::of(&summary))
    }

    /// The first value that a query gives, read-only: for queries of users. One that writes is refused.
    pub async fn look(&self, query: &str) -> Result<Option<Cell<'static>>> {
        let mut lease = self.pool.lease().await?;
        let place = lease.place();
        let failed = |error| {
            let error = failure::error(format!("read from {place}"), error);
            match server_code(&error) {
                Some(code) if code.ends_with("AccessMode") => {
                    error.what_to_do("take out what writes: this is only asked")
                }
                _ => error,
            }
        };
        // Not in an explicit transaction: neo4rs begins those in write mode whatever it is asked for.
        let query = lease.query(Statement::new(query));
        let mut stream = lease.graph()?.execute_read(query).await.map_err(failed)?;
        let first = stream.next().await.map_err(failed)?;
        let read_out = match first {
            Some(_) => stream.next().await.map_err(failed)?.is_none(),
            None => true,
        };
        if read_out {
            drop(stream);
            lease.clean();
        }
        first.map(|row| Row { column: column_of(&row), row }.into_value()).transpose()
    }

    /// How the connections are used.
    pub fn usage(&self) -> Usage {
        self.pool.usage()
    }

    /// Whether the server answers.
    pub async fn ping(&self) -> Result<()> {
        self.rows(Statement::new("RETURN [1] AS row")).await.map(drop)
    }

    /// "the target at bolt://…", for messages.
    pub fn place(&self) -> String {
        self.pool.place()
    }
}

/// An explicit transaction.
///
/// It ends by [`Transaction::commit`] or [`Transaction::rollback`]. Dropped otherwise, at whatever point, its
/// connection is closed, and the server rolls back and releases its locks. After an error of [`Transaction::run`]
/// or [`Transaction::rows`] the server has given it up; it can only be dropped or rolled back.
pub struct Transaction {
    // Before the lease: the connection is back with neo4rs before the lease is given up.
    txn: Option<neo4rs::Txn>,
    lease: Lease,
}

impl Transaction {
    /// Runs a statement; rows that it returns are thrown away on the server.
    pub async fn run(&mut self, statement: Statement) -> Result<Counters> {
        let mut txn = self.take()?;
        let summary = match txn.run(self.lease.query(statement)).await {
            Ok(summary) => summary,
            Err(error) => return Err(self.failed(txn, error).await),
        };
        self.txn = Some(txn);
        Ok(Counters::of(&summary))
    }

    /// Runs a statement that returns one list column.
    pub async fn rows(&mut self, statement: Statement) -> Result<Vec<Vec<Cell<'static>>>> {
        let mut txn = self.take()?;
        let mut rows = Vec::new();
        let read = async {
            let mut stream = txn.execute(self.lease.query(statement)).await?;
            let mut column = None;
            while let Some(row) = stream.next(&mut txn).await? {
                let column = column.get_or_insert_with(|| column_of(&row));
                rows.push(Row { column: Arc::clone(column), row });
            }
            Ok(())
        };
        if let Err(error) = read.await {
            return Err(self.failed(txn, error).await);
        }
        self.txn = Some(txn);
        rows.into_iter().map(Row::into_cells).collect()
    }

    /// Runs a statement that returns one list column and hands each row to `each` as it was received, so that nothing
    /// is copied. Returns what the statement changed. An error of `each` ends nothing on the server.
    pub async fn each_row(
        &mut self,
        statement: Statement,
        mut each: impl FnMut(&Row) -> Result<()>,
    ) -> Result<Counters> {
        let mut txn = self.take()?;
        let mut taken = Ok(());
        let read = async {
            let mut stream = txn.execute(self.lease.query(statement)).await?;
            let mut column = None;
            while let Some(row) = stream.next(&mut txn).await? {
                if taken.is_ok() {
                    let column = Arc::clone(column.get_or_insert_with(|| column_of(&row)));
                    taken = each(&Row { column, row });
                }
            }
            stream.finish(&mut txn).await
        };
        let summary = match read.await {
            Ok(summary) => summary,
            Err(error) => return Err(self.failed(txn, error).await),
        };
        self.txn = Some(txn);
        taken.map(|()| Counters::of(&summary))
    }

    /// Commits.
    pub async fn commit(mut self) -> Result<(), CommitError> {
        let txn = self.take().map_err(|error| CommitError { error, outcome: CommitOutcome::RolledBack })?;
        match txn.commit().await {
            Ok(_) => {
                self.lease.clean();
                Ok(())
            }
            Err(error) => {
                let outcome = CommitOutcome::after(&error);
                Err(CommitError {
                    error: failure::error(format!("commit on {}", self.lease.place()), error),
                    outcome,
                })
            }
        }
    }

    /// Rolls back. Not needed for safety, only kinder to the connection than dropping.
    pub async fn rollback(mut self) -> Result<()> {
        let Some(txn) = self.txn.take() else {
            return Ok(());
        };
        txn.rollback()
            .await
            .map_err(|error| failure::error(format!("roll back on {}", self.lease.place()), error))?;
        self.lease.clean();
        Ok(())
    }

    /// Out of its place while an answer is outstanding: a cancelled call leaves none, and none is of use after it.
    fn take(&mut self) -> Result<neo4rs::Txn> {
        self.txn.take().ok_or_else(|| {
            Error::new(
                Cause::Unexpected,
                format!("go on with a transaction on {} that failed", self.lease.place()),
            )
        })
    }

    /// After the server said no, its transaction is open, with its locks, until the connection is reset. neo4rs resets
    /// when a connection is taken out of its pool: so take it out once, to be free of locks before the caller knows.
    async fn failed(&mut self, txn: neo4rs::Txn, error: neo4rs::Error) -> Error {
        drop(txn);
        let error = failure::error(format!("write to {}", self.lease.place()), error);
        // A login that has expired is renewed by connecting anew only.
        let keep = server_code(&error).is_some_and(|code| !code.contains(".Security."));
        if keep && reset(&self.lease).await.is_ok() {
            self.lease.clean();
        }
        error
    }
}

async fn reset(lease: &Lease) -> Result<()> {
    let attempt = |error| failure::error("reset a connection", error);
    lease.graph()?.start_txn().await.map_err(attempt)?.rollback().await.map_err(attempt)
}

/// A commit that was not confirmed.
#[derive(Debug)]
pub struct CommitError {
    /// What happened.
    pub error: Error,
    /// What is known of the transaction.
    pub outcome: CommitOutcome,
}

/// What is known of a transaction whose commit was not confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitOutcome {
    /// The server refused: nothing of it is there.
    RolledBack,
    /// The answer was lost, or the server failed while it committed: all of it is there or nothing. Look.
    Unknown,
}

impl CommitOutcome {
    fn after(error: &neo4rs::Error) -> Self {
        use neo4rs::Neo4jErrorKind as Kind;
        match error {
            neo4rs::Error::Neo4j(answer) if matches!(answer.kind(), Kind::Client(_) | Kind::Transient) => {
                CommitOutcome::RolledBack
            }
            _ => CommitOutcome::Unknown,
        }
    }
}

impl From<CommitError> for Error {
    fn from(failed: CommitError) -> Self {
        failed.error
    }
}
