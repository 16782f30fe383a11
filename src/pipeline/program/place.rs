//! Where in its file a place of a program is.

use vrl::diagnostic::Span as ProgramSpan;

use super::File;
use crate::pipeline::diagnostics::Span;

/// The lines of the file that a program stands on.
#[derive(Debug)]
pub(super) struct Place {
    /// Of the program's lines: line in the file from 1, characters and bytes of the file before the program's text.
    lines: Vec<Line>,
    /// Where the program is as a whole.
    whole: Span,
}

#[derive(Debug, Clone, Copy)]
struct Line {
    number: usize,
    characters: usize,
    offset: usize,
    /// First byte of the line in the program.
    start: usize,
}

impl Place {
    /// Looks for the program's lines in the file, from the line on where YAML says that it begins. Where they can't
    /// be found as they are (a folded or escaped text), every place is that of the whole.
    pub(super) fn find(file: &File, whole: Span, program: &str) -> Self {
        let lines: Vec<(usize, &str)> = lines(file.text()).collect();
        let first = whole.line.saturating_sub(1);
        let found = (first..lines.len()).find_map(|at| aligned(&lines, at, program));
        Self { lines: found.unwrap_or_default(), whole }
    }

    /// The place in the file.
    pub(super) fn of(&self, span: ProgramSpan) -> Span {
        let line = self.lines.iter().rev().find(|line| line.start <= span.start());
        let Some(line) = line else { return self.whole };
        let within = span.start() - line.start;
        Span {
            line: line.number,
            // The program's own characters before it are counted as bytes: VRL's names are ASCII.
            column: line.characters + within + 1,
            offset: line.offset + within,
            length: span.end().saturating_sub(span.start()),
        }
    }
}

/// Lines with the offset of their first byte.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = offset;
        offset += line.len();
        (start, line.trim_end_matches(['\n', '\r']))
    })
}

/// The program's lines, if they are those of the file from `at` on, each behind the same indentation.
fn aligned(file: &[(usize, &str)], at: usize, program: &str) -> Option<Vec<Line>> {
    let mut found: Vec<Line> = Vec::new();
    for (number, (start, text)) in lines(program).enumerate() {
        let (offset, line) = file.get(at + number)?;
        let before = match (number, line.find(text)) {
            // A program of one line may stand behind its key.
            (0, Some(before)) if !text.is_empty() => before,
            (0, _) => return None,
            _ if text.trim().is_empty() => 0,
            (_, Some(before)) if Some(before) == found.first().map(|first| first.offset - file[at].0) => {
                before
            }
            _ => return None,
        };
        let characters = line.get(..before)?.chars().count();
        found.push(Line { number: at + number + 1, characters, offset: offset + before, start });
    }
    Some(found)
}
