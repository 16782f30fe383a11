//! What is compared of one pipeline, and the digests that its records are compared by. Pure.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::checkpoint::{LastKey, SourceShape};
use crate::extract::SourceRow;
use crate::pipeline::{ADDED_TO_NODES, Pipeline, Reshaped, Source};
use crate::record::{Canonical, ModelEntity, Property, RawEntity, Value, Zone, named};

/// One pipeline, as the comparison looks at it.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) shape: SourceShape,
    /// Slots of the contract by the names of its properties.
    slots: HashMap<Box<str>, usize>,
    /// Every version that the target's schema ever had.
    versions: Arc<BTreeSet<String>>,
}

/// What one record says, on either side.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Digested<'r> {
    /// Of the key: decides on the bucket.
    pub(super) key: u128,
    /// Of everything that is compared as a whole: the key, the contract's properties, of nodes whether both added
    /// properties are as they should be, of relationships every other property.
    pub(super) content: u128,
    /// Of nodes: labels and properties that the contract does not know.
    pub(super) beyond: Vec<Beyond<'r>>,
}

/// A label or property of a node that its contract does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Beyond<'r> {
    pub(super) kind: BeyondKind,
    pub(super) name: &'r str,
    /// Of the key, the name and the value.
    pub(super) digest: u128,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum BeyondKind {
    Label,
    Property,
}

impl Subject {
    pub(super) fn new(pipeline: Arc<Pipeline>, versions: Arc<BTreeSet<String>>) -> Self {
        let fields = pipeline.contract().fields().iter().enumerate();
        let slots = fields.map(|(slot, field)| (field.name.clone(), slot)).collect();
        Self { shape: pipeline.source().shape(), slots, pipeline, versions }
    }

    pub(super) fn name(&self) -> &str {
        self.pipeline.name()
    }

    /// Names and expressions of the lookups.
    pub(super) fn lookups(&self) -> Vec<(String, String)> {
        let lookups = self.pipeline.lookups().iter();
        lookups.map(|lookup| (lookup.name().to_owned(), lookup.cypher().to_owned())).collect()
    }

    /// The slot of a property of the contract.
    pub(super) fn slot(&self, property: &str) -> Option<usize> {
        self.slots.get(property).copied()
    }

    /// Whether loading adds the property.
    pub(super) fn is_added(&self, property: &str) -> bool {
        self.pipeline.is_node() && ADDED_TO_NODES.contains(&property)
    }

    /// Whether both properties that loading adds to nodes are there and could be what it writes.
    pub(super) fn is_stamped(&self, properties: &[Property<'_>]) -> bool {
        ADDED_TO_NODES.iter().all(|name| {
            let found = properties.iter().find(|(found, _)| found == name);
            found.is_some_and(|(_, value)| self.is_stamp(name, value))
        })
    }

    /// Whether the value of a property that loading adds could be what it writes: a version that the schema has had,
    /// and an instant in UTC. Which of them, nothing in the source says.
    pub(super) fn is_stamp(&self, name: &str, value: &Value<'_>) -> bool {
        match value {
            Value::String(version) => name == ADDED_TO_NODES[0] && self.versions.contains(version.as_ref()),
            Value::DateTime { zone: Zone::Offset(0), .. } => name == ADDED_TO_NODES[1],
            _ => false,
        }
    }

    /// What an expected record says.
    pub(super) fn expected<'r>(&self, record: &'r Reshaped<'_>, canonical: &mut Canonical) -> Digested<'r> {
        let key = key_digest(&record.entity, canonical);
        canonical.clear();
        let mut beyond = Vec::new();
        match &record.entity {
            ModelEntity::Node { key: text, labels } => {
                canonical.text(text);
                record.row.iter().for_each(|value| canonical.value(value));
                canonical.flag(true);
                let content = canonical.digest();
                let labels = labels.iter().map(|label| label.as_ref());
                beyond.extend(labels.map(|name| beyond_label(text, name, canonical)));
                let kept = record.kept.iter();
                beyond.extend(kept.map(|(name, value)| beyond_property(text, name, value, canonical)));
                Digested { key, content, beyond }
            }
            ModelEntity::Relationship { start, end } => {
                canonical.text(start);
                canonical.text(end);
                record.row.iter().for_each(|value| canonical.value(value));
                let rest: Vec<&Property<'_>> = record.kept.iter().collect();
                add_rest(rest, canonical);
                Digested { key, content: canonical.digest(), beyond }
            }
        }
    }

    /// What a derived relationship says: it has no properties.
    pub(super) fn derived(&self, start: &str, end: &str, canonical: &mut Canonical) -> Digested<'static> {
        let key = texts_digest(&[start, end], canonical);
        canonical.clear();
        canonical.text(start);
        canonical.text(end);
        add_rest(Vec::new(), canonical);
        Digested { key, content: canonical.digest(), beyond: Vec::new() }
    }

    /// Both ends of a relationship of this type; nothing where it moves nodes.
    pub(super) fn ends(&self, start: &str, end: &str, canonical: &mut Canonical) -> Option<[u128; 2]> {
        match self.pipeline.source() {
            Source::Relationship { start: from, end: to, .. } => {
                Some([end_digest(&from.label, start, canonical), end_digest(&to.label, end, canonical)])
            }
            Source::Node { .. } => None,
        }
    }

