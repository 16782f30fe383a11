//! Pipelines as a whole: what `check` says of files, and what becomes of records.

mod definitions;
mod derive;
mod outcomes;
mod program;

use super::diagnostics::{Diagnostics, SourceFile};
use super::pipelines::{Pipelines, compile_all};

const FILM: &str = r#"{"type": "record", "name": "Film", "fields": [
    {"name": "id", "type": "string"},
    {"name": "studio_id", "type": "string"},
    {"name": "title", "type": "string"},
    {"name": "minutes", "type": ["null", "long"], "default": null},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["feature", "short", "other"]}},
    {"name": "original_kind", "type": ["null", "string"], "default": null},
    {"name": "score", "type": "double", "default": 0.5},
    {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []},
    {"name": "sequel_of", "type": ["null", "string"], "default": null}
]}"#;

const FILM_YAML: &str = r#"
source: {label: Film, key: id}
lookups:
  studio_id: {cypher: "head([(s)-[:MADE]->(n) | s.id])", orphaned: no studio made it}
  first: {cypher: "head([(f)-[:BEFORE]->(n) | f.id])"}
mapping:
  title: [title, name]
  minutes: {from: duration, convert: duration}
  kind: {lowercase: true, otherwise: other, default: feature}
  original_kind: kind
  sequel_of: {lookup: first}
declares: [budget]
rules:
  title_is_not_blank: {not_blank: title, message: a film has a title}
"#;

/// Compiles files given by name and text; an extension tells pipelines from contracts.
fn compile(files: &[(&str, &str)]) -> Result<Pipelines, Diagnostics> {
    let of = |extension: &str| {
        let files = files.iter().filter(|(name, _)| name.ends_with(extension));
        files
            .map(|(name, text)| (name.trim_end_matches(extension).to_owned(), SourceFile::new(*name, *text)))
            .collect()
    };
    compile_all(of(".yaml"), of(".avsc"), Vec::new())
}

/// The film pipeline, with further lines.
fn film(more: &str) -> Result<Pipelines, Diagnostics> {
    compile(&[("film.avsc", FILM), ("film.yaml", &format!("{FILM_YAML}{more}"))])
}
