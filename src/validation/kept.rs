//! Statistics, kept as JSON in a folder, one file a name.

use std::fs;
use std::path::{Path, PathBuf};

use super::Statistics;
use crate::error::{Cause, Error, Result};

/// The layout that is written; another one is refused.
pub const FORMAT: u32 = 1;

/// Keeps statistics under their name, in place of what was kept under it. A crash leaves the old file or the new one.
pub fn keep(folder: &Path, statistics: &Statistics) -> Result<PathBuf> {
    let path = path_of(folder, &statistics.name)?;
    let failed = |error: std::io::Error| file_error("keep the statistics", &path, error);
    let json = serde_json::to_vec_pretty(statistics)
        .map_err(|error| Error::new(Cause::Unexpected, "write statistics as JSON").source(error))?;
    fs::create_dir_all(folder).map_err(failed)?;
    let half = path.with_extension("json.tmp");
    fs::write(&half, json).and_then(|()| fs::rename(&half, &path)).map_err(failed)?;
    Ok(path)
}

/// What is kept under a name; nothing where there is nothing.
pub fn kept(folder: &Path, name: &str) -> Result<Option<Statistics>> {
    let path = path_of(folder, name)?;
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file_error("read the statistics", &path, error)),
    };
    let parsed: Statistics = serde_json::from_slice(&text).map_err(|error| {
        Error::new(Cause::Definition, format!("read the statistics in {}", path.display()))
            .what_to_do("take them anew with `regraft validate-pre`")
            .source(error)
    })?;
    if parsed.format == FORMAT {
        return Ok(Some(parsed));
    }
    let attempt =
        format!("read {}: its format is {}, this release knows {FORMAT}", path.display(), parsed.format);
    Err(Error::new(Cause::Definition, attempt).what_to_do("take them anew with `regraft validate-pre`"))
}

/// Where statistics of this name are kept.
///
/// Errors: [`Cause::Usage`] for a name that is no plain one.
pub fn path_of(folder: &Path, name: &str) -> Result<PathBuf> {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
        let attempt = format!("keep statistics under the name {name:?}");
        return Err(Error::new(Cause::Usage, attempt)
            .what_to_do("use letters, digits, `-`, `_` and `.`, and no `.` at its beginning"));
    }
    Ok(folder.join(format!("{name}.json")))
}

fn file_error(what: &str, path: &Path, error: std::io::Error) -> Error {
    Error::new(Cause::File, format!("{what} in {}", path.display())).source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kept for good: later releases read it, or say that they don't.
    const GOLDEN: &str = include_str!("../../tests/golden/statistics.v1.json");

    #[test]
    fn what_is_kept_reads_back_and_is_written_as_the_first_release_did() {
        let statistics: Statistics = serde_json::from_str(GOLDEN).unwrap();
        let folder = std::env::temp_dir().join(format!("regraft-statistics-{}", uuid::Uuid::new_v4()));
        let path = keep(&folder, &statistics).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), GOLDEN.trim_end());
        assert_eq!(kept(&folder, &statistics.name).unwrap(), Some(statistics));
        assert_eq!(kept(&folder, "other").unwrap(), None);
        fs::write(folder.join("newer.json"), GOLDEN.replace("\"format\": 1", "\"format\": 2")).unwrap();
        assert!(kept(&folder, "newer").is_err());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        for name in ["", "../x", "a/b", ".hidden", "ä"] {
            assert!(kept(Path::new("/nowhere"), name).is_err(), "{name:?}");
        }
    }
}
