//! A plan as people read it: every statement as it will be run, and what the server says of it.

use super::numbers::{count, counted};
use super::text::{clean, clean_whole, folded, wrapped};
use crate::neo4j::{Explained, Remark};
use crate::schema::{Origin, Plan, Step, StepKind, VersionPlan, Way, in_a_line, readable};

/// Column at which a step's text begins.
const TEXT: usize = 13;

/// The versions, one below the other.
pub(super) fn plan(plan: &Plan, width: Option<usize>) -> String {
    plan.versions.iter().map(|version| planned(version, width)).collect::<Vec<_>>().join("\n\n")
}

fn planned(version: &VersionPlan, width: Option<usize>) -> String {
    let mut title = format!("{} {}, {}", version.version, clean(&version.name), version.direction);
    match version.way {
        Way::Apply => {}
        Way::Resume => title.push_str(", which was interrupted: what is left to do"),
        Way::Undo => title.push_str(", which was interrupted: taking it back"),
    }
    if version.statements_from == Origin::Target {
        title.push_str(" (by the text that the target keeps, since the files are gone or changed)");
    }
    let mut lines = vec![wrapped(&title, 0, width)];
    for removed in &version.removes {
        let names = match removed.names.as_slice() {
            [] => String::new(),
            names => format!(" ({})", clean_whole(&names.join(", "))),
        };
        let number = u64::try_from(removed.count).unwrap_or(0);
        lines.push(wrapped(&format!("removes {}: {}{names}", clean(&removed.what), count(number)), 2, width));
    }
    for step in &version.steps {
        lines.extend(shown(step, width));
    }
    lines.join("\n")
}

fn shown(step: &Step, width: Option<usize>) -> Vec<String> {
    let kind = match step.kind {
        StepKind::Schema => "schema",
        StepKind::Data => "data",
        StepKind::Wait | StepKind::Record => "",
    };
    // What is no statement is said in words.
    let text = if matches!(step.kind, StepKind::Schema | StepKind::Data) {
        readable(&step.text)
    } else {
        step.text.clone()
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut lines: Vec<String> = lines.map(|line| folded(&clean_whole(line), TEXT, width)).collect();
    if let Some(first) = lines.first_mut() {
        let number = format!("{:>4}. {kind:<6} ", step.number);
        *first = number + first.trim_start();
    }
    if let Some(explained) = &step.explain {
        lines.extend(what_the_server_says(step, explained).map(|line| wrapped(&line, TEXT, width)));
    }
    lines
}

fn what_the_server_says(step: &Step, explained: &Explained) -> impl Iterator<Item = String> {
    let names: Vec<&str> = explained.operators.iter().map(|operator| operator.name.as_str()).collect();
    let mut plan = match names.as_slice() {
        [] => "→ no plan".to_owned(),
        names => format!("→ {}", names.join(", ")),
    };
    if step.kind == StepKind::Data {
        // Whole and not negative, as counts of rows are.
        let rows = explained.most_rows().map(|rows| counted(rows.round() as u64, "row", "rows"));
        let rows = rows.map_or_else(String::new, |rows| format!("about {rows} "));
        let how = if step.in_batches { "in batches" } else { "in one transaction" };
        plan.push_str(&format!("; {rows}{how}"));
    }
    let remarks = explained.remarks.iter().filter(|remark| is_worth_reading(remark));
    let remarks: Vec<String> =
        remarks.map(|remark| format!("→ {}", clean(&remark.text.replace("\r\n", " ")))).collect();
    std::iter::once(plan).chain(remarks)
}

/// Names that the database does not know yet come with the migration.
fn is_worth_reading(remark: &Remark) -> bool {
    !remark.code.contains(".Unknown")
}

/// A statement without its comments, on one line.
pub(super) fn in_one_line(statement: &str) -> String {
    clean(&in_a_line(statement))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neo4j::{Operator, StatementKind};
    use crate::schema::{Direction, Removed, Script, Version};

    fn step(number: u32, kind: StepKind, text: &str, operators: &[&str]) -> Step {
        let operator = |(depth, name): (usize, &&str)| Operator {
            depth,
            name: (*name).to_owned(),
            details: String::new(),
            estimated_rows: Some(12_345.4),
        };
        let explained = Explained {
            kind: StatementKind::Data,
            operators: operators.iter().enumerate().map(operator).collect(),
            remarks: vec![
                Remark {
                    code: "Neo.ClientNotification.Statement.UnknownLabelWarning".into(),
                    text: "x".into(),
                },
                Remark { code: "a".into(), text: "It is deprecated.".into() },
            ],
        };
        let explain = (!operators.is_empty()).then_some(explained);
        Step { number, kind, at: None, text: text.into(), in_batches: kind == StepKind::Data, explain }
    }

    #[test]
    fn what_is_shown_is_what_runs() {
        let text = "/* why\n// so */ CREATE (:A {t: 'x\n// y'}) // end\nRETURN 1";
        let lines = shown(&step(1, StepKind::Schema, text, &[]), Some(80));
        assert_eq!(lines, ["   1. schema CREATE (:A {t: 'x\\n// y'})", "             RETURN 1"]);
    }

    #[test]
    fn at_80_columns_every_statement_is_seen_in_full() {
        let version = VersionPlan {
            version: "1.2.0".parse().unwrap(),
            name: "chapters".into(),
            direction: Direction::Down,
            way: Way::Apply,
            comes_from: "1.2.0".parse().unwrap(),
            leads_to: Version::NONE,
            checksum: String::new(),
            statements_from: Origin::Files,
            removes: vec![
                Removed { what: "constraints".into(), count: 1, names: vec!["chapter_id".into()] },
                Removed { what: "chapters".into(), count: 1234, names: Vec::new() },
            ],
            steps: vec![
                step(
                    1,
                    StepKind::Data,
                    "// All of them.\nMATCH (n:Chapter) WHERE n.title IS NOT NULL AND n.title <> 'something long'\n  CALL (n) { DETACH DELETE n } IN TRANSACTIONS",
                    &["EmptyResult", "TransactionForeach", "NodeByLabelScan"],
                ),
                step(2, StepKind::Schema, "DROP CONSTRAINT chapter_id", &["DropConstraint"]),
                step(3, StepKind::Wait, "wait until all new indexes are online", &[]),
            ],
            up: Script::parse("up", "").unwrap(),
            down: Script::parse("down", "").unwrap(),
            interrupted: None,
        };
        let all = Plan { from: Version::NONE, to: Version::NONE, versions: vec![version] };
        let text = plan(&all, Some(80));
        assert_eq!(
            text,
            "\
1.2.0 chapters, down
  removes constraints: 1 (chapter_id)
  removes chapters: 1,234
   1. data   MATCH (n:Chapter) WHERE n.title IS NOT NULL AND n.title <>
             'something long'
             CALL (n) { DETACH DELETE n } IN TRANSACTIONS
             → EmptyResult, TransactionForeach, NodeByLabelScan; about 12,345
             rows in batches
             → It is deprecated.
   2. schema DROP CONSTRAINT chapter_id
             → DropConstraint
             → It is deprecated.
   3.        wait until all new indexes are online"
        );
        assert!(text.lines().all(|line| console::measure_text_width(line) <= 80), "{text}");
    }
}
