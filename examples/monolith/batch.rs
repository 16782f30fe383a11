//! A batch: fragments turned into rows, grouped so that each group is one statement.
//!
//! Healthy nodes and relationships are many and alike: their rows are lists, for statements that name every property. What
//! is planted is few and various, and every further statement costs the server more than a slow one does: there a handful
//! of statements takes any label, type and property from the row.

use std::collections::BTreeMap;
use std::mem;

use neo4rs::{BoltList, BoltMap, BoltType};

use crate::graph::{End, Fragment, Node, Properties, Relationship, Value};

/// Fewer rows than this are not worth a statement of their own.
const FEW: usize = 200;

/// Rows that are written in one transaction. Fragments are never divided between two.
#[derive(Debug, Default)]
pub struct Batch {
    pub nodes: BTreeMap<NodeShape, Vec<Vec<Value>>>,
    pub relationships: BTreeMap<RelationshipShape, Vec<Keyed>>,
    pub various: Various,
    pub rows: usize,
    /// Roughly what it takes on the wire.
    pub bytes: usize,
    next_ticket: i64,
}

/// Nodes that one statement can create: alike, and without a relationship in this batch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeShape {
    label: &'static str,
    columns: Vec<&'static str>,
}

/// Relationships that one statement can create: their ends have a key, by which they are found. Rows begin with both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelationshipShape {
    kind: &'static str,
    start: &'static str,
    end: &'static str,
    columns: Vec<&'static str>,
}

/// The keys of both ends, and the values of the columns.
#[derive(Debug, PartialEq)]
pub struct Keyed {
    from: Value,
    to: Value,
    values: Vec<Value>,
}

/// Whatever else there is. A node has a ticket, for which the server gives an element id, by which it is found.
#[derive(Debug, Default)]
pub struct Various {
    /// Ticket, labels, properties.
    pub nodes: Vec<[Value; 3]>,
    /// Of nodes that are there already: ticket and key, by label.
    pub hosts: BTreeMap<&'static str, Vec<[Value; 2]>>,
    /// Ticket, property, text of a zoned datetime.
    pub zoned: Vec<[Value; 3]>,
    /// Tickets of start and end, type, properties.
    pub relationships: Vec<[Value; 4]>,
}

impl Batch {
    pub fn add(&mut self, fragment: Fragment) {
        let first_ticket = self.next_ticket;
        let (nodes, relationships) = (fragment.nodes.len(), fragment.relationships.len());
        self.next_ticket += nodes as i64;
        for (ticket, node) in (first_ticket..).zip(fragment.nodes) {
            let is_alone = nodes == 1 && relationships == 0;
            if is_alone && is_plain(&node) { self.add_plain_node(node) } else { self.add_node(node, ticket) }
        }
        for relationship in fragment.relationships {
            let Relationship { kind, start, end, properties, .. } = relationship;
            match (start, end) {
                (End::Keyed(start, from), End::Keyed(end, to)) if nodes == 0 => {
                    let (columns, values) = self.columns_and_values(properties);
                    let shape = RelationshipShape { kind, start, end, columns };
                    let row = Keyed { from: from.into(), to: to.into(), values };
                    self.relationships.entry(shape).or_default().push(row);
                }
                (start, end) => {
                    let (start, end) = (self.ticket(start, first_ticket), self.ticket(end, first_ticket));
                    let row = [start, end, kind.into(), map(properties)];
                    self.count(&row);
                    self.various.relationships.push(row);
                }
            }
        }
    }

    /// What is alike but few goes with what is various.
    pub fn with_the_few_among_various(mut self) -> Self {
        for (NodeShape { label, columns }, rows) in take_few(&mut self.nodes) {
            for row in rows {
                let ticket = self.next_ticket();
                self.various.nodes.push([ticket, vec![label].into(), map(columns.iter().copied().zip(row))]);
            }
        }
        for (RelationshipShape { kind, start, end, columns }, rows) in take_few(&mut self.relationships) {
            for Keyed { from, to, values } in rows {
                let (start, end) = (self.host(start, from), self.host(end, to));
                let properties = map(columns.iter().copied().zip(values));
                self.various.relationships.push([start, end, kind.into(), properties]);
            }
        }
        self
    }

