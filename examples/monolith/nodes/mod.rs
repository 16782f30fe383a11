//! The node types, one file each.

pub mod entity;
pub mod episode;
pub mod insight;
pub mod podcast;
pub mod potential_connection;
pub mod quote;
pub mod segment;
pub mod speaker;
pub mod topic;

use crate::graph::Node;
use crate::plan::Random;

/// A node of the label, now and then with a further one that no pipeline declares.
fn labelled(label: &'static str, random: &mut Random) -> Node {
    let mut node = Node::new(label);
    if random.chance(2) {
        node.labels.push(random.pick(&["Featured", "Archived", "Editor's Choice"]));
    }
    node
}
