//! The first reading: every type's both sides into sums, nodes before relationships, a few types at a time.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::Shared;
use super::buckets::{BucketSet, Buckets};
use super::feed::Item;
use super::judge::{Fate, Judge, Work};
use super::kept::{Kept, Reached};
use super::plan::Compared;
use super::reading::{BEGINNING, Origin, Side};
use super::sides::{Actual, Expected, SideName};
use crate::checkpoint::Cursor;
use crate::error::{Cause, Error, Result};
use crate::record::RawRecord;

/// What the first reading found of a type.
#[derive(Debug)]
pub(super) struct Summed {
    /// The source's side; without the sums, which are compared already.
    pub(super) expected: Expected,
    /// Rows of the target, and what they have beyond their contract; nothing where the type is not compared itself.
    pub(super) actual: Option<Actual>,
    /// Buckets whose sums differ.
    pub(super) differing: BucketSet,
}

/// What is known of nodes once all of them are read.
#[derive(Debug, Clone, Default)]
pub(super) struct Ends {
    /// Nodes of the source that are not expected in the target.
    pub(super) dead: Arc<HashSet<u128>>,
    /// Nodes that dead letters of derived relationships ask for, and that are expected.
    pub(super) found: Arc<HashSet<u128>>,
}

/// What stored relationships of a type are held against: those that are derived count already.
#[derive(Default)]
struct Counted {
    contents: HashSet<u128>,
    /// Buckets of this turn; none where all of them are.
    turn: Option<BucketSet>,
}

impl Counted {
    fn is_new(&self, bucket: usize, content: u128) -> bool {
        self.turn.as_ref().is_none_or(|turn| turn.contains(bucket)) && !self.contents.contains(&content)
    }
}

impl Shared {
    /// Reads the types, a few at a time. Nothing where `stop` came first.
    pub(super) async fn sum_all(
        self: &Arc<Self>,
        types: Vec<Arc<Compared>>,
        ends: &Ends,
    ) -> Result<Option<Vec<(Arc<Compared>, Summed)>>> {
        let mut waiting = types.into_iter();
        let mut running = JoinSet::new();
        let mut all = Vec::new();
        loop {
            while running.len() < self.types_at_once {
                let Some(next) = waiting.next() else { break };
                let (shared, ends) = (self.clone(), ends.clone());
                running.spawn(async move {
                    let summed = shared.sum(&next, &ends).await;
                    (next, summed)
                });
            }
            let Some(ended) = running.join_next().await else { return Ok(Some(all)) };
            let (compared, summed) =
                ended.map_err(|error| Error::new(Cause::Unexpected, "compare a type").source(error))?;
            let Some(summed) =
                summed.map_err(|error| error.during(format!("compare `{}`", compared.subject.name())))?
            else {
                return Ok(None);
            };
            all.push((compared, summed));
        }
    }

    /// Reads both sides of a type, side by side.
    async fn sum(&self, compared: &Compared, ends: &Ends) -> Result<Option<Summed>> {
        self.tally.begin(compared.subject.name(), Some(compared.rows));
        let actual = async {
            match &compared.target {
                Some(target) => self.sum_actual(compared, target).await.map(Some),
                None => Ok(None),
            }
        };
        let (expected, actual) = tokio::try_join!(self.sum_expected(compared, ends), actual)?;
        let (Some(expected), actual) = (expected, actual) else { return Ok(None) };
        let actual = match actual {
            Some(None) => return Ok(None),
            Some(Some(actual)) => Some(actual),
            None => None,
        };
        let mut differing = BucketSet::none(compared.buckets);
        if let Some(actual) = &actual {
            expected.sums.mark_differing(&actual.sums, &mut differing);
            expected.names.mark_differing(&actual.names, &mut differing);
        }
        if differing.is_empty() {
            self.tally.end(compared.subject.name());
        }
        Ok(Some(Summed { expected, actual, differing }))
    }

    async fn sum_actual(&self, compared: &Compared, target: &Origin) -> Result<Option<Actual>> {
        let name = compared.subject.name();
        let (state, from) = self.begin(name, SideName::Actual, true, || Actual::new(compared.buckets));
        let Some(from) = from else { return Ok(Some(state)) };
        let side = Side { pipeline: name, name: SideName::Actual, origin: target, keeps: true };
        let (mut work, mut slots) = (Work::default(), Vec::new());
        let read = self.read(side, state, from, |state, item| {
            if let Item::Row(row, _) = item {
                state.take(&row, &compared.subject, &mut work, &mut slots);
            }
            Ok(())
        });
        let read = read.await?;
        self.keep_end(name, SideName::Actual, read.as_ref()).await;
        Ok(read)
    }

