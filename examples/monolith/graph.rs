//! The vocabulary of the sample: nodes and relationships, each with what is to become of it.

use neo4rs::BoltType;
use regraft::record::Reason;

/// A property's value, as it goes over the wire. A map, which Neo4j can't store, stands for the zoned datetime
/// that the server makes of the text in it.
pub type Value = BoltType;

/// Properties by name. Null is written as absent; it keeps the rows of a type alike, which is what makes them go in
/// one statement.
pub type Properties = Vec<(&'static str, Value)>;

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

/// Records that a node's pipeline derives from a node that is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Derived {
    /// The pipeline that they come to.
    pub pipeline: &'static str,
    pub outcome: Outcome,
    pub count: u64,
}

/// A node. One that no pipeline reads expects nothing, one with two declared labels expects two outcomes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Node {
    pub labels: Vec<&'static str>,
    pub properties: Properties,
    pub expected: Vec<Expected>,
    derived: Vec<Derived>,
}

/// What has properties, for what is to be wrong with them.
pub trait Carries: Sized {
    fn properties_mut(&mut self) -> &mut Properties;

    /// Adds a property.
    fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.properties_mut().push((name, value.into()));
        self
    }

    /// Gives a property another value, or adds it.
    fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        let value = value.into();
        let properties = self.properties_mut();
        match properties.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => properties.push((name, value)),
        }
    }

    fn remove(&mut self, name: &'static str) {
        self.set(name, None::<bool>);
    }
}

impl Carries for Node {
    fn properties_mut(&mut self) -> &mut Properties {
        &mut self.properties
    }
}

impl Node {
    pub fn new(label: &'static str) -> Self {
        Self { labels: vec![label], ..Self::default() }
    }

    pub fn expecting(mut self, pipeline: &'static str, outcome: Outcome) -> Self {
        self.expected.push(Expected { pipeline, outcome });
        self
    }

    /// Says what is derived of it, should it be loaded: so many records for a pipeline, in place of what was said before.
    pub fn derives(&mut self, pipeline: &'static str, loaded: u64) {
        self.derived.clear();
        self.also_derives(pipeline, Outcome::Loaded, loaded);
    }

    /// The same beside what was said before.
    pub fn also_derives(&mut self, pipeline: &'static str, outcome: Outcome, count: u64) {
        self.derived.push(Derived { pipeline, outcome, count });
    }

    /// What is derived of it: nothing where it is not loaded.
    pub fn derived(&self) -> &[Derived] {
        if self.is_dead_lettered() { &[] } else { &self.derived }
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

#[derive(Debug, Clone, PartialEq)]
pub struct Relationship {
    pub kind: &'static str,
    pub start: End,
    pub end: End,
    pub properties: Properties,
    pub expected: Vec<Expected>,
}

impl Carries for Relationship {
    fn properties_mut(&mut self) -> &mut Properties {
        &mut self.properties
    }
}

impl Relationship {
    pub fn new(kind: &'static str, start: &End, end: &End) -> Self {
        Self { kind, start: start.clone(), end: end.clone(), properties: Vec::new(), expected: Vec::new() }
    }

    pub fn expecting(mut self, pipeline: &'static str, outcome: Outcome) -> Self {
        self.expected.push(Expected { pipeline, outcome });
        self
    }
}

/// A piece of the graph that is written together: one healthy entity, or a defect with all that it drags along.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fragment {
    pub nodes: Vec<Node>,
    pub relationships: Vec<Relationship>,
}

/// Pieces of the graph, generated as they are taken.
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

    /// Whether a node can be found by its key.
    pub fn has_key(&self, end: &End) -> bool {
        self.node(end).is_none_or(|node| node.usable_key().is_some())
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
