//! Results, on stdout: for people or for programs.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use crate::error::{Cause, Error, Result};

/// How results are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Human,
    /// For programs: one JSON value on one line.
    Json,
}

/// What people get to see of a result.
pub trait Present {
    /// The text, without a line break at its end; `width` columns wide at most where a width is known.
    fn present(&self, width: Option<usize>) -> String;
}

impl Output {
    /// Prints a command's result.
    pub fn result<R: Serialize + Present>(self, result: &R) -> Result<()> {
        match self {
            Output::Json => self.line(result),
            Output::Human => print(&result.present(width_of_stdout())),
        }
    }

    /// Prints one value as a line of JSON, whatever the output is set to.
    pub fn line<R: Serialize>(self, value: &R) -> Result<()> {
        let text = serde_json::to_string(value)
            .map_err(|source| Error::new(Cause::Unexpected, "write the result as JSON").source(source))?;
        print(&text)
    }
}

fn print(text: &str) -> Result<()> {
    print_bytes(format!("{text}\n").as_bytes())
}

/// Writes to stdout. A reader that has seen enough (`| head`) is no failure.
pub fn print_bytes(bytes: &[u8]) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::new(Cause::File, "write the result to stdout").source(error))
        }
        _ => Ok(()),
    }
}

fn width_of_stdout() -> Option<usize> {
    let terminal = console::Term::stdout();
    if !terminal.is_term() {
        return None;
    }
    terminal.size_checked().map(|(_, columns)| usize::from(columns))
}
