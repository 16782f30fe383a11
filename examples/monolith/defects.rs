//! What can be wrong with a node or relationship, declared: a name, what becomes of it, and the change that makes it so.

use neo4rs::BoltType;
use regraft::record::Reason::{self, MissingKey, TooLarge, UnknownProperty};

use crate::graph::{Carries, Node, Outcome, Value};
use crate::kinds::NODES;
use crate::moments;
use crate::plan::{Plan, Random};
use crate::prose;

/// Clearly over Regraft's default record limit of 1,000,000 bytes.
pub const OVER_THE_LIMIT: usize = 1_100_000;
/// Clearly under it.
pub const UNDER_THE_LIMIT: usize = 900_000;
/// Clearly over what Neo4j's range indexes take, which is some 8,160 bytes.
pub const OVER_AN_INDEX: usize = 9_000;
/// Clearly under it.
pub const UNDER_AN_INDEX: usize = 8_000;

/// One way of being wrong, or of being odd and still right.
pub struct Defect<T> {
    /// Stands in the key of what is planted, so that a dead letter says what it was planted for.
    pub name: &'static str,
    pub outcome: Outcome,
    /// Makes it so; the number of the copy lets keys differ.
    pub change: fn(&mut T, u64),
    heavy: bool,
}

/// Becomes a dead letter.
pub const fn wrong<T>(name: &'static str, reason: Reason, change: fn(&mut T, u64)) -> Defect<T> {
    Defect { name, outcome: Outcome::DeadLetter(reason), change, heavy: false }
}

/// Is loaded, though careless code would refuse it.
pub const fn odd<T>(name: &'static str, change: fn(&mut T, u64)) -> Defect<T> {
    Defect { name, outcome: Outcome::Loaded, change, heavy: false }
}

impl<T> Defect<T> {
    /// Planted a few times only, whatever the size of the graph.
    pub const fn heavy(mut self) -> Self {
        self.heavy = true;
        self
    }

    /// The numbers of its copies.
    pub fn copies(&self, plan: &Plan) -> std::ops::Range<u64> {
        0..if self.heavy { plan.few_copies() } else { plan.copies() }
    }
}

/// What can be wrong with any node.
pub static OF_ANY_NODE: &[Defect<Node>] = &[
    odd("nothing", |_, _| {}),
    wrong("key-absent", MissingKey, |n, _| n.remove("id")),
    wrong("key-blank", MissingKey, |n, copy| n.set("id", blank(copy))),
    wrong("key-integer", MissingKey, |n, copy| n.set("id", copy as i64)),
    wrong("key-float", MissingKey, |n, copy| n.set("id", copy as f64 + 0.5)),
    wrong("key-list", MissingKey, |n, copy| n.set("id", vec![format!("a key {copy}")])),
    wrong("key-datetime", MissingKey, |n, copy| n.set("id", moments::local(copy as i64))),
    wrong("key-date", MissingKey, |n, copy| n.set("id", moments::local(86_400 * copy as i64).date())),
    wrong("key-duration", MissingKey, |n, copy| n.set("id", moments::span(0, 0, copy as i64, 0))),
    wrong("key-bytes", MissingKey, |n, copy| n.set("id", bytes(copy))),
    wrong("key-absent-and-unknown-property", MissingKey, |n, _| {
        n.remove("id");
        n.set("left over", 1);
    }),
    wrong("over-the-limit", TooLarge, |n, copy| lengthen(n, copy, OVER_THE_LIMIT)).heavy(),
    odd("under-the-limit", |n, copy| lengthen(n, copy, UNDER_THE_LIMIT)).heavy(),
    wrong("unknown-property", UnknownProperty, |n, _| n.set("left over", 3)),
    wrong("unknown-property-of-another-case", UnknownProperty, |n, _| n.set("Id", "another")),
    wrong("unknown-property-oddly-named", UnknownProperty, |n, _| {
        n.set("o`d\\u0060 \"na'me\"\n", vec![1_i64])
    }),
    wrong("unknown-property-of-the-target", UnknownProperty, |n, _| n.set("schema_version", "1.1.0")),
    wrong("unknown-property-and-nothing-else", UnknownProperty, |n, _| {
        n.properties.retain(|(name, _)| *name == "id");
        n.set("left over", "alone");
    }),
    odd("further-labels", |n, _| n.labels.extend(["Back`tick", "\\u0060 \"quoted\"\nlabel", "LABEL"])),
];

/// A blank key. No two are equal, since the uniqueness constraint also holds for them.
pub fn blank(copy: u64) -> String {
    // White space in the sense of Unicode, not only of ASCII.
    const DIGITS: [char; 4] = [' ', '\t', '\u{a0}', '\u{2003}'];
    let mut blank = String::new();
    let mut rest = copy;
    while rest > 0 {
        blank.push(DIGITS[(rest % 4) as usize]);
        rest /= 4;
    }
    blank
}

/// A list of floats one of which is none.
pub fn floats_with(odd_one: f64) -> Value {
    vec![0.5, odd_one, -0.25].into()
}

/// A text of exactly so many bytes, not the same in two copies.
pub fn long(copy: u64, bytes: usize) -> String {
    prose::of_bytes(&mut Random::new(copy), bytes)
}

fn bytes(copy: u64) -> Value {
    BoltType::Bytes(neo4rs::BoltBytes::new(copy.to_be_bytes().to_vec().into()))
}

fn lengthen(node: &mut Node, copy: u64, bytes: usize) {
    if let Some(kind) = NODES.iter().find(|kind| node.labels.contains(&kind.label)) {
        node.set(kind.long_text, long(copy, bytes));
    }
}
