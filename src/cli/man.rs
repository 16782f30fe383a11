//! `regraft man`: the manual page.

use clap::{Args, CommandFactory};
use clap_mangen::Man as Page;

use super::output::print_bytes;
use super::{Exit, Session, Typed};
use crate::error::{Cause, Error, Result};

/// Prints the manual page (regraft man | man -l -)
#[derive(Debug, Args)]
pub struct Man {
    /// The page of this command instead, such as migrate-data, or dead-letters list
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
}

impl Man {
    /// Prints it to stdout.
    pub fn run(&self, _session: &Session) -> Result<Exit> {
        print_bytes(&self.page()?)?;
        Ok(Exit::Done)
    }

    fn page(&self) -> Result<Vec<u8>> {
        let mut command = Typed::command();
        command.build();
        let mut name = "regraft".to_owned();
        for part in &self.command {
            let found = command.find_subcommand(part).cloned();
            command =
                found.ok_or_else(|| Error::new(Cause::Usage, format!("{name} has no command {part}")))?;
            name = format!("{name}-{part}");
        }
        let mut page = Vec::new();
        Page::new(command)
            .render(&mut page)
            .map_err(|source| Error::new(Cause::Unexpected, "write the manual page").source(source))?;
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_page() {
        let page = |command: &[&str]| {
            Man { command: command.iter().map(|part| (*part).to_owned()).collect() }.page()
        };
        assert!(String::from_utf8(page(&[]).unwrap()).unwrap().contains("Exit codes"));
        assert!(
            String::from_utf8(page(&["completions"]).unwrap()).unwrap().contains("regraft\\-completions")
        );
        assert_eq!(page(&["completion"]).unwrap_err().policy().exit_code, 2);
    }
}
