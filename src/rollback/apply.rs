//! One batch of entities of one kind: looked at, or brought to what they were in one transaction; tried again, halved
//! and refused by the rules.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use rand::Rng;
use tracing::debug;

use super::kinds::Kind;
use super::nodes::Nodes;
use super::reader::Item;
use super::relationships::Relationships;
use super::report::{Cannot, Outcome};
use super::survey::KindSeen;
use crate::error::{Cause, Error, Kind as FailureKind, Result};
use crate::neo4j::TargetGraph;
use crate::neo4j::claim::Claim;
use crate::record::{Author, Before, Identity, Subject, UndoRecord, Written};
use crate::stop::Stop;
use crate::undo::{Journaled, UndoJournal};

/// What the journal says of one entity, in order.
#[derive(Debug)]
pub(super) struct Group {
    pub items: Vec<Item>,
}

/// What writing takes.
pub(super) struct Hand<'h> {
    pub undo: &'h UndoJournal,
    pub claim: &'h Claim,
    /// Epoch and number of the claim, by pipeline.
    pub raised: &'h BTreeMap<String, (u32, i64)>,
}

/// Works on entities of one kind.
pub(super) struct Worker {
    entities: Entities,
}

enum Entities {
    Nodes(Nodes),
    Relationships(Relationships),
}

/// What every batch is done with.
pub(super) struct Means<'m> {
    pub target: &'m TargetGraph,
    /// None looks only.
    pub hand: Option<&'m Hand<'m>>,
    /// Relationship types of which some go.
    pub going: &'m [String],
    /// How long a service failure is tried again.
    pub retry: Duration,
    pub stop: &'m Stop,
}

impl Group {
    pub(super) fn subject(&self) -> Option<&Subject<'static>> {
        self.items.first().map(|item| &item.record.subject)
    }

    /// Items by their entity, in the order of the first of each.
    pub(super) fn all(items: Vec<Item>) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::with_capacity(items.len());
        let mut places: HashMap<Subject<'static>, usize> = HashMap::with_capacity(items.len());
        for item in items {
            match places.get(&item.record.subject).and_then(|place| groups.get_mut(*place)) {
                Some(group) => group.items.push(item),
                None => {
                    places.insert(item.record.subject.clone(), groups.len());
                    groups.push(Group { items: vec![item] });
                }
            }
        }
        groups
    }
}

impl Hand<'_> {
    /// Notes what an entity is before it is brought to what it was.
    pub(super) fn note(
        &self,
        journaled: &mut Journaled,
        group: &Group,
        written: Written<'_>,
        before: Before<'_>,
    ) -> Result<()> {
        let Some(Item { record, .. }) = group.items.first() else { return Ok(()) };
        let (epoch, claim) = self.raised.get(&*record.pipeline).copied().unwrap_or_default();
        journaled.note(&UndoRecord {
            author: Author::Rollback,
            pipeline: record.pipeline.clone(),
            identity: Identity { epoch, ..record.identity },
            pass: record.pass,
            read_at_micros: record.read_at_micros,
            claim,
            subject: record.subject.clone(),
            written,
            before,
        })
    }
}

impl Worker {
    pub(super) fn new(seen: &KindSeen) -> Result<Self> {
        let entities = match &seen.kind {
            Kind::Node(end) => Entities::Nodes(Nodes::new(end, &seen.owned)?),
            Kind::Relationship { relationship_type, start, end } => {
                Entities::Relationships(Relationships::new(relationship_type, start, end, &seen.owned)?)
            }
        };
        Ok(Self { entities })
    }

