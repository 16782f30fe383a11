//! Nodes of the source that would not come to the target, by digests: the ends that relationships would miss.

use std::collections::HashSet;

use crate::record::Canonical;

/// Their digests, 16 bytes each. No more of them than there are dead letters.
#[derive(Debug, Default)]
pub(super) struct DeadNodes(HashSet<u128>);

impl DeadNodes {
    /// Adds some.
    pub(super) fn add(&mut self, digests: Vec<u128>) {
        self.0.extend(digests);
    }

    /// Whether the node is one of them.
    pub(super) fn contains(&self, label: &str, key: &str, canonical: &mut Canonical) -> bool {
        !self.0.is_empty() && self.0.contains(&digest(label, key, canonical))
    }
}

/// The digest of a node.
pub(super) fn digest(label: &str, key: &str, canonical: &mut Canonical) -> u128 {
    canonical.clear();
    canonical.text(label);
    canonical.text(key);
    canonical.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_label_is_another_node() {
        let mut canonical = Canonical::default();
        let mut dead = DeadNodes::default();
        assert!(!dead.contains("A", "k", &mut canonical));
        dead.add(vec![digest("A", "k", &mut canonical)]);
        assert!(dead.contains("A", "k", &mut canonical));
        assert!(!dead.contains("B", "k", &mut canonical) && !dead.contains("", "Ak", &mut canonical));
    }
}
