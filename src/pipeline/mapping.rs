//! Mapping: which property of the source becomes which of the contract, and how.
//!
//! A property of the contract that the file does not name is mapped from its namesake, so that a file says
//! only what is different.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::contract::{Contract, Field, Type};
use super::convert::Conversion;
use super::diagnostics::{Reporter, Span, did_you_mean};
use super::document::{Fields, Kind, Node};
use super::literal;
use super::lookups::Lookup;
use crate::record::Value;

/// Where every slot of a row comes from.
#[derive(Debug, Serialize)]
pub(super) struct Mapping {
    /// Every property that the source may have, with its place in [`super::Scratch`].
    #[serde(skip)]
    pub(super) names: HashMap<Box<str>, usize>,
    /// By the contract's order.
    pub(super) slots: Box<[Slot]>,
    /// The lookups that have to find something, in the order of the properties that take them.
    pub(super) required_lookups: Box<[usize]>,
    /// Properties that may be there and are mapped to nothing.
    declares: BTreeSet<Box<str>>,
    /// The lists that relationships are derived from, in the order of `derive:`.
    #[serde(skip)]
    pub(super) lists: Box<[Taken]>,
}

/// What other parts of the file say of its properties.
#[derive(Default)]
pub(super) struct Elsewhere<'n> {
    /// Properties of the contract that the program assigns: these come from no namesake.
    pub(super) assigned: Vec<&'n str>,
    /// Properties of the source that the program reads: these have to stay.
    pub(super) read: Vec<&'n str>,
    /// Lists of the source that relationships are derived from.
    pub(super) lists: Vec<&'n str>,
}

/// Where one slot comes from.
#[derive(Debug, Serialize)]
pub(super) struct Slot {
    pub(super) property: Box<str>,
    pub(super) origin: Origin,
    pub(super) conversion: Conversion,
    #[serde(serialize_with = "super::contract::default_as_json")]
    pub(super) default: Option<Value<'static>>,
    pub(super) nullable: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Origin {
    /// The first of these source properties that is there. None: only a default gives it a value.
    Properties(Box<[Taken]>),
    /// The lookup of that number.
    Lookup(usize),
}

/// A source property that a slot takes.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Taken {
    pub(super) name: Box<str>,
    #[serde(skip)]
    pub(super) place: usize,
    /// Whether another slot takes it too, so that the value has to stay.
    #[serde(skip)]
    pub(super) shared: bool,
}

/// What one entry of `mapping:` says; everything is optional.
#[derive(Default)]
struct Entry<'n> {
    from: Option<Vec<(Span, &'n str)>>,
    lookup: Option<(Span, usize)>,
    default: Option<Value<'static>>,
    duration: bool,
    lowercase: bool,
    otherwise: Option<Box<str>>,
}

impl Mapping {
    /// Reads `mapping:` and `declares:` against the contract. `key` is the key property of a node.
    pub(super) fn read(
        file: &Fields<'_>,
        contract: &Contract,
        lookups: &[Lookup],
        key: Option<&str>,
        elsewhere: &Elsewhere<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Self {
        let entries = file.get("mapping").map_or(&[][..], |node| node.entries("`mapping`", reporter));
        for (name, _) in entries.iter().filter(|(name, _)| contract.field(&name.name).is_none()) {
            let known = contract.fields().iter().map(|field| field.name.as_ref());
            let message = format!("the contract `{}` has no property `{}`", contract.name(), name.name);
            let advice = format!(
                "{}add it to the contract, or list it under `declares:` if it is not to be moved",
                did_you_mean(&name.name, known)
            );
            reporter.report(name.span, message, advice);
        }
        let mut slots = Vec::with_capacity(contract.fields().len());
        for field in contract.fields() {
            let found = entries.iter().find(|(name, _)| name.name == field.name.as_ref());
            let entry =
                found.map(|(_, node)| Entry::read(node, field, lookups, reporter)).unwrap_or_default();
            let span = found.map_or(file.span, |(name, _)| name.span);
            if key == Some(field.name.as_ref()) && found.is_some() {
                let advice = "remove the line: keys keep their name and their value";
                reporter.report(span, format!("the key `{}` can't be mapped", field.name), advice);
            }
            let assigned = elsewhere.assigned.contains(&field.name.as_ref());
            slots.push(entry.slot(field, lookups, assigned, span, reporter));
        }
        unused_lookups(file, &slots, lookups, reporter);
        let declares = declared(file, &slots, reporter);
        let required_lookups = required_lookups(&slots, lookups);
        let lists = elsewhere.lists.iter().map(|name| Taken::new(name)).collect();
        let slots = slots.into();
        let mut mapping = Self { names: HashMap::new(), slots, required_lookups, declares, lists };
        mapping.index(&elsewhere.read);
        mapping
    }

    /// Gives every source property its place, and marks those that are taken more than once.
    fn index(&mut self, read: &[&str]) {
        let mut uses: HashMap<Box<str>, usize> = HashMap::new();
        let taken = self.slots.iter().flat_map(|slot| slot.origin.properties()).chain(&self.lists);
        for taken in taken {
            *uses.entry(taken.name.clone()).or_default() += 1;
        }
        for name in uses.keys().chain(&self.declares) {
            let next = self.names.len();
            self.names.entry(name.clone()).or_insert(next);
        }
        for name in read {
            // What the program reads is not taken away before.
            uses.entry((*name).into()).and_modify(|uses| *uses += 1);
        }
        let slots = self.slots.iter_mut().flat_map(|slot| match &mut slot.origin {
            Origin::Properties(properties) => properties.iter_mut(),
            Origin::Lookup(_) => [].iter_mut(),
        });
        for taken in slots.chain(&mut self.lists) {
            taken.place = self.names.get(&taken.name).copied().unwrap_or_default();
            taken.shared = uses.get(&taken.name).is_some_and(|uses| *uses > 1);
        }
    }
}

impl Taken {
    fn new(name: &str) -> Self {
        Self { name: name.into(), place: 0, shared: false }
    }
}

impl Origin {
    /// Whether nothing is taken from anywhere.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Origin::Properties(properties) if properties.is_empty())
    }