    /// What a row of the target says. `slots` is reused from row to row.
    pub(super) fn actual<'r>(
        &self,
        row: &'r SourceRow,
        canonical: &mut Canonical,
        slots: &mut Vec<Option<usize>>,
    ) -> Digested<'r> {
        let key = entity_digest(&row.entity, &row.element_id, canonical);
        slots.clear();
        slots.resize(self.slots.len(), None);
        let (RawEntity::Node { properties, .. } | RawEntity::Relationship { properties, .. }) = &row.entity;
        let mut rest: Vec<&Property<'_>> = Vec::new();
        for (position, property) in properties.iter().enumerate() {
            match self.slot(&property.0) {
                Some(slot) => slots[slot] = Some(position),
                None if self.is_added(&property.0) => {}
                None => rest.push(property),
            }
        }
        canonical.clear();
        let text = |value: &'r Value<'_>| value.as_str().unwrap_or_default();
        match &row.entity {
            RawEntity::Node { key: own, .. } => canonical.text(text(own)),
            RawEntity::Relationship { start, end, .. } => {
                canonical.text(text(start));
                canonical.text(text(end));
            }
        }
        for position in slots.iter() {
            let value = position.and_then(|position| properties.get(position)).map(|(_, value)| value);
            canonical.value(value.unwrap_or(&Value::Null));
        }
        match &row.entity {
            RawEntity::Relationship { .. } => {
                add_rest(rest, canonical);
                Digested { key, content: canonical.digest(), beyond: Vec::new() }
            }
            RawEntity::Node { key: own, labels, .. } => {
                canonical.flag(self.is_stamped(properties));
                let content = canonical.digest();
                let others = labels.iter().map(|label| label.as_ref()).filter(|label| *label != self.label());
                let mut beyond: Vec<Beyond<'r>> =
                    others.map(|name| beyond_label(text(own), name, canonical)).collect();
                let rest = rest.into_iter();
                beyond.extend(rest.map(|(name, value)| beyond_property(text(own), name, value, canonical)));
                Digested { key, content, beyond }
            }
        }
    }

    /// The label of its nodes; nothing a node could have where it moves relationships.
    fn label(&self) -> &str {
        match self.pipeline.source() {
            Source::Node { label, .. } => label,
            Source::Relationship { .. } => "",
        }
    }
}

/// The usable key of an entity: what extraction takes for one.
pub(super) fn key_of(entity: &RawEntity<'_>) -> Option<LastKey> {
    Some(match usable_key(entity)? {
        [key, None] => LastKey::Node(key?.to_owned()),
        [start, Some(end)] => LastKey::Relationship { start: start?.to_owned(), end: end.to_owned() },
    })
}

/// The digest of what identifies an entity; of its element id where it has no usable key.
pub(super) fn entity_digest(entity: &RawEntity<'_>, element_id: &str, canonical: &mut Canonical) -> u128 {
    match usable_key(entity) {
        Some([Some(start), Some(end)]) => texts_digest(&[start, end], canonical),
        Some([Some(key), None]) => texts_digest(&[key], canonical),
        _ => texts_digest(&["", "", element_id], canonical),
    }
}

fn usable_key<'e>(entity: &'e RawEntity<'_>) -> Option<[Option<&'e str>; 2]> {
    match entity {
        RawEntity::Node { key, .. } => Some([Some(key.as_key()?), None]),
        RawEntity::Relationship { start, end, .. } => Some([Some(start.as_key()?), Some(end.as_key()?)]),
    }
}

/// The digest of what identifies an entity within its pipeline.
pub(super) fn key_digest(entity: &ModelEntity<'_>, canonical: &mut Canonical) -> u128 {
    match entity {
        ModelEntity::Node { key, .. } => texts_digest(&[key], canonical),
        ModelEntity::Relationship { start, end } => texts_digest(&[start, end], canonical),
    }
}

/// The same of a key alone.
pub(super) fn last_key_digest(key: &LastKey, canonical: &mut Canonical) -> u128 {
    match key {
        LastKey::Node(key) => texts_digest(&[key], canonical),
        LastKey::Relationship { start, end } => texts_digest(&[start, end], canonical),
    }
}

/// The digest of a node as an end: of its label and key.
pub(super) fn end_digest(label: &str, key: &str, canonical: &mut Canonical) -> u128 {
    texts_digest(&[label, key], canonical)
}

/// Of keys as dead letters name them, which are looked for by the same digests.
fn texts_digest(texts: &[&str], canonical: &mut Canonical) -> u128 {
    canonical.clear();
    texts.iter().for_each(|text| canonical.text(&named(text)));
    canonical.digest()
}

/// Every property of a relationship beside its contract, in the order of their names.
fn add_rest(mut rest: Vec<&Property<'_>>, canonical: &mut Canonical) {
    rest.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    canonical.length(rest.len());
    for (name, value) in rest {
        canonical.text(name);
        canonical.value(value);
    }
}

fn beyond_label<'r>(key: &str, name: &'r str, canonical: &mut Canonical) -> Beyond<'r> {
    Beyond { kind: BeyondKind::Label, name, digest: texts_digest(&[key, name], canonical) }
}

fn beyond_property<'r>(key: &str, name: &'r str, value: &Value<'_>, canonical: &mut Canonical) -> Beyond<'r> {
    canonical.clear();
    canonical.text(key);
    canonical.text(name);
    canonical.value(value);
    Beyond { kind: BeyondKind::Property, name, digest: canonical.digest() }
}
