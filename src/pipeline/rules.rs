//! Rules: a small closed set of predicates on the reshaped record, each with the message that a person needs.

use std::cmp::Ordering;

use serde::Serialize;

use super::contract::{Contract, Type};
use super::diagnostics::{Reporter, Span, did_you_mean};
use super::document::{Fields, Key, Kind, Node};
use super::rejection::Rejection;
use crate::record::Value;

/// One predicate on one property. A rule that names several properties is several of these.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Rule {
    name: Box<str>,
    message: Box<str>,
    property: Box<str>,
    slot: usize,
    predicate: Predicate,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Predicate {
    /// Text has more than white space.
    NotBlank,
    /// A list has elements.
    NotEmpty,
    /// Text has that many code points without white space around it.
    MinLength(usize),
    /// An integer lies within, bounds included.
    Integers(Option<i64>, Option<i64>),
    /// A float lies within, bounds included.
    Floats(Option<f64>, Option<f64>),
    /// It is greater than the value of another slot.
    GreaterThan(usize),
}

impl Rule {
    /// Why a row breaks the rule; nothing where it holds. What is absent breaks no rule.
    pub(super) fn check(&self, row: &[Value<'_>]) -> Option<Rejection> {
        let value = row.get(self.slot)?;
        if self.predicate.holds(value, row) {
            return None;
        }
        Some(Rejection::rule_violated(&self.name, &self.message, &self.property, value))
    }
}

impl Predicate {
    fn holds(&self, value: &Value<'_>, row: &[Value<'_>]) -> bool {
        match (self, value) {
            (Predicate::NotBlank, Value::String(text)) => !text.trim().is_empty(),
            (Predicate::NotEmpty, Value::List(items)) => !items.is_empty(),
            (Predicate::MinLength(least), Value::String(text)) => text.trim().chars().count() >= *least,
            (Predicate::Integers(low, high), Value::Integer(number)) => {
                low.is_none_or(|low| *number >= low) && high.is_none_or(|high| *number <= high)
            }
            (Predicate::Floats(low, high), Value::Float(number)) => {
                low.is_none_or(|low| *number >= low) && high.is_none_or(|high| *number <= high)
            }
            (Predicate::GreaterThan(other), value) => {
                match row.get(*other).map(|other| order(value, other)) {
                    Some(Some(order)) => order == Ordering::Greater,
                    // One of them is absent.
                    _ => true,
                }
            }
            _ => true,
        }
    }
}

/// The order of two values of the same ordered type.
fn order(a: &Value<'_>, b: &Value<'_>) -> Option<Ordering> {
    match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (
            Value::DateTime { seconds: a, nanos: a_nanos, .. },
            Value::DateTime { seconds: b, nanos: b_nanos, .. },
        ) => Some((a, a_nanos).cmp(&(b, b_nanos))),
        _ => None,
    }
}

const PREDICATES: [&str; 7] =
    ["not_blank", "not_empty", "min_length", "at_least", "at_most", "within", "greater"];

/// Reads `rules:` against the contract; reports every rule that can't hold for its properties.
///
/// The rules come in the contract's order of the properties that they are about, in the file's order for one
/// property, because that is the order in which a record's reason is decided.
pub(super) fn read(file: &Fields<'_>, contract: &Contract, reporter: &mut Reporter<'_>) -> Vec<Rule> {
    let Some(node) = file.get("rules") else { return Vec::new() };
    let mut rules = Vec::new();
    for (name, node) in node.entries("`rules`", reporter) {
        let known: Vec<&str> = PREDICATES.into_iter().chain(["message"]).collect();
        let fields = node.fields("a rule", &known, reporter);
        let message = fields.require("message", "what a person has to know", reporter);
        let message = message.and_then(|node| node.text("the message", reporter)).unwrap_or_default();
        let predicates: Vec<_> =
            PREDICATES.iter().filter_map(|predicate| Some((*predicate, fields.get(predicate)?))).collect();
        let [(predicate, operand)] = predicates.as_slice() else {
            let advice = "write one of `not_blank: [colour]`, `not_empty: [tags]`, `min_length: {colour: 3}`, \
                `at_least: {count: 0}`, `at_most: {count: 9}`, `within: {share: [0, 1]}`, `greater: {end: start}`";
            reporter.report(name.span, "a rule has one predicate", advice);
            continue;
        };
        let mut reader = RuleReader { contract, reporter, name, message, rules: &mut rules };
        reader.read(predicate, operand);
    }
    rules.sort_by_key(|rule| rule.slot);
    rules
}

/// One rule while it is read.
struct RuleReader<'r, 'p> {
    contract: &'r Contract,
    reporter: &'r mut Reporter<'p>,
    name: &'r Key,
    message: &'r str,
    rules: &'r mut Vec<Rule>,
}

