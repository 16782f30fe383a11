//! Why a record goes to the dead letters, in a sentence that a person can act on.

use serde_json::Value as Json;

use super::convert::{Conversion, Mismatch};
use super::mapping::Slot;
use super::source::Source;
use crate::record::{ModelEntity, Reason, Value, ValueType, shorten, value_to_short_json};

/// A message shows this many code points of a value.
const MESSAGE_VALUE: usize = 60;

/// Why a record goes to the dead letters.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    /// The one reason.
    pub reason: Reason,
    /// A sentence that names what is wrong.
    pub message: Box<str>,
    /// The property that is wrong: by the source's name where its value can't be used, else by the contract's.
    pub property: Option<Box<str>>,
    /// Its value as JSON, shortened where it is long.
    pub value: Option<Json>,
    /// The type of that value; null where a key is absent.
    pub found: Option<ValueType>,
}

impl Rejection {
    fn new(reason: Reason, message: impl Into<Box<str>>) -> Self {
        Self { reason, message: message.into(), property: None, value: None, found: None }
    }

    fn at(mut self, property: &str) -> Self {
        self.property = Some(property.into());
        self
    }

    /// Names the property and shows its value, in the message too.
    fn with(mut self, property: &str, value: &Value<'_>) -> Self {
        let short = value_to_short_json(value);
        self.message = format!("{}: {}", self.message, shorten(&short.to_string(), MESSAGE_VALUE)).into();
        self.value = Some(short);
        self.found = Some(value.value_type());
        self.at(property)
    }

    pub(super) fn undecodable(message: &str) -> Self {
        Self::new(Reason::Undecodable, message)
    }

    /// Over the record limit, as it was read or as it was reshaped.
    pub fn too_large(bytes: u64) -> Self {
        Self::new(Reason::TooLarge, format!("the record has {bytes} bytes, which is over the limit"))
    }

    /// The target refused the record, saying this.
    pub fn refused(said: impl Into<Box<str>>) -> Self {
        Self::new(Reason::TargetRejected, said)
    }

    pub(super) fn missing_key(key: &str, whose: &str, value: &Value<'_>) -> Self {
        match value {
            Value::Null => {
                let absent = Self::new(Reason::MissingKey, format!("{whose} has no `{key}`")).at(key);
                Self { found: Some(value.value_type()), ..absent }
            }
            Value::String(_) => {
                Self::new(Reason::MissingKey, format!("the `{key}` of {whose} is blank")).with(key, value)
            }
            other => {
                let message = format!("the `{key}` of {whose} is no string but {}", other.type_name());
                Self::new(Reason::MissingKey, message).with(key, value)
            }
        }
    }

    pub(super) fn duplicate(source: &Source, entity: &ModelEntity<'_>) -> Self {
        match (source, entity) {
            (Source::Node { label, key: name }, ModelEntity::Node { key, .. }) => {
                let message = format!("another {label} has the same `{name}`");
                Self::new(Reason::DuplicateKey, message).with(name, &Value::text(key.as_ref()))
            }
            _ => Self::new(Reason::DuplicateKey, "its parallel relationships have different properties"),
        }
    }

    pub(super) fn two_labels(own: &str, other: &str, name: &str, key: &str) -> Self {
        let message = format!("the node carries two declared labels, {own} and {other}");
        Self::new(Reason::DuplicateKey, message).with(name, &Value::text(key))
    }

    pub(super) fn unknown_property(pipeline: &str, name: &str, value: &Value<'_>) -> Self {
        let message = format!("the pipeline {pipeline} neither maps nor declares `{name}`");
        Self::new(Reason::UnknownProperty, message).with(name, value)
    }

    pub(super) fn can_not_be_kept(name: &str, value: &Value<'_>) -> Self {
        let message = format!("`{name}` can't be kept, the target's `{name}` is made from something else");
        Self::new(Reason::UnknownProperty, message).with(name, value)
    }

    pub(super) fn type_mismatch(of: &Conversion, name: &str, value: &Value<'_>, mismatch: &Mismatch) -> Self {
        let element = mismatch.element.map(|element| format!("element {} of ", element + 1));
        let message = format!("{}`{name}` can't become {of}, {}", element.unwrap_or_default(), mismatch.why);
        Self::new(Reason::TypeMismatch, message).with(name, value)
    }

    pub(super) fn missing_field(slot: &Slot) -> Self {
        let names: Vec<String> =
            slot.origin.properties().iter().map(|taken| format!("`{}`", taken.name)).collect();
        let message = match names.as_slice() {
            [] => format!("`{}` is required and nothing gives it a value", slot.property),
            [name] => format!("`{}` is required and the source has no {name}", slot.property),
            names => {
                format!("`{}` is required and the source has neither {}", slot.property, names.join(" nor "))
            }
        };
        Self::new(Reason::MissingField, message).at(&slot.property)
    }

    /// The program left a required property without a value.
    pub(super) fn left_empty(property: &str) -> Self {
        let message = format!("`{property}` is required and the program gave it no value");
        Self::new(Reason::MissingField, message).at(property)
    }

    /// The program aborted, or failed.
    pub(super) fn transform_failed(message: impl Into<Box<str>>) -> Self {
        Self::new(Reason::TransformFailed, message)
    }

    /// An element of a list that derives relationships.
    pub(super) fn blank_element(list: &str, id: &str) -> Self {
        Self::new(Reason::MissingKey, format!("an id in `{list}` is blank")).with(list, &Value::text(id))
    }

    pub(super) fn orphaned(lookup: &str, message: &str) -> Self {
        Self::new(Reason::Orphaned, message).at(lookup)
    }

    pub(super) fn rule_violated(rule: &str, message: &str, property: &str, value: &Value<'_>) -> Self {
        Self::new(Reason::RuleViolated, format!("{rule}: {message}")).with(property, value)
    }
}
