//! `regraft test`: the `tests:` of every pipeline file.

use clap::Args;

use super::{Exit, Present, Session};
use crate::error::Result;
use crate::pipeline::testing::{self, Report};
use crate::run::read_pipelines;

/// Runs the tests of every pipeline file (input record, expected records or reason), without any service
#[derive(Debug, Clone, Args)]
pub struct Test {}

impl Test {
    /// Calls it.
    pub fn run(&self, session: &Session) -> Result<Exit> {
        let selected = read_pipelines(&session.config()?)?.select(session.types())?;
        let report = testing::run(&selected);
        session.output().result(&report)?;
        Ok(if report.passed() { Exit::Done } else { Exit::CheckFailed })
    }
}

impl Present for Report {
    fn present(&self, _width: Option<usize>) -> String {
        self.to_string()
    }
}
