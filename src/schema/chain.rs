//! The files against what was applied, and what was applied against itself. Pure.

use super::files::Gone;
use super::history::{Attempt, History};
use super::script::checksum;
use super::validate::{Finding, FindingKind, Remedy, Severity};
use super::{Direction, Migration, Version};
use crate::neo4j::claim::Held;

/// Everything that does not fit. `at_work` is who has the target for itself at this moment.
pub(super) fn find(history: &History, migrations: &[Migration], at_work: Option<&Held>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(history.unfinished().map(|attempt| interrupted(attempt, at_work)));
    let applied = history.applied();
    let file_of = |version: &Version| migrations.iter().find(|migration| migration.version == *version);
    let mut below = Version::NONE;
    let mut gaps = Vec::new();
    for attempt in &applied {
        if attempt.comes_from > below {
            findings.push(gap(attempt, file_of(&attempt.comes_from)));
            gaps.push(&attempt.comes_from);
        }
        below = attempt.version.clone();
        match file_of(&attempt.version) {
            None => findings.push(missing_file(attempt)),
            // Of a version that is another one by its way up, the way down that is kept is taken.
            Some(file) => findings
                .extend(changed_checksum(history, attempt, file).or_else(|| changed_way_down(attempt, file))),
        }
    }
    let is_applied = |version: &Version| applied.iter().any(|attempt| attempt.version == *version);
    let older = migrations.iter().filter(|file| file.version < below && !is_applied(&file.version));
    findings.extend(older.filter(|file| !gaps.contains(&&file.version)).map(|file| older_file(file, &below)));
    findings
}

fn finding(
    kind: FindingKind,
    object: &'static str,
    name: String,
    message: String,
    remedy: Remedy,
) -> Finding {
    Finding {
        kind,
        severity: Severity::Error,
        object,
        name,
        version: None,
        expected: None,
        found: None,
        message,
        remedy,
    }
}

fn interrupted(attempt: &Attempt, at_work: Option<&Held>) -> Finding {
    let what = format!("{} {}", attempt.version, attempt.direction);
    let (severity, message, what_to_do) = match at_work {
        Some(held) => (
            Severity::Note,
            format!("{what} is under way: {held}"),
            "wait until it is through, then look again".to_owned(),
        ),
        None => (
            Severity::Error,
            format!("{what} was interrupted after {} statements", attempt.steps_done),
            format!("regraft migrate-schema {}", safe(attempt).join(" or ")),
        ),
    };
    Finding {
        severity,
        version: Some(attempt.version.clone()),
        ..finding(
            FindingKind::Interrupted,
            "version",
            attempt.version.to_string(),
            message,
            Remedy::ByHand { what_to_do },
        )
    }
}

/// The options that end an interrupted attempt safely.
pub(super) fn safe(attempt: &Attempt) -> Vec<&'static str> {
    match (attempt.undoing, attempt.direction) {
        (true, _) => vec!["--undo"],
        (false, Direction::Up) => vec!["--resume", "--undo"],
        // What was removed can't all come back.
        (false, Direction::Down) => vec!["--resume"],
    }
}

fn gap(attempt: &Attempt, file: Option<&Migration>) -> Finding {
    let version = &attempt.comes_from;
    let remedy = match file {
        Some(_) => Remedy::Recording,
        None => Remedy::ByHand {
            what_to_do: format!("bring the files of {version} back, then repair again: it records {version}"),
        },
    };
    let message =
        format!("{} was applied onto {version}, and {version} is not recorded as applied", attempt.version);
    Finding {
        version: Some(version.clone()),
        ..finding(FindingKind::Gap, "version", version.to_string(), message, remedy)
    }
}

fn missing_file(attempt: &Attempt) -> Finding {
    let name = |direction| format!("{}_{}.{direction}.cypher", attempt.version, attempt.name);
    let files = vec![name(Direction::Up), name(Direction::Down)];
    let texts = vec![attempt.up.clone(), attempt.down.clone()];
    let message = format!("{} is applied, and there are no files for it", attempt.version);
    Finding {
        version: Some(attempt.version.clone()),
        ..finding(
            FindingKind::MissingFile,
            "file",
            name(Direction::Up),
            message,
            Remedy::WritingFiles { files, texts },
        )
    }
}

/// One of both files is gone.
pub(super) fn half_gone(gone: Gone) -> Finding {
    let message = format!("{} is applied, and {} is gone", gone.version, gone.file);
    let remedy = Remedy::WritingFiles { files: vec![gone.file.clone()], texts: vec![gone.text] };
    Finding {
        version: Some(gone.version),
        ..finding(FindingKind::MissingFile, "file", gone.file, message, remedy)
    }
}

/// The way down may be mended after its version was applied: it is worth knowing, no more.
fn changed_way_down(attempt: &Attempt, file: &Migration) -> Option<Finding> {
    if attempt.down.trim_end() == file.down.text.trim_end() {
        return None;
    }
    let message = format!(
        "{} was changed after its version had been applied; going down takes it as it is now",
        file.down.file
    );
    let what_to_do = "nothing, if that was meant; otherwise bring it back as it was".to_owned();
    Some(Finding {
        severity: Severity::Note,
        version: Some(attempt.version.clone()),
        expected: Some(checksum(&attempt.down)),
        found: Some(file.down.checksum()),
        ..finding(
            FindingKind::ChangedChecksum,
            "file",
            file.down.file.clone(),
            message,
            Remedy::ByHand { what_to_do },
        )
    })
}

