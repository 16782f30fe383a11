//! The migration files: `<version>_<name>.up.cypher` and `.down.cypher`, one pair per version.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Direction, History, Script, Version};
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
    let files = Files::read(folder)?;
    match files.halves.first() {
        None => Ok(files.whole),
        Some(half) => Err(half.is_missing(
            "write it, which may be empty where there is nothing to do; if the \
             version is applied, `regraft schema repair --execute` writes it as it was",
        )),
    }
}

/// The files of a folder: of some versions perhaps only one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Files {
    whole: Vec<Migration>,
    halves: Vec<Half>,
}

/// A file without the other one of its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Half {
    version: Version,
    name: String,
    /// Which one is gone.
    gone: Direction,
    there: Script,
}

/// A file that is gone of a version that is applied, and its text as the target keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gone {
    pub version: Version,
    pub file: String,
    pub text: String,
}

impl Files {
    /// Reads them.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let mut halves: BTreeMap<Version, Halves> = BTreeMap::new();
        for (name, text) in read(folder)? {
            let Some((version, title, direction)) = parse_name(&name)? else {
                continue;
            };
            let script = Script::parse(name, &text)?;
            let halves = halves.entry(version.clone()).or_default();
            halves.add(&version, title, direction, script)?;
        }
        let mut files = Self::default();
        halves.into_iter().for_each(|(version, halves)| files.add(version, halves));
        Ok(files)
    }

    /// Files that are whole.
    pub(super) fn of(whole: Vec<Migration>) -> Self {
        Self { whole, halves: Vec::new() }
    }

    fn add(&mut self, version: Version, halves: Halves) {
        let name = halves.name.unwrap_or_default();
        match (halves.up, halves.down) {
            (Some(up), Some(down)) => self.whole.push(Migration { version, name, up, down }),
            (Some(there), None) => self.halves.push(Half { version, name, gone: Direction::Down, there }),
            (None, Some(there)) => self.halves.push(Half { version, name, gone: Direction::Up, there }),
            (None, None) => {}
        }
    }

    /// All of them, with the text that the target keeps in place of a file that is gone; and those that are.
    pub(super) fn completed(&self, history: &History) -> Result<(Vec<Migration>, Vec<Gone>)> {
        let (mut migrations, mut gone) = (self.whole.clone(), Vec::new());
        let applied = history.applied();
        for half in &self.halves {
            let mut known = applied.iter().copied().chain(history.unfinished());
            let Some(attempt) = known.find(|attempt| attempt.version == half.version) else {
                return Err(half.is_missing("write it; it may be empty where there is nothing to do"));
            };
            let (file, there) = (half.file(), half.there.clone());
            let text = match half.gone {
                Direction::Up => &attempt.up,
                Direction::Down => &attempt.down,
            };
            let kept = Script::parse(file.clone(), text)?;
            let (up, down) = match half.gone {
                Direction::Up => (kept, there),
                Direction::Down => (there, kept),
            };
            let (version, name) = (half.version.clone(), half.name.clone());
            gone.push(Gone { version: version.clone(), file, text: text.clone() });
            migrations.push(Migration { version, name, up, down });
        }
        migrations.sort_by(|one, other| one.version.cmp(&other.version));
        Ok((migrations, gone))
    }
}

impl Half {
    /// Name of the file that is gone.
    fn file(&self) -> String {
        format!("{}_{}.{}.cypher", self.version, self.name, self.gone)
    }

    fn is_missing(&self, what_to_do: &str) -> Error {
        Error::new(Cause::Definition, format!("{} is missing", self.file())).what_to_do(what_to_do)
    }
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
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::super::history::tests::attempt;
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

    #[test]
    fn what_is_gone_of_an_applied_version_is_taken_from_what_is_kept() {
        let folder = folder(&[("1.0.0_a.up.cypher", "A;"), ("1.1.0_b.down.cypher", "C;")]);
        let files = Files::read(folder.path()).unwrap();
        let applied = |number, version, up: &str, down: &str| {
            let mut attempt = attempt(number, version, Direction::Up, Some(Outcome::Applied));
            (attempt.up, attempt.down) = (up.into(), down.into());
            attempt
        };
        let mut history = History::default();
        history.attempts.push(applied(1, "1.0.0", "A;\n", "B;\n"));
        let error = files.completed(&history).unwrap_err();
        assert_eq!(error.to_string(), "1.1.0_b.up.cypher is missing");
        history.attempts.push(applied(2, "1.1.0", "D;\n", "E;\n"));
        let (migrations, gone) = files.completed(&history).unwrap();
        let texts: Vec<_> =
            migrations.iter().map(|it| (it.up.text.as_str(), it.down.text.as_str())).collect();
        assert_eq!(texts, [("A;\n", "B;\n"), ("D;\n", "C;\n")]);
        let gone: Vec<_> = gone.iter().map(|it| (it.file.as_str(), it.text.as_str())).collect();
        assert_eq!(gone, [("1.0.0_a.down.cypher", "B;\n"), ("1.1.0_b.up.cypher", "D;\n")]);
    }
}
