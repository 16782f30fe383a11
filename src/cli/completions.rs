//! `regraft completions`: shell completions.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::output::print_bytes;
use super::{Exit, Session, Typed};
use crate::error::Result;

/// Prints completions for a shell
///
/// For bash: regraft completions bash > ~/.local/share/bash-completion/completions/regraft
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints them to stdout.
    pub fn run(&self, _session: &Session) -> Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Typed::command(), "regraft", &mut script);
        print_bytes(&script)?;
        Ok(Exit::Done)
    }
}
