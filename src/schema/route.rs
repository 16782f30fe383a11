//! The way to a version: which versions come or go, in which order. Pure: nothing is asked here.

use super::history::{Attempt, History, Outcome};
use super::plan::{Interrupted, Origin, VersionPlan, Way};
use super::{Direction, Migration, Script, Version};
use crate::error::{Cause, Error, Result};

/// What is to become of an attempt that was interrupted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnInterrupted {
    /// Whatever is safe without asking: it is finished, or where taking it back had begun, that is.
    #[default]
    Decide,
    /// It is finished.
    Resume,
    /// It is taken back, and nothing else is done.
    Undo,
}

/// The versions to go through. `execute` says whether taking away is allowed.
pub(super) fn route(
    history: &History,
    migrations: &[Migration],
    to: Option<&Version>,
    on_interrupted: OnInterrupted,
    execute: bool,
) -> Result<Vec<VersionPlan>> {
    let Some(attempt) = history.unfinished() else {
        return match on_interrupted {
            OnInterrupted::Undo => Ok(Vec::new()),
            OnInterrupted::Decide | OnInterrupted::Resume => way_to(history, migrations, to),
        };
    };
    let first = ended(history, migrations, attempt, on_interrupted, execute)?;
    // With the kept text it becomes what the files don't say: what to do about that is another matter.
    let apart = first.way == Way::Resume && first.statements_from == Origin::Target;
    if on_interrupted == OnInterrupted::Undo || apart && on_interrupted == OnInterrupted::Resume {
        return Ok(vec![first]);
    }
    let outcome = if first.way == Way::Undo { Outcome::Undone } else { Outcome::Applied };
    // Who finishes a way down without naming a version does not want back what has just been taken away.
    let goes_down = first.way == Way::Resume && first.direction == Direction::Down;
    let below = goes_down.then(|| first.leads_to.clone());
    let mut versions = vec![first];
    versions.extend(way_to(&history.ended(outcome), migrations, to.or(below.as_ref()))?);
    Ok(versions)
}

/// How an interrupted attempt is ended.
fn ended(
    history: &History,
    migrations: &[Migration],
    attempt: &Attempt,
    on_interrupted: OnInterrupted,
    execute: bool,
) -> Result<VersionPlan> {
    let file = migrations.iter().find(|migration| migration.version == attempt.version);
    let as_begun = file.is_some_and(|file| file.up.checksum() == attempt.checksum);
    let what = format!("{} {}", attempt.version, attempt.direction);
    let way = match on_interrupted {
        OnInterrupted::Undo => Way::Undo,
        OnInterrupted::Decide if attempt.undoing => Way::Undo,
        OnInterrupted::Resume if attempt.undoing => {
            let message = format!("finish schema {what}: it failed, and taking it back has begun");
            return Err(Error::new(Cause::Usage, message)
                .what_to_do("--undo, or neither option, takes back what is left of it"));
        }
        OnInterrupted::Decide if attempt.direction == Direction::Up && !as_begun => {
            let file = format!("{}_{}.up.cypher", attempt.version, attempt.name);
            let message =
                format!("go on with schema {what}: {file} has changed since it was begun and interrupted");
            return Err(Error::new(Cause::Definition, message).what_to_do(
                "--undo takes back what was done; --resume finishes it with the text that it was begun with, \
                 which is kept. Both are safe",
            ));
        }
        OnInterrupted::Decide if attempt.direction == Direction::Down && !execute => {
            let message = format!("go on with schema {what}: it was interrupted, and takes something away");
            return Err(Error::new(Cause::Usage, message).what_to_do(
                "--resume finishes it, which is safe; --undo brings constraints and indexes back, and of removed \
                 data only what the up file makes",
            ));
        }
        OnInterrupted::Decide | OnInterrupted::Resume => Way::Resume,
    };
    let mut plan = VersionPlan::of_attempt(history, attempt, file)?;
    plan.way = way;
    plan.comes_from = attempt.comes_from.clone();
    plan.leads_to = match (way, attempt.direction) {
        (Way::Undo, _) => attempt.comes_from.clone(),
        (_, Direction::Up) => attempt.version.clone(),
        (_, Direction::Down) => history.ended(Outcome::Applied).current(),
    };
    // What it is taken to be until the server was asked.
    plan.interrupted = Some(Interrupted { attempt: attempt.clone(), data_begun: true });
    Ok(plan)
}

