//! How a row of the target differs from what is expected of it, for people and for who mends it. Pure.

use serde_json::{Value as Json, json};

use super::report::PropertyDifference;
use super::subject::Subject;
use crate::extract::SourceRow;
use crate::pipeline::{ADDED_TO_NODES, Reshaped};
use crate::record::{ModelEntity, Property, RawEntity, Value, stored_alike, value_to_short_json};

/// An expected record that outlives the one that it was read from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    row: Vec<Value<'static>>,
    kept: Vec<Property<'static>>,
    labels: Vec<String>,
}

/// How a row differs.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Described {
    pub(super) properties: Vec<PropertyDifference>,
    /// Labels that are missing.
    pub(super) labels: Vec<String>,
    /// Properties of a relationship that nothing expects.
    pub(super) beyond: Vec<String>,
}

impl Wanted {
    pub(super) fn of(record: &Reshaped<'_>) -> Self {
        let labels = match &record.entity {
            ModelEntity::Node { labels, .. } => labels.iter().map(|label| label.to_string()).collect(),
            ModelEntity::Relationship { .. } => Vec::new(),
        };
        let kept = record.kept.iter();
        Self {
            row: record.row.iter().map(|value| value.reborrow().into_owned()).collect(),
            kept: kept
                .map(|(name, value)| (name.to_string().into(), value.reborrow().into_owned()))
                .collect(),
            labels,
        }
    }

    /// A relationship without properties.
    pub(super) fn nothing() -> Self {
        Self { row: Vec::new(), kept: Vec::new(), labels: Vec::new() }
    }

    /// How the row differs from this.
    pub(super) fn describe(&self, subject: &Subject, row: &SourceRow) -> Described {
        let mut described = Described::default();
        let (RawEntity::Node { properties, .. } | RawEntity::Relationship { properties, .. }) = &row.entity;
        let found = |name: &str| {
            let found = properties.iter().find(|(found, _)| found == name);
            found.map_or(&Value::Null, |(_, value)| value)
        };
        let fields = subject.pipeline.contract().fields().iter().zip(&self.row);
        let contract = fields.map(|(field, value)| (field.name.as_ref(), value));
        let kept = self.kept.iter().map(|(name, value)| (name.as_ref(), value));
        for (name, expected) in contract.chain(kept) {
            described.properties.extend(difference(name, expected, found(name)));
        }
        match &row.entity {
            RawEntity::Node { labels, .. } => {
                let missing = self.labels.iter().filter(|label| !labels.iter().any(|there| there == *label));
                described.labels = missing.cloned().collect();
                if !subject.is_stamped(properties) {
                    described.properties.extend(stamps(subject, properties));
                }
            }
            RawEntity::Relationship { .. } => {
                let expected = |name: &str| {
                    subject.slot(name).is_some() || self.kept.iter().any(|(kept, _)| kept == name)
                };
                for (name, value) in properties.iter().filter(|(name, _)| !expected(name)) {
                    described.beyond.push(name.to_string());
                    described.properties.extend(difference(name, &Value::Null, value));
                }
            }
        }
        described
    }
}