    /// Works on the groups; `each` learns what became of each entity.
    pub(super) async fn apply(
        &self,
        means: &Means<'_>,
        groups: Vec<Group>,
        mut each: impl FnMut(&Group, Outcome),
    ) -> Result<()> {
        let mut waiting = VecDeque::from([groups]);
        let mut patience = Patience::new(means.retry);
        while let Some(mut groups) = waiting.pop_front() {
            let error = match self.attempt(means, &groups).await {
                Ok(outcomes) => {
                    groups.iter().zip(outcomes).for_each(|(group, outcome)| each(group, outcome));
                    patience = Patience::new(means.retry);
                    continue;
                }
                Err(error) => error,
            };
            match error.cause() {
                Cause::DataRefused | Cause::TooMuchAtOnce if groups.len() > 1 => {
                    let rest = groups.split_off(groups.len() / 2);
                    waiting.push_front(rest);
                    waiting.push_front(groups);
                }
                Cause::DataRefused => {
                    let said = error.chain().into_iter().skip(1).collect::<Vec<_>>().join(": ");
                    let refused = Outcome::Cannot(Cannot::Refused, Some(said));
                    groups.iter().for_each(|group| each(group, refused.clone()));
                }
                _ => {
                    let Some(pause) = patience.after(&error) else { return Err(error) };
                    debug!(?error, "a batch is tried again");
                    if means.stop.sleep(pause).await && error.cause() == Cause::Unreachable {
                        return Err(error);
                    }
                    waiting.push_front(groups);
                }
            }
        }
        Ok(())
    }

    async fn attempt(&self, means: &Means<'_>, groups: &[Group]) -> Result<Vec<Outcome>> {
        let Some(hand) = means.hand else {
            return match &self.entities {
                Entities::Nodes(nodes) => nodes.look(means.target, groups, means.going).await,
                Entities::Relationships(relationships) => relationships.look(means.target, groups).await,
            };
        };
        let mut journaled = hand.undo.begin(means.target).await?;
        let outcomes = match &self.entities {
            Entities::Nodes(nodes) => nodes.write(&mut journaled, groups, hand).await?,
            Entities::Relationships(relationships) => {
                relationships.write(&mut journaled, groups, hand).await?
            }
        };
        journaled.send().await?;
        // Last: the claim can't be renewed while it is locked.
        hand.claim.fence(journaled.transaction()).await?;
        journaled.commit().await?;
        Ok(outcomes)
    }
}

/// How often and how long one batch is tried again.
struct Patience {
    limit: Duration,
    deadlocks: u32,
    outages: u32,
    since: Option<Instant>,
}

const MOST_DEADLOCKS: u32 = 30;

impl Patience {
    fn new(limit: Duration) -> Self {
        Self { limit, deadlocks: 0, outages: 0, since: None }
    }

    /// The pause before the next attempt; none where there is none.
    fn after(&mut self, error: &Error) -> Option<Duration> {
        if error.cause() == Cause::Deadlock {
            self.deadlocks += 1;
            let pause = Duration::from_millis(5) * 2u32.pow(self.deadlocks.min(7));
            return (self.deadlocks <= MOST_DEADLOCKS).then(|| jittered(pause));
        }
        if error.policy().kind != FailureKind::Service || !error.policy().retry {
            return None;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        self.outages += 1;
        let pause = Duration::from_millis(100) * 2u32.pow(self.outages.min(5));
        (since.elapsed() < self.limit).then(|| jittered(pause))
    }
}

fn jittered(most: Duration) -> Duration {
    most.mul_f64(rand::rng().random_range(0.5..1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_tried_again_for_a_while_and_nothing_else_is() {
        let mut patience = Patience::new(Duration::from_secs(60));
        assert!(patience.after(&Error::new(Cause::Unreachable, "write")).is_some());
        assert!(patience.after(&Error::new(Cause::Fenced, "write")).is_none());
        let retried =
            (0..1000).take_while(|_| patience.after(&Error::new(Cause::Deadlock, "write")).is_some()).count();
        assert_eq!(retried, MOST_DEADLOCKS as usize);
        let mut none = Patience::new(Duration::ZERO);
        assert!(none.after(&Error::new(Cause::Unreachable, "write")).is_none());
    }
}
