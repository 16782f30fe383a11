//! Relationships that nodes derive. What derives them is read a second time, once it is known which nodes are dead: so
//! their pairs need not be held.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::dead::DeadNodes;
use super::judge::Subject;
use super::presence::{Pair, keys_of_source};
use super::reading::Reading;
use super::report::{Details, Emitted, PipelineForecast};
use super::{Shared, pairs};
use crate::error::Result;
use crate::pipeline::{Derived, End, Pipeline, Source};
use crate::record::{Canonical, Reason, ValueType};

/// What one type derives for another.
struct Receiver {
    pipeline: Arc<Pipeline>,
    waiting: Vec<(String, String)>,
    emitted: Emitted,
    details: Details,
}

/// Adds what is derived to the forecasts of the types that it comes to. False where `stop` came first.
pub(super) async fn add(
    shared: &Arc<Shared>,
    dead: &Arc<DeadNodes>,
    forecasts: &mut [PipelineForecast],
) -> Result<bool> {
    let context = &shared.context;
    // As in a run, what is not selected derives nothing.
    let derivers = context.selected.iter().filter(|pipeline| {
        let comes_to = |receiver: &&str| context.selected.iter().any(|each| each.name() == *receiver);
        pipeline.receivers().iter().any(comes_to)
    });
    let work = derivers.cloned().map(|pipeline| {
        let (shared, dead, name) = (shared.clone(), dead.clone(), pipeline.name().to_owned());
        (name, async move { derive(&shared, &dead, &pipeline).await })
    });
    let Some(derived) = shared.side_by_side(work.collect()).await? else { return Ok(false) };
    for Receiver { pipeline, emitted, details, .. } in derived.into_iter().flatten() {
        let Some(forecast) = forecasts.iter_mut().find(|each| each.name == pipeline.name()) else { continue };
        forecast.emitted.add(&emitted);
        forecast.details.append(details);
    }
    Ok(true)
}

async fn derive(shared: &Shared, dead: &DeadNodes, pipeline: &Pipeline) -> Result<Option<Vec<Receiver>>> {
    let context = &shared.context;
    let mut receivers: BTreeMap<String, Receiver> = BTreeMap::new();
    for name in pipeline.receivers() {
        if let Some(found) = context.selected.iter().find(|each| each.name() == name) {
            let (waiting, emitted, details) = Default::default();
            let receiver = Receiver { pipeline: found.clone(), waiting, emitted, details };
            receivers.insert(name.to_owned(), receiver);
        }
    }
    // Seen and told of when it was read for its own sake.
    let mut reading = Reading::again(shared, pipeline).await?;
    while let Some(judged) = reading.next().await? {
        for derived in judged.into_iter().filter_map(|each| each.record).flat_map(|record| record.derived) {
            if let Some(receiver) = receivers.get_mut(derived.pipeline) {
                receiver.take(derived);
            }
        }
        for receiver in receivers.values_mut() {
            if receiver.waiting.len() >= context.batch_rows {
                receiver.settle(shared, dead).await?;
            }
        }
    }
    for receiver in receivers.values_mut() {
        receiver.settle(shared, dead).await?;
    }
    Ok(reading.end().map(|_| receivers.into_values().collect()))
}

impl Receiver {
    fn take(&mut self, derived: Derived<'_>) {
        self.emitted.total += 1;
        let (start, end) = (derived.start.into_owned(), derived.end.into_owned());
        match derived.rejection {
            None => self.waiting.push((start, end)),
            Some(rejection) => {
                let subject = Subject::Relationship(start, end);
                let place = (rejection.reason, rejection.property.as_deref(), rejection.found);
                self.reject(place, &subject, &rejection.message);
            }
        }
    }

    fn reject(&mut self, place: (Reason, Option<&str>, Option<ValueType>), subject: &Subject, message: &str) {
        *self.emitted.dead_letters.entry(place.0).or_default() += 1;
        self.details.add(place, &subject.to_string(), message);
    }

    /// Looks for the ends of those that wait. They name whatever they like: an end that is not in the target has to be in
    /// the source, and alive.
    async fn settle(&mut self, shared: &Shared, dead: &DeadNodes) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let pipeline = self.pipeline.clone();
        let Source::Relationship { start: from, end: to, .. } = pipeline.source() else { return Ok(()) };
        let target = shared.context.target.read_only();
        let there = shared.presence.pairs(&target, &pipeline, &waiting).await?;
        let missing = |end: &End, key: &str, is_there: bool, canonical: &mut Canonical| {
            !is_there && !dead.contains(&end.label, key, canonical)
        };
        let mut canonical = Canonical::default();
        let (mut starts, mut ends) = (HashSet::new(), HashSet::new());
        for ((start, end), there) in waiting.iter().zip(&there) {
            if missing(from, start, there.start, &mut canonical) {
                starts.insert(start.as_str());
            }
            if missing(to, end, there.end, &mut canonical) {
                ends.insert(end.as_str());
            }
        }
        let source = &shared.context.source;
        let starts = keys_of_source(source, from, starts).await?;
        let ends = keys_of_source(source, to, ends).await?;
        for ((start, end), there) in waiting.into_iter().zip(there) {
            let there = Pair {
                start: there.start || starts.contains(&start),
                end: there.end || ends.contains(&end),
                ..there
            };
            let subject = Subject::Relationship(start, end);
            match pairs::missing(&pipeline, &subject, there) {
                Some(message) => self.reject((Reason::EndpointMissing, None, None), &subject, &message),
                // It has no properties that could differ.
                None if there.relationship => self.emitted.loaded.unchanged(),
                None => self.emitted.loaded.written(),
            }
        }
        Ok(())
    }
}