impl RuleReader<'_, '_> {
    fn read(&mut self, predicate: &str, operand: &Node) {
        if matches!(predicate, "not_blank" | "not_empty") {
            for (span, property) in operand.texts("a property", self.reporter) {
                self.add(property, span, |of| match (predicate, of) {
                    ("not_blank", Type::String) => Ok(Predicate::NotBlank),
                    ("not_empty", Type::List(_)) => Ok(Predicate::NotEmpty),
                    ("not_blank", _) => Err("`not_blank` is for a string"),
                    _ => Err("`not_empty` is for a list"),
                });
            }
            return;
        }
        for (property, bound) in operand.entries(&format!("`{predicate}`"), self.reporter) {
            let other = match (predicate, &bound.kind) {
                ("greater", Kind::Text(other)) => {
                    self.slot(other, bound.span).map(|(slot, of)| (slot, of.clone()))
                }
                _ => None,
            };
            if predicate == "greater" && other.is_none() && matches!(bound.kind, Kind::Text(_)) {
                continue;
            }
            self.add(&property.name, property.span, |of| bounded(predicate, of, bound, other));
        }
    }

    fn slot(&mut self, property: &str, span: Span) -> Option<(usize, &Type)> {
        let found = self.contract.field(property);
        if found.is_none() {
            let known = self.contract.fields().iter().map(|field| field.name.as_ref());
            let advice =
                format!("{}a rule is about properties of the contract", did_you_mean(property, known));
            let message = format!("the contract `{}` has no property `{property}`", self.contract.name());
            self.reporter.report(span, message, advice);
        }
        found.map(|(slot, field)| (slot, &field.field_type))
    }

    fn add(
        &mut self,
        property: &str,
        span: Span,
        predicate: impl FnOnce(&Type) -> Result<Predicate, &'static str>,
    ) {
        let Some((slot, of)) = self.slot(property, span) else { return };
        match predicate(of) {
            Ok(predicate) => self.rules.push(Rule {
                name: self.name.name.as_str().into(),
                message: self.message.into(),
                property: property.into(),
                slot,
                predicate,
            }),
            Err(advice) => {
                let message = format!("the rule does not fit `{property}`, which is {of}");
                self.reporter.report(span, message, advice);
            }
        }
    }
}

fn bounded(
    predicate: &str,
    of: &Type,
    bound: &Node,
    other: Option<(usize, Type)>,
) -> Result<Predicate, &'static str> {
    match (predicate, of, &bound.kind) {
        ("min_length", Type::String, Kind::Integer(least)) => {
            usize::try_from(*least).map(Predicate::MinLength).map_err(|_| "write a length of 0 or more")
        }
        ("min_length", ..) => Err("write a string property with a length: `min_length: {colour: 3}`"),
        ("greater", Type::Int | Type::Float | Type::Date | Type::Instant, _) => match other {
            Some((slot, other)) if other == *of => Ok(Predicate::GreaterThan(slot)),
            _ => Err("write a property of the same type: `greater: {end: start}`"),
        },
        ("greater", ..) => Err("`greater` is for numbers, dates and instants"),
        ("at_least", ..) => range(of, Some(bound), None),
        ("at_most", ..) => range(of, None, Some(bound)),
        (_, _, Kind::List(bounds)) => match bounds.as_slice() {
            [low, high] => range(of, Some(low), Some(high)),
            _ => Err("write two bounds: `within: {share: [0, 1]}`"),
        },
        _ => Err("write two bounds: `within: {share: [0, 1]}`"),
    }
}

fn range(of: &Type, low: Option<&Node>, high: Option<&Node>) -> Result<Predicate, &'static str> {
    match of {
        Type::Int => Ok(Predicate::Integers(low.map(integer).transpose()?, high.map(integer).transpose()?)),
        Type::Float => Ok(Predicate::Floats(low.map(float).transpose()?, high.map(float).transpose()?)),
        _ => Err("bounds are for int and float"),
    }
}

fn integer(bound: &Node) -> Result<i64, &'static str> {
    match bound.kind {
        Kind::Integer(number) => Ok(number),
        _ => Err("the bound of an int is an integer"),
    }
}

