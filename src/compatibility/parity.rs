//! Where every property of every type goes.

use std::sync::Arc;

use super::report::{Fate, Property};
use super::survey::Survey;
use crate::pipeline::{Pipeline, UnknownProperties};

/// Declared properties, and those that were found beside them. The key is one of them.
pub fn parity(seen: &[(Arc<Pipeline>, Survey)]) -> Vec<Property> {
    seen.iter().flat_map(|(pipeline, survey)| of_type(pipeline, survey)).collect()
}

fn of_type(pipeline: &Pipeline, survey: &Survey) -> Vec<Property> {
    let property = |name: &str, fate, becomes, losses| Property {
        pipeline: pipeline.name().to_owned(),
        entity_type: pipeline.source().entity_type().to_owned(),
        property: name.to_owned(),
        fate,
        becomes,
        losses,
        found: survey.properties.get(name).map(|seen| seen.types.clone()).unwrap_or_default(),
    };
    let destinations = pipeline.destinations();
    let known = destinations.iter().map(|(name, destination)| {
        let mut becomes: Vec<String> =
            destination.becomes.iter().map(|(target, of)| format!("{target}: {of}")).collect();
        if destination.derives {
            becomes.push("relationships that are derived".to_owned());
        }
        let fate = match (becomes.is_empty(), destination.losses.is_empty()) {
            (true, _) => Fate::Dropped,
            (false, true) => Fate::Mapped,
            (false, false) => Fate::ConvertedWithLoss,
        };
        property(name, fate, becomes, destination.losses.clone())
    });
    let others =
        survey.properties.keys().filter(|name| !destinations.contains_key(*name)).map(|name| match pipeline
            .unknown_properties()
        {
            UnknownProperties::Reject => property(name, Fate::Unknown, Vec::new(), Vec::new()),
            UnknownProperties::Keep => {
                property(name, Fate::Kept, vec![format!("{name}: as it is")], Vec::new())
            }
            UnknownProperties::Drop => property(name, Fate::Dropped, Vec::new(), Vec::new()),
        });
    known.chain(others).collect()
}
