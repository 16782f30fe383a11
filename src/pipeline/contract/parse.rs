//! An `.avsc` file → contract, with every error at its place.

use std::collections::HashSet;
use std::sync::Arc;

use apache_avro::Schema;

use super::fingerprint::fingerprint;
use super::{Contract, Field, NullBranch, Type};
use crate::pipeline::diagnostics::{Diagnostics, Problem, Reporter, SourceFile, Span};
use crate::pipeline::document::{Fields, Kind, Node};
use crate::record::Value;

const TYPES: &str = "`\"string\"`, `\"long\"`, `\"double\"`, `\"boolean\"`, \
    `{\"type\": \"int\", \"logicalType\": \"date\"}`, `{\"type\": \"long\", \"logicalType\": \"timestamp-micros\"}`, \
    an enum, an array of one of these, or `[\"null\", …]` of one of these";

impl Contract {
    /// Reads a contract that was kept as text, such as the writer's of old records.
    pub fn parse(name: &str, text: &str) -> Result<Self, Diagnostics> {
        let file = SourceFile::new(format!("{name}.avsc"), text);
        let mut problems = Vec::new();
        Self::read(&file, &mut problems).ok_or_else(|| Diagnostics::new(problems))
    }

    /// Reads a contract file; its name is the contract's. Reports all that is wrong with it.
    pub(in crate::pipeline) fn read(file: &Arc<SourceFile>, problems: &mut Vec<Problem>) -> Option<Self> {
        let before = problems.len();
        let mut reporter = Reporter::new(file, problems);
        let json = json_syntax(file, &mut reporter)?;
        let root = Node::read(file, &mut reporter)?;
        let fields = record(&root, &mut reporter);
        if problems.len() > before {
            return None;
        }
        let mut reporter = Reporter::new(file, problems);
        let schema = Schema::parse_str(file.text())
            .map_err(|error| {
                reporter.report(root.span, format!("no Avro schema: {error}"), "correct the schema");
            })
            .ok()?;
        let name = file.path().file_stem().map(|stem| stem.to_string_lossy().into_owned());
        Some(Contract {
            name: name.unwrap_or_default().into(),
            fingerprint: fingerprint(&json, &fields),
            fields: fields.into(),
            schema,
            text: file.text().into(),
        })
    }
}

/// YAML takes more than JSON does, other readers of the contract do not.
fn json_syntax(file: &SourceFile, reporter: &mut Reporter<'_>) -> Option<serde_json::Value> {
    let error = match serde_json::from_str(file.text()) {
        Ok(json) => return Some(json),
        Err(error) => error,
    };
    let line_start: usize =
        file.text().split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let offset = line_start + error.column().saturating_sub(1);
    let span = Span { line: error.line().max(1), column: error.column().max(1), offset, length: 0 };
    let said = error.to_string();
    let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
    reporter.report(span, format!("this is no JSON: {said}"), "correct the syntax");
    None
}

fn record(root: &Node, reporter: &mut Reporter<'_>) -> Vec<Field> {
    let known = ["type", "name", "namespace", "doc", "fields"];
    let keys = root.fields("a contract", &known, reporter);
    let is_record = keys.get("type").is_some_and(|node| node.kind == Kind::Text("record".into()));
    if !is_record {
        reporter.report(root.span, "a contract is an Avro record", "write `\"type\": \"record\"`");
    }
    if let Some(name) = keys.require("name", "\"Thing\"", reporter) {
        avro_name(name, "the contract's name", reporter);
    }
    let Some(list) = keys.require("fields", "[]", reporter) else { return Vec::new() };
    let mut names = HashSet::new();
    let mut enums = HashSet::new();
    let mut fields = Vec::new();
    for item in list.items("`fields`", reporter) {
        let Some((span, field)) = field(item, &mut enums, reporter) else { continue };
        if !names.insert(field.name.clone()) {
            let message = format!("the field `{}` is there twice", field.name);
            reporter.report(span, message, "remove one of them");
        }
        fields.push(field);
    }
    fields
}

