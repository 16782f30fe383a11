//! Reading a side to its end: tried again where a service fails, kept now and then, ended by the wish to stop.

use std::time::Instant;

use tracing::warn;

use super::Shared;
use super::feed::{Feed, Item, Portion};
use super::keeper::Due;
use super::kept::{Kept, Reached};
use super::raw::{self, RawPass};
use super::sides::SideName;
use crate::checkpoint::Cursor;
use crate::error::Result;
use crate::extract::Rows;
use crate::kafka::Kafka;
use crate::retry::Retry;

/// Where a side's records come from.
#[derive(Clone)]
pub(super) enum Origin {
    /// Rows of one of the graphs.
    Rows(Rows),
    /// A pass on its raw topic.
    Raw(Kafka, Box<RawPass>),
    /// Nowhere: the source has no such rows, all of them are derived.
    Nothing,
}

impl Origin {
    pub(super) async fn open(&self, cursor: Cursor) -> Result<Feed> {
        Ok(match self {
            Origin::Rows(rows) => Feed::Live(Box::new(rows.read(cursor).await?)),
            Origin::Raw(kafka, pass) => Feed::Raw(raw::feed(kafka, (**pass).clone())),
            Origin::Nothing => Feed::Nothing,
        })
    }

    /// About how many records there are.
    pub(super) async fn count(&self) -> Result<u64> {
        match self {
            Origin::Rows(rows) => rows.count().await,
            Origin::Raw(_, pass) => Ok(pass.read),
            Origin::Nothing => Ok(0),
        }
    }
}

/// The beginning of a reading.
pub(super) const BEGINNING: Cursor = Cursor::Keyed { after: None };

/// A side to read.
pub(super) struct Side<'s> {
    pub(super) pipeline: &'s str,
    pub(super) name: SideName,
    pub(super) origin: &'s Origin,
    /// Whether it is kept, and gone on with, in the middle; otherwise only its end is.
    pub(super) keeps: bool,
}

/// How far a reading is, as a failure leaves it.
struct Position {
    cursor: Cursor,
    /// Whether what was taken is exactly what stands before the cursor.
    clean: bool,
}

impl Shared {
    /// Hands everything from `from` on to `take`. Nothing where `stop` came first.
    pub(super) async fn read<S: Kept>(
        &self,
        side: Side<'_>,
        mut state: S,
        from: Cursor,
        mut take: impl FnMut(&mut S, Item) -> Result<()>,
    ) -> Result<Option<S>> {
        let mut at = Position { cursor: from, clean: true };
        let mut retry = Retry::new(self.retry);
        let mut due = Due::new();
        loop {
            let started = Instant::now();
            let read = self.attempt(&side, &mut state, &mut at, &mut due, &mut take).await;
            let error = match read {
                Ok(ended) => return Ok(ended.then_some(state)),
                Err(error) => error,
            };
            // In the middle of a key, or of a topic, there is nothing to go on from.
            let pause = if at.clean { retry.after(&error, started.elapsed(), false) } else { None };
            let Some(pause) = pause else { return Err(error) };
            warn!(pipeline = side.pipeline, "{}; trying again", error.chain().join(": "));
            if self.stop.sleep(pause).await {
                return Ok(None);
            }
        }
    }

    /// True at the end, false where `stop` came first.
    async fn attempt<S: Kept>(
        &self,
        side: &Side<'_>,
        state: &mut S,
        at: &mut Position,
        due: &mut Due,
        take: &mut impl FnMut(&mut S, Item) -> Result<()>,
    ) -> Result<bool> {
        let mut feed = side.origin.open(at.cursor.clone()).await?;
        while let Some(Portion { records, cursor }) = feed.next().await? {
            self.tally.add(side.pipeline, records.len() as u64);
            self.metrics.verify(side.pipeline).compared(records.len() as u64);
            at.clean = false;
            records.into_iter().try_for_each(|record| take(state, record))?;
            if let Some(cursor) = cursor {
                *at = Position { cursor, clean: true };
            }
            let stopped = self.stop.is_requested();
            if side.keeps && at.clean && (stopped || due.is_now()) {
                let since = Instant::now();
                let reached = Reached::Cursor(at.cursor.clone());
                self.keeper.keep(side.pipeline, side.name, state, &reached).await;
                due.kept(since);
            }
            if stopped {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