fn way_to(history: &History, migrations: &[Migration], to: Option<&Version>) -> Result<Vec<VersionPlan>> {
    let current = history.current();
    let newest = migrations.last().map_or(Version::NONE, |migration| migration.version.clone());
    let to = to.unwrap_or(&newest);
    let applied = history.applied();
    let known = |version: &Version| {
        *version == Version::NONE
            || migrations.iter().any(|migration| migration.version == *version)
            || applied.iter().any(|attempt| attempt.version == *version)
    };
    if !known(to) {
        return Err(unknown(to, migrations, &applied));
    }
    if *to >= current {
        check_files(history, migrations, &current)?;
        return Ok(up(migrations, current, to));
    }
    if *to != Version::NONE && !applied.iter().any(|attempt| attempt.version == *to) {
        return Err(not_applied(to, &current, &applied));
    }
    let gone = applied.iter().rev().filter(|attempt| attempt.version > *to);
    gone.map(|attempt| VersionPlan::down(history, migrations, attempt)).collect()
}

fn unknown(to: &Version, migrations: &[Migration], applied: &[&Attempt]) -> Error {
    let error = Error::new(Cause::Usage, format!("there is no schema version {to}"));
    error.what_to_do(format!("name one of {}", listed(migrations, applied)))
}

/// Going down ends at a version that was there.
fn not_applied(to: &Version, current: &Version, applied: &[&Attempt]) -> Error {
    let message = format!("{to} is not applied, and older than {current}, which is applied");
    Error::new(Cause::Definition, message).what_to_do(format!(
        "to have it, give its files a version that is newer than all that are applied; to go down, name one of {}",
        listed(&[], applied)
    ))
}

