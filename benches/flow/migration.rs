//! Regraft as a user calls it, with pipelines for the benchmark's graph and a prefix of its own.

use std::process::Command;
use std::time::{Duration, Instant};

use super::{Failure, Measured};

const FILES: &[(&str, &str)] = &[
    ("pipelines/thing.yaml", "source: {label: BenchThing, key: id}\n"),
    ("pipelines/linked.yaml", "source: {type: BENCH_LINKED, start: BenchThing, end: BenchThing}\n"),
    (
        "schemas/contracts/thing.avsc",
        r#"{"type": "record", "name": "Thing", "fields": [{"name": "id", "type": "string"},
           {"name": "number", "type": "long"}, {"name": "ratio", "type": "double"}, {"name": "flag", "type": "boolean"},
           {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []},
           {"name": "text", "type": "string"}]}"#,
    ),
    (
        "schemas/contracts/linked.avsc",
        r#"{"type": "record", "name": "Linked", "fields": [{"name": "weight", "type": "double"}]}"#,
    ),
];

pub struct Migration {
    folder: tempfile::TempDir,
    prefix: String,
}

impl Migration {
    pub fn new() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        for (file, text) in FILES {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().ok_or("a file without a folder")?)?;
            std::fs::write(path, text)?;
        }
        Ok(Self { folder, prefix: format!("bench-{}", uuid::Uuid::new_v4().simple()) })
    }

    /// One stage of one pipeline by a process of its own, its start and its joining of the group included.
    pub fn stage(&self, stage: &str, pipeline: &str, rows: u64) -> Result<Measured, Failure> {
        let started = Instant::now();
        self.regraft(&[stage, "--types", pipeline, "--until-drained"])?;
        Ok(Measured { rows, took: started.elapsed() })
    }

    /// Everything, by the time that the report itself names.
    pub fn whole(&self, rows: u64) -> Result<Measured, Failure> {
        let report: serde_json::Value = serde_json::from_str(&self.regraft(&["migrate-data"])?)?;
        let through = &report["totals"];
        let accounted = through["loaded"].as_u64().unwrap_or(0) + through["merged"].as_u64().unwrap_or(0);
        if accounted != rows {
            return Err(format!("{rows} rows were to be moved: {through}").into());
        }
        let seconds = report["seconds"].as_f64().ok_or("a report without seconds")?;
        Ok(Measured { rows, took: Duration::from_secs_f64(seconds) })
    }

    fn regraft(&self, arguments: &[&str]) -> Result<String, Failure> {
        let output = Command::new(env!("CARGO_BIN_EXE_regraft"))
            .args(["--output", "json"])
            .args(arguments)
            .current_dir(self.folder.path())
            .env("REGRAFT__KAFKA__TOPIC_PREFIX", &self.prefix)
            .env("REGRAFT__METRICS__LISTEN", "off")
            .env("REGRAFT__LOAD__MAX_DEAD_LETTERS", "0")
            .output()?;
        match output.status.success() {
            true => Ok(String::from_utf8(output.stdout)?),
            false => Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into()),
        }
    }
}