fn float(bound: &Node) -> Result<f64, &'static str> {
    match bound.kind {
        #[expect(clippy::cast_precision_loss, reason = "whoever writes 1 for a float means 1.0")]
        Kind::Integer(number) => Ok(number as f64),
        Kind::Float(number) if number.is_finite() => Ok(number),
        _ => Err("the bound of a float is a number"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::contract::tests::contract;
    use crate::pipeline::diagnostics::{Diagnostics, SourceFile};

    const FIELDS: &str = r#"
        {"name": "text", "type": ["null", "string"]},
        {"name": "count", "type": ["null", "long"]},
        {"name": "from", "type": ["null", "double"]},
        {"name": "until", "type": ["null", "double"]},
        {"name": "tags", "type": ["null", {"type": "array", "items": "string"}]}"#;

    fn rules(text: &str) -> Result<Vec<Rule>, String> {
        let file = SourceFile::new("x.yaml", format!("rules:\n  {text}"));
        let mut problems = Vec::new();
        let mut reporter = Reporter::new(&file, &mut problems);
        let root = Node::read(&file, &mut reporter).expect("YAML");
        let fields = root.fields("the file", &["rules"], &mut reporter);
        let rules = read(&fields, &contract(FIELDS), &mut reporter);
        if problems.is_empty() { Ok(rules) } else { Err(Diagnostics::new(problems).to_string()) }
    }

    fn row(slot: usize, value: Value<'static>) -> Vec<Value<'static>> {
        let mut row = vec![Value::Null; 5];
        row[slot] = value;
        row
    }

    #[test]
    fn predicates_hold_up_to_their_bounds() {
        let text = |text: &'static str| row(0, Value::text(text));
        let count = |number| row(1, Value::Integer(number));
        let from = |number| row(2, Value::Float(number));
        let list = |items| row(4, Value::List(items));
        let both = |from, until| {
            vec![Value::Null, Value::Null, Value::Float(from), Value::Float(until), Value::Null]
        };
        let cases = [
            (
                "not_blank: text",
                vec![text("a"), text("\u{200b}")],
                vec![text(""), text(" \r\n\u{a0}\u{3000}")],
            ),
            ("not_empty: [tags]", vec![list(vec![Value::text("")])], vec![list(vec![])]),
            (
                "min_length: {text: 3}",
                vec![text("äöü"), text(" äöü ")],
                vec![text("äö"), text(" äö "), text("")],
            ),
            ("at_least: {count: 0}", vec![count(0), count(i64::MAX)], vec![count(-1), count(i64::MIN)]),
            ("at_most: {count: 5}", vec![count(5)], vec![count(6)]),
            ("at_least: {from: 0}", vec![from(-0.0), from(0.5)], vec![from(-0.001)]),
            ("within: {from: [-1, 1]}", vec![from(-1.0), from(1.0)], vec![from(1.000_000_1), from(-2.0)]),
            (
                "greater: {until: from}",
                vec![both(1.0, 1.5)],
                vec![both(1.0, 1.0), both(-0.0, 0.0), both(2.0, 1.0)],
            ),
        ];
        for (predicate, holding, broken) in cases {
            let rules = rules(&format!("r: {{{predicate}, message: broken}}")).unwrap();
            assert_eq!(rules.len(), 1);
            let rule = &rules[0];
            assert!(rule.check(&row(0, Value::Null)).is_none(), "{predicate}: what is absent breaks no rule");
            for row in holding {
                assert!(rule.check(&row).is_none(), "{predicate} holds for {row:?}");
            }
            for row in broken {
                assert!(rule.check(&row).is_some(), "{predicate} is broken by {row:?}");
            }
        }
    }

    #[test]
    fn a_broken_rule_names_rule_property_and_value() {
        let rules = rules("enough: {at_least: {count: 1}, message: there is none}").unwrap();
        let rejection = rules[0].check(&row(1, Value::Integer(0))).unwrap();
        assert_eq!(rejection.message.as_ref(), "enough: there is none: 0");
        assert_eq!(rejection.property.as_deref(), Some("count"));
        assert_eq!(rejection.value, Some(serde_json::json!(0)));
    }

    #[test]
    fn rules_come_in_the_contracts_order() {
        let rules = rules(
            "a: {at_least: {from: 0, count: 0}, message: m}\n  b: {not_blank: text, message: m}\n  \
             c: {at_most: {count: 9}, message: m}",
        )
        .unwrap();
        let order: Vec<_> = rules.iter().map(|rule| (rule.name.as_ref(), rule.property.as_ref())).collect();
        assert_eq!(order, [("b", "text"), ("a", "count"), ("c", "count"), ("a", "from")]);
    }

    #[test]
    fn a_rule_that_can_never_be_asked_is_refused() {
        let cases = [
            (
                "r: {not_blank: txt, message: m}",
                "2:18: the contract `thing` has no property `txt`; did you mean `text`?",
            ),
            (
                "r: {not_blank: count, message: m}",
                "does not fit `count`, which is int; `not_blank` is for a string",
            ),
            ("r: {not_blank: text}", "`message` is missing"),
            ("r: {message: m}", "one predicate"),
            ("r: {not_blank: text, min_length: {text: 1}, message: m}", "one predicate"),
            ("r: {within: {from: [0]}, message: m}", "two bounds"),
            ("r: {at_least: {count: 0.5}, message: m}", "the bound of an int is an integer"),
            ("r: {at_least: {text: 1}, message: m}", "bounds are for int and float"),
            ("r: {greater: {from: count}, message: m}", "a property of the same type"),
            ("r: {greater: {from: frm}, message: m}", "2:23: the contract `thing` has no property `frm`"),
            ("r: {min_length: {text: -1}, message: m}", "0 or more"),
            ("r: {not_blnk: text, message: m}", "did you mean `not_blank`?"),
        ];
        for (text, expected) in cases {
            let said = rules(text).unwrap_err();
            assert!(said.contains(expected), "{text}\n{said}");
        }
    }
}
