//! What became of what the source had. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Statistics;
use crate::verify::{PipelineComparison, VerifyReport};

/// The types before and after: before − merged − dead-lettered + derived = after, and what that leaves unexplained.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BeforeAfter {
    /// Name of the statistics that it is compared with.
    pub before: String,
    /// By pipeline.
    pub types: BTreeMap<String, TypeChange>,
}

/// One type before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TypeChange {
    /// Label or relationship type.
    #[serde(rename = "type")]
    pub entity_type: String,
    /// Rows of the source when the statistics were taken.
    pub before: u64,
    /// Rows of the target now.
    pub after: u64,
    /// Parallel relationships that another one stands for.
    pub merged: u64,
    /// Different relationships that are derived and that the source does not have itself.
    pub derived: u64,
    /// Records that are dead letters.
    pub dead_lettered: u64,
    /// How many more, or fewer, there are than all that explains.
    pub unexplained: i64,
}

/// Explains the target's numbers by those of the source as they were kept. A type that nothing was kept of is held
/// against what the comparison has read.
pub fn compare_before_after(before: &Statistics, now: &VerifyReport) -> BeforeAfter {
    let change = |pipeline: &PipelineComparison| {
        let known = before.types.get(&pipeline.name).map(|of| of.count);
        (pipeline.name.clone(), type_change(known.unwrap_or(pipeline.source.read), pipeline))
    };
    BeforeAfter { before: before.name.clone(), types: now.pipelines.iter().map(change).collect() }
}

fn type_change(before: u64, now: &PipelineComparison) -> TypeChange {
    let dead_lettered: u64 = now.source.dead_letters.values().sum();
    let merged = now.source.merged;
    let derived = now.expected.saturating_sub(now.source.expected);
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let explained = signed(before) - signed(merged) - signed(dead_lettered) + signed(derived);
    TypeChange {
        entity_type: now.entity_type.clone(),
        before,
        after: now.target,
        merged,
        derived,
        dead_lettered,
        unexplained: signed(now.target) - explained,
    }
}

#[cfg(test)]
mod tests {
    use super::super::TypeStatistics;
    use super::*;
    use crate::record::Reason;

    #[test]
    fn what_is_merged_derived_and_dead_is_explained_and_the_rest_is_not() {
        let mut now =
            PipelineComparison { name: "ties".into(), expected: 9, target: 8, ..Default::default() };
        now.source.read = 10;
        now.source.expected = 6;
        now.source.merged = 1;
        now.source.dead_letters.insert(Reason::RuleViolated, 3);
        let report = VerifyReport { pipelines: vec![now], ..VerifyReport::default() };
        let mut before = Statistics { name: "night".into(), ..Statistics::default() };
        let found = compare_before_after(&before, &report).types.remove("ties").unwrap();
        assert_eq!((found.before, found.derived, found.unexplained), (10, 3, -1));
        before.types.insert("ties".into(), TypeStatistics { count: 12, ..TypeStatistics::default() });
        let found = compare_before_after(&before, &report).types.remove("ties").unwrap();
        assert_eq!((found.before, found.unexplained), (12, -3));
    }
}
