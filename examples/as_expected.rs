//! Compares the final JSON of `migrate-data` with what the sample monolith says to expect, pipeline by pipeline.
//!
//! `cargo run --example as_expected -- expected.json result.json`: exit 0 and "as expected", or 1 and every difference.

use std::collections::BTreeSet;
use std::process::ExitCode;

use serde_json::{Map, Value};

fn main() -> ExitCode {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let [expected, result] = files.as_slice() else {
        eprintln!("usage: as_expected EXPECTED.json RESULT.json");
        return ExitCode::from(2);
    };
    let (expected, result) = match (read(expected), read(result)) {
        (Ok(expected), Ok(result)) => (expected, result),
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let differences = differences(&expected, &result);
    if differences.is_empty() {
        println!("as expected: {}", account(&expected));
        return ExitCode::SUCCESS;
    }
    println!("not as expected:");
    differences.iter().for_each(|line| println!("  {line}"));
    ExitCode::from(1)
}

fn read(path: &str) -> Result<Value, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("read {path}: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("read {path} as JSON: {error}"))
}

/// Every count that differs. What is absent counts as 0, so that new reasons and pipelines show as well.
fn differences(expected: &Value, result: &Value) -> Vec<String> {
    let (expected, result) = (counts(expected), counts(result));
    let places: BTreeSet<&String> = expected.keys().chain(result.keys()).collect();
    let count =
        |counts: &Map<String, Value>, place: &String| counts.get(place).and_then(Value::as_u64).unwrap_or(0);
    let differing = |place: &&String| count(&expected, place) != count(&result, place);
    places
        .into_iter()
        .filter(differing)
        .map(|place| {
            format!("{place}: {} expected, {} found", count(&expected, place), count(&result, place))
        })
        .collect()
}

/// The counts of all pipelines by what they count: `episode dead_letters orphaned`.
fn counts(report: &Value) -> Map<String, Value> {
    const COUNTED: [&str; 6] = ["read", "loaded", "merged", "dead_letters", "emitted", "total"];
    fn collect(place: &str, value: &Value, counts: &mut Map<String, Value>) {
        match value {
            Value::Object(inner) => {
                for (key, value) in inner {
                    collect(&format!("{place} {key}"), value, counts);
                }
            }
            count => {
                counts.insert(place.to_owned(), count.clone());
            }
        }
    }
    let mut all = Map::new();
    for (pipeline, entry) in report.get("pipelines").and_then(Value::as_object).into_iter().flatten() {
        for (key, value) in entry.as_object().into_iter().flatten() {
            if COUNTED.contains(&key.as_str()) {
                collect(&format!("{pipeline} {key}"), value, &mut all);
            }
        }
    }
    all
}

/// What was expected, in a line.
fn account(expected: &Value) -> String {
    let counts = counts(expected);
    let pipelines = expected.get("pipelines").and_then(Value::as_object).map_or(0, Map::len);
    // Of `contains_topic emitted dead_letters missing_key` what follows the pipeline's name.
    let sum = |part: &str| {
        let of_part = |(place, count): (&String, &Value)| {
            let (_, rest) = place.split_once(' ')?;
            if rest.strip_prefix(part)?.starts_with(' ') || rest == part { count.as_u64() } else { None }
        };
        counts.iter().filter_map(of_part).sum::<u64>()
    };
    let (read, loaded, merged, dead) = (sum("read"), sum("loaded"), sum("merged"), sum("dead_letters"));
    let derived = match sum("emitted total") {
        0 => String::new(),
        total => format!(
            "; {total} derived = {} loaded + {} dead letters",
            sum("emitted loaded"),
            sum("emitted dead_letters")
        ),
    };
    format!(
        "{pipelines} pipelines, {read} read = {loaded} loaded + {merged} merged + {dead} dead letters{derived}; each by \
         its reason"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(loaded: u64, reasons: Value) -> Value {
        serde_json::json!({"pipelines": {"episode": {
            "type": "Episode", "pass": 1, "read": 10, "loaded": loaded, "merged": 0, "dead_letters": reasons,
        }}, "seconds": 1.5})
    }

    #[test]
    fn zero_and_absent_are_the_same_and_nothing_else_is() {
        let expected = report(9, serde_json::json!({"orphaned": 1, "too_large": 0}));
        let mut result = report(9, serde_json::json!({"orphaned": 1}));
        result["pipelines"]["episode"]["emitted"] = serde_json::json!({"total": 0, "dead_letters": {}});
        assert_eq!(differences(&expected, &result), Vec::<String>::new());
        let other = report(8, serde_json::json!({"missing_key": 1, "orphaned": 1}));
        assert_eq!(
            differences(&expected, &other),
            ["episode dead_letters missing_key: 0 expected, 1 found", "episode loaded: 9 expected, 8 found"]
        );
        assert_eq!(differences(&expected, &serde_json::json!({})).len(), 3);
        assert_eq!(
            account(&expected),
            "1 pipelines, 10 read = 9 loaded + 0 merged + 1 dead letters; each by its reason"
        );
        let mut with_derived = expected.clone();
        with_derived["pipelines"]["episode"]["emitted"] = serde_json::json!({"total": 4, "loaded": 1, "dead_letters": {"missing_key": 2, "endpoint_missing": 1}});
        assert_eq!(
            account(&with_derived),
            "1 pipelines, 10 read = 9 loaded + 0 merged + 1 dead letters; 4 derived = 1 loaded + 3 dead letters; \
             each by its reason"
        );
        assert_eq!(differences(&with_derived, &expected).len(), 4);
    }
}
