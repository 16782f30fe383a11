//! Checks that users write: a query that returns offenders, and what they mean.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::statistics::cell_to_json;
use super::{Finding, Severity};
use crate::error::{Cause, Error, Result};
use crate::neo4j::{ReadOnlyGraph, Statement};

/// One of them, as its file says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validator {
    /// Its name in reports; unique.
    pub name: String,
    /// What it means that it finds anything.
    pub severity: Severity,
    /// What is wrong with the offenders, for people.
    pub message: String,
    /// Before the migration (of the source), after it (of the target), or both.
    pub when: When,
    /// Cypher that returns one row for each offender, in one column.
    pub query: String,
}

/// When a validator runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Of the source, in `validate-pre`.
    Pre,
    /// Of the target, in `validate-post`.
    Post,
    /// Both.
    Both,
}

/// Offenders that are shown.
const SAMPLES: usize = 5;

/// What to do about a query that can't be run or read.
const QUERY: &str = "correct the query in the validator's file: it returns one column, a value that names the offender, \
     such as n.id";

/// Reads every `*.yaml` in a folder, in the order of their names. A folder that is not there has none.
///
/// Errors: [`Cause::Definition`] naming the file and what is wrong with it.
pub fn load(folder: &Path) -> Result<Vec<Validator>> {
    let failed =
        |error| Error::new(Cause::File, format!("read the folder {}", folder.display())).source(error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()
        .map_err(failed)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    let mut names = BTreeSet::new();
    let mut validators = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path)
            .map_err(|error| Error::new(Cause::File, format!("read {}", path.display())).source(error))?;
        let validator = parse(&text, &path)?;
        if !names.insert(validator.name.clone()) {
            let attempt =
                format!("read {}: the name `{}` is taken by another file", path.display(), validator.name);
            return Err(
                Error::new(Cause::Definition, attempt).what_to_do("give each validator a name of its own")
            );
        }
        validators.push(validator);
    }
    Ok(validators)
}

fn parse(text: &str, path: &Path) -> Result<Validator> {
    serde_saphyr::from_str(text).map_err(|error| {
        Error::new(Cause::Definition, format!("read the validator {}", path.display()))
            .what_to_do(
                "it has name, severity (error, warning, note), message, when (pre, post, both) and query, nothing else",
            )
            .source(error)
    })
}

impl Validator {
    /// Whether it runs then.
    pub fn runs(&self, when: When) -> bool {
        self.when == When::Both || self.when == when
    }

    /// Runs its query, in a read transaction that the server holds to it. Nothing where there are no offenders.
    pub async fn run(&self, graph: &ReadOnlyGraph) -> Result<Option<Finding>> {
        let failed = |error: Error| {
            let its_own = error.cause() == Cause::Definition;
            let error = error.during(format!("run the validator `{}`", self.name));
            if its_own { error.what_to_do(QUERY) } else { error }
        };
        let mut stream = graph.stream(Statement::new(self.query.as_str())).await.map_err(failed)?;
        let (mut count, mut samples) = (0, Vec::new());
        while let Some(row) = stream.next().await.map_err(failed)? {
            count += 1;
            if samples.len() < SAMPLES {
                samples.push(cell_to_json(row.into_value().map_err(failed)?));
            }
        }
        let finding = Finding::new(self.name.as_str(), self.severity, count, self.message.as_str());
        Ok((count > 0).then_some(Finding { samples, ..finding }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_ones_are_read() {
        let shipped = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("validators")).unwrap();
        assert!(shipped.len() >= 2 && shipped.iter().any(|each| each.runs(When::Post)), "{shipped:?}");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_file() {
        let path = Path::new("validators/x.yaml");
        let whole = "name: a\nseverity: error\nmessage: m\nwhen: both\nquery: RETURN 1\n";
        assert!(parse(whole, path).unwrap().runs(When::Pre));
        for wrong in
            [whole.replace("both", "never"), format!("{whole}more: 1\n"), whole.replace("query", "cypher")]
        {
            let said = parse(&wrong, path).unwrap_err().chain().join(": ");
            assert!(said.contains("validators/x.yaml"), "{said}");
        }
        assert_eq!(load(Path::new("/nowhere/at/all")).unwrap(), []);
    }
}