    /// The source's side; where derived records come to the type, in as many turns as it takes.
    async fn sum_expected(&self, compared: &Compared, ends: &Ends) -> Result<Option<Expected>> {
        let name = compared.subject.name();
        // What derives, or is derived, is read anew after a kill: the pairs themselves are not kept.
        let plain = !self.derived.comes_to(name) && !compared.derives;
        let (mut state, from) =
            self.begin(name, SideName::Expected, plain, || Expected::new(compared.buckets));
        let Some(from) = from else { return Ok(Some(state)) };
        let mut counted = self.count_derived(compared, ends, &mut state);
        let mut read = self.read_expected(compared, ends, state, from, &counted, plain).await?;
        while let Some(state) = read.take_if(|_| self.derived.next_turn(name).is_some()) {
            for deriver in &compared.derivers {
                if !self.derive_again(deriver, name, ends).await? {
                    return Ok(None);
                }
            }
            let mut state = state;
            counted = self.count_derived(compared, ends, &mut state);
            let rows = state.counts.clone();
            read = self.read_expected(compared, ends, state, BEGINNING, &counted, false).await?;
            // The rows were counted in the first turn.
            read.iter_mut().for_each(|state| state.counts = rows.clone());
        }
        if plain {
            self.keep_end(name, SideName::Expected, read.as_ref()).await;
        }
        Ok(read)
    }

    /// Sums what other pipelines have derived for the type.
    fn count_derived(&self, compared: &Compared, ends: &Ends, state: &mut Expected) -> Counted {
        let name = compared.subject.name();
        if !self.derived.comes_to(name) {
            return Counted::default();
        }
        let sums = &mut state.sums;
        let expect = |bucket, content| sums.add(bucket, content);
        let (contents, turn) = self.derived.settle(name, &ends.dead, &self.letters, &ends.found, expect);
        Counted { contents, turn: Some(turn) }
    }

    async fn read_expected(
        &self,
        compared: &Compared,
        ends: &Ends,
        state: Expected,
        from: Cursor,
        counted: &Counted,
        keeps: bool,
    ) -> Result<Option<Expected>> {
        let judge = self.judge(compared, ends);
        let mut work = Work::default();
        let side = Side {
            pipeline: compared.subject.name(),
            name: SideName::Expected,
            origin: &compared.source,
            keeps,
        };
        self.read(side, state, from, |state, item| {
            item.with(&compared.envelope, |raw| {
                let is_new = |bucket, content| counted.is_new(bucket, content);
                state.take(raw, &judge, &self.derived, is_new, &mut work)
            })
        })
        .await
    }

    /// Reads a pipeline's records once more, for what they derive for another one alone. False where `stop` came first.
    async fn derive_again(&self, deriver: &Compared, receiver: &str, ends: &Ends) -> Result<bool> {
        let judge = self.judge(deriver, ends);
        let mut work = Work::default();
        let each = |raw: RawRecord<'_>, work: &mut Work| {
            match judge.judge(raw, work)? {
                Fate::Expected(record) | Fate::Accounted(record, _) => {
                    let wanted = record.derived.iter().filter(|each| each.pipeline == receiver);
                    wanted.for_each(|each| self.derived.add(each, &mut work.canonical));
                }
                Fate::Merged | Fate::Rejected(_) => {}
            }
            Ok(())
        };
        self.read_through(deriver, |item| item.with(&deriver.envelope, |raw| each(raw, &mut work))).await
    }

    /// Hands every record of a type's source to `take`, keeping nothing. False where `stop` came first.
    pub(super) async fn read_through(
        &self,
        compared: &Compared,
        mut take: impl FnMut(Item) -> Result<()>,
    ) -> Result<bool> {
        let side = Side {
            pipeline: compared.subject.name(),
            name: SideName::Expected,
            origin: &compared.source,
            keeps: false,
        };
        // Nothing is kept of it: any side will do.
        let nothing = Actual::new(Buckets::for_records(0));
        Ok(self.read(side, nothing, BEGINNING, |_, item| take(item)).await?.is_some())
    }

    pub(super) fn judge(&self, compared: &Compared, ends: &Ends) -> Judge {
        Judge {
            subject: compared.subject.clone(),
            envelope: compared.envelope,
            max_record_bytes: self.max_record_bytes,
            letters: self.letters.clone(),
            dead_ends: ends.dead.clone(),
        }
    }

    /// Where a side begins: at what is kept of it, or at the beginning; nowhere where it was read to its end.
    fn begin<S: Kept>(
        &self,
        pipeline: &str,
        side: SideName,
        keeps: bool,
        new: impl FnOnce() -> S,
    ) -> (S, Option<Cursor>) {
        let state = new();
        // Where there are many more or fewer records by now, the buckets are others.
        let fits = |(kept, _): &(S, Reached)| keeps && kept.buckets() == state.buckets();
        match self.keeper.take(pipeline, side).filter(fits) {
            Some((kept, reached)) => {
                self.tally.add(pipeline, kept.rows() as u64);
                let cursor = match reached {
                    Reached::Cursor(cursor) => Some(cursor),
                    Reached::End => None,
                };
                (kept, cursor)
            }
            None => (state, Some(BEGINNING)),
        }
    }

    async fn keep_end<S: Kept>(&self, pipeline: &str, side: SideName, state: Option<&S>) {
        if let Some(state) = state {
            self.keeper.keep(pipeline, side, state, &Reached::End).await;
        }
    }
}
