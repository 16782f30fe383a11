//! `regraft backup-marker`: what is in the target before a run, and how to dump it.

use clap::Args;

use super::numbers::count;
use super::text::{clean, wrapped};
use super::{Exit, Present, Session};
use crate::error::Result;
use crate::run::{BackupReport, mark_backup};

/// Records what is in the target, and prints the commands that dump it and load it again
///
/// To be called before a run that may have to be taken back as a whole. It dumps nothing itself: Neo4j dumps a
/// database only while it is offline.
#[derive(Debug, Clone, Args)]
pub struct BackupMarker {
    /// Folder of the dump, on the target's machine
    #[arg(long, value_name = "FOLDER", default_value = "backup")]
    pub to_path: String,
}

impl BackupMarker {
    /// Calls it.
    pub fn run(&self, session: &Session) -> Result<Exit> {
        let config = session.config()?;
        let marked = mark_backup(config, session.types(), &self.to_path, &session.stop);
        let report = session.block_on(marked)?;
        session.output().result(&report)?;
        Ok(Exit::Done)
    }
}

impl Present for BackupReport {
    fn present(&self, width: Option<usize>) -> String {
        let number = |number: Option<i64>| {
            number.and_then(|number| u64::try_from(number).ok()).map_or_else(|| "?".to_owned(), count)
        };
        let mut lines = Vec::new();
        let schema = format!("schema {}", self.schema_version);
        lines.push(match self.recorded {
            true => format!(
                "{}: {} nodes, {} relationships, {schema}",
                self.id,
                number(self.nodes),
                number(self.relationships)
            ),
            false => schema,
        });
        for (pipeline, offsets) in &self.offsets {
            let list = |offsets: &std::collections::BTreeMap<i32, i64>| {
                offsets
                    .iter()
                    .map(|(partition, offset)| format!("{partition}:{offset}"))
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            let (transform, load) = (list(&offsets.transform), list(&offsets.load));
            if !transform.is_empty() || !load.is_empty() {
                lines.push(format!("  {}: transform {transform}; load {load}", clean(pipeline)));
            }
        }
        let (server, edition) = (clean(&self.server.version), clean(&self.server.edition));
        lines.push(format!("\nTo dump it (Neo4j {server}, {edition}), on the target's machine:"));
        lines.extend(self.dump.iter().map(|command| format!("  {command}")));
        lines.push("To load the dump again:".to_owned());
        lines.extend(self.load.iter().map(|command| format!("  {command}")));
        lines.push(String::new());
        lines.extend(self.remarks.iter().map(|remark| wrapped(&clean(remark), 0, width)));
        lines.join("\n")
    }
}
