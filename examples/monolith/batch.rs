//! A batch: fragments turned into rows, grouped so that each group is one statement.

use std::collections::BTreeMap;

use neo4rs::{BoltList, BoltMap, BoltType};

use crate::graph::{End, Fragment, Node, Relationship, Value};

/// Rows that are written in one transaction. Fragments are never divided between two.
#[derive(Debug, Default)]
pub struct Batch {
    pub nodes: BTreeMap<NodeShape, Vec<Value>>,
    pub relationships: BTreeMap<RelationshipShape, Vec<Vec<Value>>>,
    pub rows: usize,
    /// Roughly what it takes on the wire.
    pub bytes: usize,
    next_ticket: i64,
}

/// Nodes that one statement can create.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeShape {
    labels: Vec<&'static str>,
    columns: Vec<Column>,
    /// Whether a relationship needs them by ticket. Their rows begin with it and a map of properties: such
    /// nodes are few and various, and each further statement costs the server more than a map does.
    pub referenced: bool,
}

/// Relationships that one statement can create. Their rows begin with start and end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelationshipShape {
    kind: &'static str,
    /// Label of a start that is found by key, nothing for one that is found by element id.
    pub start: Option<&'static str>,
    pub end: Option<&'static str>,
    columns: Vec<Column>,
}

/// A property's name, and whether the server makes datetimes of its values (maps with a text).
type Column = (&'static str, bool);

impl Batch {
    pub fn add(&mut self, fragment: Fragment) {
        let first_ticket = self.next_ticket;
        self.next_ticket += fragment.nodes.len() as i64;
        let is_referenced = |place| {
            let here = End::Here(place);
            fragment.relationships.iter().any(|known| known.start == here || known.end == here)
        };
        let referenced: Vec<bool> = (0..fragment.nodes.len()).map(is_referenced).collect();
        for (place, (node, referenced)) in fragment.nodes.into_iter().zip(referenced).enumerate() {
            self.add_node(node, referenced.then_some(first_ticket + place as i64));
        }
        for relationship in fragment.relationships {
            self.add_relationship(relationship, first_ticket);
        }
    }

    fn add_node(&mut self, node: Node, ticket: Option<i64>) {
        let (columns, row) = match ticket {
            None => self.columns_and_row(node.properties, Vec::new()),
            Some(ticket) => {
                let (zoned, plain): (Vec<_>, Vec<_>) =
                    node.properties.into_iter().partition(|(_, value)| is_zoned(value));
                let plain = plain.into_iter().map(|(name, value)| (name.into(), value)).collect();
                self.columns_and_row(zoned, vec![ticket.into(), BoltType::Map(BoltMap { value: plain })])
            }
        };
        let shape = NodeShape { labels: node.labels, columns, referenced: ticket.is_some() };
        self.nodes.entry(shape).or_default().push(list(row));
    }

    fn add_relationship(&mut self, relationship: Relationship, first_ticket: i64) {
        // Where an end has no label here, its value is a ticket until the node is written.
        let found_by = |end| match end {
            End::Keyed(label, key) => (Some(label), Value::from(key)),
            End::Here(place) => (None, (first_ticket + place as i64).into()),
        };
        let ((start, from), (end, to)) = (found_by(relationship.start), found_by(relationship.end));
        let (columns, row) = self.columns_and_row(relationship.properties, vec![from, to]);
        let shape = RelationshipShape { kind: relationship.kind, start, end, columns };
        self.relationships.entry(shape).or_default().push(row);
    }

    fn columns_and_row(
        &mut self,
        properties: Vec<(&'static str, Value)>,
        mut row: Vec<Value>,
    ) -> (Vec<Column>, Vec<Value>) {
        let columns = properties.iter().map(|(name, value)| (*name, is_zoned(value))).collect();
        row.extend(properties.into_iter().map(|(_, value)| value));
        self.rows += 1;
        self.bytes += row.iter().map(weight).sum::<usize>();
        (columns, row)
    }
}

impl NodeShape {
    /// Creates the nodes; where they are referenced, it returns ticket and element id of each.
    pub fn statement(&self) -> String {
        let labels: String = self.labels.iter().map(|label| format!(":{}", quoted(label))).collect();
        if !self.referenced {
            let properties = assignments(&self.columns, 0, "", ": ").join(", ");
            return format!("UNWIND $rows AS r CREATE (n{labels} {{{properties}}})");
        }
        let mut set = vec!["n = r[1]".to_owned()];
        set.extend(assignments(&self.columns, 2, "n.", " = "));
        let set = set.join(", ");
        format!("UNWIND $rows AS r CREATE (n{labels}) SET {set} RETURN r[0] AS ticket, elementId(n) AS id")
    }
}

impl RelationshipShape {
    pub fn statement(&self) -> String {
        let found = |variable, label: Option<&str>, place| match label {
            Some(label) => format!("MATCH ({variable}:{} {{id: r[{place}]}})", quoted(label)),
            None => format!("MATCH ({variable}) WHERE elementId({variable}) = r[{place}]"),
        };
        let (start, end) = (found("a", self.start, 0), found("b", self.end, 1));
        let properties = assignments(&self.columns, 2, "", ": ").join(", ");
        format!("UNWIND $rows AS r {start} {end} CREATE (a)-[:{} {{{properties}}}]->(b)", quoted(self.kind))
    }
}

/// `name: r[place]` or `n.name = r[place]` for each column.
fn assignments(columns: &[Column], first: usize, before: &str, equals: &str) -> Vec<String> {
    let assigned = columns.iter().enumerate().map(|(place, (name, zoned))| {
        let place = first + place;
        let value = if *zoned { format!("datetime(r[{place}].datetime)") } else { format!("r[{place}]") };
        format!("{before}{}{equals}{value}", quoted(name))
    });
    assigned.collect()
}

/// Whether the server makes a datetime of it.
fn is_zoned(value: &Value) -> bool {
    matches!(value, BoltType::Map(_))
}

/// A name as Cypher takes it. Inside backticks `\u0060` would still be decoded, so no backslash stays.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\u005C").replace('`', "``"))
}

pub fn list(values: Vec<Value>) -> Value {
    BoltType::List(BoltList { value: values })
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
    use crate::moments;

    #[test]
    fn a_node_without_a_key_is_found_by_its_ticket() {
        let mut fragment = Fragment::default();
        let at = moments::repeated_hour();
        let node = fragment.add(Node::new("A`B").with("id", None::<bool>).with("at", at));
        let host = End::Keyed("Host", "h".to_owned());
        fragment.relationships.push(Relationship::new("T", &host, &node));

        let mut batch = Batch::default();
        batch.add(Fragment::of_node(Node::new("Other").with("id", 1)));
        batch.add(fragment);

        let nodes: Vec<String> = batch.nodes.keys().map(NodeShape::statement).collect();
        assert_eq!(
            nodes,
            [
                "UNWIND $rows AS r CREATE (n:`A``B`) SET n = r[1], n.`at` = datetime(r[2].datetime) \
                 RETURN r[0] AS ticket, elementId(n) AS id",
                "UNWIND $rows AS r CREATE (n:`Other` {`id`: r[0]})",
            ]
        );
        let (shape, rows) = batch.relationships.iter().next().unwrap();
        assert_eq!(
            shape.statement(),
            "UNWIND $rows AS r MATCH (a:`Host` {id: r[0]}) MATCH (b) WHERE elementId(b) = r[1] \
             CREATE (a)-[:`T` {}]->(b)"
        );
        assert_eq!(rows[0], [Value::from("h"), Value::from(1)]);
        assert_eq!(batch.rows, 3);
    }
}
