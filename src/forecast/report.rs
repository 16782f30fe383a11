//! What a forecast says, type by type.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::record::{Reason, ValueType};

/// What `migrate-data` would do now: the result of `--dry-run`.
///
/// As JSON: `{"pipelines": {"episode": {"read", "loaded", "written", "updated", "unchanged", "merged", "dead_letters":
/// {reason: n}, "emitted": {"total", "loaded", "written", "updated", "unchanged", "dead_letters": {reason: n}},
/// "beyond_limit"}}, "totals": {…}, "not_foreseen": [sentence], "remarks": [sentence], "seconds"}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ForecastReport {
    /// The pipelines that were selected, nodes first.
    #[serde(serialize_with = "by_name")]
    pub pipelines: Vec<PipelineForecast>,
    /// Sums over the pipelines.
    pub totals: Totals,
    /// What can't be foreseen here, a sentence each.
    pub not_foreseen: Vec<String>,
    /// What else people should know.
    pub remarks: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

/// What would become of the records of one pipeline.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PipelineForecast {
    /// The pipeline.
    #[serde(skip)]
    pub name: String,
    /// Rows read.
    pub read: u64,
    /// Records that would be applied to the target.
    #[serde(flatten)]
    pub loaded: Applied,
    /// Parallel relationships that another one stands for.
    pub merged: u64,
    /// Dead letters by reason.
    pub dead_letters: BTreeMap<Reason, u64>,
    /// Records that others would derive for it.
    pub emitted: Emitted,
    /// Whether there would be more dead letters than `load.max_dead_letters` allows: the run would end early.
    pub beyond_limit: bool,
    /// Properties that the policy `drop` leaves out, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped: BTreeMap<String, u64>,
    /// Dead letters that count against the limit.
    #[serde(skip)]
    pub charged: u64,
    /// What the dead letters are about. For people; not in the JSON.
    #[serde(skip)]
    pub details: Details,
}

/// Records that would be applied: what is in the target now decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// All of them.
    pub loaded: u64,
    /// Those that are not there yet.
    pub written: u64,
    /// Those that are there and would change.
    pub updated: u64,
    /// Those that are there as they would be written; only when they were migrated would change.
    pub unchanged: u64,
}

/// Derived records, at the pipeline that they come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Emitted {
    /// All of them.
    pub total: u64,
    /// Those that would be applied.
    #[serde(flatten)]
    pub loaded: Applied,
    /// Dead letters by reason.
    pub dead_letters: BTreeMap<Reason, u64>,
}

/// Sums over pipelines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Rows read.
    pub read: u64,
    /// Records that would be applied.
    #[serde(flatten)]
    pub loaded: Applied,
    /// Parallel relationships that another one stands for.
    pub merged: u64,
    /// Dead letters by reason.
    pub dead_letters: BTreeMap<Reason, u64>,
    /// Derived records.
    pub emitted: Emitted,
}

/// Dead letters by reason, property and the type of its value, those of derived records included.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Details(pub BTreeMap<Place, Detail>);

/// Why dead letters are some: the reason, the property, and the type of its value.
pub type Place = (Reason, Option<Box<str>>, Option<ValueType>);

/// Dead letters of one reason and property.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Detail {
    /// How many there are.
    pub count: u64,
    /// What some of them are about: a key, both keys, or the source's own id.
    pub examples: Vec<String>,
    /// What is wrong with the first.
    pub message: String,
}

/// What some examples are enough for.
const EXAMPLES: usize = 5;
/// Names of properties come from the data: more of them than this are counted without their names.
const MOST_DETAILS: usize = 1_000;

impl Details {
    /// Adds a dead letter.
    pub(super) fn add(
        &mut self,
        place: (Reason, Option<&str>, Option<ValueType>),
        subject: &str,
        message: &str,
    ) {
        let (reason, property, found) = place;
        let property: Option<Box<str>> = property.map(Box::from);
        let mut place = (reason, property, found);
        if self.0.len() >= MOST_DETAILS && !self.0.contains_key(&place) {
            place = (reason, None, None);
        }
        let detail = self.0.entry(place).or_default();
        detail.count += 1;
        if detail.count == 1 {
            detail.message = message.to_owned();
        }
        // A duplicate comes under its key as often as there are others.
        if detail.examples.len() < EXAMPLES && !detail.examples.iter().any(|shown| shown == subject) {
            detail.examples.push(subject.to_owned());
        }
    }

    /// Adds those that another one has.
    pub(super) fn append(&mut self, others: Details) {
        for (place, other) in others.0 {
            let detail = self.0.entry(place).or_default();
            if detail.count == 0 {
                detail.message = other.message;
            }
            detail.count += other.count;
            for subject in other.examples {
                if detail.examples.len() < EXAMPLES && !detail.examples.contains(&subject) {
                    detail.examples.push(subject);
                }
            }
        }
    }

