//! The write statements of a pipeline, generated once: rows as positional lists, one SET per property.
//!
//! What the statement looks like decides the speed (facts: lists 39,000 new nodes a second on one connection
//! against 27,000 for maps, CREATE 54,000; existing nodes 85,000 against 53,000).

use super::rows::Form;
use crate::error::Result;
use crate::neo4j::{Quoted, between, quote};

/// What a pipeline writes to.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// Nodes: label, key property and the slot of the contract that holds it.
    Node { label: Quoted, key: Quoted, key_slot: usize },
    /// Relationships: type, then label and key property of both ends.
    Relationship { kind: Quoted, start: (Quoted, Quoted), end: (Quoted, Quoted) },
}

/// Generates the statements of a pipeline.
#[derive(Debug, Clone)]
pub(super) struct Statements {
    target: Target,
    /// Properties in the order of the contract.
    properties: Vec<Quoted>,
}

/// How nodes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The label was empty when loading began: the key's constraint refuses what is there already, and then
    /// the batch is merged instead.
    Create,
    /// Found by key or made.
    Merge,
}

impl Statements {
    pub(super) fn new(target: Target, properties: &[&str]) -> Result<Self> {
        let properties = properties.iter().map(|property| quote(property)).collect::<Result<_>>()?;
        Ok(Self { target, properties })
    }

    /// Writes `$rows` and returns how many it wrote. A node's row is its contract's slots, then `migrated_at`;
    /// a relationship's row is both keys, its number among the rows, then the slots. What the form keeps follows: a map of properties, then
    /// those that a map can't carry.
    pub(super) fn write(&self, mode: Mode, form: &Form) -> Result<String> {
        let labels = form.labels.iter().map(|label| quote(label)).collect::<Result<Vec<_>>>()?;
        let (text, variable, slots) = match &self.target {
            Target::Node { label, key, key_slot } => {
                let text = match mode {
                    Mode::Create => self.create_node(label, &labels),
                    Mode::Merge => self.merge_node(label, key, *key_slot, &labels),
                };
                (text, "n", self.properties.len() + 1)
            }
            Target::Relationship { kind, start, end } => {
                (self.merge_relationship(kind, start, end), "x", self.properties.len() + 3)
            }
        };
        let kept = kept(form, variable, slots)?;
        let written = match &self.target {
            Target::Node { .. } => "count(*)",
            // Where others have made parallel ones, a row comes to several of them.
            Target::Relationship { .. } => "count(DISTINCT r[2])",
        };
        Ok(format!("UNWIND $rows AS r {text}{kept} RETURN [{written}] AS row"))
    }

    fn create_node(&self, label: &Quoted, labels: &[Quoted]) -> String {
        let slots =
            self.properties.iter().enumerate().map(|(slot, property)| format!("{property}: r[{slot}]"));
        let stamp = self.properties.len();
        let properties = slots.collect::<Vec<_>>().join(", ");
        let labels = labels.iter().map(|label| format!(":{label}")).collect::<String>();
        format!(
            "CREATE (n:{label}{labels} {{{properties}, schema_version: $schema_version, migrated_at: r[{stamp}]}})"
        )
    }

    fn merge_node(&self, label: &Quoted, key: &Quoted, key_slot: usize, labels: &[Quoted]) -> String {
        let slots = self.properties.iter().enumerate().filter(|(slot, _)| *slot != key_slot);
        let set = slots.map(|(slot, property)| format!("n.{property} = r[{slot}], ")).collect::<String>();
        let stamp = self.properties.len();
        let labels = labels.iter().map(|label| format!(" SET n:{label}")).collect::<String>();
        format!(
            "MERGE (n:{label} {{{key}: r[{key_slot}]}}) \
             SET {set}n.schema_version = $schema_version, n.migrated_at = r[{stamp}]{labels}"
        )
    }

    fn merge_relationship(
        &self,
        kind: &Quoted,
        (start, start_key): &(Quoted, Quoted),
        (end, end_key): &(Quoted, Quoted),
    ) -> String {
        let slots = self.properties.iter().enumerate();
        let set = slots
            .map(|(slot, property)| format!("x.{property} = r[{}]", slot + 3))
            .collect::<Vec<_>>()
            .join(", ");
        let set = if set.is_empty() { set } else { format!(" SET {set}") };
        format!(
            "MATCH (a:{start} {{{start_key}: r[0]}}) MATCH (b:{end} {{{end_key}: r[1]}}) \
             MERGE (a)-[x:{kind}]->(b){set}"
        )
    }

