//! Where each property of the source goes, and what is lost on the way: for people, before a migration.

use std::collections::BTreeMap;

use super::compile::Pipeline;
use super::convert::Conversion;

/// Where a property of the source goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Properties of the target that it becomes, with the type.
    pub becomes: Vec<(String, String)>,
    /// Whether relationships are derived from it.
    pub derives: bool,
    /// What the conversions lose of values that are there, a sentence each.
    pub losses: Vec<String>,
    /// Whether every conversion takes text only, or lists of it: values of other types can be written as text.
    pub wants: Wants,
}

/// What a property has to be, as far as a value of another type can be turned into it without a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// Text.
    Text,
    /// A list of texts.
    Texts,
    /// Something else, or several things.
    Other,
}

impl Pipeline {
    /// Every property of the source that is mapped, derived from or declared, with where it goes. One that is declared
    /// only becomes nothing.
    pub fn destinations(&self) -> BTreeMap<String, Destination> {
        let nowhere =
            || Destination { becomes: Vec::new(), derives: false, losses: Vec::new(), wants: Wants::Other };
        let mut found: BTreeMap<String, Destination> =
            self.source_properties().map(|name| (name.to_owned(), nowhere())).collect();
        for slot in &self.mapping.slots {
            let taken = slot.origin.properties();
            for (place, from) in taken.iter().enumerate() {
                let Some(destination) = found.get_mut(from.name.as_ref()) else { continue };
                let wants = wants(&slot.conversion);
                destination.wants = match destination.becomes.is_empty() || destination.wants == wants {
                    true => wants,
                    false => Wants::Other,
                };
                destination.becomes.push((slot.property.to_string(), slot.conversion.to_string()));
                destination.losses.extend(loss(&slot.conversion).map(str::to_owned));
                if place > 0 {
                    let first = &taken[0].name;
                    destination.losses.push(format!("it is not looked at where `{first}` is there"));
                }
            }
        }
        for list in &self.mapping.lists {
            if let Some(destination) = found.get_mut(list.name.as_ref()) {
                destination.derives = true;
                destination.wants = Wants::Other;
            }
        }
        found
    }
}

fn wants(conversion: &Conversion) -> Wants {
    match conversion {
        Conversion::String => Wants::Text,
        Conversion::List(item) if **item == Conversion::String => Wants::Texts,
        _ => Wants::Other,
    }
}

/// What a conversion loses of values that it takes.
fn loss(conversion: &Conversion) -> Option<&'static str> {
    match conversion {
        Conversion::Date => Some("the time of day and the zone"),
        Conversion::Instant => Some("the zone (it becomes UTC), and what is finer than a microsecond"),
        Conversion::Enum { otherwise: Some(_), .. } => Some("any text that is none of the symbols"),
        Conversion::Enum { lowercase: true, .. } => Some("upper case"),
        Conversion::Float => Some("of integers beyond 2^53 the last digits"),
        Conversion::List(item) => loss(item),
        Conversion::String
        | Conversion::Int
        | Conversion::DurationSeconds
        | Conversion::Bool
        | Conversion::Enum { .. } => None,
    }
}
