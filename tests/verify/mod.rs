//! `verify`: what differs is found and named, whatever was changed; what is mended is as a migration would leave it.

mod following;
mod gates;
mod mutations;
mod resuming;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Regraft, Stack};

/// Everything that a report names, one line each: `episode different "e1": title, labels`.
fn named(report: &Value) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for (pipeline, found) in report["pipelines"].as_object().unwrap() {
        for difference in found["differences"].as_array().unwrap() {
            lines.insert(format!("{pipeline} {}", line(difference)));
        }
    }
    for stray in report["strays"]["found"].as_array().unwrap() {
        let keys: Vec<&str> =
            stray["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap_or("?")).collect();
        lines.insert(format!("stray {} {}", stray["type"].as_str().unwrap_or("node"), keys.join(" ")));
    }
    lines
}

fn line(difference: &Value) -> String {
    let text = |key: &str| difference[key].as_str();
    let which = match (text("key"), text("start"), text("end")) {
        (Some(key), _, _) => key.to_owned(),
        (_, Some(start), Some(end)) => format!("{start} {end}"),
        _ => "(no key)".to_owned(),
    };
    let names = |key: &str, name: fn(&Value) -> &Value| {
        let all = difference[key].as_array().into_iter().flatten();
        all.map(|each| name(each).as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut what = names("properties", |property| &property["property"]);
    what.extend(names("labels", |label| label));
    what.extend(difference["surplus"].as_u64().map(|surplus| format!("surplus {surplus}")));
    what.extend(text("dead_letter").map(str::to_owned));
    let kind = text("kind").unwrap();
    if what.is_empty() { format!("{kind} {which}") } else { format!("{kind} {which}: {}", what.join(", ")) }
}

/// Sums of a report that have to be the size of what it names.
#[track_caller]
fn assert_counted(report: &Value) {
    let number = |of: &Value, key: &str| of[key].as_u64().unwrap();
    for (pipeline, found) in report["pipelines"].as_object().unwrap() {
        for kind in ["missing", "different"] {
            let named = found["differences"].as_array().unwrap().iter().filter(|each| each["kind"] == kind);
            assert_eq!(named.count() as u64, number(found, kind), "{kind} of {pipeline}");
        }
    }
    let differ: u64 =
        ["missing", "extra", "different"].map(|kind| number(&report["totals"], kind)).iter().sum();
    assert_eq!(report["equal"] == true, differ == 0 || report["repair"].is_object(), "{report}");
}

/// Nodes and relationships of the target, whatever they are; what Regraft writes down about its runs left out.
fn sizes(stack: &Stack) -> (i64, i64) {
    let own = "(n:MigrationHistory OR n:BackupMarker OR any(l IN labels(n) WHERE l STARTS WITH '_Regraft'))";
    (
        stack.target.number(&format!("MATCH (n) WHERE NOT {own} RETURN count(n)")),
        stack.target.number("MATCH ()-[r]->() RETURN count(r)"),
    )
}

/// Fails unless the target is equal to what is expected of it.
#[track_caller]
fn assert_equal(regraft: &Regraft, arguments: &[&str]) {
    let ended = regraft.run(&[&["verify"], arguments].concat());
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.err, ended.out);
    assert_eq!(ended.report()["equal"], true);
}
