//! The fix script: Cypher for what can be mended in the source, with a count before, the change in batches, and an undo
//! where there is one. What needs a decision gets the query that shows the cases. Never run by Regraft.

use std::fmt::Write as _;
use std::sync::Arc;

use super::mending::{duplicates, examples, index, missing_key, of_type, orphans, parallel};
use super::report::{Area, Issue, Mended};
use super::survey::Survey;
use crate::error::Result;
use crate::pipeline::{Pipeline, Source};
use crate::record::Reason;

/// What mends an issue, or shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does to the issue.
    pub mended: Mended,
    /// What it changes, in a sentence.
    pub says: String,
    /// Counts, or shows, the cases.
    pub look: String,
    /// The change; safe to be run again. None where somebody has to decide.
    pub change: Option<String>,
    /// Takes it back.
    pub undo: Option<String>,
}

/// The script, and what it does about each issue written into it. `sampled` says that there may be more than was seen;
/// `when` is the time as a text.
pub fn script(
    issues: &mut [Issue],
    seen: &[(Arc<Pipeline>, Survey)],
    sampled: bool,
    when: &str,
) -> Result<String> {
    let mut text = format!(
        "// What can be mended in the source, as Regraft {} found it at {when}. Regraft never runs this.\n\
         // Each part: what it changes, the cases, the change (it may be run again), and how to take it back.\n\
         // Run it with cypher-shell or Neo4j Browser, part by part, then check again.\n",
        env!("CARGO_PKG_VERSION")
    );
    let fixes = mark(issues, seen, sampled)?;
    for (number, (at, fix)) in fixes.iter().enumerate() {
        let Some(issue) = issues.get(*at) else { continue };
        let place = [issue.entity_type.as_deref(), issue.property.as_deref(), issue.found];
        let place = place.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let decision = if fix.change.is_none() { " (needs a decision)" } else { "" };
        let _ = write!(
            text,
            "\n// {}. {} {}: {}{decision}\n// {}\n{};\n",
            number + 1,
            issue.code,
            one_line(&place),
            issue.count,
            one_line(&fix.says),
            fix.look
        );
        if let Some(change) = &fix.change {
            let _ = writeln!(text, "{change};");
        }
        match &fix.undo {
            Some(undo) => drop(writeln!(text, "// To take it back:\n// {undo};")),
            None if fix.change.is_some() => {
                text.push_str("// It can't be taken back: keep a copy, or the list of the cases.\n")
            }
            None => {}
        }
    }
    Ok(text)
}

/// Notes at each issue what the script does about it. Returns the fixes with the place of their issue; what is mended by
/// the fix of another one has none of its own.
pub fn mark(
    issues: &mut [Issue],
    seen: &[(Arc<Pipeline>, Survey)],
    sampled: bool,
) -> Result<Vec<(usize, Fix)>> {
    let mut fixes = Vec::new();
    for at in 0..issues.len() {
        let issue = &issues[at];
        let Some((pipeline, survey)) =
            seen.iter().find(|(pipeline, _)| issue.pipeline.as_deref() == Some(pipeline.name()))
        else {
            continue;
        };
        let of_pipeline = |code: Reason| {
            issues.iter().filter(move |each| each.pipeline == issue.pipeline && each.code == code.as_str())
        };
        let fix = match (issue.code.as_str(), pipeline.source()) {
            ("missing_key", Source::Relationship { start, end, .. }) if issue.found == Some("null") => {
                if [start, end].iter().all(|end| gets_keys(&end.label, issues, seen, sampled)) {
                    issues[at].fix_script = Some(Mended::Mended);
                }
                continue;
            }
            ("missing_key", Source::Node { label, key }) => missing_key(label, key, issue)?,
            ("key_without_index", Source::Node { label, key }) => {
                // Keys that are no text, or blank, may be equal as well, and so may those beyond a sample.
                let no_text = of_pipeline(Reason::MissingKey).any(|each| each.found != Some("null"));
                let equal = no_text || of_pipeline(Reason::DuplicateKey).next().is_some();
                Some(index(label, key, survey, equal || sampled)?)
            }
            ("duplicate_key", Source::Node { label, key }) => Some(duplicates(label, key, seen)?),
            ("duplicate_key", Source::Relationship { .. }) => Some(parallel(pipeline)?),
            ("type_mismatch", _) => of_type(pipeline, issue)?,
            ("orphaned", Source::Node { label, key }) => Some(orphans(pipeline, seen, label, key)?),
            _ => None,
        };
        let fix = match fix {
            Some(fix) => Some(fix),
            None if issue.area == Area::Data && !issue.examples.is_empty() => examples(pipeline, issue)?,
            None => None,
        };
        if let Some(fix) = fix {
            issues[at].fix_script = Some(fix.mended);
            fixes.push((at, fix));
        }
    }
    Ok(fixes)
}

/// Whether the script gives keys to the nodes of a label that have none: they are looked at, and may be given any. A
/// sample, which begins with those that have keys, may not have come to them.
fn gets_keys(label: &str, issues: &[Issue], seen: &[(Arc<Pipeline>, Survey)], sampled: bool) -> bool {
    let mut of_label = seen.iter().filter(|(each, _)| each.is_node() && each.source().entity_type() == label);
    of_label.any(|(each, _)| {
        let of_it = issues.iter().filter(|issue| {
            issue.pipeline.as_deref() == Some(each.name()) && issue.code == Reason::MissingKey.as_str()
        });
        // Those without a key are the label's own issue, where there are any.
        let are_null: Vec<bool> = of_it.map(|issue| issue.found == Some("null")).collect();
        are_null.iter().all(|is_null| *is_null) && !(sampled && are_null.is_empty())
    })
}

/// Text for a comment, which ends with its line.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|char| if char.is_control() || matches!(char, '\u{2028}' | '\u{2029}') { ' ' } else { char })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::mending::literal;
    use super::*;

    #[test]
    fn data_can_not_leave_its_place() {
        assert_eq!(literal("it's \\u0027 a\nkey"), "'it\\'s \\\\u0027 a\\u000Akey'");
        assert_eq!(one_line("a\nMATCH (n) DETACH DELETE n"), "a MATCH (n) DETACH DELETE n");
    }
}
