//! What an entity is to be, from what the journal says it was and what it is: pure decisions.
//!
//! What Regraft has written since the instant goes back to what it was then. Everything else stays as it is: others may
//! have changed theirs since. What Regraft has deleted comes back whole. What Regraft has made goes, unless others have
//! put something on it or tied something to it.

use std::borrow::Cow;

use serde::Serialize;

use super::kinds::Owned;
use super::reader::Item;
use crate::record::{Before, Property, RelationshipBefore, Value};
use crate::undo::NodeImage;

/// Why something that Regraft has made is kept all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepReason {
    /// Others have tied relationships to it.
    Relationships,
    /// Others have put properties or labels on it.
    ForeignProperties,
    /// Others have made parallel ones: which of them is Regraft's can't be told.
    ParallelRelationships,
}

/// What becomes of an entity.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wish<T> {
    /// It is to be this.
    As(T),
    /// It stays as it is.
    Keep(KeepReason),
}

/// One relationship as it is to be; one that is still to be made has no id.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tie {
    pub element_id: Option<Cow<'static, str>>,
    pub properties: Vec<Property<'static>>,
}

/// What is written to a node.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum NodeChange {
    Nothing,
    Delete,
    Create(NodeImage),
    Set(NodeSettings),
}

/// What is set of a node; null removes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct NodeSettings {
    pub properties: Vec<Property<'static>>,
    pub add: Vec<Cow<'static, str>>,
    pub remove: Vec<Cow<'static, str>>,
}

/// What is written to the relationships between two nodes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct TieChange {
    /// Element ids.
    pub delete: Vec<Cow<'static, str>>,
    /// Element ids with what is set; null removes.
    pub set: Vec<(Cow<'static, str>, Vec<Property<'static>>)>,
    /// Properties of those that are made.
    pub create: Vec<Vec<Property<'static>>>,
}

/// What a node is to be, by one item of the journal. Its own label is never touched.
pub(super) fn node(
    item: &Item,
    label: &str,
    owned: &Owned,
    current: Option<NodeImage>,
) -> Wish<Option<NodeImage>> {
    let written = &item.record.written;
    let ours =
        |name: &str| owned.properties.contains(name) || written.properties.iter().any(|other| other == name);
    let our_label =
        |name: &str| owned.labels.contains(name) || written.labels.iter().any(|other| other == name);
    match (&item.record.before, current) {
        (Before::Node { labels, properties }, None) if item.first => {
            Wish::As(Some(NodeImage { labels: labels.clone(), properties: properties.clone() }))
        }
        (Before::Node { labels, properties }, Some(now)) => {
            let take = |name: &str| item.first && ours(name);
            let back = written.deletes;
            let kept = now.labels.iter().filter(|name| *name == label || !(item.first && our_label(name)));
            let mut all: Vec<Cow<'static, str>> = kept.cloned().collect();
            for name in labels {
                let returns = (item.first && our_label(name)) || (back && !our_label(name));
                if returns && !all.contains(name) {
                    all.push(name.clone());
                }
            }
            let missing = |name: &str| back && !ours(name);
            let properties = restored(properties, now.properties, take, missing);
            Wish::As(Some(NodeImage { labels: all, properties }))
        }
        (Before::Absent, Some(now)) => {
            let foreign = now.properties.iter().any(|(name, _)| !ours(name))
                || now.labels.iter().any(|name| name != label && !our_label(name));
            if foreign { Wish::Keep(KeepReason::ForeignProperties) } else { Wish::As(None) }
        }
        (_, current) => Wish::As(current),
    }
}