/// What is wrong with the properties that loading adds. Their values are not compared: of which pass a record is, and
/// under which version of the schema it was written, is nothing that the source says.
fn stamps(subject: &Subject, properties: &[Property<'_>]) -> Vec<PropertyDifference> {
    const MEANT: [&str; 2] = ["(a version that the schema has had)", "(a zoned datetime in UTC)"];
    let found = |name: &str| properties.iter().find(|(found, _)| found == name).map(|(_, value)| value);
    let mut all = Vec::new();
    for (name, meant) in ADDED_TO_NODES.iter().zip(MEANT) {
        let value = found(name).unwrap_or(&Value::Null);
        if !subject.is_stamp(name, value) {
            all.push(PropertyDifference {
                property: (*name).to_owned(),
                expected: json!(meant),
                actual: value_to_short_json(value),
                types: None,
                from: None,
            });
        }
    }
    all
}

fn difference(name: &str, expected: &Value<'_>, actual: &Value<'_>) -> Option<PropertyDifference> {
    if stored_alike(expected, actual) {
        return None;
    }
    let of_types = [expected.type_name(), actual.type_name()];
    let types = (of_types[0] != of_types[1] && !expected.is_null() && !actual.is_null()).then_some(of_types);
    let (expected, actual, from) = excerpts(expected, actual);
    Some(PropertyDifference { property: name.to_owned(), expected, actual, types, from })
}

/// Both values, long ones from a little before where they differ first.
fn excerpts(expected: &Value<'_>, actual: &Value<'_>) -> (Json, Json, Option<usize>) {
    match (expected, actual) {
        (Value::String(one), Value::String(other)) if is_long_text(one) || is_long_text(other) => {
            let from = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
            (json!(text_from(one, from)), json!(text_from(other, from)), Some(from))
        }
        (Value::List(one), Value::List(other)) if one.len().max(other.len()) > LONG_LIST => {
            let alike = |(one, other): &(&Value<'_>, &Value<'_>)| stored_alike(one, other);
            let from = one.iter().zip(other).take_while(alike).count();
            (list_from(one, from), list_from(other, from), Some(from))
        }
        _ => (value_to_short_json(expected), value_to_short_json(actual), None),
    }
}

/// Texts with more characters, and lists with more elements, are cut.
const LONG_TEXT: usize = 200;
const LONG_LIST: usize = 16;
/// Characters that are shown before the first that differs, and in all.
const BEFORE: usize = 40;
const SHOWN: usize = 160;
/// Elements that are shown, from the first that differs.
const SHOWN_ELEMENTS: usize = 4;

fn is_long_text(text: &str) -> bool {
    text.chars().nth(LONG_TEXT).is_some()
}

fn text_from(text: &str, from: usize) -> String {
    let skip = from.saturating_sub(BEFORE);
    let shown: String = text.chars().skip(skip).take(SHOWN).collect();
    let before = if skip > 0 { "…" } else { "" };
    let number = text.chars().count();
    let after = if number > skip + SHOWN { format!("… ({number} characters)") } else { String::new() };
    format!("{before}{shown}{after}")
}

fn list_from(items: &[Value<'_>], from: usize) -> Json {
    let mut shown: Vec<Json> =
        items.iter().skip(from).take(SHOWN_ELEMENTS).map(value_to_short_json).collect();
    if from > 0 {
        shown.insert(0, json!("…"));
    }
    if items.len() > from + SHOWN_ELEMENTS {
        shown.push(json!(format!("… ({} elements)", items.len())));
    }
    Json::Array(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_difference_is_seen_and_shown() {
        let seen = |one, other| difference("p", &one, &other).unwrap();
        let next = f64::from_bits(0.1f64.to_bits() + 1);
        let float = seen(Value::Float(0.1), Value::Float(next));
        assert_ne!(float.expected.to_string(), float.actual.to_string());
        let typed = seen(Value::Integer(1), Value::Float(1.0));
        assert_eq!(typed.types, Some(["integer", "float"]));
        assert_eq!(difference("p", &Value::Float(f64::NAN), &Value::Float(f64::NAN)), None);
        let absent = seen(Value::text("x"), Value::Null);
        assert_eq!((absent.expected, absent.actual, absent.types), (json!("x"), Json::Null, None));
    }

    #[test]
    fn long_values_are_cut_to_where_they_differ() {
        let (one, mut other) = ("ä".repeat(30_000), "ä".repeat(30_000));
        other.replace_range(other.len() - 2.., "o");
        let seen = difference("p", &Value::text(one), &Value::text(other)).unwrap();
        assert_eq!(seen.from, Some(29_999));
        assert!(seen.actual.as_str().unwrap().ends_with("äo"), "{}", seen.actual);
        assert!(seen.expected.as_str().unwrap().chars().count() < 60);
        let numbers = |last: i64| {
            Value::List((0..400).map(|at| Value::Integer(if at == 399 { last } else { at })).collect())
        };
        let seen = difference("p", &numbers(399), &numbers(7)).unwrap();
        assert_eq!((seen.from, seen.actual), (Some(399), json!(["…", 7])));
    }
}