fn listed(migrations: &[Migration], applied: &[&Attempt]) -> String {
    let mut versions = vec![Version::NONE];
    versions.extend(migrations.iter().map(|migration| migration.version.clone()));
    versions.extend(applied.iter().map(|attempt| attempt.version.clone()));
    versions.sort();
    versions.dedup();
    versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What is applied has to be what the files say, or going up would build on something else.
fn check_files(history: &History, migrations: &[Migration], current: &Version) -> Result<()> {
    let applied = history.applied();
    for migration in migrations.iter().filter(|migration| migration.version <= *current) {
        let file = &migration.up.file;
        let Some(attempt) = applied.iter().find(|attempt| attempt.version == migration.version) else {
            let message = format!("{file} is not applied, and older than {current}, which is applied");
            return Err(Error::new(Cause::Definition, message)
                .what_to_do("give it a version that is newer than all that are applied"));
        };
        if !history.is_as_applied(attempt, &migration.up.checksum()) {
            return Err(Error::new(
                Cause::Definition,
                format!("{file} was changed after it had been applied"),
            )
            .what_to_do(
                "bring the file back as it was and write a new version for the change; if it makes no difference, \
                 `regraft schema repair` accepts it",
            ));
        }
    }
    Ok(())
}

fn up(migrations: &[Migration], current: Version, to: &Version) -> Vec<VersionPlan> {
    let mut below = current;
    let mut plans = Vec::new();
    for migration in migrations.iter().filter(|migration| migration.version <= *to) {
        if migration.version > below {
            plans.push(VersionPlan::up(migration, below));
            below = migration.version.clone();
        }
    }
    plans
}

impl VersionPlan {
    fn up(migration: &Migration, comes_from: Version) -> Self {
        Self {
            version: migration.version.clone(),
            name: migration.name.clone(),
            direction: Direction::Up,
            way: Way::Apply,
            comes_from,
            leads_to: migration.version.clone(),
            checksum: migration.up.checksum(),
            statements_from: Origin::Files,
            removes: Vec::new(),
            steps: Vec::new(),
            up: migration.up.clone(),
            down: migration.down.clone(),
            interrupted: None,
        }
    }

    fn down(history: &History, migrations: &[Migration], attempt: &Attempt) -> Result<Self> {
        let file = migrations.iter().find(|migration| migration.version == attempt.version);
        let applied = history.applied();
        let below = applied.iter().rev().find(|other| other.version < attempt.version);
        Ok(Self {
            direction: Direction::Down,
            comes_from: attempt.version.clone(),
            leads_to: below.map_or(Version::NONE, |below| below.version.clone()),
            ..Self::of_attempt(history, attempt, file)?
        })
    }

    /// With the texts of an attempt: the files', if they are still what was applied, so that a way down that was
    /// mended since is taken; otherwise those that were kept. A way down that was begun goes on with its own text: its
    /// statements are counted.
    fn of_attempt(history: &History, attempt: &Attempt, file: Option<&Migration>) -> Result<Self> {
        let file = file.filter(|file| history.is_as_applied(attempt, &file.up.checksum()));
        let (up, down, statements_from) = match file {
            Some(file) => (file.up.clone(), file.down.clone(), Origin::Files),
            None => (kept(attempt, Direction::Up)?, kept(attempt, Direction::Down)?, Origin::Target),
        };
        let begun =
            (attempt.direction == Direction::Down).then(|| kept(attempt, Direction::Down)).transpose()?;
        let (down, statements_from) = match begun {
            Some(begun) if begun.checksum() != down.checksum() => (begun, Origin::Target),
            _ => (down, statements_from),
        };
        Ok(Self {
            version: attempt.version.clone(),
            name: attempt.name.clone(),
            direction: attempt.direction,
            way: Way::Apply,
            comes_from: attempt.comes_from.clone(),
            leads_to: attempt.version.clone(),
            checksum: attempt.checksum.clone(),
            statements_from,
            removes: Vec::new(),
            steps: Vec::new(),
            up,
            down,
            interrupted: None,
        })
    }
}

/// A script as the target keeps it.
fn kept(attempt: &Attempt, direction: Direction) -> Result<Script> {
    let text = match direction {
        Direction::Up => &attempt.up,
        Direction::Down => &attempt.down,
    };
    Script::parse(format!("{}_{}.{direction}.cypher", attempt.version, attempt.name), text)
}

#[cfg(test)]
mod tests {
    use super::super::history::tests::attempt;
    use super::*;

    fn migration(version: &str, up: &str) -> Migration {
        let file = |direction| format!("{version}_n.{direction}.cypher");
        Migration {
            version: version.parse().unwrap(),
            name: "n".into(),
            up: Script::parse(file("up"), up).unwrap(),
            down: Script::parse(file("down"), "FROM FILE;").unwrap(),
        }
    }

    fn applied(number: i64, version: &str, up: &str) -> Attempt {
        let mut attempt = attempt(number, version, Direction::Up, Some(Outcome::Applied));
        attempt.checksum = Script::parse("", up).unwrap().checksum();
        attempt.down = "KEPT;".into();
        attempt
    }

    fn shown(versions: &[VersionPlan]) -> Vec<String> {
        let shown = versions.iter().map(|it| {
            let (way, to) = (format!("{:?}", it.way).to_lowercase(), &it.leads_to);
            format!("{way} {} {} → {to}", it.version, it.direction)
        });
        shown.collect()
    }

    fn go(history: &History, files: &[Migration], to: Option<&str>) -> Result<Vec<String>> {
        let to = to.map(|to| to.parse().unwrap());
        route(history, files, to.as_ref(), OnInterrupted::Decide, true).map(|versions| shown(&versions))
    }

    #[test]
    fn the_way_leads_from_any_version_to_any_other() {
        let files = [migration("1.0.0", "A;"), migration("1.1.0", "B;"), migration("1.10.0", "C;")];
        let mut history = History::default();
        assert_eq!(
            go(&history, &files, None).unwrap(),
            ["apply 1.0.0 up → 1.0.0", "apply 1.1.0 up → 1.1.0", "apply 1.10.0 up → 1.10.0"]
        );
        history.attempts = vec![applied(1, "1.0.0", "A;"), applied(2, "1.1.0", "B;")];
        assert_eq!(go(&history, &files, None).unwrap(), ["apply 1.10.0 up → 1.10.0"]);
        assert!(go(&history, &files, Some("1.1.0")).unwrap().is_empty());
        assert_eq!(
            go(&history, &files, Some("0.0.0")).unwrap(),
            ["apply 1.1.0 down → 1.0.0", "apply 1.0.0 down → 0.0.0"]
        );
        // The files are older than the target.
        assert_eq!(go(&history, &files[..1], None).unwrap(), ["apply 1.1.0 down → 1.0.0"]);
        // What is not applied can't be gone down to.
        let late = [&files[..1], &[migration("1.0.5", "L;")], &files[1..2]].concat();
        let error = go(&history, &late, Some("1.0.5")).unwrap_err();
        assert!(error.to_string().contains("1.0.5 is not applied, and older than 1.1.0"), "{error:?}");
        assert!(error.advice().contains("0.0.0, 1.0.0, 1.1.0"), "{error:?}");
        go(&history, &late[..2], None).unwrap_err();
        let unknown = go(&history, &files[..1], Some("1.2.0")).unwrap_err();
        assert_eq!(unknown.advice(), "name one of 0.0.0, 1.0.0, 1.1.0");
    }

    #[test]
    fn down_takes_the_file_while_it_belongs_to_what_was_applied() {
        let history = History { attempts: vec![applied(1, "1.0.0", "A;")], accepted: Vec::new() };
        let first = |files: &[Migration]| {
            let versions = route(&history, files, Some(&Version::NONE), OnInterrupted::Decide, true).unwrap();
            (versions[0].script().text.clone(), versions[0].statements_from)
        };
        assert_eq!(first(&[migration("1.0.0", "A;")]), ("FROM FILE;\n".into(), Origin::Files));
        assert_eq!(first(&[migration("1.0.0", "Z;")]), ("KEPT;\n".into(), Origin::Target));
        assert_eq!(first(&[]), ("KEPT;\n".into(), Origin::Target));
    }

    #[test]
    fn what_was_interrupted_is_ended_first_in_the_way_that_is_safe() {
        use OnInterrupted::{Decide, Resume, Undo};
        let files = [migration("1.0.0", "A;"), migration("1.1.0", "B;")];
        let mut begun = applied(1, "1.0.0", "A;");
        begun.outcome = None;
        let mut history = History { attempts: vec![begun], accepted: Vec::new() };
        let go = |history: &History, files: &[Migration], on, execute| {
            route(history, files, None, on, execute).map(|versions| shown(&versions))
        };
        let resumed = ["resume 1.0.0 up → 1.0.0", "apply 1.1.0 up → 1.1.0"];
        assert_eq!(go(&history, &files, Decide, false).unwrap(), resumed);
        assert_eq!(go(&history, &files, Resume, false).unwrap(), resumed);
        assert_eq!(go(&history, &files, Undo, false).unwrap(), ["undo 1.0.0 up → 0.0.0"]);

        // Its file has changed: nothing is decided, both is possible.
        let changed = [migration("1.0.0", "Z;")];
        let error = go(&history, &changed, Decide, true).unwrap_err();
        assert_eq!(error.cause(), Cause::Definition);
        assert!(error.advice().contains("--undo") && error.advice().contains("--resume"), "{error:?}");
        assert_eq!(go(&history, &changed, Undo, false).unwrap(), ["undo 1.0.0 up → 0.0.0"]);
        assert_eq!(go(&history, &changed, Resume, false).unwrap(), ["resume 1.0.0 up → 1.0.0"]);

        // It had failed, and was killed while it was taken back.
        history.attempts[0].undoing = true;
        assert_eq!(
            go(&history, &files, Decide, false).unwrap(),
            ["undo 1.0.0 up → 0.0.0", "apply 1.0.0 up → 1.0.0", "apply 1.1.0 up → 1.1.0"]
        );
        assert_eq!(go(&history, &files, Resume, false).unwrap_err().cause(), Cause::Usage);

        // A way down takes something away: it needs a word.
        let mut down = applied(2, "1.0.0", "A;");
        (down.outcome, down.direction, down.comes_from) = (None, Direction::Down, "1.0.0".parse().unwrap());
        down.down = "FROM FILE;".into();
        history.attempts = vec![applied(1, "1.0.0", "A;"), down];
        assert_eq!(go(&history, &files, Decide, false).unwrap_err().cause(), Cause::Usage);
        let resumed = ["resume 1.0.0 down → 0.0.0"];
        assert_eq!(go(&history, &files, Decide, true).unwrap(), resumed);
        let newest = route(&history, &files, Some(&"1.1.0".parse().unwrap()), Resume, false).unwrap();
        let there_and_back =
            ["resume 1.0.0 down → 0.0.0", "apply 1.0.0 up → 1.0.0", "apply 1.1.0 up → 1.1.0"];
        assert_eq!(shown(&newest), there_and_back);
        assert_eq!(go(&history, &files, Resume, false).unwrap(), resumed);
        assert_eq!(go(&history, &files, Undo, false).unwrap(), ["undo 1.0.0 down → 1.0.0"]);

        // Its file was mended meanwhile: which statements are done was counted in the other text.
        history.attempts[1].down = "BEGUN;".into();
        let begun = route(&history, &files, None, Resume, false).unwrap();
        assert_eq!((begun[0].script().text.as_str(), begun[0].statements_from), ("BEGUN;\n", Origin::Target));
        history.attempts.clear();
        assert!(go(&history, &files, Undo, false).unwrap().is_empty());
    }
}
