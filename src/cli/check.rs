//! `regraft check`: everything that can be found wrong without a service.

use clap::Args;
use serde::{Serialize, Serializer};

use super::numbers::counted;
use super::{Exit, Present, Session};
use crate::error::{Cause, Result};
use crate::pipeline::{self, Diagnostics, Problem};
use crate::schema;
use crate::validation;

/// Checks the configuration, pipelines, contracts and transform programs, without any service
///
/// Every mistake is named with file, line and what to write instead.
#[derive(Debug, Clone, Args)]
pub struct Check {}

/// The result of `check`: `{"pipelines": [names], "schema_version", "problems": [{"file", "line", "column", "message",
/// "what_to_do"}]}`.
#[derive(Debug, Serialize)]
pub struct CheckReport {
    /// The pipelines that were checked; none where there are problems.
    pub pipelines: Vec<String>,
    /// The newest schema version that there are migrations for.
    pub schema_version: Option<String>,
    /// Everything that is wrong.
    #[serde(serialize_with = "listed")]
    pub problems: Diagnostics,
}

impl Check {
    /// Calls it. What is wrong has the exit code that every other command would end with.
    pub fn run(&self, session: &Session) -> Result<Exit> {
        let config = session.config()?;
        let migrations = schema::load(&config.paths.schemas.join("migrations"))?;
        validation::custom::load(&config.paths.validators)?;
        let newest = migrations.last().map(|migration| migration.version.to_string());
        let report = match pipeline::load(&config.paths.pipelines, &config.paths.schemas.join("contracts")) {
            Ok(pipelines) => {
                let selected = pipelines.select(session.types())?;
                let names = selected.iter().map(|pipeline| pipeline.name().to_owned()).collect();
                CheckReport { pipelines: names, schema_version: newest, problems: Diagnostics::default() }
            }
            Err(problems) => CheckReport { pipelines: Vec::new(), schema_version: newest, problems },
        };
        session.output().result(&report)?;
        Ok(match report.problems.problems() {
            [] => Exit::Done,
            _ => Exit::Failed(Cause::Definition),
        })
    }
}

impl Present for CheckReport {
    fn present(&self, width: Option<usize>) -> String {
        let problems = self.problems.problems().len() as u64;
        if problems > 0 {
            let text = self.problems.render(width.unwrap_or(110), console::colors_enabled());
            return format!("{}\n\n{}.", text.trim_end(), counted(problems, "error", "errors"));
        }
        let pipelines = counted(self.pipelines.len() as u64, "pipeline", "pipelines");
        format!("No errors: {pipelines} ({}).", self.pipelines.join(", "))
    }
}

fn listed<S: Serializer>(problems: &Diagnostics, to: S) -> Result<S::Ok, S::Error> {
    let problems: &[Problem] = problems.problems();
    problems.serialize(to)
}