    fn add_plain_node(&mut self, node: Node) {
        let (columns, row) = self.columns_and_values(node.properties);
        let shape = NodeShape { label: node.labels[0], columns };
        self.nodes.entry(shape).or_default().push(row);
    }

    fn add_node(&mut self, node: Node, ticket: i64) {
        let (zoned, plain): (Properties, Properties) =
            node.properties.into_iter().partition(|(_, value)| zoned_text(value).is_some());
        let zoned = zoned
            .into_iter()
            .filter_map(|(name, value)| Some([ticket.into(), name.into(), zoned_text(&value)?.clone()]));
        self.various.zoned.extend(zoned);
        let labels = list(node.labels.into_iter().map(Value::from).collect());
        let row = [ticket.into(), labels, map(plain)];
        self.count(&row);
        self.various.nodes.push(row);
    }

    fn ticket(&mut self, end: End, first_ticket: i64) -> Value {
        match end {
            End::Here(place) => (first_ticket + place as i64).into(),
            End::Keyed(label, key) => self.host(label, key.into()),
        }
    }

    /// The ticket of a node that is there already.
    fn host(&mut self, label: &'static str, key: Value) -> Value {
        let ticket = self.next_ticket();
        self.various.hosts.entry(label).or_default().push([ticket.clone(), key]);
        ticket
    }

    fn next_ticket(&mut self) -> Value {
        self.next_ticket += 1;
        (self.next_ticket - 1).into()
    }

    fn columns_and_values(&mut self, properties: Properties) -> (Vec<&'static str>, Vec<Value>) {
        let (columns, values): (Vec<_>, Vec<_>) = properties.into_iter().unzip();
        self.count(&values);
        (columns, values)
    }

    fn count(&mut self, row: &[Value]) {
        self.rows += 1;
        self.bytes += row.iter().map(weight).sum::<usize>();
    }
}

/// Whether it is one of many of its kind.
fn is_plain(node: &Node) -> bool {
    node.labels.len() == 1 && node.properties.iter().all(|(_, value)| zoned_text(value).is_none())
}

impl From<Keyed> for Vec<Value> {
    fn from(row: Keyed) -> Self {
        [row.from, row.to].into_iter().chain(row.values).collect()
    }
}

impl NodeShape {
    pub fn statement(&self) -> String {
        let properties = assignments(&self.columns, 0);
        format!("UNWIND $rows AS r CREATE (:{} {{{properties}}})", quoted(self.label))
    }
}

impl RelationshipShape {
    pub fn statement(&self) -> String {
        let (start, end, kind) = (quoted(self.start), quoted(self.end), quoted(self.kind));
        let properties = assignments(&self.columns, 2);
        format!(
            "UNWIND $rows AS r MATCH (a:{start} {{id: r[0]}}) MATCH (b:{end} {{id: r[1]}}) \
             CREATE (a)-[:{kind} {{{properties}}}]->(b)"
        )
    }
}

impl Various {
    /// Creates nodes; returns ticket and element id of each.
    pub const NODES: &str =
        "UNWIND $rows AS r CREATE (n:$(r[1])) SET n = r[2] RETURN r[0] AS ticket, elementId(n) AS id";
    /// Sets zoned datetimes. The driver could not send those of an hour that is repeated.
    pub const ZONED: &str =
        "UNWIND $rows AS r MATCH (n) WHERE elementId(n) = r[0] SET n[r[1]] = datetime(r[2])";
    pub const RELATIONSHIPS: &str = "UNWIND $rows AS r MATCH (a) WHERE elementId(a) = r[0] \
                                     MATCH (b) WHERE elementId(b) = r[1] CREATE (a)-[x:$(r[2])]->(b) SET x = r[3]";

    /// Finds nodes of the label; returns ticket and element id of each.
    pub fn hosts(label: &str) -> String {
        let label = quoted(label);
        format!("UNWIND $rows AS r MATCH (n:{label} {{id: r[1]}}) RETURN r[0] AS ticket, elementId(n) AS id")
    }
}