fn field(node: &Node, enums: &mut HashSet<String>, reporter: &mut Reporter<'_>) -> Option<(Span, Field)> {
    let keys = node.fields("a field", &["name", "type", "default", "doc"], reporter);
    let name = keys.require("name", "\"colour\"", reporter);
    let name = name.and_then(|node| Some((node.span, avro_name(node, "a field's name", reporter)?)));
    let type_node = keys.require("type", "\"string\"", reporter)?;
    let (field_type, null) = nullable(type_node, enums, reporter)?;
    let default = match keys.entry("default") {
        Some((_, node)) => default_value(node, &field_type, null, reporter)?,
        None => None,
    };
    let (span, name) = name?;
    Some((span, Field { name: name.into(), field_type, null, default }))
}

/// A name as Avro allows it.
fn avro_name<'n>(node: &'n Node, what: &str, reporter: &mut Reporter<'_>) -> Option<&'n str> {
    let name = node.text(what, reporter)?;
    let mut chars = name.chars();
    let starts = chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    if starts && chars.all(|other| other.is_ascii_alphanumeric() || other == '_') {
        return Some(name);
    }
    let message = format!("{what} can't be `{name}`");
    reporter.report(node.span, message, "Avro takes letters, digits and `_` of ASCII, no digit first");
    None
}

fn nullable(
    node: &Node,
    enums: &mut HashSet<String>,
    reporter: &mut Reporter<'_>,
) -> Option<(Type, NullBranch)> {
    let Kind::List(branches) = &node.kind else {
        return Some((plain_type(node, enums, reporter)?, NullBranch::None));
    };
    let is_null = |node: &Node| node.kind == Kind::Text("null".into());
    let (inner, null) = match branches.as_slice() {
        [null, inner] if is_null(null) && !is_null(inner) => (inner, NullBranch::First),
        [inner, null] if is_null(null) && !is_null(inner) => (inner, NullBranch::Second),
        _ => {
            let advice = "write a union of `\"null\"` and one other type: a property has one type in Neo4j";
            reporter.report(node.span, "this union is no nullable type", advice);
            return None;
        }
    };
    Some((plain_type(inner, enums, reporter)?, null))
}

fn plain_type(node: &Node, enums: &mut HashSet<String>, reporter: &mut Reporter<'_>) -> Option<Type> {
    match &node.kind {
        Kind::Text(name) => primitive(name, node.span, reporter),
        Kind::Map(_) => complex_type(node, enums, reporter),
        _ => refuse_type(node.span, node.describe(), reporter),
    }
}

fn primitive(name: &str, span: Span, reporter: &mut Reporter<'_>) -> Option<Type> {
    match name {
        "string" => Some(Type::String),
        "long" => Some(Type::Int),
        "double" => Some(Type::Float),
        "boolean" => Some(Type::Bool),
        _ => refuse_type(span, &format!("`{name}`"), reporter),
    }
}

fn refuse_type<T>(span: Span, found: &str, reporter: &mut Reporter<'_>) -> Option<T> {
    reporter.report(span, format!("{found} is no type of a contract"), format!("write {TYPES}"));
    None
}

fn complex_type(node: &Node, enums: &mut HashSet<String>, reporter: &mut Reporter<'_>) -> Option<Type> {
    let known = ["type", "logicalType", "name", "namespace", "doc", "symbols", "items"];
    let keys = node.fields("a type", &known, reporter);
    let base = keys.require("type", "\"string\"", reporter)?;
    let Kind::Text(base) = &base.kind else { return plain_type(base, enums, reporter) };
    let logical = keys.get("logicalType").and_then(|node| node.text("a logical type", reporter));
    match (base.as_str(), logical) {
        ("int", Some("date")) => Some(Type::Date),
        ("long", Some("timestamp-micros")) => Some(Type::Instant),
        ("enum", None) => symbols(&keys, enums, reporter),
        ("array", None) => {
            let items = keys.require("items", "\"string\"", reporter)?;
            match plain_type(items, enums, reporter)? {
                Type::List(_) => {
                    let advice = "Neo4j stores no lists of lists; flatten it";
                    reporter.report(items.span, "this is a list of lists", advice);
                    None
                }
                item => Some(Type::List(Box::new(item))),
            }
        }
        (base, None) => primitive(base, node.span, reporter),
        (base, Some(logical)) => refuse_type(node.span, &format!("`{logical}` of `{base}`"), reporter),
    }
}

