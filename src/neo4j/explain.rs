//! What the server would do with a statement: its kind, its plan, its remarks. Asked by EXPLAIN, which runs nothing.
//!
//! neo4rs receives the plan and has no way to give it out; what its `Debug` shows is read instead. Should another
//! version of it show it otherwise, there is no plan, and a test on a real server says so.

use serde::Serialize;

use super::{Statement, TargetGraph, failure};
use crate::error::Result;

/// What kind of statement the server takes a text for. The kinds can't share a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementKind {
    /// It changes constraints or indexes.
    Schema,
    /// Anything else.
    Data,
}

/// The server's answer to EXPLAIN.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// What kind of statement it is.
    #[serde(skip)]
    pub kind: StatementKind,
    /// Its operators, the outermost first; empty where the plan could not be read.
    pub operators: Vec<Operator>,
    /// The server's remarks: deprecated syntax, labels that are not there, cartesian products …
    pub remarks: Vec<Remark>,
}

/// One operator of a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Operator {
    /// How many operators it stands under.
    pub depth: usize,
    /// Its name: `NodeByLabelScan`.
    pub name: String,
    /// What it works on, as the server writes it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub details: String,
    /// Rows that the server expects it to give.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_rows: Option<f64>,
}

/// A remark of the server on a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// Neo4j's code.
    pub code: String,
    /// In the server's words.
    pub text: String,
}

impl Explained {
    /// Whether the statement commits in batches, so that the server runs it in no transaction of ours. None where the
    /// plan is not known.
    pub fn commits_in_batches(&self) -> Option<bool> {
        let commits = |operator: &Operator| {
            operator.name.starts_with("TransactionForeach") || operator.name.starts_with("TransactionApply")
        };
        (!self.operators.is_empty()).then(|| self.operators.iter().any(commits))
    }

    /// Whether it is about users, rights or databases: the server takes that for a change of the schema.
    pub fn is_administration(&self) -> bool {
        self.operators.iter().any(|operator| operator.name.contains("AdministrationCommand"))
    }

    /// The most rows that the server expects anywhere in the plan: how much is gone through.
    pub fn most_rows(&self) -> Option<f64> {
        self.operators.iter().filter_map(|operator| operator.estimated_rows).reduce(f64::max)
    }
}

impl TargetGraph {
    /// What the server takes `text` for. It plans the statement and does not run it.
    pub async fn explain(&self, text: &str) -> Result<Explained> {
        let mut lease = self.pool.lease().await?;
        let failed = |error| failure::error("the server does not explain the statement", error);
        let explain = lease.query(Statement::new(format!("EXPLAIN {text}")));
        let mut stream = lease.graph()?.execute(explain).await.map_err(failed)?;
        // There are no rows, but only who pulls is told the plan.
        stream.next().await.map_err(failed)?;
        let summary = stream.finish().await.map_err(failed)?;
        lease.clean();
        let kind = match summary.query_type() {
            neo4rs::summary::Type::SchemaOnly => StatementKind::Schema,
            _ => StatementKind::Data,
        };
        let remarks = summary.notifications().iter().map(|remark| Remark {
            code: remark.code.clone().unwrap_or_default(),
            text: remark.description.clone().or_else(|| remark.title.clone()).unwrap_or_default(),
        });
        let mut unique: Vec<Remark> = Vec::new();
        for remark in remarks {
            if !unique.contains(&remark) {
                unique.push(remark);
            }
        }
        Ok(Explained { kind, operators: operators(&format!("{summary:?}")), remarks: unique })
    }
}

/// The operators of the plan in the `Debug` text of a summary.
fn operators(debug: &str) -> Vec<Operator> {
    let mut operators = Vec::new();
    let plan = debug.find(", plan: Some(").and_then(|at| {
        let mut reader = Reader { rest: &debug[at + ", plan: Some(".len()..] };
        reader.value()
    });
    if let Some(plan) = plan {
        collect(&plan, 0, &mut operators);
    }
    operators
}

fn collect(plan: &Shown, depth: usize, operators: &mut Vec<Operator>) {
    let Some(Shown::Text(name)) = plan.get("operatorType") else { return };
    let arguments = plan.get("args");
    let details = match arguments.and_then(|arguments| arguments.get("Details")) {
        Some(Shown::Text(details)) => details.clone(),
        _ => String::new(),
    };
    let estimated_rows = match arguments.and_then(|arguments| arguments.get("EstimatedRows")) {
        Some(Shown::Number(rows)) => Some(*rows),
        _ => None,
    };
    // The database's name comes behind it.
    let name = name.split('@').next().unwrap_or(name).to_owned();
    operators.push(Operator { depth, name, details, estimated_rows });
    if let Some(Shown::List(children)) = plan.get("children") {
        children.iter().for_each(|child| collect(child, depth + 1, operators));
    }
}

