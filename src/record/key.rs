//! The message key and the partition it leads to. Persisted: changing either breaks the order of an entity.

use std::borrow::Cow;

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Bytes of the longest key that is named whole. Neo4j's indexes take none of more than 8,167 bytes: no node with such a
/// key is ever loaded, it only has to be told from others.
const LONGEST_NAMED: usize = 32_768;

/// A key as messages' keys and dead letters name it. Otherwise these could not be written: each holds it several times,
/// and a topic takes a message of twice the largest record.
pub fn named(key: &str) -> Cow<'_, str> {
    if key.len() <= LONGEST_NAMED {
        return Cow::Borrowed(key);
    }
    let head: String = key.chars().take(200).collect();
    Cow::Owned(format!("{head}… ({} bytes, xxh3 {:032x})", key.len(), xxh3_128(key.as_bytes())))
}

/// What identifies an entity within its pipeline. Records of one entity share a partition, in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key<'a> {
    /// A node's key.
    Node(Cow<'a, str>),
    /// A relationship's start and end.
    Relationship(Cow<'a, str>, Cow<'a, str>),
    /// No usable key: spread by the source's own id, kept apart from all entities.
    None,
}

impl Key<'_> {
    /// Kafka's message key: the node's key ([`named`]), or a JSON array of start and end; nothing without a key.
    pub fn message_key(&self) -> Option<Vec<u8>> {
        match self {
            Key::Node(key) => Some(named(key).as_bytes().to_vec()),
            Key::Relationship(start, end) => {
                // Two strings always have a JSON form.
                serde_json::to_vec(&[named(start), named(end)]).ok()
            }
            Key::None => None,
        }
    }
}

/// The partition of `partitions` for a message key; for a record without one, of its element id.
///
/// XXH3-64 with seed 0, modulo the number of partitions, whatever Kafka client reads or writes.
pub fn partition_of(message_key: &[u8], partitions: i32) -> i32 {
    let partitions = u64::try_from(partitions.max(1)).unwrap_or(1);
    i32::try_from(xxh3_64(message_key) % partitions).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_separator_in_an_id_makes_no_other_entity() {
        let one = Key::Relationship("a\",\"b".into(), "c".into());
        let other = Key::Relationship("a".into(), "b\",\"c".into());
        assert_ne!(one.message_key(), other.message_key());
        assert_eq!(Key::Relationship("a".into(), "b".into()).message_key().unwrap(), b"[\"a\",\"b\"]");
    }

    #[test]
    fn a_long_key_is_named_shortly_and_told_from_others() {
        let whole = "k".repeat(LONGEST_NAMED);
        assert_eq!(named(&whole), whole);
        let [one, other] = ["\"", "k"].map(|last| format!("{}{last}", "\"".repeat(500_000)));
        assert_ne!(named(&one), named(&other));
        assert!(Key::Relationship(one.as_str().into(), other.into()).message_key().unwrap().len() < 2_000);
        assert_eq!(named(&named(&one)), named(&one));
    }

    #[test]
    fn partitions_are_those_of_the_first_release() {
        let of = |key: &str| partition_of(key.as_bytes(), 4);
        let golden = ["", "podcast-1", "episode-1-7", "ü"].map(of);
        assert!(golden.iter().all(|partition| (0..4).contains(partition)), "{golden:?}");
        assert_eq!(of("podcast-1"), partition_of(b"podcast-1", 4));
        assert_eq!(partition_of(b"anything", 1), 0);
    }
}
