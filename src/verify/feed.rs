//! The source's records of one pipeline: rows of the live source as extraction reads them, or what a pass has left
//! on the raw topic.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::checkpoint::Cursor;
use crate::error::{Cause, Error, Result};
use crate::extract::{Envelope, RowsRead, SourceRow};
use crate::record::{Finding, RawRecord};

/// Records, a few at a time.
pub(super) enum Feed {
    /// Of the live source.
    Live(Box<RowsRead>),
    /// Of a raw topic.
    Raw(RawFeed),
    /// None at all.
    Nothing,
}

/// A raw topic that is being read.
pub(super) struct RawFeed {
    pub(super) received: mpsc::Receiver<Vec<Vec<u8>>>,
    pub(super) reading: Option<JoinHandle<Result<()>>>,
}

/// Some records.
pub(super) struct Portion {
    pub(super) records: Vec<Item>,
    /// Where a later feed may go on so that these, and what came before, count as read; nothing where it can't.
    pub(super) cursor: Option<Cursor>,
}

/// A record before it is one.
pub(super) enum Item {
    /// A row, and what its neighbours show.
    Row(SourceRow, Finding),
    /// The bytes of a raw record.
    Bytes(Vec<u8>),
}

impl Feed {
    /// The next records; nothing at the end. After an error it is of no more use.
    pub(super) async fn next(&mut self) -> Result<Option<Portion>> {
        match self {
            Feed::Live(rows) => Ok(rows.next().await?.map(|settled| Portion {
                records: settled.rows.into_iter().map(|(row, finding)| Item::Row(row, finding)).collect(),
                cursor: settled.cursor,
            })),
            Feed::Raw(raw) => raw.next().await,
            Feed::Nothing => Ok(None),
        }
    }
}

impl RawFeed {
    async fn next(&mut self) -> Result<Option<Portion>> {
        if let Some(payloads) = self.received.recv().await {
            let records = payloads.into_iter().map(Item::Bytes).collect();
            return Ok(Some(Portion { records, cursor: None }));
        }
        let Some(reading) = self.reading.take() else { return Ok(None) };
        let ended = reading.await;
        ended.map_err(|error| Error::new(Cause::Unexpected, "read a raw topic").source(error))??;
        Ok(None)
    }
}

impl Item {
    /// Hands the record to `use_it`.
    pub(super) fn with<T>(
        self,
        envelope: &Envelope,
        use_it: impl FnOnce(RawRecord<'_>) -> Result<T>,
    ) -> Result<T> {
        match self {
            Item::Row(row, finding) => use_it(envelope.wrap(row, finding)),
            Item::Bytes(bytes) => {
                // What can't be read was left out when the topic was read.
                let record = RawRecord::decode(&bytes);
                let record = record.map_err(|error| {
                    Error::new(Cause::Unexpected, "read a raw record again").source(error)
                })?;
                use_it(record)
            }
        }
    }
}
