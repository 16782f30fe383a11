//! Which entities have come already: sixteen bytes each, a bounded number at a time.
//!
//! A journal with more records than fit is read several times, each time for one slice of its entities, by their hash.

use std::collections::HashMap;

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::record::{NodeRef, Subject};

/// Entities that are held at a time: with their hashes some 70 MB.
pub(super) const AT_A_TIME: u64 = 3_000_000;

/// One slice of the entities, as far as they have come.
#[derive(Debug)]
pub(super) struct Seen {
    slice: u64,
    slices: u64,
    /// By hash: whether the entity was there at the instant; none where its first note is a gap.
    entities: HashMap<[u8; 16], Option<bool>>,
}

/// What a record is for its entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    /// The first since the instant.
    First,
    /// A later one, of an entity that was or was not there at the instant.
    Again { existed: bool },
    /// A later one, of an entity of which only what it is here is known.
    AfterGap,
    /// Of another slice.
    Elsewhere,
}

/// How many slices so many records need.
pub(super) fn slices_of(records: u64) -> u64 {
    records.div_ceil(AT_A_TIME).max(1)
}

impl Seen {
    pub(super) fn new(slice: u64, slices: u64) -> Self {
        Self { slice, slices, entities: HashMap::new() }
    }

    /// Takes a record of an entity; `existed` is what it says of the time before it.
    pub(super) fn meet(&mut self, subject: &Subject<'_>, existed: bool) -> Met {
        let hash = hash(subject);
        if self.slices > 1 && xxh3_64(&hash) % self.slices != self.slice {
            return Met::Elsewhere;
        }
        match self.entities.entry(hash) {
            std::collections::hash_map::Entry::Occupied(seen) => match seen.get() {
                Some(existed) => Met::Again { existed: *existed },
                None => Met::AfterGap,
            },
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(Some(existed));
                Met::First
            }
        }
    }

    /// Takes note that an entity was changed, and of what it was before that nothing is known.
    pub(super) fn meet_gap(&mut self, subject: &Subject<'_>) {
        let hash = hash(subject);
        if self.slices <= 1 || xxh3_64(&hash) % self.slices == self.slice {
            self.entities.entry(hash).or_insert(None);
        }
    }

    /// What follows of an entity comes after what is handed out now.
    pub(super) fn is_there_again(&mut self, subject: &Subject<'_>) {
        self.entities.insert(hash(subject), Some(true));
    }
}

/// 128 bits: two entities with the same would be taken for one, which of a thousand million happens with a chance of
/// one in 10^20.
fn hash(subject: &Subject<'_>) -> [u8; 16] {
    let mut hasher = Xxh3::new();
    let mut text = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    let mut node = |node: &NodeRef<'_>| {
        [&node.label, &node.key_property, &node.key].into_iter().for_each(|part| text(part));
    };
    match subject {
        Subject::Node(one) => node(one),
        Subject::Relationship { relationship_type, start, end } => {
            node(start);
            node(end);
            text(relationship_type);
        }
    }
    hasher.digest128().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn node(key: &str) -> Subject<'_> {
        Subject::Node(NodeRef { label: "A".into(), key_property: "id".into(), key: key.into() })
    }

    #[test]
    fn the_first_record_counts_and_later_ones_know_what_it_said() {
        let mut seen = Seen::new(0, 1);
        assert_eq!(seen.meet(&node("a"), false), Met::First);
        assert_eq!(seen.meet(&node("b"), true), Met::First);
        assert_eq!(seen.meet(&node("a"), true), Met::Again { existed: false });
        assert_eq!(seen.meet(&node("b"), false), Met::Again { existed: true });
    }

    #[test]
    fn what_follows_a_gap_is_told_from_what_was_there() {
        let mut seen = Seen::new(0, 1);
        seen.meet_gap(&node("a"));
        assert_eq!(seen.meet(&node("a"), true), Met::AfterGap);
        seen.is_there_again(&node("a"));
        assert_eq!(seen.meet(&node("a"), true), Met::Again { existed: true });
        assert_eq!(seen.meet(&node("b"), true), Met::First);
        seen.meet_gap(&node("b"));
        assert_eq!(seen.meet(&node("b"), false), Met::Again { existed: true });
    }

    #[test]
    fn as_many_slices_as_are_needed() {
        assert_eq!([0, 1, AT_A_TIME, AT_A_TIME + 1].map(slices_of), [1, 1, 1, 2]);
    }

    proptest! {
        #[test]
        fn every_entity_is_in_one_slice(keys in prop::collection::hash_set(".{0,6}", 0..50), slices in 1u64..7) {
            let mut firsts = 0;
            for slice in 0..slices {
                let mut seen = Seen::new(slice, slices);
                firsts += keys.iter().filter(|key| seen.meet(&node(key), true) == Met::First).count();
            }
            prop_assert_eq!(firsts, keys.len());
        }
    }
}
