//! A graph that is read, never written: the monolith, and the target for those who only look at it.

use std::collections::HashSet;
use std::sync::Arc;

use neo4rs::DetachedRowStream;
use tracing::debug;

use super::pool::{Lease, Pool, Usage};
use super::{Cell, Parameter, Row, Settings, Statement, failure, quote};
use crate::error::{Cause, Error, Result};

/// A graph that can't be written through this. Every statement runs in a transaction of its own in read mode: the
/// server refuses to write.
///
/// Not in an explicit transaction: neo4rs begins those in write mode whatever it is asked for.
#[derive(Clone)]
pub struct ReadOnlyGraph {
    pub(super) pool: Arc<Pool>,
}

/// The source graph: this is all that can be done with it.
pub type SourceGraph = ReadOnlyGraph;

impl ReadOnlyGraph {
    /// Connects to the source and checks that it answers; a message within ten seconds otherwise.
    pub async fn connect(settings: &Settings) -> Result<Self> {
        let pool = Pool::new(settings.clone(), "the source")?;
        pool.connect().await?;
        Ok(Self { pool })
    }

    /// Starts `statement`, which returns one list column. Rows come in portions of `fetch_size`, each asked for
    /// when the one before is used up.
    ///
    /// Dropping the stream before its end closes its connection, which ends the statement on the server.
    pub async fn stream(&self, statement: Statement) -> Result<RowStream> {
        let lease = self.pool.lease().await?;
        let stream = lease
            .graph()?
            .execute_read(lease.query(statement))
            .await
            .map_err(|error| read_error(format!("read from {}", lease.place()), error))?;
        Ok(RowStream { stream, lease, column: None })
    }

    /// All rows of `statement`, copied: for what is known to be small.
    pub async fn rows(&self, statement: Statement) -> Result<Vec<Vec<Cell<'static>>>> {
        let mut stream = self.stream(statement).await?;
        let mut rows = Vec::new();
        while let Some(row) = stream.next().await? {
            rows.push(row.into_cells()?);
        }
        Ok(rows)
    }

    /// Which of these keys nodes of a label have. One look at the label where no index has the key. For a few of them.
    pub async fn keys_among<'k>(
        &self,
        label: &str,
        key: &str,
        keys: impl Iterator<Item = &'k str>,
    ) -> Result<HashSet<String>> {
        let keys: Vec<Parameter> = keys.map(Parameter::from).collect();
        if keys.is_empty() {
            return Ok(HashSet::new());
        }
        let (label, key) = (quote(label)?, quote(key)?);
        let text = format!("MATCH (n:{label}) WHERE n.{key} IN $keys RETURN DISTINCT [n.{key}] AS row");
        let rows = self.rows(Statement::new(text).param("keys", Parameter::list(keys))).await?;
        Ok(rows.iter().filter_map(|row| Some(row.first()?.as_str()?.to_owned())).collect())
    }

    /// How the connections are used.
    pub fn usage(&self) -> Usage {
        self.pool.usage()
    }

    /// Whether the server answers.
    pub async fn ping(&self) -> Result<()> {
        self.rows(Statement::new("RETURN [1] AS row")).await.map(drop)
    }

    /// "the source at bolt://…", for messages.
    pub fn place(&self) -> String {
        self.pool.place()
    }
}

/// Rows of a running statement.
pub struct RowStream {
    // Before the lease: the connection is back with neo4rs before the lease is given up.
    stream: DetachedRowStream,
    lease: Lease,
    column: Option<Arc<str>>,
}

impl RowStream {
    /// The next row; none at the end. After an error or a cancelled call the stream is of no more use.
    pub async fn next(&mut self) -> Result<Option<Row>> {
        match self.stream.next().await {
            Ok(Some(row)) => {
                let column = self.column.get_or_insert_with(|| column_of(&row));
                Ok(Some(Row { column: Arc::clone(column), row }))
            }
            Ok(None) => {
                self.lease.clean();
                Ok(None)
            }
            Err(error) => Err(read_error(format!("read from {}", self.lease.place()), error)),
        }
    }
}

/// The name of the one column.
pub(super) fn column_of(row: &neo4rs::Row) -> Arc<str> {
    row.keys().first().map_or("", |name| name.value.as_str()).into()
}

/// A statement that only reads has no data to be refused: a value that an expression can't take is the
/// expression's fault.
fn read_error(attempt: String, error: neo4rs::Error) -> Error {
    let error = failure::error(attempt, error);
    match error.cause() {
        Cause::DataRefused => {
            // Neo4j's message may quote a value: errors of a run are shown on its page, where none belongs.
            debug!(?error, "what it said of it");
            let code = failure::server_code(&error).unwrap_or("unknown").to_owned();
            Error::new(Cause::Definition, error.to_string())
                .what_to_do(
                    "write the lookup so that it takes every value that the property has; with -vv the log has the server's message",
                )
                .source(code)
        }
        _ => error,
    }
}