/// `name: r[place]` for each column.
fn assignments(columns: &[&str], first: usize) -> String {
    let assigned = (first..).zip(columns).map(|(place, name)| format!("{}: r[{place}]", quoted(name)));
    assigned.collect::<Vec<_>>().join(", ")
}

/// The text that the server makes a datetime of.
fn zoned_text(value: &Value) -> Option<&Value> {
    match value {
        BoltType::Map(map) => map.value.get("datetime"),
        _ => None,
    }
}

/// A name as Cypher takes it. Inside backticks `\u0060` would still be decoded, so no backslash stays.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\u005C").replace('`', "``"))
}

pub fn list(values: Vec<Value>) -> Value {
    BoltType::List(BoltList { value: values })
}

fn map(properties: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let value = properties.into_iter().map(|(name, value)| (name.into(), value)).collect();
    BoltType::Map(BoltMap { value })
}

/// Takes the groups out that have few rows.
fn take_few<Shape: Ord, Row>(groups: &mut BTreeMap<Shape, Vec<Row>>) -> BTreeMap<Shape, Vec<Row>> {
    let (few, many) = mem::take(groups).into_iter().partition(|(_, rows)| rows.len() < FEW);
    *groups = many;
    few
}

fn weight(value: &Value) -> usize {
    match value {
        BoltType::String(text) => text.value.len() + 5,
        BoltType::List(items) => items.value.iter().map(weight).sum::<usize>() + 5,
        BoltType::Map(map) => map.value.values().map(weight).sum::<usize>() + 20 * map.value.len(),
        _ => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Carries;
    use crate::moments;

    #[test]
    fn what_is_alike_goes_in_one_statement() {
        let mut batch = Batch::default();
        let host = |key: &str| End::Keyed("A`B", key.to_owned());
        for key in ["one", "two"] {
            batch.add(Fragment::of_node(Node::new("A`B").with("id", key)));
            let relationship = Relationship::new("T\\u0060", &host(key), &host("one")).with("since", 1);
            batch.add(Fragment::of_relationship(relationship));
        }
        let nodes: Vec<String> = batch.nodes.keys().map(NodeShape::statement).collect();
        assert_eq!(nodes, ["UNWIND $rows AS r CREATE (:`A``B` {`id`: r[0]})"]);
        let relationships: Vec<String> =
            batch.relationships.keys().map(RelationshipShape::statement).collect();
        assert_eq!(
            relationships,
            ["UNWIND $rows AS r MATCH (a:`A``B` {id: r[0]}) MATCH (b:`A``B` {id: r[1]}) \
              CREATE (a)-[:`T\\u005Cu0060` {`since`: r[2]}]->(b)"]
        );
        assert_eq!(batch.rows, 4);

        let batch = batch.with_the_few_among_various();
        assert!(batch.nodes.is_empty() && batch.relationships.is_empty());
        assert_eq!(batch.various.hosts["A`B"].len(), 4);
        assert_eq!((batch.various.nodes.len(), batch.various.relationships.len()), (2, 2));
    }

    #[test]
    fn a_node_without_a_key_is_found_by_its_ticket() {
        let mut fragment = Fragment::default();
        let at = moments::repeated_hour();
        let node = fragment.add(Node::new("Thing").with("id", None::<bool>).with("at", at));
        let host = End::Keyed("Host", "h".to_owned());
        fragment.relationships.push(Relationship::new("T", &host, &node));
        let mut batch = Batch::default();
        batch.add(Fragment::default());
        batch.add(fragment);
        let Various { nodes, hosts, zoned, relationships } = &batch.various;
        assert_eq!((nodes.len(), nodes[0][0].clone()), (1, Value::from(0)));
        assert_eq!(hosts["Host"], [[Value::from(1), Value::from("h")]]);
        assert_eq!(zoned[0][..2], [Value::from(0), Value::from("at")]);
        assert_eq!(relationships[0][..3], [Value::from(1), Value::from(0), Value::from("T")]);
        assert_eq!(batch.rows, 2);
    }
}
