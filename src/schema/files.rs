//! The migration files: `<version>_<name>.up.cypher` and `.down.cypher`, one pair per version.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Direction, Script, Version};
use crate::error::{Cause, Error, Result};

/// A version with its scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// What the schema is called when it is applied.
    pub version: Version,
    /// The rest of the files' name.
    pub name: String,
    /// The way up.
    pub up: Script,
    /// The way down.
    pub down: Script,
}

/// All migrations of a folder, in the order of their versions.
pub fn load(folder: &Path) -> Result<Vec<Migration>> {
    let mut halves: BTreeMap<Version, Halves> = BTreeMap::new();
    for (name, text) in read(folder)? {
        let Some((version, title, direction)) = parse_name(&name)? else {
            continue;
        };
        let script = Script::parse(name, &text)?;
        let halves = halves.entry(version.clone()).or_default();
        halves.add(&version, title, direction, script)?;
    }
    halves.into_iter().map(|(version, halves)| halves.join(version)).collect()
}

fn read(folder: &Path) -> Result<Vec<(String, String)>> {
    let failed =
        |error| Error::new(Cause::File, format!("read the migrations in {}", folder.display())).source(error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !name.ends_with(".cypher") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(|error| {
            // Also what is no UTF-8.
            Error::new(Cause::File, format!("read {}", path.display())).source(error)
        })?;
        files.push((name.to_owned(), text));
    }
    files.sort();
    Ok(files)
}

/// Version, name and direction of a file; none for a file that is no migration.
fn parse_name(file: &str) -> Result<Option<(Version, String, Direction)>> {
    let (stem, direction) = if let Some(stem) = file.strip_suffix(".up.cypher") {
        (stem, Direction::Up)
    } else if let Some(stem) = file.strip_suffix(".down.cypher") {
        (stem, Direction::Down)
    } else if file.starts_with(|first: char| first.is_ascii_digit()) {
        // Nearly a migration: left out without a word it would be missed late.
        return Err(misnamed(file));
    } else {
        return Ok(None);
    };
    let wrong = || misnamed(file);
    let (version, name) = stem.split_once('_').ok_or_else(wrong)?;
    let version: Version = version.parse().map_err(|_| wrong())?;
    if name.is_empty() || version == Version::NONE {
        return Err(wrong());
    }
    Ok(Some((version, name.to_owned(), direction)))
}

fn misnamed(file: &str) -> Error {
    Error::new(Cause::Definition, format!("{file} is not named as a migration"))
        .what_to_do("name it <version>_<name>.up.cypher and .down.cypher, such as 1.2.0_chapters.up.cypher")
}

#[derive(Default)]
struct Halves {
    name: Option<String>,
    up: Option<Script>,
    down: Option<Script>,
}

impl Halves {
    fn add(&mut self, version: &Version, name: String, direction: Direction, script: Script) -> Result<()> {
        let half = match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        };
        let one_name = self.name.get_or_insert_with(|| name.clone());
        if *one_name != name || half.is_some() {
            return Err(Error::new(
                Cause::Definition,
                format!("{version} has two migrations: {one_name} and {name}"),
            )
            .what_to_do("give one of them a version of its own"));
        }
        *half = Some(script);
        Ok(())
    }

    fn join(self, version: Version) -> Result<Migration> {
        let name = self.name.unwrap_or_default();
        let missing = |direction: Direction| {
            Error::new(Cause::Definition, format!("{version}_{name}.{direction}.cypher is missing"))
                .what_to_do("write it; it may be empty where there is nothing to do")
        };
        let up = self.up.ok_or_else(|| missing(Direction::Up))?;
        let down = self.down.ok_or_else(|| missing(Direction::Down))?;
        Ok(Migration { version, name, up, down })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn pairs_come_in_the_order_of_versions() {
        let folder = folder(&[
            ("1.10.0_b.up.cypher", "A;"),
            ("1.10.0_b.down.cypher", ""),
            ("1.9.0_a_c.up.cypher", "B; C;"),
            ("1.9.0_a_c.down.cypher", "D;"),
            ("README.md", "no migration"),
            ("notes.cypher", "no migration either"),
        ]);
        let migrations = load(folder.path()).unwrap();
        let shown: Vec<_> = migrations.iter().map(|m| (m.version.to_string(), m.name.as_str())).collect();
        assert_eq!(shown, [("1.9.0".to_owned(), "a_c"), ("1.10.0".to_owned(), "b")]);
        assert_eq!(migrations[0].up.statements.len(), 2);
    }

    #[test]
    fn what_is_wrong_with_the_files_is_named() {
        let cases: [(&[(&str, &str)], &str); 7] = [
            (&[("1.0.0_a.cypher", "")], "1.0.0_a.cypher is not named"),
            (&[("1.0_a.up.cypher", "")], "1.0_a.up.cypher is not named"),
            (&[("1.0.0.up.cypher", "")], "1.0.0.up.cypher is not named"),
            (&[("0.0.0_a.up.cypher", "")], "0.0.0_a.up.cypher is not named"),
            (&[("1.0.0_a.up.cypher", "")], "1.0.0_a.down.cypher is missing"),
            (&[("1.0.0_a.down.cypher", "")], "1.0.0_a.up.cypher is missing"),
            (&[("1.0.0_a.up.cypher", ""), ("1.0.0_b.up.cypher", "")], "1.0.0 has two migrations: a and b"),
        ];
        for (files, message) in cases {
            let error = load(folder(files).path()).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
            assert_eq!(error.cause(), Cause::Definition);
        }
        let nowhere = load(Path::new("/no/such/folder")).unwrap_err();
        assert_eq!(nowhere.cause(), Cause::File);
    }
}
