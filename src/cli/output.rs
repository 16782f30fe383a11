//! Results, on stdout: for people or for programs.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;

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

/// Prints text for people.
pub(super) fn print(text: &str) -> Result<()> {
    print_bytes(format!("{text}\n").as_bytes())
}

/// Many values, written one by one, so that they need not be held: a JSON list, or one value a line.
pub struct Items {
    to: BufWriter<Box<dyn Write>>,
    place: String,
    list: bool,
    empty: bool,
}

impl Items {
    /// A JSON list on stdout.
    pub fn list() -> Items {
        Items::new(Box::new(std::io::stdout()), "stdout".to_owned(), true)
    }

    /// One value a line, to a file or to stdout.
    pub fn lines(file: Option<&Path>) -> Result<Items> {
        let Some(path) = file else {
            return Ok(Items::new(Box::new(std::io::stdout()), "stdout".to_owned(), false));
        };
        let place = path.display().to_string();
        let file = File::create(path)
            .map_err(|source| Error::new(Cause::File, format!("write {place}")).source(source))?;
        Ok(Items::new(Box::new(file), place, false))
    }

    fn new(to: Box<dyn Write>, place: String, list: bool) -> Items {
        Items { to: BufWriter::new(to), place, list, empty: true }
    }

    /// Writes one. Returns whether anybody still reads them.
    pub fn item<V: Serialize>(&mut self, value: &V) -> Result<bool> {
        let before = match (self.list, std::mem::take(&mut self.empty)) {
            (true, true) => "[\n",
            (true, false) => ",\n",
            (false, _) => "",
        };
        // A line is whole before the next value is there: what fails in between follows on a line of its own.
        let after = if self.list { "" } else { "\n" };
        let written = self.to.write_all(before.as_bytes());
        let written =
            written.and_then(|()| serde_json::to_writer(&mut self.to, value).map_err(std::io::Error::from));
        let written = written.and_then(|()| self.to.write_all(after.as_bytes()));
        self.read_on(written)
    }

    /// Ends the list. What is not ended is not a list.
    pub fn end(mut self) -> Result<()> {
        let after = match (self.list, self.empty) {
            (true, true) => "[]\n",
            (true, false) => "\n]\n",
            (false, _) => "",
        };
        let written = self.to.write_all(after.as_bytes()).and_then(|()| self.to.flush());
        self.read_on(written).map(drop)
    }

    fn read_on(&self, written: std::io::Result<()>) -> Result<bool> {
        match written {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Error::new(Cause::File, format!("write {}", self.place)).source(error)),
        }
    }
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

/// Columns of the terminal behind stdout, where there is one.
pub(super) fn width_of_stdout() -> Option<usize> {
    width_of(&console::Term::stdout())
}

/// Columns of the terminal behind stderr, where there is one.
pub(super) fn width_of_stderr() -> Option<usize> {
    width_of(&console::Term::stderr())
}

fn width_of(terminal: &console::Term) -> Option<usize> {
    if !terminal.is_term() {
        return None;
    }
    terminal.size_checked().map(|(_, columns)| usize::from(columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_to_a_file_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut items = Items::lines(Some(&path)).unwrap();
        assert!(items.item(&1).unwrap() && items.item(&"two").unwrap());
        items.end().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n\"two\"\n");
        assert!(Items::lines(Some(folder.path())).is_err());
    }

    #[test]
    fn a_list_is_json_also_when_it_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        for (values, number) in [(vec![], 0), (vec![1, 2, 3], 3)] {
            let path = folder.path().join(number.to_string());
            let mut items = Items::new(Box::new(File::create(&path).unwrap()), "a file".to_owned(), true);
            for value in values {
                items.item(&value).unwrap();
            }
            items.end().unwrap();
            let list: Vec<i32> = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            assert_eq!(list.len(), number);
        }
    }
}
