//! The vocabulary of the sample: nodes and relationships, each with what is to become of it.

use neo4rs::BoltType;
use regraft::record::Reason;

/// A property's value, as it goes over the wire. A map, which Neo4j can't store, stands for the zoned datetime
/// that the server makes of the text in it.
pub type Value = BoltType;

/// What becomes of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Loaded,
    /// A parallel relationship equal to one that goes on.
    Merged,
    DeadLetter(Reason),
}

/// What becomes of a node or relationship in one of the pipelines that read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    pub pipeline: &'static str,
    pub outcome: Outcome,
}

/// A node. One that no pipeline reads expects nothing, one with two declared labels expects two outcomes.
#[derive(Debug, Clone)]
pub struct Node {
    pub labels: Vec<&'static str>,
    pub properties: Vec<(&'static str, Value)>,
    pub expected: Vec<Expected>,
}

impl Node {
    pub fn new(label: &'static str) -> Self {
        Self { labels: vec![label], properties: Vec::new(), expected: Vec::new() }
    }

    /// Adds a property. Null is written as absent; it keeps the rows of a type alike, which is what makes them
    /// go in one statement.
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.properties.push((name, value.into()));
        self
    }

    pub fn expecting(mut self, pipeline: &'static str, outcome: Outcome) -> Self {
        self.expected.push(Expected { pipeline, outcome });
        self
    }

    /// Gives a property another value, or adds it.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        let value = value.into();
        match self.properties.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.properties.push((name, value)),
        }
    }

    pub fn remove(&mut self, name: &'static str) {
        self.set(name, None::<bool>);
    }

    /// The key, if it is one: a string that is not blank.
    pub fn usable_key(&self) -> Option<&str> {
        match self.properties.iter().find(|(name, _)| *name == "id") {
            Some((_, Value::String(key))) if !key.value.trim().is_empty() => Some(&key.value),
            _ => None,
        }
    }

    fn is_dead_lettered(&self) -> bool {
        self.expected.iter().any(|expected| matches!(expected.outcome, Outcome::DeadLetter(_)))
    }
}

/// One end of a relationship.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// A healthy node written earlier, by label and key.
    Keyed(&'static str, String),
    /// A node of the same fragment, by its place there. This way a node without a key can have relationships.
    Here(usize),
}

#[derive(Debug, Clone)]
pub struct Relationship {
    pub kind: &'static str,
    pub start: End,
    pub end: End,
    pub properties: Vec<(&'static str, Value)>,
    pub expected: Vec<Expected>,
}

impl Relationship {
    pub fn new(kind: &'static str, start: &End, end: &End) -> Self {
        Self { kind, start: start.clone(), end: end.clone(), properties: Vec::new(), expected: Vec::new() }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.properties.push((name, value.into()));
        self
    }

    pub fn expecting(mut self, pipeline: &'static str, outcome: Outcome) -> Self {
        self.expected.push(Expected { pipeline, outcome });
        self
    }
}

/// A piece of the graph that is written together: one healthy entity, or a defect with all that it drags along.
#[derive(Debug, Clone, Default)]
pub struct Fragment {
    pub nodes: Vec<Node>,
    pub relationships: Vec<Relationship>,
}

/// The pieces of a type, generated as they are taken.
pub type Fragments<'p> = Box<dyn Iterator<Item = Fragment> + 'p>;

impl Fragment {
    pub fn of_node(node: Node) -> Self {
        Self { nodes: vec![node], relationships: Vec::new() }
    }

    pub fn of_relationship(relationship: Relationship) -> Self {
        Self { nodes: Vec::new(), relationships: vec![relationship] }
    }

    pub fn add(&mut self, node: Node) -> End {
        self.nodes.push(node);
        End::Here(self.nodes.len() - 1)
    }

    /// What becomes of a relationship that has nothing wrong itself.
    pub fn consequence(&self, start: &End, end: &End) -> Outcome {
        let ends = || [start, end].into_iter().filter_map(|end| self.node(end));
        if ends().any(|node| node.usable_key().is_none()) {
            Outcome::DeadLetter(Reason::MissingKey)
        } else if ends().any(Node::is_dead_lettered) {
            Outcome::DeadLetter(Reason::EndpointMissing)
        } else {
            Outcome::Loaded
        }
    }

    /// The labels of an end.
    pub fn labels(&self, end: &End) -> Vec<&'static str> {
        match end {
            End::Keyed(label, _) => vec![label],
            End::Here(_) => self.node(end).map(|node| node.labels.clone()).unwrap_or_default(),
        }
    }

    fn node(&self, end: &End) -> Option<&Node> {
        match end {
            End::Keyed(..) => None,
            End::Here(place) => self.nodes.get(*place),
        }
    }
}