fn changed_checksum(history: &History, attempt: &Attempt, file: &Migration) -> Option<Finding> {
    let checksum = file.up.checksum();
    if history.is_as_applied(attempt, &checksum) {
        return None;
    }
    let message = format!(
        "{} was changed after it had been applied; what was changed in it is not in the target. Bring it back and \
         write a new version for the change, unless it makes no difference",
        file.up.file
    );
    Some(Finding {
        version: Some(attempt.version.clone()),
        expected: Some(attempt.checksum.clone()),
        found: Some(checksum.clone()),
        ..finding(
            FindingKind::ChangedChecksum,
            "file",
            file.up.file.clone(),
            message,
            Remedy::Accepting { checksum, attempt: attempt.number },
        )
    })
}

fn older_file(file: &Migration, newest: &Version) -> Finding {
    let message = format!("{} is not applied, and older than {newest}, which is applied", file.up.file);
    let what_to_do = format!("rename both of its files to a version newer than {newest}");
    Finding {
        version: Some(file.version.clone()),
        ..finding(
            FindingKind::OlderFile,
            "file",
            file.up.file.clone(),
            message,
            Remedy::ByHand { what_to_do },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::tests::attempt;
    use super::super::{Outcome, Script};
    use super::*;

    fn file(version: &str, up: &str) -> Migration {
        let script = |direction: &str, text| Script::parse(format!("{version}_n.{direction}.cypher"), text);
        Migration {
            version: version.parse().unwrap(),
            name: "n".into(),
            up: script("up", up).unwrap(),
            down: script("down", "").unwrap(),
        }
    }

    fn applied(number: i64, version: &str, comes_from: &str, up: &str) -> Attempt {
        let mut attempt = attempt(number, version, Direction::Up, Some(Outcome::Applied));
        attempt.comes_from = comes_from.parse().unwrap();
        attempt.checksum = Script::parse("", up).unwrap().checksum();
        attempt
    }

    fn shown(history: &History, files: &[Migration]) -> Vec<String> {
        let found = find(history, files, None);
        found.iter().map(|it| format!("{} {}", it.kind.as_str(), it.name)).collect()
    }

    #[test]
    fn files_and_history_that_fit_are_no_finding() {
        let files = [file("1.0.0", "A;"), file("1.1.0", "B;")];
        let mut history = History::default();
        assert!(shown(&history, &files).is_empty());
        history.attempts = vec![applied(1, "1.0.0", "0.0.0", "A;")];
        assert!(shown(&history, &files).is_empty());
    }

    #[test]
    fn what_does_not_fit_is_found() {
        let files = [file("1.0.0", "Z;"), file("1.0.5", "L;"), file("1.1.0", "B;"), file("2.0.0", "P;")];
        let history = History {
            attempts: vec![applied(1, "1.0.0", "0.0.0", "A;"), applied(3, "1.2.0", "1.1.0", "C;")],
            accepted: Vec::new(),
        };
        assert_eq!(
            shown(&history, &files),
            [
                "changed_checksum 1.0.0_n.up.cypher",
                "gap 1.1.0",
                "missing_file 1.2.0_n.up.cypher",
                "older_file 1.0.5_n.up.cypher"
            ]
        );
        let remedy = |files: &[Migration], name: &str| {
            find(&history, files, None).into_iter().find(|it| it.name == name).map(|it| it.remedy)
        };
        assert_eq!(remedy(&files, "1.1.0"), Some(Remedy::Recording));
        assert!(matches!(remedy(&files[..2], "1.1.0"), Some(Remedy::ByHand { .. })));
    }

    #[test]
    fn a_way_down_that_was_changed_is_a_note() {
        let files = [file("1.0.0", "A;")];
        let mut history =
            History { attempts: vec![applied(1, "1.0.0", "0.0.0", "A;")], accepted: Vec::new() };
        history.attempts[0].down = "X;\n".into();
        let findings = find(&history, &files, None);
        assert_eq!(shown(&history, &files), ["changed_checksum 1.0.0_n.down.cypher"]);
        assert_eq!(findings[0].severity, Severity::Note);
    }

    #[test]
    fn what_was_interrupted_says_how_to_go_on() {
        let mut begun = applied(1, "1.0.0", "0.0.0", "A;");
        begun.outcome = None;
        let mut history = History { attempts: vec![begun], accepted: Vec::new() };
        let what_to_do = |history: &History| match &find(history, &[], None)[0].remedy {
            Remedy::ByHand { what_to_do } => what_to_do.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(what_to_do(&history), "regraft migrate-schema --resume or --undo");
        history.attempts[0].undoing = true;
        assert_eq!(what_to_do(&history), "regraft migrate-schema --undo");
    }
}
