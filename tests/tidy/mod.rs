//! Holds what ARCHITECTURE.md says is absent. Needs no services.

mod source;

use std::collections::BTreeSet;
use std::fs;

use regraft::pipeline;
use source::{Source, files_under, has_word, root, sources};

/// The modules in rows: each uses only rows above its own, and none of its own row.
const ROWS: [&[&str]; 19] = [
    &["error", "stop"],
    &["config", "retry"],
    &["record"],
    &["checkpoint"],
    &["pipeline"],
    &["kafka", "neo4j"],
    &["undo"],
    &["metrics"],
    &["observe"],
    &["dead_letters"],
    &["extract", "transform", "load", "schema", "rollback"],
    &["status"],
    &["replay"],
    &["verify"],
    &["validation"],
    &["forecast"],
    &["compatibility"],
    &["run"],
    &["cli"],
];

/// A file has at most so many lines.
const LONGEST: usize = 400;

#[test]
fn modules_use_only_what_stands_above_them() {
    let row = |module: &str| ROWS.iter().position(|row| row.contains(&module));
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !["main", "lib"].contains(&source.module.as_str())) {
        let Some(own) = row(&source.module) else {
            wrong.push(format!(
                "{}: `{}` has no place in ROWS and ARCHITECTURE.md",
                source.path, source.module
            ));
            continue;
        };
        for used in used_modules(source) {
            if row(&used).is_none_or(|other| other >= own) {
                wrong.push(format!("{} uses `{used}`", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_client_is_named_in_one_folder() {
    for (client, folder) in [("rdkafka", "kafka"), ("neo4rs", "neo4j"), ("vrl", "pipeline")] {
        let elsewhere = |source: &&Source| source.module != folder && has_word(&source.code, client);
        let wrong: Vec<String> =
            sources().iter().filter(elsewhere).map(|source| source.path.clone()).collect();
        assert!(wrong.is_empty(), "{client} is named in {wrong:?}");
    }
}

#[test]
fn the_vocabulary_does_no_input_or_output() {
    const DOES: [&str; 6] = ["std::fs", "std::net", "std::process", "tokio", "SystemTime", "Utc::now"];
    let pure = |source: &&Source| {
        ["record", "checkpoint", "pipeline"].contains(&source.module.as_str())
            && source.path != "src/pipeline/load.rs"
    };
    for source in sources().iter().filter(pure) {
        let named = DOES.iter().find(|does| has_word(&source.code, does));
        assert!(named.is_none(), "{} names {named:?}", source.path);
    }
}

/// What is migrated is data: no label or relationship type is named in the code, and no pipeline or property of several
/// words (one of a single word may be an everyday word).
#[test]
fn no_type_and_no_property_is_named_in_the_code() {
    let pipelines = pipeline::load(&root().join("pipelines"), &root().join("schemas/contracts")).unwrap();
    let mut names = BTreeSet::new();
    for pipeline in pipelines.all() {
        names.insert(pipeline.source().entity_type().to_owned());
        let fields = pipeline.contract().fields().iter().map(|field| field.name.as_ref());
        let words = fields.chain(pipeline.source_properties()).chain([pipeline.name()]);
        names.extend(words.filter(|name| name.contains('_')).map(str::to_owned));
    }
    assert!(names.len() > 70, "{names:?}");
    let mut wrong = Vec::new();
    for source in sources() {
        for text in &source.texts {
            let named = names.iter().filter(|name| has_word(text, name));
            wrong.extend(named.map(|name| format!("{}: {name} in {text:?}", source.path)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What can happen to a record of a type is shown by a case in its file.
#[test]
fn each_pipeline_shows_every_reason_that_its_records_can_have() {
    let folder = root().join("pipelines");
    let pipelines = pipeline::load(&folder, &root().join("schemas/contracts")).unwrap();
    let mut missing = Vec::new();
    // What comes to the others alone is shown where it is derived.
    for each in pipelines.all().iter().filter(|each| each.is_read()) {
        let text = fs::read_to_string(folder.join(format!("{}.yaml", each.name()))).unwrap();
        let key = match each.source() {
            pipeline::Source::Node { key, .. } => Some(key.as_ref()),
            pipeline::Source::Relationship { .. } => None,
        };
        let found = |name: &str| each.lookups().iter().any(|lookup| lookup.name() == name);
        let fields: Vec<_> =
            each.contract().fields().iter().filter(|field| Some(field.name.as_ref()) != key).collect();
        let required = fields.iter().any(|field| {
            field.null == pipeline::NullBranch::None && field.default.is_none() && !found(&field.name)
        });
        let reasons = [
            ("missing_key", true),
            ("duplicate_key", true),
            ("too_large", true),
            ("unknown_property", each.unknown_properties() == pipeline::UnknownProperties::Reject),
            ("type_mismatch", !fields.is_empty()),
            ("missing_field", required),
            ("orphaned", each.lookups().iter().any(|lookup| lookup.orphaned().is_some())),
            ("rule_violated", text.contains("\nrules:\n")),
        ];
        let unshown =
            reasons.iter().filter(|(reason, can)| *can && !text.contains(&format!("reason: {reason}")));
        missing.extend(unshown.map(|(reason, _)| format!("{}: {reason}", each.name())));
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn files_are_short_and_nothing_panics() {
    let mut wrong = Vec::new();
    for source in sources() {
        if source.lines > LONGEST {
            wrong.push(format!("{} has {} lines", source.path, source.lines));
        }
        let panics = [".unwrap()", ".expect(\"\")", "panic!(", "todo!(", "unreachable!(", "unimplemented!("];
        wrong.extend(
            panics
                .iter()
                .filter(|call| source.code.contains(*call))
                .map(|call| format!("{}: {call}", source.path)),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whoever watches by a name that no longer exists watches nothing.
#[test]
fn metrics_that_are_named_exist() {
    let named =
        sources().into_iter().filter(|source| source.module == "metrics").flat_map(|source| source.texts);
    let known: BTreeSet<String> = named.collect();
    let mut documents = vec![root().join("README.md"), root().join("ARCHITECTURE.md")];
    documents.extend(files_under(&root().join("docs"), "md"));
    for extension in ["json", "yml", "yaml"] {
        documents.extend(files_under(&root().join("grafana"), extension));
        documents.extend(files_under(&root().join("prometheus"), extension));
    }
    let mut wrong = Vec::new();
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for word in text.split(|char: char| !char.is_ascii_alphanumeric() && char != '_') {
            let Some(name) = word.strip_prefix("regraft_") else { continue };
            let plain = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
            if !known.contains(name) && plain.is_none_or(|plain| !known.contains(plain)) {
                wrong.push(format!("{}: {word}", document.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Modules of this crate that a file's code names, its own left out.
fn used_modules(source: &Source) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, path) in source.code.match_indices("crate::") {
        let rest = &source.code[at + path.len()..];
        match rest.strip_prefix('{') {
            Some(list) => used.extend(list.split('}').next().unwrap().split(',').map(first_name)),
            None => used.extend([first_name(rest)]),
        }
    }
    used.retain(|module| !module.is_empty() && *module != source.module);
    used
}

fn first_name(path: &str) -> String {
    let path = path.trim_start();
    let end = path.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(path.len());
    path[..end].to_owned()
}