/// A value as `Debug` shows it, names of variants left out.
enum Shown {
    Text(String),
    Number(f64),
    List(Vec<Shown>),
    Map(Vec<(String, Shown)>),
    Other,
}

impl Shown {
    fn get(&self, name: &str) -> Option<&Shown> {
        match self {
            Shown::Map(entries) => entries.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn value(&mut self) -> Option<Shown> {
        self.rest = self.rest.trim_start();
        match self.rest.chars().next()? {
            '"' => self.text().map(Shown::Text),
            '[' => self.items(']', |reader| reader.value()).map(Shown::List),
            '{' => {
                let entry = |reader: &mut Self| {
                    let key = reader.text()?;
                    reader.expect(':')?;
                    Some((key, reader.value()?))
                };
                self.items('}', entry).map(Shown::Map)
            }
            _ => self.word(),
        }
    }

    /// A number, or a variant with or without its value.
    fn word(&mut self) -> Option<Shown> {
        let is_part =
            |char: char| char.is_alphanumeric() || char == '_' || char == '-' || char == '.' || char == '+';
        let end = self.rest.find(|char| !is_part(char)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        if self.rest.starts_with('(') {
            self.expect('(')?;
            let value = self.value()?;
            self.expect(')')?;
            return Some(value);
        }
        if word.is_empty() {
            return None;
        }
        Some(word.parse().map_or(Shown::Other, Shown::Number))
    }

    fn items<T>(&mut self, end: char, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.rest = self.rest.get(1..)?;
        let mut items = Vec::new();
        loop {
            self.rest = self.rest.trim_start_matches([' ', ',']);
            if self.rest.starts_with(end) {
                self.rest = &self.rest[1..];
                return Some(items);
            }
            items.push(item(self)?);
        }
    }

    fn text(&mut self) -> Option<String> {
        self.expect('"')?;
        let mut text = String::new();
        let mut characters = self.rest.chars();
        loop {
            match characters.next()? {
                '"' => break,
                '\\' => text.push(escaped(&mut characters)?),
                character => text.push(character),
            }
        }
        self.rest = characters.as_str();
        Some(text)
    }

    fn expect(&mut self, character: char) -> Option<()> {
        self.rest = self.rest.trim_start().strip_prefix(character)?;
        Some(())
    }
}

fn escaped(characters: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match characters.next()? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        'u' => {
            let digits: String = characters.by_ref().skip(1).take_while(|char| *char != '}').collect();
            char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_from_what_is_shown_of_it() {
        let debug = r#"ResultSummary { bookmark: None, db: Some("neo4j"), plan: Some({"operatorType": String("ProduceResults@neo4j"), "identifiers": List([]), "args": Dictionary({"EstimatedRows": Float(1e3), "string-representation": String("+\n| \"x\" \u{1f3a7} {}, plan: None"), "version": Null}), "children": List([Dictionary({"children": List([]), "operatorType": String("TransactionForeach@neo4j"), "args": Dictionary({"Details": String("IN TRANSACTIONS OF 5 ROWS"), "EstimatedRows": Integer(7)})}), Dictionary({"operatorType": String("Argument@neo4j")})])}), profile: None }"#;
        let operators = operators(debug);
        let shown: Vec<_> = operators
            .iter()
            .map(|it| (it.depth, it.name.as_str(), it.details.as_str(), it.estimated_rows))
            .collect();
        assert_eq!(
            shown,
            [
                (0, "ProduceResults", "", Some(1000.0)),
                (1, "TransactionForeach", "IN TRANSACTIONS OF 5 ROWS", Some(7.0)),
                (1, "Argument", "", None)
            ]
        );
        let explained = Explained { kind: StatementKind::Data, operators, remarks: Vec::new() };
        assert_eq!(explained.commits_in_batches(), Some(true));
        assert_eq!(explained.most_rows(), Some(1000.0));
    }

    #[test]
    fn what_can_not_be_read_is_no_plan() {
        for debug in ["", "plan: None", "x, plan: Some({", "x, plan: Some({\"a\": })", "x, plan: Some([\"a"] {
            assert!(operators(debug).is_empty(), "{debug}");
        }
        let explained = Explained { kind: StatementKind::Data, operators: Vec::new(), remarks: Vec::new() };
        assert_eq!((explained.commits_in_batches(), explained.most_rows()), (None, None));
    }
}
