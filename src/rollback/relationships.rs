//! Relationships of one type between two labels: what they are, what they are to be, and the writing in between.

use std::collections::HashSet;

use super::apply::{Group, Hand};
use super::decide::{KeepReason, Tie, TieChange, Wish, tie_change, ties};
use super::kinds::{End, Owned};
use super::report::{Cannot, Outcome};
use super::write::{Assignments, names, texts};
use crate::error::{Cause, Error, Result};
use crate::neo4j::{Cell, Quoted, Statement, TargetGraph, Transaction, quote};
use crate::record::{Before, Names, Subject, Written};
use crate::undo::{Journaled, RelationshipImages, RelationshipReader};

/// Works on the relationships of a type.
pub(super) struct Relationships {
    kind: Quoted,
    start: (Quoted, Quoted),
    end: (Quoted, Quoted),
    owned: Owned,
    reader: RelationshipReader,
}

type Decided = Result<TieChange, KeepReason>;

impl Relationships {
    pub(super) fn new(kind: &str, start: &End, end: &End, owned: &Owned) -> Result<Self> {
        let quoted = |end: &End| Ok::<_, Error>((quote(&end.label)?, quote(&end.key_property)?));
        let known: Vec<&String> = owned.properties.iter().collect();
        let from = (start.label.as_str(), start.key_property.as_str());
        let to = (end.label.as_str(), end.key_property.as_str());
        Ok(Self {
            kind: quote(kind)?,
            start: quoted(start)?,
            end: quoted(end)?,
            owned: owned.clone(),
            reader: RelationshipReader::new(kind, from, to, &known)?,
        })
    }

    /// What would become of them.
    pub(super) async fn look(&self, target: &TargetGraph, groups: &[Group]) -> Result<Vec<Outcome>> {
        let now = self.reader.read(target, &pairs(groups)?).await?;
        Ok(groups.iter().zip(now).map(|(group, now)| outcome(&self.decide(group, &as_ties(&now)))).collect())
    }

    /// Brings them to what they were, within the transaction.
    pub(super) async fn write(
        &self,
        journaled: &mut Journaled,
        groups: &[Group],
        hand: &Hand<'_>,
    ) -> Result<Vec<Outcome>> {
        let pairs = pairs(groups)?;
        let now = self.reader.read_locked(journaled.transaction(), &pairs).await?;
        let decided: Vec<Decided> =
            groups.iter().zip(&now).map(|(group, now)| self.decide(group, &as_ties(now))).collect();
        self.delete_and_set(journaled.transaction(), &decided).await?;
        let endless = self.create(journaled.transaction(), &pairs, &decided).await?;
        let mut outcomes = Vec::with_capacity(groups.len());
        for (index, ((group, now), decided)) in groups.iter().zip(now).zip(&decided).enumerate() {
            if endless.contains(&index) {
                outcomes.push(Outcome::Cannot(Cannot::EndMissing, None));
                continue;
            }
            if let Ok(change) = decided {
                note(journaled, group, now, change, hand)?;
            }
            outcomes.push(outcome(decided));
        }
        Ok(outcomes)
    }

    fn decide(&self, group: &Group, now: &[Tie]) -> Decided {
        let mut wished = now.to_vec();
        for item in &group.items {
            match ties(item, &self.owned, wished) {
                Wish::As(next) => wished = next,
                Wish::Keep(reason) => return Err(reason),
            }
        }
        Ok(tie_change(now, wished))
    }

    async fn delete_and_set(&self, transaction: &mut Transaction, decided: &[Decided]) -> Result<()> {
        let changes = || decided.iter().filter_map(|decided| decided.as_ref().ok());
        let gone: Vec<&str> = changes().flat_map(|change| &change.delete).map(|id| &**id).collect();
        if !gone.is_empty() {
            let text = "UNWIND $ids AS id MATCH ()-[e]->() WHERE elementId(e) = id DELETE e";
            transaction.run(Statement::new(text).param("ids", texts(gone))).await?;
        }
        let mut set = Assignments::default();
        for (id, properties) in changes().flat_map(|change| &change.set) {
            set.add(vec![(&**id).into()], properties.clone());
        }
        let find = "MATCH ()-[e]->() WHERE elementId(e) = r[0]";
        set.run(transaction, (find, 1, ""), |_| Ok(())).await
    }

    /// Makes those that are to come back. Returns the places of those whose start or end is gone.
    async fn create(
        &self,
        transaction: &mut Transaction,
        pairs: &[(&str, &str)],
        decided: &[Decided],
    ) -> Result<HashSet<usize>> {
        let mut created = Assignments::default();
        let mut endless = HashSet::new();
        for (index, ((start, end), decided)) in pairs.iter().zip(decided).enumerate() {
            let Ok(change) = decided else { continue };
            let place = i64::try_from(index).unwrap_or(i64::MAX);
            for properties in &change.create {
                endless.insert(index);
                created.add(vec![(*start).into(), (*end).into(), place.into()], properties.clone());
            }
        }
        let ((start, start_key), (end, end_key)) = (&self.start, &self.end);
        let find = format!(
            "MATCH (a:{start} {{{start_key}: r[0]}}) MATCH (b:{end} {{{end_key}: r[1]}}) CREATE (a)-[e:{}]->(b)",
            self.kind
        );
        created
            .run(transaction, (&find, 3, " RETURN [r[2]] AS row"), |row| {
                let place = row.cells()?.first().and_then(Cell::as_i64);
                if let Some(index) = place.and_then(|place| usize::try_from(place).ok()) {
                    endless.remove(&index);
                }
                Ok(())
            })
            .await?;
        Ok(endless)
    }
}

fn note(
    journaled: &mut Journaled,
    group: &Group,
    now: RelationshipImages,
    change: &TieChange,
    hand: &Hand<'_>,
) -> Result<()> {
    if change.is_nothing() {
        return Ok(());
    }
    let set = change.set.iter().map(|(_, properties)| properties).chain(&change.create);
    let written = Written {
        deletes: change.set.is_empty() && change.create.is_empty(),
        properties: Names::Own(set.flat_map(|properties| names(properties)).collect()),
        labels: Vec::new(),
    };
    let before = if now.is_empty() { Before::Absent } else { Before::Relationships(now) };
    hand.note(journaled, group, written, before)
}

fn as_ties(now: &RelationshipImages) -> Vec<Tie> {
    let each = now
        .iter()
        .map(|one| Tie { element_id: Some(one.element_id.clone()), properties: one.properties.clone() });
    each.collect()
}

fn pairs(groups: &[Group]) -> Result<Vec<(&str, &str)>> {
    groups.iter().map(pair_of).collect()
}

fn pair_of(group: &Group) -> Result<(&str, &str)> {
    match group.subject() {
        Some(Subject::Relationship { start, end, .. }) => Ok((&start.key, &end.key)),
        _ => Err(Error::new(Cause::Unexpected, "roll a node back as a relationship")),
    }
}

fn outcome(decided: &Decided) -> Outcome {
    match decided {
        Err(reason) => Outcome::Kept(*reason),
        Ok(change) if change.is_nothing() => Outcome::Unchanged,
        Ok(change) if !change.create.is_empty() => Outcome::Recreated,
        Ok(change) if !change.set.is_empty() => Outcome::Restored,
        Ok(_) => Outcome::Deleted,
    }
}
