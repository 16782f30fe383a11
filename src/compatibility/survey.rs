//! What the records of one type are like: value types, lengths of lists of numbers, sizes. Bounded, whatever the data.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::forecast::Look;
use crate::pipeline::DeclaredLabels;
use crate::record::{RawEntity, RawRecord, Value};

/// Names of properties come from the data: of more than these nothing is kept.
const MOST_PROPERTIES: usize = 2_000;
/// Different lengths of lists that are told apart.
const MOST_LENGTHS: usize = 64;
const EXAMPLES: usize = 5;

/// What was seen of one type.
#[derive(Debug, Default)]
pub struct Survey {
    /// Its own label; none of relationships.
    label: Option<String>,
    declared: Arc<DeclaredLabels>,
    pub(super) properties: BTreeMap<String, PropertySurvey>,
    /// Nodes that carry another declared label, and some of them.
    pub(super) two_labels: (u64, Vec<String>),
    /// Bytes of the longest key.
    pub(super) longest_key: usize,
}

/// What was seen of one property.
#[derive(Debug, Default)]
pub(super) struct PropertySurvey {
    /// Values by type.
    pub(super) types: BTreeMap<String, u64>,
    /// Lists of floats by length.
    pub(super) lengths: BTreeMap<usize, u64>,
}

impl Survey {
    /// Nothing seen yet. `label` is that of nodes.
    pub fn new(label: Option<&str>, declared: &Arc<DeclaredLabels>) -> Self {
        Self { label: label.map(str::to_owned), declared: Arc::clone(declared), ..Self::default() }
    }
}

impl Look for Survey {
    fn see(&mut self, record: &RawRecord<'_>) {
        let (RawEntity::Node { properties, .. } | RawEntity::Relationship { properties, .. }) =
            &record.entity;
        for (name, value) in properties.iter().filter(|(_, value)| !value.is_null()) {
            if !self.properties.contains_key(name.as_ref()) {
                if self.properties.len() >= MOST_PROPERTIES {
                    continue;
                }
                self.properties.insert(name.to_string(), PropertySurvey::default());
            }
            if let Some(seen) = self.properties.get_mut(name.as_ref()) {
                seen.see(value);
            }
        }
        let RawEntity::Node { key, labels, .. } = &record.entity else { return };
        self.longest_key = self.longest_key.max(key.as_str().map_or(0, str::len));
        let own = self.label.as_deref();
        if labels.iter().any(|label| Some(label.as_ref()) != own && self.declared.contains(label)) {
            self.two_labels.0 += 1;
            if self.two_labels.1.len() < EXAMPLES {
                let id =
                    key.as_key().map_or_else(|| format!("elementId {}", record.element_id), str::to_owned);
                self.two_labels.1.push(id);
            }
        }
    }
}

impl PropertySurvey {
    fn see(&mut self, value: &Value<'_>) {
        let name = match value {
            Value::List(items) => items.first().map(|item| format!("list of {}", item.type_name())),
            _ => None,
        };
        let name = name.as_deref().unwrap_or(value.type_name());
        match self.types.get_mut(name) {
            Some(number) => *number += 1,
            None => drop(self.types.insert(name.to_owned(), 1)),
        }
        if let Value::List(items) = value
            && let Some(Value::Float(_)) = items.first()
            && (self.lengths.len() < MOST_LENGTHS || self.lengths.contains_key(&items.len()))
        {
            *self.lengths.entry(items.len()).or_default() += 1;
        }
    }

    /// Lists of many floats that have another length than most: how many, and the usual length.
    pub(super) fn odd_lengths(&self) -> Option<(u64, usize)> {
        /// Shorter ones are no embeddings.
        const SHORTEST: usize = 16;
        let (usual, _) = self.lengths.iter().max_by_key(|(_, number)| **number)?;
        let odd: u64 =
            self.lengths.iter().filter(|(length, _)| *length != usual).map(|(_, number)| number).sum();
        (*usual >= SHORTEST && odd > 0).then_some((odd, *usual))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embeddings_of_another_length_are_odd_and_short_lists_are_none() {
        let mut seen = PropertySurvey::default();
        let floats = |length| Value::List(vec![Value::Float(0.5); length]);
        for length in [384, 384, 384, 383, 3] {
            seen.see(&floats(length));
        }
        assert_eq!(seen.odd_lengths(), Some((2, 384)));
        assert_eq!(seen.types["list of float"], 5);
        let mut short = PropertySurvey::default();
        [3, 3, 4].into_iter().for_each(|length| short.see(&floats(length)));
        assert_eq!(short.odd_lengths(), None);
    }
}
