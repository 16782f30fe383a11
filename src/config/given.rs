//! As typed: every key that the file or the environment gives, with the place that it stands in.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use config::{FileFormat, Source as _, Value, ValueKind};

use super::client;
use crate::error::{Cause, Error, Result};

/// What every variable of Regraft's configuration starts with.
pub const PREFIX: &str = "REGRAFT__";

/// A key with its value and where it was written.
#[derive(Debug, Clone)]
pub struct Given {
    /// `section.key`.
    pub path: String,
    /// The value.
    pub value: ValueKind,
    /// Where it stands.
    pub place: Place,
}

/// Where a key was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// File, and the line where it is known.
    File(String, Option<usize>),
    /// Name of the variable.
    Variable(String),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::File(file, Some(line)) => write!(f, "{file}:{line}"),
            Place::File(file, None) => f.write_str(file),
            Place::Variable(name) => f.write_str(name),
        }
    }
}

impl Place {
    /// How `path` is written at a place like this one.
    pub fn spelling(&self, path: &str) -> String {
        match self {
            Place::File(..) => path.to_owned(),
            Place::Variable(_) => format!("{PREFIX}{}", path.to_uppercase().replace('.', "__")),
        }
    }
}

/// All keys of a file; none where it is missing and may be.
pub fn from_file(path: &Path, required: bool) -> Result<Vec<Given>> {
    let name = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => return Ok(Vec::new()),
        Err(error) => {
            return Err(Error::new(Cause::Configuration, format!("read the configuration {name}"))
                .source(error)
                .what_to_do("give --config the right file"));
        }
    };
    let tree = config::File::from_str(&text, FileFormat::Toml).collect().map_err(|error| {
        Error::new(Cause::Configuration, format!("read {name} as TOML"))
            .source(without_secrets(&error.to_string()))
    })?;
    let mut leaves = Vec::new();
    flatten(String::new(), tree, &mut leaves);
    let lines = lines_of_keys(&text);
    Ok(leaves
        .into_iter()
        .map(|(path, value)| {
            let place = Place::File(name.clone(), lines.get(&path).copied());
            Given { path, value, place }
        })
        .collect())
}

/// The parser's message quotes the line that it stumbles over, which may be a secret's.
fn without_secrets(message: &str) -> String {
    let shown = |line: &str| match line.split_once('=') {
        Some((key, _)) if super::is_secret(key) => format!("{key}= {}", super::secret::REDACTED),
        _ => line.to_owned(),
    };
    message.lines().map(shown).collect::<Vec<_>>().join("\n")
}

/// All keys of the environment. An empty variable is as good as none.
pub fn from_environment<N: AsRef<OsStr>, V: AsRef<OsStr>>(
    variables: impl IntoIterator<Item = (N, V)>,
    mistakes: &mut Vec<String>,
) -> Vec<Given> {
    let mut given = Vec::new();
    for (name, value) in variables {
        let name = name.as_ref().to_string_lossy();
        let Some(typed) = name.strip_prefix(PREFIX) else { continue };
        let Some(value) = value.as_ref().to_str() else {
            mistakes.push(format!("{name}: the value is not UTF-8"));
            continue;
        };
        if !value.is_empty() {
            given.push(Given {
                path: path_of_variable(typed),
                value: ValueKind::String(value.to_owned()),
                place: Place::Variable(name.into_owned()),
            });
        }
    }
    given.sort_by(|a, b| a.path.cmp(&b.path));
    given
}

/// `KAFKA__TOPIC_PREFIX` is `kafka.topic_prefix`; what follows `KAFKA__CLIENT__` is librdkafka's, whose keys
/// have dots and no underscores.
fn path_of_variable(typed: &str) -> String {
    let path = typed.to_lowercase().replace("__", ".");
    match path.strip_prefix(client::SECTION) {
        Some(key) => format!("{}{}", client::SECTION, client::key_of_variable(key)),
        None => path,
    }
}

/// The given keys that hold: the environment's beat the file's, also where one is the `_file` twin of the other.
pub fn effective<'a>(given: &'a [Given], mistakes: &mut Vec<String>) -> Vec<&'a Given> {
    let mut by_secret: BTreeMap<&str, &Given> = BTreeMap::new();
    for one in given {
        let secret = twin_of(&one.path).unwrap_or(&one.path);
        match by_secret.get(secret) {
            Some(other) if other.path != one.path && same_layer(&other.place, &one.place) => {
                mistakes.push(format!(
                    "{}: {} and {} are both given: leave one out",
                    one.place, other.path, one.path
                ));
            }
            _ => {
                by_secret.insert(secret, one);
            }
        }
    }
    by_secret.into_values().collect()
}

/// The secret that a `…_file` key stands for.
pub fn twin_of(path: &str) -> Option<&str> {
    path.strip_suffix("_file").filter(|secret| super::is_secret(secret))
}

fn same_layer(a: &Place, b: &Place) -> bool {
    matches!((a, b), (Place::File(..), Place::File(..)) | (Place::Variable(_), Place::Variable(_)))
}

/// Leaves with their dotted paths, so that `"security.protocol"` and `security.protocol` are the same key.
fn flatten(prefix: String, table: config::Map<String, Value>, leaves: &mut Vec<(String, ValueKind)>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value.kind {
            ValueKind::Table(inner) if !inner.is_empty() => flatten(path, inner, leaves),
            leaf => leaves.push((path, leaf)),
        }
    }
    leaves.sort_by(|a, b| a.0.cmp(&b.0));
}

/// The line that each key stands in, from 1. Keys of inline tables are not found, which costs only the number.
fn lines_of_keys(text: &str) -> BTreeMap<String, usize> {
    let bare =
        |text: &str| text.replace(['"', '\''], "").split('.').map(str::trim).collect::<Vec<_>>().join(".");
    let mut section = String::new();
    let mut lines = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if let Some((name, _)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            section = format!("{}.", bare(name));
        } else if let Some((key, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            let key = bare(key);
            let path = if section.is_empty() { key } else { format!("{section}{key}") };
            lines.entry(path).or_insert(index + 1);
        }
    }
    lines
}
