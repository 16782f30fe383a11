//! Constraints and indexes that are not as they were when the newest version was applied. Pure.

use super::History;
use super::indexes::first_line;
use super::recorded::{Recorded, free};
use super::validate::{Finding, FindingKind, Remedy, Severity};
use crate::neo4j::catalog::{Constraint, Index, Inventory};
use crate::neo4j::quote;

/// Everything that differs. `server` is its version: another one may write the same thing in another way.
pub(super) fn find(history: &History, now: &Inventory, server: &str) -> Vec<Finding> {
    // What is not tracked has no shape.
    let applied = history.applied();
    if applied.is_empty() {
        return Vec::new();
    }
    let same_server = applied.iter().all(|attempt| attempt.server == server);
    let drift = Drift { recorded: Recorded::of(history), now, same_server };
    let mut findings = drift.constraints();
    findings.extend(drift.indexes());
    findings
}

struct Drift<'a> {
    recorded: Recorded,
    now: &'a Inventory,
    same_server: bool,
}

impl Drift<'_> {
    fn constraints(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (name, (recorded, _)) in &self.recorded.constraints {
            match self.now.constraints.iter().find(|now| now.name == *name) {
                None => findings.push(self.missing("constraint", name, &recorded.create_statement)),
                Some(now) if !self.is_same_constraint(recorded, now) => {
                    let (was, is) = (&recorded.create_statement, &now.create_statement);
                    findings.push(self.changed("constraint", name, &now.labels_or_types, was, is));
                }
                Some(_) => {}
            }
        }
        for now in
            self.now.constraints.iter().filter(|now| !self.recorded.constraints.contains_key(&now.name))
        {
            findings.push(self.extra("constraint", &now.name, &now.labels_or_types, &now.create_statement));
        }
        findings
    }

    fn indexes(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (name, (recorded, _)) in &self.recorded.indexes {
            match free(self.now).find(|now| now.name == *name) {
                None => findings.push(self.missing("index", name, &recorded.create_statement)),
                Some(now) if !self.is_same_index(recorded, now) => {
                    let (was, is) = (&recorded.create_statement, &now.create_statement);
                    findings.push(self.changed("index", name, &now.labels_or_types, was, is));
                }
                Some(now) => findings.extend(self.state(now)),
            }
        }
        for now in free(self.now).filter(|now| !self.recorded.indexes.contains_key(&now.name)) {
            findings.push(self.extra("index", &now.name, &now.labels_or_types, &now.create_statement));
        }
        let owned = self.now.indexes.iter().filter(|now| now.owning_constraint.is_some());
        findings.extend(owned.filter_map(|now| self.state(now)));
        findings
    }

    fn is_same_constraint(&self, one: &Constraint, other: &Constraint) -> bool {
        one.kind == other.kind
            && one.labels_or_types == other.labels_or_types
            && one.properties == other.properties
            && (!self.same_server || one.create_statement == other.create_statement)
    }

    fn is_same_index(&self, one: &Index, other: &Index) -> bool {
        one.kind == other.kind
            && one.labels_or_types == other.labels_or_types
            && one.properties == other.properties
            && (!self.same_server || one.create_statement == other.create_statement)
    }

    fn missing(&self, object: &'static str, name: &str, create: &str) -> Finding {
        let consequence = match object {
            "constraint" => "duplicates can come in, and what is looked up by it takes a scan",
            _ => "what is looked up by it takes a scan",
        };
        Finding {
            kind: FindingKind::Missing,
            severity: Severity::Error,
            object,
            name: name.to_owned(),
            version: self.recorded.brought_by(name),
            expected: Some(create.to_owned()),
            found: None,
            message: format!("the {object} {name}, {}, is gone: {consequence}", self.origin(name)),
            remedy: statements([], [create]),
        }
    }

    fn changed(&self, object: &'static str, name: &str, on: &[String], was: &str, is: &str) -> Finding {
        let version = self.recorded.brought_by(name);
        let (severity, remedy) = if version.is_some() || self.is_ours(on) {
            (Severity::Error, dropping(object, name, [was]))
        } else {
            (Severity::Note, staying())
        };
        Finding {
            kind: FindingKind::Changed,
            severity,
            object,
            name: name.to_owned(),
            version,
            expected: Some(was.to_owned()),
            found: Some(is.to_owned()),
            message: format!("the {object} {name}, {}, is another one now", self.origin(name)),
            remedy,
        }
    }

    /// What is on labels that no version deals with is none of the schema's business.
    fn is_ours(&self, on: &[String]) -> bool {
        on.iter().any(|label| self.recorded.is_on(label))
    }

    fn extra(&self, object: &'static str, name: &str, on: &[String], create: &str) -> Finding {
        let (severity, remedy, consequence) = if self.is_ours(on) {
            (Severity::Error, dropping(object, name, []), "to keep it, write a version that makes it")
        } else {
            (Severity::Note, staying(), "nor does any deal with what it is on")
        };
        Finding {
            kind: FindingKind::Extra,
            severity,
            object,
            name: name.to_owned(),
            version: None,
            expected: None,
            found: Some(create.to_owned()),
            message: format!("the {object} {name} is there, and no version brought it; {consequence}"),
            remedy,
        }
    }

    fn state(&self, index: &Index) -> Option<Finding> {
        // The index of a constraint goes and comes with it.
        let (object, name) = match &index.owning_constraint {
            Some(owner) => ("constraint", owner),
            None => ("index", &index.name),
        };
        let (kind, message, remedy) = match index.state.as_str() {
            "ONLINE" => return None,
            "FAILED" => {
                let create = self.create_statement(object, name)?;
                let why = first_line(&index.failure);
                let message = format!("the index {} failed, and is not used: {why}", index.name);
                (FindingKind::Failed, message, dropping(object, name, [create]))
            }
            _ => {
                let message = format!("the index {} is still being filled, and not used yet", index.name);
                (FindingKind::Unpopulated, message, Remedy::Waiting)
            }
        };
        Some(Finding {
            kind,
            severity: Severity::Error,
            object,
            name: name.clone(),
            version: self.recorded.brought_by(name),
            expected: Some("ONLINE".to_owned()),
            found: Some(index.state.clone()),
            message,
            remedy,
        })
    }

    fn create_statement(&self, object: &str, name: &str) -> Option<&str> {
        if object == "constraint" {
            let of_the_name = |it: &&Constraint| it.name == *name;
            return self.now.constraints.iter().find(of_the_name).map(|it| it.create_statement.as_str());
        }
        self.now.indexes.iter().find(|it| it.name == *name).map(|it| it.create_statement.as_str())
    }

    fn origin(&self, name: &str) -> String {
        match self.recorded.brought_by(name) {
            Some(version) => format!("which {version} brought"),
            None => "which was there already when the first version came".to_owned(),
        }
    }
}