fn symbols(keys: &Fields<'_>, enums: &mut HashSet<String>, reporter: &mut Reporter<'_>) -> Option<Type> {
    if let Some(node) = keys.require("name", "\"Colour\"", reporter)
        && let Some(name) = avro_name(node, "an enum's name", reporter)
        && !enums.insert(name.to_owned())
    {
        let message = format!("the enum `{name}` is defined twice");
        reporter.report(node.span, message, "give each enum its own name");
    }
    let list = keys.require("symbols", "[\"red\", \"green\"]", reporter)?;
    let mut symbols: Vec<Box<str>> = Vec::new();
    for node in list.items("`symbols`", reporter) {
        let Some(symbol) = avro_name(node, "a symbol", reporter) else { continue };
        if symbols.iter().any(|other| other.as_ref() == symbol) {
            reporter.report(node.span, format!("the symbol `{symbol}` is there twice"), "remove one of them");
        }
        symbols.push(symbol.into());
    }
    if symbols.is_empty() {
        reporter.report(list.span, "an enum without symbols takes no value", "list its symbols");
    }
    Some(Type::Enum(symbols.into()))
}

/// The default of a field; null is none, since that is what a nullable field is without one.
fn default_value(
    node: &Node,
    field_type: &Type,
    null: NullBranch,
    reporter: &mut Reporter<'_>,
) -> Option<Option<Value<'static>>> {
    // Avro takes the default from the union's first branch, whatever else it would fit.
    match (null, &node.kind) {
        (NullBranch::First, Kind::Null) => return Some(None),
        (NullBranch::First, _) => {
            let advice = "write `null`, or the union the other way round: `[…, \"null\"]`";
            reporter.report(node.span, "the default is not of the union's first type", advice);
            return None;
        }
        (NullBranch::None | NullBranch::Second, _) => {}
    }
    let value = literal(node, field_type);
    if value.is_none() {
        let message = format!("the default is no {field_type}");
        let advice = match field_type {
            Type::Date => "write the days since 1970-01-01",
            Type::Instant => "write the microseconds since 1970-01-01T00:00:00Z",
            _ => "write a value of the field's type",
        };
        reporter.report(node.span, message, advice);
        return None;
    }
    Some(value)
}