/// What the relationships between two nodes are to be, by one item of the journal.
pub(super) fn ties(item: &Item, owned: &Owned, current: Vec<Tie>) -> Wish<Vec<Tie>> {
    let written = &item.record.written;
    let ours =
        |name: &str| owned.properties.contains(name) || written.properties.iter().any(|other| other == name);
    let before: &[RelationshipBefore<'static>] = match &item.record.before {
        Before::Relationships(before) => before,
        Before::Absent => &[],
        Before::Node { .. } => return Wish::As(current),
    };
    if before.is_empty() {
        return match current.as_slice() {
            [one] if one.properties.iter().any(|(name, _)| !ours(name)) => {
                Wish::Keep(KeepReason::ForeignProperties)
            }
            [] | [_] => Wish::As(Vec::new()),
            _ => Wish::Keep(KeepReason::ParallelRelationships),
        };
    }
    let take = |name: &str| item.first && ours(name);
    let missing = |name: &str| written.deletes && !ours(name);
    let mut all = current;
    let mut taken = vec![false; all.len()];
    for was in before {
        let same = |tie: &Tie| tie.element_id.as_ref() == Some(&was.element_id);
        let free = |taken: &[bool], is: &dyn Fn(&Tie) -> bool| {
            all.iter().zip(taken).position(|(tie, taken)| !*taken && is(tie))
        };
        // Ids are given again once they are free: any other one that is left will do.
        let place = free(&taken, &same).or_else(|| free(&taken, &|_| true));
        match place.and_then(|place| taken.get_mut(place).map(|taken| (place, taken))) {
            Some((place, taken)) => {
                *taken = true;
                if let Some(tie) = all.get_mut(place) {
                    let now = std::mem::take(&mut tie.properties);
                    tie.properties = restored(&was.properties, now, take, missing);
                }
            }
            None if item.first => all.push(Tie { element_id: None, properties: was.properties.clone() }),
            None => {}
        }
    }
    Wish::As(all)
}

/// Properties as they are, with those that `take` says as they were, and those back that `missing` says and that are
/// not there.
fn restored(
    before: &[Property<'static>],
    now: Vec<Property<'static>>,
    take: impl Fn(&str) -> bool,
    missing: impl Fn(&str) -> bool,
) -> Vec<Property<'static>> {
    let back = before
        .iter()
        .filter(|(name, _)| take(name) || (missing(name) && !now.iter().any(|(other, _)| other == name)));
    let back: Vec<Property<'static>> = back.cloned().collect();
    now.into_iter().filter(|(name, _)| !take(name)).chain(back).collect()
}

/// What has to be written to a node so that it is as wished.
pub(super) fn node_change(now: Option<&NodeImage>, wished: Option<NodeImage>) -> NodeChange {
    match (now, wished) {
        (None, None) => NodeChange::Nothing,
        (Some(_), None) => NodeChange::Delete,
        (None, Some(wished)) => NodeChange::Create(wished),
        (Some(now), Some(wished)) => {
            let without = |all: &[Cow<'static, str>], others: &[Cow<'static, str>]| {
                all.iter().filter(|name| !others.contains(name)).cloned().collect::<Vec<_>>()
            };
            let settings = NodeSettings {
                properties: settings(&now.properties, &wished.properties),
                add: without(&wished.labels, &now.labels),
                remove: without(&now.labels, &wished.labels),
            };
            if settings == NodeSettings::default() { NodeChange::Nothing } else { NodeChange::Set(settings) }
        }
    }
}

/// What has to be written to the relationships between two nodes so that they are as wished.
pub(super) fn tie_change(now: &[Tie], wished: Vec<Tie>) -> TieChange {
    let mut change = TieChange::default();
    for tie in now {
        if !wished.iter().any(|other| other.element_id == tie.element_id) {
            change.delete.extend(tie.element_id.clone());
        }
    }
    for wish in wished {
        let before = now.iter().find(|tie| tie.element_id.is_some() && tie.element_id == wish.element_id);
        match (before, wish.element_id) {
            (Some(before), Some(id)) => {
                let set = settings(&before.properties, &wish.properties);
                if !set.is_empty() {
                    change.set.push((id, set));
                }
            }
            _ => change.create.push(wish.properties),
        }
    }
    change
}

impl TieChange {
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What differs, with null for what is to go.
fn settings(now: &[Property<'static>], wished: &[Property<'static>]) -> Vec<Property<'static>> {
    let find = |all: &[Property<'static>], name: &str| {
        all.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
    };
    let changed =
        wished.iter().filter(|(name, value)| find(now, name).is_none_or(|before| !same(&before, value)));
    let gone = now.iter().filter(|(name, _)| find(wished, name).is_none());
    changed.cloned().chain(gone.map(|(name, _)| (name.clone(), Value::Null))).collect()
}

/// Equal as stored: a float that is no number is itself, and -0.0 is not 0.0.
fn same(one: &Value<'_>, other: &Value<'_>) -> bool {
    match (one, other) {
        (Value::Float(one), Value::Float(other)) => one.to_bits() == other.to_bits(),
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (
            Value::Point { srid, x, y, z },
            Value::Point { srid: other_srid, x: other_x, y: other_y, z: other_z },
        ) => {
            let bits = |x: &f64, y: &f64, z: &Option<f64>| (x.to_bits(), y.to_bits(), z.map(f64::to_bits));
            srid == other_srid && bits(x, y, z) == bits(other_x, other_y, other_z)
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests;
