//! Repair: every finding of a validation explained, and with `execute` mended.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use super::advice::then_start_again;
use super::files::Files;
use super::history::{History, Outcome};
use super::indexes::await_online;
use super::record::{self, Mended, Start};
use super::report::Observer;
use super::undo::restore_schema;
use super::validate::{Finding, Remedy, Severity, Validation};
use super::{Direction, HistoryEntry, Migration, SchemaManager, Version, validate, visible};
use crate::error::{Cause, Error, Kind, Result};
use crate::neo4j::catalog::{Inventory, Own};
use crate::neo4j::claim::Claim;
use crate::neo4j::{Statement, TargetGraph, Transaction};
use crate::stop::Stop;

/// How a repair ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RepairResult {
    /// The schema is valid.
    NothingToDo,
    /// What would be done is listed; nothing was done.
    Planned,
    /// The schema is valid now.
    Mended,
    /// Something is left to a person.
    Left,
}

/// What a repair found and did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepairReport {
    /// How it ended.
    pub result: RepairResult,
    /// The version that the target has.
    pub version: Version,
    /// The findings, each with what became of it.
    pub findings: Vec<Repaired>,
}

/// A finding and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repaired {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// Whether it was mended.
    pub mended: bool,
}

/// Explains, and with `execute` mends.
///
/// Errors: [`Cause::CheckFailed`] where constraints and indexes could not be mended; then they are as they were.
pub(super) async fn repair(
    manager: &SchemaManager<'_>,
    execute: bool,
    patience: Duration,
    observe: Observer<'_>,
) -> Result<RepairReport> {
    let found = manager.validate().await?;
    if !execute || found.valid {
        let result = if found.valid { RepairResult::NothingToDo } else { RepairResult::Planned };
        return Ok(report(result, found, |_| false));
    }
    let claim = manager.claim("schema repair", patience, observe).await?;
    let repaired = mend(manager, &claim, observe).await;
    let released = claim.release().await;
    let repaired = repaired?;
    released?;
    Ok(repaired)
}

fn report(result: RepairResult, found: Validation, mended: impl Fn(&Finding) -> bool) -> RepairReport {
    let each = found.findings.into_iter();
    let findings = each.map(|finding| Repaired { mended: mended(&finding), finding }).collect();
    RepairReport { result, version: found.version, findings }
}

async fn mend(manager: &SchemaManager<'_>, claim: &Claim, observe: Observer<'_>) -> Result<RepairReport> {
    // Found again: another process may have been at work until the claim was had.
    let found = manager.validate().await?;
    let target = manager.target;
    let counted: Vec<&Finding> =
        found.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    let id = format!("schema-repair-{}", uuid::Uuid::now_v7());
    if found.version >= Version::HISTORY_NODES {
        visible::record_backup_marker(target, &id, "schema").await?;
    }
    if let Err(error) = mend_schema(target, claim, &counted, observe).await {
        // Whoever sees the marker also sees what became of it.
        if error.cause() == Cause::CheckFailed && found.version >= Version::HISTORY_NODES {
            let mut transaction = target.begin().await?;
            claim.fence(&mut transaction).await?;
            visible::record_history(&mut transaction, &entry(id, 0, counted.len(), Outcome::Undone)).await?;
            transaction.commit().await?;
        }
        return Err(error);
    }
    mend_files(manager, &counted)?;
    let history = History::read(target).await?;
    let mut transaction = target.begin().await?;
    claim.fence(&mut transaction).await?;
    let mut mended = 0;
    for finding in &counted {
        if let Some(done) = done(manager, finding) {
            write_down(&mut transaction, manager, &history, finding, &done).await?;
            mended += 1;
        }
    }
    if mended > 0 && found.version >= Version::HISTORY_NODES {
        let entry = entry(id, mended, counted.len(), Outcome::Applied);
        visible::record_history(&mut transaction, &entry).await?;
    }
    transaction.commit().await?;
    let files = match &manager.folder {
        Some(folder) => Files::read(folder)?,
        None => manager.files.clone(),
    };
    let left = validate::validate(target, &files).await?;
    let result = if left.valid { RepairResult::Mended } else { RepairResult::Left };
    let is_left = |finding: &Finding| {
        left.findings.iter().any(|it| (it.kind, &it.name) == (finding.kind, &finding.name))
    };
    Ok(report(result, found, |finding| finding.severity == Severity::Error && !is_left(finding)))
}

fn entry(id: String, mended: usize, findings: usize, outcome: Outcome) -> HistoryEntry {
    let what = format!("schema repair: {mended} of {findings} findings");
    HistoryEntry { id, kind: "schema".to_owned(), what, outcome: outcome.as_str().to_owned() }
}