    pub(super) fn properties(&self) -> &[Taken] {
        match self {
            Origin::Properties(properties) => properties,
            Origin::Lookup(_) => &[],
        }
    }
}

impl<'n> Entry<'n> {
    /// `name`, `[first, second]`, or a map of `from`, `lookup`, `default`, `convert`, `lowercase`, `otherwise`.
    fn read(node: &'n Node, field: &Field, lookups: &[Lookup], reporter: &mut Reporter<'_>) -> Self {
        let mut entry = Entry::default();
        let Kind::Map(_) = &node.kind else {
            entry.from = Some(node.texts("a source property", reporter));
            return entry;
        };
        let known = ["from", "lookup", "default", "convert", "lowercase", "otherwise"];
        let fields = node.fields("a mapping", &known, reporter);
        entry.from = fields.get("from").map(|node| node.texts("a source property", reporter));
        entry.lookup = fields.get("lookup").and_then(|node| lookup(node, lookups, reporter));
        if let (Some(_), Some((key, _))) = (&entry.from, fields.entry("lookup")) {
            let advice = "keep one of them";
            reporter.report(key.span, "a property comes from the record or from a lookup", advice);
        }
        entry.default =
            fields.get("default").and_then(|node| literal::typed(node, &field.field_type, reporter));
        entry.duration = fields.get("convert").is_some_and(|node| convert(node, field, reporter));
        entry.enumeration(&fields, field, reporter);
        entry
    }

    /// `lowercase` and `otherwise`, which are for an enum.
    fn enumeration(&mut self, fields: &Fields<'_>, field: &Field, reporter: &mut Reporter<'_>) {
        let keys = ["lowercase", "otherwise"].map(|name| fields.entry(name));
        let Type::Enum(symbols) = &field.field_type else {
            for (key, _) in keys.into_iter().flatten() {
                let message =
                    format!("`{}` is for an enum, `{}` is {}", key.name, field.name, field.field_type);
                reporter.report(key.span, message, "remove the line, or make it an enum in the contract");
            }
            return;
        };
        if let Some(node) = fields.get("lowercase") {
            self.lowercase = node.flag("`lowercase`", reporter);
            if self.lowercase
                && let Some(symbol) = symbols.iter().find(|symbol| symbol.to_lowercase() != symbol.as_ref())
            {
                let message = format!("the symbol `{symbol}` is not lower-case, so no text can become it");
                reporter.report(node.span, message, "write the contract's symbols in lower case");
            }
        }
        if let Some(node) = fields.get("otherwise")
            && let Some(Value::String(symbol)) = literal::typed(node, &field.field_type, reporter)
        {
            self.otherwise = Some(symbol.as_ref().into());
        }
    }