    /// Takes zeros of the other sign out of what is there, so that those of the rows are written: Neo4j (5.26) leaves a
    /// property alone where the new value equals the old one, and −0.0 equals 0.0. `$rows` are keys, then the names of
    /// the properties that become 0.0, then of those that become −0.0.
    pub(super) fn clear_zeros(&self) -> String {
        let (find, found, keys) = match &self.target {
            Target::Node { label, key, .. } => (format!("MATCH (n:{label} {{{key}: r[0]}})"), "n", 1),
            Target::Relationship { kind, start: (start, start_key), end: (end, end_key) } => {
                let ends =
                    format!("MATCH (a:{start} {{{start_key}: r[0]}}) MATCH (b:{end} {{{end_key}: r[1]}})");
                (format!("{ends} {}", between("x", kind)), "x", 2)
            }
        };
        let of_sign = |slot: usize, sign: &str| {
            format!(
                "[name IN r[{slot}] WHERE CASE WHEN {found}[name] = 0 THEN 1.0 / toFloat({found}[name]) {sign} 0 \
                 ELSE false END]"
            )
        };
        format!(
            "UNWIND $rows AS r {find} UNWIND {} + {} AS name SET {found}[name] = null",
            of_sign(keys, "<"),
            of_sign(keys + 1, ">")
        )
    }

    /// Of keys with times of reading in `$rows` (microseconds since 1970), those whose node was read later: `[index]`.
    pub(super) fn read_later(&self) -> Option<String> {
        let Target::Node { label, key, .. } = &self.target else { return None };
        Some(format!(
            "UNWIND range(0, size($rows) - 1) AS i WITH i, $rows[i] AS r \
             MATCH (n:{label} {{{key}: r[0]}}) WHERE n.migrated_at > \
             datetime({{epochSeconds: r[1] / 1000000, nanosecond: (r[1] % 1000000) * 1000}}) RETURN [i] AS row"
        ))
    }

    /// Of pairs of keys in `$rows`, those without a start or end: `[index, start found, end found]`.
    pub(super) fn missing_ends(&self) -> Option<String> {
        let Target::Relationship { start: (start, start_key), end: (end, end_key), .. } = &self.target else {
            return None;
        };
        Some(format!(
            "UNWIND range(0, size($rows) - 1) AS i WITH i, $rows[i] AS r \
             OPTIONAL MATCH (a:{start} {{{start_key}: r[0]}}) OPTIONAL MATCH (b:{end} {{{end_key}: r[1]}}) \
             WITH i, a, b WHERE a IS NULL OR b IS NULL RETURN [i, a IS NOT NULL, b IS NOT NULL] AS row"
        ))
    }
}

/// Sets what a form keeps.
pub(super) fn kept(form: &Form, variable: &str, slot: usize) -> Result<String> {
    if !form.kept {
        return Ok(String::new());
    }
    let mut text = format!(" SET {variable} += r[{slot}]");
    for (at, (name, encoding)) in form.apart.iter().enumerate() {
        let value = encoding.expression(&format!("r[{}]", slot + 1 + at));
        text.push_str(&format!(" SET {variable}.{} = {value}", quote(name)?));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neo4j::Encoding;

    #[test]
    fn statements_are_positional_and_quoted() {
        let node = Target::Node { label: quote("A`b").unwrap(), key: quote("id").unwrap(), key_slot: 0 };
        let statements = Statements::new(node, &["id", "title"]).unwrap();
        let extra = Form { labels: vec!["X".into()], ..Form::default() };
        assert_eq!(
            statements.write(Mode::Merge, &extra).unwrap(),
            "UNWIND $rows AS r MERGE (n:`A``b` {`id`: r[0]}) SET n.`title` = r[1], n.schema_version = $schema_version, \
             n.migrated_at = r[2] SET n:`X` RETURN [count(*)] AS row"
        );
        let kept = Form { kept: true, apart: vec![("at".into(), Encoding::DateTime)], ..extra };
        assert_eq!(
            statements.write(Mode::Create, &kept).unwrap(),
            "UNWIND $rows AS r CREATE (n:`A``b`:`X` {`id`: r[0], `title`: r[1], schema_version: $schema_version, \
             migrated_at: r[2]}) SET n += r[3] SET n.`at` = datetime(r[4]) RETURN [count(*)] AS row"
        );
    }

    #[test]
    fn a_relationship_without_properties_sets_nothing() {
        let end = |label| (quote(label).unwrap(), quote("id").unwrap());
        let target = Target::Relationship { kind: quote("T").unwrap(), start: end("A"), end: end("B") };
        let statements = Statements::new(target, &[]).unwrap();
        assert_eq!(
            statements.write(Mode::Merge, &Form::default()).unwrap(),
            "UNWIND $rows AS r MATCH (a:`A` {`id`: r[0]}) MATCH (b:`B` {`id`: r[1]}) MERGE (a)-[x:`T`]->(b) \
             RETURN [count(DISTINCT r[2])] AS row"
        );
        assert!(statements.missing_ends().is_some());
        assert_eq!(
            statements.clear_zeros(),
            "UNWIND $rows AS r MATCH (a:`A` {`id`: r[0]}) MATCH (b:`B` {`id`: r[1]}) \
             WITH *, 0 AS both_found MATCH (a)-[x:`T`]->(b) UNWIND \
             [name IN r[2] WHERE CASE WHEN x[name] = 0 THEN 1.0 / toFloat(x[name]) < 0 ELSE false END] + \
             [name IN r[3] WHERE CASE WHEN x[name] = 0 THEN 1.0 / toFloat(x[name]) > 0 ELSE false END] AS name \
             SET x[name] = null"
        );
    }
}
