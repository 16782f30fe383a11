//! Nodes of one label: what they are, what they are to be, and the writing in between.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use super::apply::{Group, Hand};
use super::decide::{KeepReason, NodeChange, Wish, node, node_change};
use super::kinds::{End, Owned};
use super::report::Outcome;
use super::write::{Assignments, names, texts};
use crate::error::{Cause, Error, Result};
use crate::neo4j::{Quoted, Statement, TargetGraph, Transaction, quote};
use crate::record::{Before, Names, Subject, Written};
use crate::undo::{Journaled, NodeImage, NodeReader};

/// Works on the nodes of a label.
pub(super) struct Nodes {
    label: String,
    quoted: (Quoted, Quoted),
    owned: Owned,
    reader: NodeReader,
}

impl Nodes {
    pub(super) fn new(end: &End, owned: &Owned) -> Result<Self> {
        let known: Vec<&String> = owned.properties.iter().collect();
        Ok(Self {
            label: end.label.clone(),
            quoted: (quote(&end.label)?, quote(&end.key_property)?),
            owned: owned.clone(),
            reader: NodeReader::new(&end.label, &end.key_property, &known)?,
        })
    }

    /// What would become of them. A node that would go counts as kept where a relationship of a type is on it that
    /// does not go too: `going` are the types of which some do.
    pub(super) async fn look(
        &self,
        target: &TargetGraph,
        groups: &[Group],
        going: &[String],
    ) -> Result<Vec<Outcome>> {
        let keys = keys(groups)?;
        let now = self.reader.read(target, &keys).await?;
        let decided: Vec<_> =
            groups.iter().zip(&now).map(|(group, now)| self.decide(group, now.as_ref())).collect();
        let to_go = keys.iter().zip(&decided).filter(|(_, change)| matches!(change, Ok(NodeChange::Delete)));
        let to_go: Vec<&str> = to_go.map(|(key, _)| *key).collect();
        let tied = self.tied(target, &to_go, going).await?;
        let outcome = |(key, decided): (&&str, Result<NodeChange, KeepReason>)| match decided {
            Ok(NodeChange::Delete) if tied.contains(*key) => Outcome::Kept(KeepReason::Relationships),
            decided => outcome(&decided),
        };
        Ok(keys.iter().zip(decided).map(outcome).collect())
    }

    /// Brings them to what they were, within the transaction.
    pub(super) async fn write(
        &self,
        journaled: &mut Journaled,
        groups: &[Group],
        hand: &Hand<'_>,
    ) -> Result<Vec<Outcome>> {
        let keys = keys(groups)?;
        let now = self.reader.read_locked(journaled.transaction(), &keys).await?;
        let mut decided: Vec<_> =
            groups.iter().zip(&now).map(|(group, now)| self.decide(group, now.as_ref())).collect();
        let tied = self.delete(journaled.transaction(), &keys, &decided).await?;
        for (key, decided) in keys.iter().zip(&mut decided) {
            if tied.contains(*key) {
                *decided = Err(KeepReason::Relationships);
            }
        }
        self.create_and_set(journaled.transaction(), &keys, &decided).await?;
        for ((group, now), decided) in groups.iter().zip(now).zip(&decided) {
            if let Ok(change) = decided {
                self.note(journaled, group, now, change, hand)?;
            }
        }
        Ok(decided.iter().map(outcome).collect())
    }

    fn decide(&self, group: &Group, now: Option<&NodeImage>) -> Result<NodeChange, KeepReason> {
        let mut wished = now.cloned();
        for item in &group.items {
            match node(item, &self.label, &self.owned, wished) {
                Wish::As(next) => wished = next,
                Wish::Keep(reason) => return Err(reason),
            }
        }
        Ok(node_change(now, wished))
    }

    /// Of nodes that would go, those on which others' relationships are.
    async fn tied(&self, target: &TargetGraph, keys: &[&str], going: &[String]) -> Result<HashSet<String>> {
        if keys.is_empty() {
            return Ok(HashSet::new());
        }
        let (label, key) = &self.quoted;
        let text = format!(
            "UNWIND $keys AS k MATCH (e:{label} {{{key}: k}}) \
             WHERE EXISTS {{ (e)-[r]-() WHERE NOT type(r) IN $going }} RETURN [k] AS row"
        );
        let statement = Statement::new(text)
            .param("keys", texts(keys.iter().copied()))
            .param("going", texts(going.iter().map(String::as_str)));
        let rows = target.rows(statement).await?;
        Ok(rows.iter().filter_map(|row| row.first()?.as_str().map(str::to_owned)).collect())
    }