    fn slot(
        self,
        field: &Field,
        lookups: &[Lookup],
        assigned: bool,
        span: Span,
        reporter: &mut Reporter<'_>,
    ) -> Slot {
        let namesake = lookups.iter().position(|lookup| lookup.name() == field.name.as_ref());
        let number = match &self.from {
            Some(_) => None,
            None => self.lookup.map(|(_, number)| number).or(namesake),
        };
        let default = self.default.or_else(|| field.default.clone());
        let origin = match number {
            Some(number) => Origin::Lookup(number),
            None => {
                let namesake = if assigned { Vec::new() } else { vec![(span, field.name.as_ref())] };
                let names = self.from.unwrap_or(namesake);
                Origin::Properties(taken(&names, reporter))
            }
        };
        let optional = default.is_some() || field.is_nullable();
        if !optional
            && !assigned
            && let Some(message) = never_there(&origin, field, lookups)
        {
            let advice = "give it a default, make it nullable in the contract, or say where it comes from; \
                for a lookup write under `orphaned:` what is missing";
            reporter.report(span, message, advice);
        }
        let conversion = match Conversion::from(&field.field_type) {
            Conversion::Int if self.duration => Conversion::DurationSeconds,
            Conversion::Enum { symbols, .. } => {
                Conversion::Enum { symbols, lowercase: self.lowercase, otherwise: self.otherwise }
            }
            other => other,
        };
        Slot { property: field.name.clone(), origin, conversion, default, nullable: field.is_nullable() }
    }
}

/// Why a required property without a default could stay without a value and without a reason.
fn never_there(origin: &Origin, field: &Field, lookups: &[Lookup]) -> Option<String> {
    match origin {
        Origin::Properties(names) if names.is_empty() => {
            Some(format!("nothing gives the required property `{}` a value", field.name))
        }
        Origin::Lookup(number) if lookups.get(*number).is_some_and(|lookup| lookup.orphaned().is_none()) => {
            Some(format!("the required property `{}` comes from a lookup that may find nothing", field.name))
        }
        _ => None,
    }
}

fn taken(names: &[(Span, &str)], reporter: &mut Reporter<'_>) -> Box<[Taken]> {
    let mut list: Vec<Taken> = Vec::with_capacity(names.len());
    for (span, name) in names {
        if list.iter().any(|other| other.name.as_ref() == *name) {
            reporter.report(*span, format!("`{name}` is there twice"), "remove one of them");
        }
        list.push(Taken::new(name));
    }
    list.into()
}

fn lookup(node: &Node, lookups: &[Lookup], reporter: &mut Reporter<'_>) -> Option<(Span, usize)> {
    let name = node.text("the name of a lookup", reporter)?;
    let found = lookups.iter().position(|lookup| lookup.name() == name);
    if found.is_none() {
        let advice = did_you_mean(name, lookups.iter().map(Lookup::name));
        let advice = format!("{advice}define it under `lookups:`");
        reporter.report(node.span, format!("there is no lookup `{name}`"), advice);
    }
    found.map(|number| (node.span, number))
}

fn convert(node: &Node, field: &Field, reporter: &mut Reporter<'_>) -> bool {
    let Some(name) = node.text("the name of a conversion", reporter) else { return false };
    if name != "duration" {
        let advice = format!("{}write `convert: duration`", did_you_mean(name, ["duration"]));
        reporter.report(node.span, format!("there is no conversion `{name}`"), advice);
        return false;
    }
    if field.field_type != Type::Int {
        let message = format!("a duration becomes an int, `{}` is {}", field.name, field.field_type);
        reporter.report(node.span, message, "make it a `long` in the contract, or remove the line");
        return false;
    }
    true
}

fn required_lookups(slots: &[Slot], lookups: &[Lookup]) -> Box<[usize]> {
    let slot = |number: usize| slots.iter().position(|slot| slot.origin == Origin::Lookup(number));
    let required = |number: &usize| lookups.get(*number).is_some_and(|lookup| lookup.orphaned().is_some());
    let mut numbers: Vec<usize> = (0..lookups.len()).filter(required).collect();
    numbers.sort_by_key(|number| slot(*number).unwrap_or(usize::MAX));
    numbers.into()
}

fn unused_lookups(file: &Fields<'_>, slots: &[Slot], lookups: &[Lookup], reporter: &mut Reporter<'_>) {
    let Some((_, node)) = file.entry("lookups") else { return };
    for (number, lookup) in lookups.iter().enumerate() {
        let used = slots.iter().any(|slot| slot.origin == Origin::Lookup(number));
        if !used && lookup.orphaned().is_none() {
            let message = format!("nothing takes the lookup `{}`", lookup.name());
            let advice = "map a property of the contract from it (`lookup: …`), or remove it";
            reporter.report(node.span, message, advice);
        }
    }
}

/// `declares:`: source properties that may be there and go nowhere.
fn declared(file: &Fields<'_>, slots: &[Slot], reporter: &mut Reporter<'_>) -> BTreeSet<Box<str>> {
    let Some(node) = file.get("declares") else { return BTreeSet::new() };
    let names = node.texts("a source property", reporter);
    for (span, name) in &names {
        let mut taken = slots.iter().flat_map(|slot| slot.origin.properties());
        if taken.any(|taken| taken.name.as_ref() == *name) {
            reporter.report(*span, format!("`{name}` is mapped already"), "remove it here");
        }
    }
    names.into_iter().map(|(_, name)| name.into()).collect()
}
