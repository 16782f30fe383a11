//! Validation: what is there against what was recorded, and the files against what was applied.

use serde::Serialize;

use super::files::Files;
use super::{History, Version, chain, drift};
use crate::error::Result;
use crate::neo4j::TargetGraph;
use crate::neo4j::catalog::Own;
use crate::neo4j::claim::{self, Purpose};

/// What validating found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Validation {
    /// The version that the target has.
    pub version: Version,
    /// Whether there is nothing but notes.
    pub valid: bool,
    /// What differs.
    pub findings: Vec<Finding>,
}

/// One thing that is not as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of thing is wrong.
    pub kind: FindingKind,
    /// Whether it counts.
    pub severity: Severity,
    /// `constraint`, `index`, `file` or `version`.
    pub object: &'static str,
    /// Name of the object.
    pub name: String,
    /// The version that brought it, or that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// What was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What that means, for people.
    pub message: String,
    /// What mends it.
    pub remedy: Remedy,
}

/// Kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A constraint or index is gone.
    Missing,
    /// A constraint or index is there that no version brought.
    Extra,
    /// A constraint or index of the name is another one.
    Changed,
    /// An index failed.
    Failed,
    /// An index is being filled still.
    Unpopulated,
    /// An up file is not the text that was applied.
    ChangedChecksum,
    /// A version is applied that there are no files for.
    MissingFile,
    /// A version was applied onto one that is not recorded as applied.
    Gap,
    /// A file is not applied, and older than the newest version that is.
    OlderFile,
    /// A version is half way.
    Interrupted,
}

impl FindingKind {
    /// As records and JSON write it.
    pub fn as_str(self) -> &'static str {
        match self {
            FindingKind::Missing => "missing",
            FindingKind::Extra => "extra",
            FindingKind::Changed => "changed",
            FindingKind::Failed => "failed",
            FindingKind::Unpopulated => "unpopulated",
            FindingKind::ChangedChecksum => "changed_checksum",
            FindingKind::MissingFile => "missing_file",
            FindingKind::Gap => "gap",
            FindingKind::OlderFile => "older_file",
            FindingKind::Interrupted => "interrupted",
        }
    }
}

/// Whether a finding counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The schema is not valid.
    Error,
    /// Worth knowing.
    Note,
}

/// What mends a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Remedy {
    /// Statements in the target.
    Statements {
        /// What is dropped first.
        drop: Vec<String>,
        /// What is made then.
        create: Vec<String>,
    },
    /// Waiting until the index is filled.
    Waiting,
    /// The file's checksum counts from now on as that of what was applied.
    Accepting {
        /// SHA-256 of the up file.
        checksum: String,
        /// Number of the attempt that it counts for.
        #[serde(skip)]
        attempt: i64,
    },
    /// The files are written again from what the target keeps.
    WritingFiles {
        /// Names of the files.
        files: Vec<String>,
        /// Their texts.
        #[serde(skip)]
        texts: Vec<String>,
    },
    /// The version is recorded as applied.
    Recording,
    /// Nothing that could be done without a decision.
    ByHand {
        /// What a person does.
        what_to_do: String,
    },
}

/// Compares. Changes nothing.
pub(super) async fn validate(target: &TargetGraph, files: &Files) -> Result<Validation> {
    let history = History::read(target).await?;
    let (migrations, gone) = files.completed(&history)?;
    let (now, server) = (target.inventory(Own::LeftOut).await?, target.server().await?);
    let at_work = claim::held(target).await?.into_iter().find(|held| held.purpose == Purpose::Exclusive);
    let mut findings = chain::find(&history, &migrations, at_work.as_ref());
    findings.extend(gone.into_iter().map(chain::half_gone));
    // What is half way is as no version is.
    if history.unfinished().is_none() {
        findings.extend(drift::find(&history, &now, &server.version));
    }
    let valid = findings.iter().all(|finding| finding.severity == Severity::Note);
    Ok(Validation { version: history.current(), valid, findings })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_json_is_the_documented_one() {
        let finding = |remedy| Finding {
            kind: FindingKind::ChangedChecksum,
            severity: Severity::Error,
            object: "file",
            name: "n".into(),
            version: Some(Version::NONE),
            expected: Some("a".into()),
            found: None,
            message: "m".into(),
            remedy,
        };
        let remedies = [
            Remedy::Statements { drop: vec!["d".into()], create: vec!["c".into()] },
            Remedy::Waiting,
            Remedy::Accepting { checksum: "b".into(), attempt: 7 },
            Remedy::WritingFiles { files: vec!["f".into()], texts: vec!["t".into()] },
            Remedy::Recording,
            Remedy::ByHand { what_to_do: "w".into() },
        ];
        let findings = remedies.map(finding).into();
        let validation = Validation { version: Version::NONE, valid: false, findings };
        let json = serde_json::to_value(&validation).unwrap();
        let remedies: Vec<_> = (0..6).map(|at| json["findings"][at]["remedy"].clone()).collect();
        assert_eq!(
            json!(remedies),
            json!([
                {"by": "statements", "drop": ["d"], "create": ["c"]},
                {"by": "waiting"},
                {"by": "accepting", "checksum": "b"},
                {"by": "writing_files", "files": ["f"]},
                {"by": "recording"},
                {"by": "by_hand", "what_to_do": "w"},
            ])
        );
        assert_eq!(
            json["findings"][1],
            json!({"kind": "changed_checksum", "severity": "error", "object": "file", "name": "n",
                "version": "0.0.0", "expected": "a", "message": "m", "remedy": {"by": "waiting"}})
        );
        assert_eq!((&json["version"], &json["valid"]), (&json!("0.0.0"), &json!(false)));
    }

    #[test]
    fn kinds_are_written_alike_in_records_and_json() {
        use FindingKind::*;
        for kind in [
            Missing,
            Extra,
            Changed,
            Failed,
            Unpopulated,
            ChangedChecksum,
            MissingFile,
            Gap,
            OlderFile,
            Interrupted,
        ] {
            assert_eq!(json!(kind), json!(kind.as_str()));
        }
    }
}
