//! Issues of the records: what would be dead letters, and what was seen of the types. Pure.

use std::sync::Arc;

use super::report::{Area, Issue, Severity};
use super::survey::Survey;
use crate::forecast::{ForecastReport, PipelineForecast};
use crate::pipeline::Pipeline;
use crate::record::Reason;

/// Issues of all types.
pub fn of_records(seen: &[(Arc<Pipeline>, Survey)], forecast: &ForecastReport) -> Vec<Issue> {
    let mut issues = Vec::new();
    for (pipeline, survey) in seen {
        let Some(foreseen) = forecast.pipelines.iter().find(|each| each.name == pipeline.name()) else {
            continue;
        };
        let mut found = dead_letters(foreseen);
        found.extend(of_type(pipeline, foreseen, survey));
        issues.extend(found.into_iter().map(|issue| Issue {
            entity_type: Some(pipeline.source().entity_type().to_owned()),
            pipeline: Some(pipeline.name().to_owned()),
            ..issue
        }));
    }
    issues
}

fn dead_letters(foreseen: &PipelineForecast) -> Vec<Issue> {
    let issue = |((reason, property, found), detail): (&crate::forecast::Place, &crate::forecast::Detail)| {
        // Somebody else's dead letter is what has to be mended there.
        let severity = if *reason == Reason::EndpointMissing { Severity::Warning } else { Severity::Error };
        Issue {
            property: property.as_deref().map(str::to_owned),
            found: found.map(crate::record::ValueType::as_str),
            ..Issue::new(Area::Data, reason.as_str(), severity, detail.message.as_str())
                .counted(detail.count, detail.examples.clone())
                .remedy(reason.what_to_do())
        }
    };
    foreseen.details.0.iter().map(issue).collect()
}

fn of_type(pipeline: &Pipeline, foreseen: &PipelineForecast, survey: &Survey) -> Vec<Issue> {
    let mut issues = Vec::new();
    if foreseen.read == 0 && pipeline.is_read() {
        let message = "the source has none of it";
        issues.push(
            Issue::new(Area::Schema, "empty_type", Severity::Warning, message)
                .counted(0, Vec::new())
                .remedy("check how the pipeline file writes the label or type, or remove the file"),
        );
    }
    if foreseen.merged > 0 {
        let message =
            "parallel relationships that are equal: one of them goes on, the others count as merged";
        issues.push(
            Issue::new(Area::Data, "merged", Severity::Note, message).counted(foreseen.merged, Vec::new()),
        );
    }
    if foreseen.beyond_limit {
        let message = "more dead letters than load.max_dead_letters allows: a run would end early";
        issues.push(
            Issue::new(Area::Data, "too_many_dead_letters", Severity::Error, message)
                .counted(foreseen.charged, Vec::new())
                .remedy("mend what is listed, or raise load.max_dead_letters"),
        );
    }
    let (two_labels, examples) = &survey.two_labels;
    if *two_labels > 0 {
        let message =
            "nodes that carry two labels which are both declared: dead letters of each of their types";
        issues.push(
            Issue::new(Area::Data, "two_labels", Severity::Warning, message)
                .counted(*two_labels, examples.clone())
                .remedy("decide which type each of them is, and remove the other label in the source"),
        );
    }
    for (name, seen) in &survey.properties {
        if let Some((odd, usual)) = seen.odd_lengths() {
            let message = format!("lists of floats of another length than {usual}, which most of them have");
            let issue = Issue::new(Area::Data, "embedding_lengths", Severity::Warning, message)
                .counted(odd, Vec::new())
                .remedy("make all of them with the same model; a vector index takes one length only");
            issues.push(Issue { property: Some(name.clone()), ..issue });
        }
    }
    issues
}