fn staying() -> Remedy {
    Remedy::ByHand { what_to_do: "nothing, it stays".to_owned() }
}

fn statements<const D: usize, const C: usize>(drop: [String; D], create: [&str; C]) -> Remedy {
    Remedy::Statements { drop: drop.into(), create: create.map(str::to_owned).into() }
}

fn dropping<const C: usize>(object: &str, name: &str, create: [&str; C]) -> Remedy {
    match quote(name) {
        Ok(quoted) => statements([format!("DROP {} {quoted} IF EXISTS", object.to_uppercase())], create),
        // No server has such a name.
        Err(error) => Remedy::ByHand { what_to_do: error.advice().to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::tests::attempt;
    use super::super::{Direction, Outcome};
    use super::*;

    fn constraint(name: &str, label: &str) -> Constraint {
        Constraint {
            name: name.into(),
            kind: "UNIQUENESS".into(),
            labels_or_types: vec![label.into()],
            properties: vec!["id".into()],
            create_statement: format!("CREATE CONSTRAINT {name} ON {label}"),
        }
    }

    fn index(name: &str, label: &str) -> Index {
        Index {
            name: name.into(),
            kind: "RANGE".into(),
            labels_or_types: vec![label.into()],
            properties: vec!["p".into()],
            state: "ONLINE".into(),
            failure: String::new(),
            owning_constraint: None,
            create_statement: format!("CREATE INDEX {name} ON {label}"),
        }
    }

    fn owned(name: &str) -> Index {
        Index { owning_constraint: Some(name.into()), ..index(name, "A") }
    }

    fn history(recorded: &Inventory) -> History {
        let mut up = attempt(1, "1.0.0", Direction::Up, Some(Outcome::Applied));
        (up.after, up.server) = (Some(recorded.clone()), "5.26.0".into());
        up.before.indexes.push(index("older", "A"));
        History { attempts: vec![up], accepted: Vec::new() }
    }

    fn recorded() -> Inventory {
        Inventory {
            constraints: vec![constraint("key", "A"), constraint("other_key", "A")],
            indexes: vec![owned("key"), owned("other_key"), index("older", "A"), index("one", "A")],
        }
    }

    fn shown(findings: &[Finding]) -> Vec<String> {
        let shown = findings.iter().map(|it| format!("{} {} {}", it.kind.as_str(), it.object, it.name));
        shown.collect()
    }

    #[test]
    fn what_is_as_recorded_is_no_finding() {
        let recorded = recorded();
        assert!(find(&history(&recorded), &recorded, "5.26.0").is_empty());
        assert!(find(&History::default(), &recorded, "5.26.0").is_empty());
        let mut gone = history(&recorded);
        gone.attempts[0].direction = Direction::Down;
        assert!(find(&gone, &Inventory::default(), "5.26.0").is_empty());
    }

    #[test]
    fn every_difference_is_found_with_what_mends_it() {
        let recorded = recorded();
        let mut now = recorded.clone();
        now.constraints.remove(0);
        now.constraints[0].create_statement = "CREATE CONSTRAINT other_key ON B".into();
        now.indexes = vec![owned("other_key"), index("one", "A"), index("more", "A"), index("foreign", "Z")];
        now.indexes[0].state = "FAILED".into();
        now.indexes[1].state = "POPULATING".into();
        let findings = find(&history(&recorded), &now, "5.26.0");
        assert_eq!(
            shown(&findings),
            [
                "missing constraint key",
                "changed constraint other_key",
                "missing index older",
                "unpopulated index one",
                "extra index more",
                "extra index foreign",
                "failed constraint other_key",
            ]
        );
        assert_eq!(findings[0].version, Some("1.0.0".parse().unwrap()));
        assert_eq!(findings[0].remedy, statements([], ["CREATE CONSTRAINT key ON A"]));
        let drop = "DROP CONSTRAINT `other_key` IF EXISTS".to_owned();
        assert_eq!(findings[1].remedy, statements([drop], ["CREATE CONSTRAINT other_key ON A"]));
        assert_eq!(findings[2].version, None);
        assert!(findings[2].message.contains("was there already when the first version came"));
        assert_eq!(findings[3].remedy, Remedy::Waiting);
        assert_eq!(findings[4].remedy, statements(["DROP INDEX `more` IF EXISTS".to_owned()], []));
        let severities: Vec<_> = findings.iter().map(|it| it.severity == Severity::Error).collect();
        assert_eq!(severities, [true, true, true, true, true, false, true]);
    }

    /// On labels that only what was there before the first version is on, people do as they like.
    #[test]
    fn what_no_version_deals_with_is_never_dropped() {
        let mut recorded = recorded();
        recorded.indexes.push(index("mine", "Other"));
        let mut history = history(&recorded);
        history.attempts[0].before.indexes.push(index("mine", "Other"));
        let mut now = recorded.clone();
        now.indexes.push(index("later", "Other"));
        now.constraints.push(constraint("later_key", "Other"));
        let mine = now.indexes.iter_mut().find(|it| it.name == "mine").unwrap();
        mine.create_statement.push_str(" on another property");
        let findings = find(&history, &now, "5.26.0");
        let kinds = ["extra constraint later_key", "changed index mine", "extra index later"];
        assert_eq!(shown(&findings), kinds);
        for finding in &findings {
            assert_eq!(finding.severity, Severity::Note, "{finding:?}");
            assert!(matches!(finding.remedy, Remedy::ByHand { .. }), "{finding:?}");
        }
    }

    #[test]
    fn of_a_failed_index_the_reason_is_told_and_not_the_servers_stack() {
        let recorded = recorded();
        let mut now = recorded.clone();
        let failed = now.indexes.iter_mut().find(|it| it.name == "one").unwrap();
        (failed.state, failed.failure) = ("FAILED".into(), "too large\n\tat org.neo4j.X\n\tat Y".into());
        let message = &find(&history(&recorded), &now, "5.26.0")[0].message;
        assert_eq!(message, "the index one failed, and is not used: too large");
    }

    #[test]
    fn another_server_may_write_the_same_thing_in_another_way() {
        let recorded = recorded();
        let mut now = recorded.clone();
        now.constraints[0].create_statement.push_str(" OPTIONS {}");
        assert_eq!(find(&history(&recorded), &now, "5.26.0").len(), 1);
        assert!(find(&history(&recorded), &now, "2026.08.0").is_empty());
        now.constraints[0].properties.push("x".into());
        assert_eq!(find(&history(&recorded), &now, "2026.08.0").len(), 1);
    }
}