    /// Deletes those that are to go. Returns those that stay, since something is tied to them.
    async fn delete(
        &self,
        transaction: &mut Transaction,
        keys: &[&str],
        decided: &[Result<NodeChange, KeepReason>],
    ) -> Result<HashSet<String>> {
        let to_go = keys.iter().zip(decided).filter(|(_, change)| matches!(change, Ok(NodeChange::Delete)));
        let mut left: HashSet<String> = to_go.map(|(key, _)| (*key).to_owned()).collect();
        if left.is_empty() {
            return Ok(left);
        }
        let (label, key) = &self.quoted;
        let text = format!(
            "UNWIND $keys AS k MATCH (e:{label} {{{key}: k}}) WHERE NOT EXISTS {{ (e)--() }} DELETE e \
             RETURN [k] AS row"
        );
        let statement = Statement::new(text).param("keys", texts(left.iter().map(String::as_str)));
        let gone = transaction.rows(statement).await?;
        for key in gone.iter().filter_map(|row| row.first()?.as_str()) {
            left.remove(key);
        }
        Ok(left)
    }

    async fn create_and_set(
        &self,
        transaction: &mut Transaction,
        keys: &[&str],
        decided: &[Result<NodeChange, KeepReason>],
    ) -> Result<()> {
        let (mut created, mut set) = (Assignments::default(), Assignments::default());
        let (mut add, mut remove) = (Labels::default(), Labels::default());
        for (key, change) in keys.iter().zip(decided) {
            match change {
                Ok(NodeChange::Create(image)) => {
                    created.add(vec![(*key).into()], image.properties.clone());
                    add.add(key, image.labels.iter().filter(|label| **label != self.label));
                }
                Ok(NodeChange::Set(settings)) => {
                    set.add(vec![(*key).into()], settings.properties.clone());
                    add.add(key, &settings.add);
                    remove.add(key, &settings.remove);
                }
                Ok(NodeChange::Nothing | NodeChange::Delete) | Err(_) => {}
            }
        }
        let (label, key) = &self.quoted;
        let create = format!("CREATE (e:{label} {{{key}: r[0]}})");
        created.run(transaction, (&create, 1, ""), |_| Ok(())).await?;
        let find = format!("MATCH (e:{label} {{{key}: r[0]}})");
        set.run(transaction, (&find, 1, ""), |_| Ok(())).await?;
        let find = format!("UNWIND $keys AS k MATCH (e:{label} {{{key}: k}})");
        add.run(transaction, &find, "SET").await?;
        remove.run(transaction, &find, "REMOVE").await
    }

    fn note(
        &self,
        journaled: &mut Journaled,
        group: &Group,
        now: Option<NodeImage>,
        change: &NodeChange,
        hand: &Hand<'_>,
    ) -> Result<()> {
        let written = match change {
            NodeChange::Nothing => return Ok(()),
            NodeChange::Delete => Written { deletes: true, ..Written::default() },
            NodeChange::Create(image) => Written {
                deletes: false,
                properties: Names::Own(names(&image.properties).collect()),
                labels: borrowed(image.labels.iter().filter(|label| **label != self.label)),
            },
            NodeChange::Set(settings) => Written {
                deletes: false,
                properties: Names::Own(names(&settings.properties).collect()),
                labels: borrowed(settings.add.iter().chain(&settings.remove)),
            },
        };
        let before = now
            .map_or(Before::Absent, |NodeImage { labels, properties }| Before::Node { labels, properties });
        hand.note(journaled, group, written, before)
    }
}

fn borrowed<'l>(labels: impl Iterator<Item = &'l Cow<'static, str>>) -> Vec<Cow<'l, str>> {
    labels.map(|label| Cow::Borrowed(&**label)).collect()
}

fn keys(groups: &[Group]) -> Result<Vec<&str>> {
    groups.iter().map(key_of).collect()
}

fn key_of(group: &Group) -> Result<&str> {
    match group.subject() {
        Some(Subject::Node(node)) => Ok(&node.key),
        _ => Err(Error::new(Cause::Unexpected, "roll a relationship back as a node")),
    }
}

fn outcome(decided: &Result<NodeChange, KeepReason>) -> Outcome {
    match decided {
        Err(reason) => Outcome::Kept(*reason),
        Ok(NodeChange::Nothing) => Outcome::Unchanged,
        Ok(NodeChange::Delete) => Outcome::Deleted,
        Ok(NodeChange::Create(_)) => Outcome::Recreated,
        Ok(NodeChange::Set(_)) => Outcome::Restored,
    }
}

/// Keys by the labels that are added to them or removed.
#[derive(Default)]
struct Labels(BTreeMap<String, Vec<String>>);

impl Labels {
    fn add<'l>(&mut self, key: &str, labels: impl IntoIterator<Item = &'l Cow<'static, str>>) {
        for label in labels {
            self.0.entry(label.to_string()).or_default().push(key.to_owned());
        }
    }

    async fn run(self, transaction: &mut Transaction, find: &str, verb: &str) -> Result<()> {
        for (label, keys) in self.0 {
            let text = format!("{find} {verb} e:{}", quote(&label)?);
            let statement = Statement::new(text).param("keys", texts(keys.iter().map(String::as_str)));
            transaction.run(statement).await?;
        }
        Ok(())
    }
}