/// A value as Avro writes it in a schema.
fn literal(node: &Node, field_type: &Type) -> Option<Value<'static>> {
    Some(match (field_type, &node.kind) {
        (Type::String, Kind::Text(text)) => Value::text(text.clone()),
        (Type::Enum(symbols), Kind::Text(text)) => {
            Value::text(symbols.iter().find(|symbol| symbol.as_ref() == text)?.to_string())
        }
        (Type::Int, Kind::Integer(number)) => Value::Integer(*number),
        (Type::Float, Kind::Float(number)) if number.is_finite() => Value::Float(*number),
        #[expect(clippy::cast_precision_loss, reason = "a default of a float is what JSON says it is")]
        (Type::Float, Kind::Integer(number)) => Value::Float(*number as f64),
        (Type::Bool, Kind::Bool(flag)) => Value::Boolean(*flag),
        (Type::Date, Kind::Integer(days)) => Value::Date(i32::try_from(*days).ok()?.into()),
        (Type::Instant, Kind::Integer(micros)) => super::datum::instant(*micros),
        (Type::List(item), Kind::List(nodes)) => {
            Value::List(nodes.iter().map(|node| literal(node, item)).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(fields: &str) -> String {
        let text = format!("{{\"type\": \"record\", \"name\": \"Thing\", \"fields\": [\n{fields}\n]}}");
        match Contract::parse("thing", &text) {
            Ok(contract) => panic!("taken: {contract:?}"),
            Err(diagnostics) => diagnostics.to_string(),
        }
    }

    #[test]
    fn every_type_of_a_contract_is_taken() {
        let text = r#"{"type": "record", "name": "Thing", "doc": "A thing.", "fields": [
            {"name": "id", "type": "string"},
            {"name": "n", "type": ["null", "long"], "default": null},
            {"name": "f", "type": ["double", "null"], "default": 1},
            {"name": "b", "type": {"type": "boolean"}, "default": false},
            {"name": "d", "type": {"type": "int", "logicalType": "date"}, "default": -1},
            {"name": "t", "type": {"type": "long", "logicalType": "timestamp-micros"}, "default": -1},
            {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["x", "y"]}, "default": "y"},
            {"name": "l", "type": {"type": "array", "items": "double"}, "default": [1.5, 2]}
        ]}"#;
        let contract = Contract::parse("thing", text).unwrap();
        let shown: Vec<String> =
            contract.fields().iter().map(|field| format!("{}: {}", field.name, field.field_type)).collect();
        assert_eq!(
            shown,
            [
                "id: string",
                "n: int",
                "f: float",
                "b: bool",
                "d: date",
                "t: instant",
                "e: one of x, y",
                "l: list<float>"
            ]
        );
        let (_, list) = contract.field("l").unwrap();
        assert_eq!(list.default, Some(Value::List(vec![Value::Float(1.5), Value::Float(2.0)])));
        let (_, instant) = contract.field("t").unwrap();
        assert_eq!(
            instant.default,
            Some(Value::DateTime { seconds: -1, nanos: 999_999_000, zone: crate::record::Zone::Offset(0) })
        );
        assert_eq!(contract.fields().iter().filter(|field| field.is_nullable()).count(), 2);
    }

    #[test]
    fn everything_else_is_refused_where_it_stands() {
        let cases = [
            (r#"{"name": "a", "type": "int"}"#, "2:23: `int` is no type"),
            (r#"{"name": "a", "type": "float"}"#, "`float` is no type"),
            (r#"{"name": "a", "type": "bytes"}"#, "`bytes` is no type"),
            (r#"{"name": "a", "type": {"type": "map", "values": "string"}}"#, "`map` is no type"),
            (
                r#"{"name": "a", "type": {"type": "long", "logicalType": "timestamp-millis"}}"#,
                "`timestamp-millis` of `long`",
            ),
            (r#"{"name": "a", "type": ["string", "long"]}"#, "no nullable type"),
            (r#"{"name": "a", "type": ["null", "string", "long"]}"#, "no nullable type"),
            (
                r#"{"name": "a", "type": {"type": "array", "items": {"type": "array", "items": "long"}}}"#,
                "a list of lists",
            ),
            (r#"{"name": "a", "type": {"type": "array", "items": ["null", "long"]}}"#, "a list is no type"),
            (r#"{"name": "ä", "type": "string"}"#, "can't be `ä`"),
            (r#"{"name": "a", "typ": "string"}"#, "did you mean `type`?"),
            (r#"{"name": "a"}"#, "`type` is missing"),
            (r#"{"name": "a", "type": "long"}, {"name": "a", "type": "long"}"#, "there twice"),
            (r#"{"name": "a", "type": "long", "default": "1"}"#, "the default is no int"),
            (r#"{"name": "a", "type": "long", "default": null}"#, "the default is no int"),
            (r#"{"name": "a", "type": ["null", "long"], "default": 1}"#, "the union's first type"),
            (r#"{"name": "a", "type": {"type": "enum", "name": "E", "symbols": []}}"#, "without symbols"),
            (r#"{"name": "a", "type": "long",}"#, "2:30: this is no JSON: trailing comma;"),
        ];
        for (fields, expected) in cases {
            let said = problems(fields);
            assert!(said.contains(expected), "{fields}\n{said}");
        }
    }

    #[test]
    fn all_errors_of_a_file_are_reported_at_once() {
        let said = problems("{\"name\": \"a\", \"type\": \"int\"},\n{\"nam\": \"b\", \"type\": \"long\"}");
        assert!(said.contains("thing.avsc:2:23"), "{said}");
        assert!(said.contains("thing.avsc:3:2: unknown key `nam`"), "{said}");
        assert!(said.contains("thing.avsc:3:1: `name` is missing"), "{said}");
    }
}