    /// The first of a reason: what it is about, and what is wrong.
    pub fn first(&self, reason: Reason) -> Option<(&str, &str)> {
        let found = self.0.iter().find(|((of, ..), _)| *of == reason).map(|(_, detail)| detail)?;
        Some((found.examples.first()?, &found.message))
    }
}

impl Applied {
    pub(super) fn written(&mut self) {
        self.loaded += 1;
        self.written += 1;
    }

    pub(super) fn updated(&mut self) {
        self.loaded += 1;
        self.updated += 1;
    }

    pub(super) fn unchanged(&mut self) {
        self.loaded += 1;
        self.unchanged += 1;
    }

    fn add(&mut self, other: &Self) {
        self.loaded += other.loaded;
        self.written += other.written;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
    }
}

impl Emitted {
    /// Adds what another process of derivation counted.
    pub(super) fn add(&mut self, other: &Self) {
        self.total += other.total;
        self.loaded.add(&other.loaded);
        add(&mut self.dead_letters, &other.dead_letters);
    }
}

impl PipelineForecast {
    /// Nothing yet.
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Dead letters of records that are read, whatever the reason.
    pub fn dead_lettered(&self) -> u64 {
        self.dead_letters.values().sum()
    }
}

impl ForecastReport {
    /// Sums the pipelines up.
    pub(super) fn new(pipelines: Vec<PipelineForecast>) -> Self {
        let mut totals = Totals::default();
        for pipeline in &pipelines {
            totals.read += pipeline.read;
            totals.merged += pipeline.merged;
            totals.loaded.add(&pipeline.loaded);
            totals.emitted.add(&pipeline.emitted);
            add(&mut totals.dead_letters, &pipeline.dead_letters);
        }
        Self { pipelines, totals, ..Self::default() }
    }

    /// Whether the run would end early, with more dead letters of a type than are allowed.
    pub fn is_beyond_limit(&self) -> bool {
        self.pipelines.iter().any(|pipeline| pipeline.beyond_limit)
    }
}

fn add(sum: &mut BTreeMap<Reason, u64>, others: &BTreeMap<Reason, u64>) {
    others.iter().for_each(|(reason, number)| *sum.entry(*reason).or_default() += number);
}

fn by_name<S: Serializer>(pipelines: &[PipelineForecast], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(pipelines.iter().map(|pipeline| (&pipeline.name, pipeline)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_differ_from_one_another() {
        let place = (Reason::DuplicateKey, None, None);
        let details = |subjects: &[&str]| {
            let mut details = Details::default();
            subjects.iter().for_each(|subject| details.add(place, subject, "another has it"));
            details
        };
        let mut all = details(&["a", "a", "a", "b"]);
        all.append(details(&["b", "c", "c"]));
        let detail = all.0.values().next().unwrap();
        assert_eq!((detail.count, detail.examples.as_slice()), (7, &["a", "b", "c"].map(String::from)[..]));
    }

    #[test]
    fn the_json_is_that_of_the_first_release() {
        let mut emitted = Emitted { total: 3, ..Emitted::default() };
        emitted.loaded.written();
        emitted.loaded.unchanged();
        emitted.dead_letters.insert(Reason::EndpointMissing, 1);
        let mut pipeline = PipelineForecast { read: 5, merged: 1, emitted, ..PipelineForecast::new("tie") };
        pipeline.loaded.written();
        pipeline.loaded.updated();
        pipeline.dead_letters.insert(Reason::MissingKey, 2);
        let mut report = ForecastReport::new(vec![pipeline]);
        report.not_foreseen.push("changes of the source".to_owned());
        let expected = r#"{"pipelines":{"tie":{"read":5,"loaded":2,"written":1,"updated":1,"unchanged":0,"merged":1,"dead_letters":{"missing_key":2},"emitted":{"total":3,"loaded":2,"written":1,"updated":0,"unchanged":1,"dead_letters":{"endpoint_missing":1}},"beyond_limit":false}},"totals":{"read":5,"loaded":2,"written":1,"updated":1,"unchanged":0,"merged":1,"dead_letters":{"missing_key":2},"emitted":{"total":3,"loaded":2,"written":1,"updated":0,"unchanged":1,"dead_letters":{"endpoint_missing":1}}},"not_foreseen":["changes of the source"],"remarks":[],"seconds":0.0}"#;
        assert_eq!(serde_json::to_string(&report).unwrap(), expected);
    }

    #[test]
    fn names_from_the_data_take_bounded_room() {
        let mut details = Details::default();
        for number in 0..2_000 {
            let property = number.to_string();
            details.add((Reason::UnknownProperty, Some(&property), Some(ValueType::List)), "k", "unknown");
        }
        assert_eq!(details.0.len(), MOST_DETAILS + 1);
        assert_eq!(details.0.values().map(|detail| detail.count).sum::<u64>(), 2_000);
        assert_eq!(details.first(Reason::UnknownProperty), Some(("k", "unknown")));
    }
}
