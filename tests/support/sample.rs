//! The sample monolith, and the accounts that it says to expect.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Map, Value};

use super::{Stack, built};

/// A sample that is in the source.
pub struct Sample {
    expected: Value,
}

impl Sample {
    /// Fills the source with a sample that has something of everything that can be wrong. One podcast brings a thousand
    /// nodes and relationships of all types on average (but the first one a hundred or so), what is planted some 3,200.
    pub fn dirty(stack: &Stack, podcasts: u32) -> Self {
        Self::fill(stack, podcasts, &["--dirty"])
    }

    /// Fills the source with a sample that has nothing wrong.
    pub fn clean(stack: &Stack, podcasts: u32) -> Self {
        Self::fill(stack, podcasts, &["--no-dirty"])
    }

    /// Fills the source as these options of the sample say.
    pub fn fill(stack: &Stack, podcasts: u32, options: &[&str]) -> Self {
        let output = Command::new(built("examples/monolith"))
            .args(["--podcasts", &podcasts.to_string(), "--seed", "1", "--wipe"])
            .args(options)
            .envs(stack.settings())
            .output()
            .unwrap();
        assert!(output.status.success(), "monolith: {}", String::from_utf8_lossy(&output.stderr));
        Self { expected: serde_json::from_slice(&output.stdout).unwrap() }
    }

    /// Nodes and relationships that no pipeline covers.
    pub fn uncovered(&self) -> &Value {
        &self.expected["uncovered"]
    }

    /// What a migration of it reports, by pipeline.
    pub fn counts(&self) -> Value {
        counts(&self.expected)
    }

    /// The same of a migration of these pipelines, whose names have commas between them.
    pub fn counts_of(&self, pipelines: &str) -> Value {
        let mut counts = self.counts();
        if let Some(all) = counts.as_object_mut() {
            all.retain(|name, _| pipelines.split(',').any(|pipeline| pipeline == name));
        }
        counts
    }
}

/// Of a report what has to be the same however the migration went: read, loaded, merged and dead letters by reason, and
/// the same of derived records, for every pipeline that had any. Fails where they don't add up.
#[track_caller]
pub fn counts(report: &Value) -> Value {
    let pipelines = report["pipelines"].as_object().unwrap_or_else(|| panic!("no report: {report}"));
    let mut all = Map::new();
    for (name, found) in pipelines {
        let number = |key: &str| found[key].as_u64().unwrap_or_else(|| panic!("{name} {key}: {found}"));
        let dead_letters = found["dead_letters"].as_object().unwrap();
        let dead: u64 = dead_letters.values().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(
            number("read"),
            number("loaded") + number("merged") + dead,
            "{name} is not accounted for: {found}"
        );
        let emitted = &found["emitted"];
        let of_emitted = |key: &str| emitted[key].as_u64().unwrap_or(0);
        let derived = of_emitted("total");
        let dead: u64 = reasons(&emitted["dead_letters"]).values().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(
            derived,
            of_emitted("loaded") + dead,
            "{name}: what is derived is not accounted for: {found}"
        );
        if number("read") + derived == 0 {
            continue;
        }
        let mut kept = serde_json::json!({
            "read": number("read"),
            "loaded": number("loaded"),
            "merged": number("merged"),
            "dead_letters": reasons(&found["dead_letters"]),
        });
        if derived > 0 {
            let dead_letters = reasons(&emitted["dead_letters"]);
            let loaded = of_emitted("loaded");
            kept["emitted"] =
                serde_json::json!({"total": derived, "loaded": loaded, "dead_letters": dead_letters});
        }
        all.insert(name.clone(), kept);
    }
    all.into()
}

/// Counts by reason, in the order of the reasons.
fn reasons(counts: &Value) -> BTreeMap<&String, &Value> {
    counts.as_object().into_iter().flatten().collect()
}