/// What is done about a finding, in words; none where a person has to.
fn done(manager: &SchemaManager<'_>, finding: &Finding) -> Option<String> {
    match &finding.remedy {
        Remedy::Statements { drop, create } => Some([drop.as_slice(), create].concat().join("; ")),
        Remedy::Waiting => Some("waited until it was filled".to_owned()),
        Remedy::Accepting { checksum, .. } => Some(format!("accepted the checksum {checksum}")),
        Remedy::WritingFiles { files, .. } => {
            manager.folder.as_ref().map(|_| format!("wrote {}", files.join(" and ")))
        }
        Remedy::Recording => Some("recorded as applied".to_owned()),
        Remedy::ByHand { .. } => None,
    }
}

/// All constraints and indexes together: what is in the way goes first. Where one of them fails, all is as before.
async fn mend_schema(
    target: &TargetGraph,
    claim: &Claim,
    findings: &[&Finding],
    observe: Observer<'_>,
) -> Result<()> {
    let (mut drops, mut creates, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    for finding in findings {
        match &finding.remedy {
            Remedy::Statements { drop, create } => {
                drops.extend(drop);
                creates.extend(create);
            }
            Remedy::Waiting => {}
            _ => continue,
        }
        names.insert(finding.name.as_str());
    }
    let before = target.inventory(Own::LeftOut).await?;
    let mended = async {
        for statement in drops.into_iter().chain(creates) {
            claim.confirm().await?;
            let run = target.run_auto_commit(Statement::new(statement.as_str())).await;
            run.map_err(|error| error.during(statement.as_str()))?;
        }
        await_online(target, &without(&before, &names), &Stop::new(), observe).await
    };
    let Err(failure) = mended.await else { return Ok(()) };
    if failure.policy().kind == Kind::Service || failure.cause() == Cause::Fenced {
        return Err(failure.during("repair the schema; start again, and what is left is mended"));
    }
    restore_schema(target, &before, observe)
        .await
        .map_err(|error| error.during("put constraints and indexes back as they were before the repair"))?;
    Err(Error::new(Cause::CheckFailed, "the schema can't be repaired; constraints and indexes are as before")
        .what_to_do(then_start_again(&failure))
        .source(failure))
}

/// An inventory without the indexes that are to be waited for.
fn without(before: &Inventory, names: &BTreeSet<&str>) -> Inventory {
    let awaited = |name: &str| names.contains(name);
    let mut rest = before.clone();
    rest.indexes
        .retain(|index| !awaited(&index.name) && !index.owning_constraint.as_deref().is_some_and(awaited));
    rest
}

/// Files that are there already are never written over.
fn mend_files(manager: &SchemaManager<'_>, findings: &[&Finding]) -> Result<()> {
    let Some(folder) = &manager.folder else { return Ok(()) };
    for finding in findings {
        let Remedy::WritingFiles { files, texts } = &finding.remedy else { continue };
        for (file, text) in files.iter().zip(texts) {
            let path = folder.join(file);
            let written = std::fs::File::create_new(&path)
                .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
            written.map_err(|error| {
                Error::new(Cause::File, format!("write {}", path.display())).source(error)
            })?;
        }
    }
    Ok(())
}

async fn write_down(
    transaction: &mut Transaction,
    manager: &SchemaManager<'_>,
    history: &History,
    finding: &Finding,
    done: &str,
) -> Result<()> {
    let accepted = match &finding.remedy {
        Remedy::Accepting { checksum, attempt } => Some((*attempt, checksum.as_str())),
        _ => None,
    };
    let mended = Mended { finding: finding.kind.as_str(), name: &finding.name, done, accepted };
    record::mended(transaction, &mended).await?;
    if let (Remedy::Recording, Some(version)) = (&finding.remedy, &finding.version)
        && let Some(file) = manager.files.completed(history)?.0.iter().find(|file| file.version == *version)
    {
        record_as_applied(transaction, history, file).await?;
    }
    Ok(())
}

/// A version of which the record was lost: what is there is there.
async fn record_as_applied(transaction: &mut Transaction, history: &History, file: &Migration) -> Result<()> {
    let applied = history.applied();
    let below = applied.iter().rev().find(|attempt| attempt.version < file.version);
    // A gap is one below something.
    let Some(above) = applied.iter().find(|attempt| attempt.version > file.version) else { return Ok(()) };
    let start = Start {
        version: &file.version,
        name: &file.name,
        direction: Direction::Up,
        comes_from: &below.map_or(Version::NONE, |below| below.version.clone()),
        checksum: &file.up.checksum(),
        up: &file.up.text,
        down: &file.down.text,
        server: &above.server,
        before: below.and_then(|below| below.after.as_ref()).unwrap_or(&above.before),
    };
    let number = record::begin(transaction, &start).await?;
    record::finish(transaction, number, Outcome::Applied, &above.before).await?;
    visible::record_version(transaction, &file.version, &file.name, Direction::Up).await
}
