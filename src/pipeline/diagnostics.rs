//! Everything that is wrong with the files, each with its place and what to write instead.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::error::{Cause, Error};

/// A file as it was read, shared by all that point into it.
#[derive(Debug)]
pub struct SourceFile {
    path: PathBuf,
    text: NamedSource<String>,
}

impl SourceFile {
    /// A file of this path and text.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Arc<Self> {
        let path = path.into();
        let text = NamedSource::new(path.display().to_string(), text.into());
        Arc::new(Self { path, text })
    }

    /// Where it was read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says.
    pub fn text(&self) -> &str {
        self.text.inner()
    }
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Line, from 1; 0 where it is the file as a whole.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Bytes before it.
    pub offset: usize,
    /// Bytes of it.
    pub length: usize,
}

/// One thing that is wrong.
#[derive(Debug, Clone)]
pub struct Problem {
    file: Arc<SourceFile>,
    span: Span,
    message: String,
    advice: String,
}

impl Problem {
    /// What is wrong with this place of the file, and what to write instead.
    pub fn new(
        file: &Arc<SourceFile>,
        span: Span,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { file: Arc::clone(file), span, message: message.into(), advice: advice.into() }
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file.path
    }

    /// The place in it.
    pub fn span(&self) -> Span {
        self.span
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to write instead.
    pub fn advice(&self) -> &str {
        &self.advice
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.path.display())?;
        if self.span.line > 0 {
            write!(f, ":{}:{}", self.span.line, self.span.column)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// A problem with the lines of the file, which name the place.
#[derive(Debug)]
struct Shown<'p>(&'p Problem);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.span.line > 0 { f.write_str(&self.0.message) } else { self.0.fmt(f) }
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.0.advice))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (self.0.span.line > 0).then_some(&self.0.file.text as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Span { line, offset, length, .. } = self.0.span;
        let label = LabeledSpan::new_with_span(None, (offset, length));
        (line > 0).then(|| Box::new(std::iter::once(label)) as Box<_>)
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Problem", 5)?;
        fields.serialize_field("file", &self.file.path.display().to_string())?;
        fields.serialize_field("line", &self.span.line)?;
        fields.serialize_field("column", &self.span.column)?;
        fields.serialize_field("message", &self.message)?;
        fields.serialize_field("what_to_do", &self.advice)?;
        fields.end()
    }
}

/// All problems of all files, in the order of files and lines. Never empty where it is an error.
#[derive(Debug, Default, Clone)]
pub struct Diagnostics {
    problems: Vec<Problem>,
}

impl Diagnostics {
    /// These problems, put in order.
    pub fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|a, b| (a.file(), a.span.offset).cmp(&(b.file(), b.span.offset)));
        Self { problems }
    }

    /// The problems.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// As a person reads them: the lines of the file, the place underlined, the advice below.
    pub fn render(&self, width: usize, colour: bool) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(width).with_context_lines(1);
        let mut text = String::new();
        for problem in &self.problems {
            if handler.render_report(&mut text, &Shown(problem)).is_err() {
                text.push_str(&format!("{problem}\n  {}\n", problem.advice));
            }
        }
        text
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.problems.iter().enumerate() {
            let separator = if number == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}; {}", problem.advice)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

impl From<Diagnostics> for Error {
    fn from(diagnostics: Diagnostics) -> Self {
        let attempt = match diagnostics.problems.len() {
            1 => "read the pipelines: 1 error".to_owned(),
            count => format!("read the pipelines: {count} errors"),
        };
        Error::new(Cause::Definition, attempt).source(diagnostics)
    }
}

/// Collects the problems of one file while it is read.
pub(super) struct Reporter<'r> {
    file: &'r Arc<SourceFile>,
    problems: &'r mut Vec<Problem>,
}

impl<'r> Reporter<'r> {
    pub(super) fn new(file: &'r Arc<SourceFile>, problems: &'r mut Vec<Problem>) -> Self {
        Self { file, problems }
    }

    pub(super) fn report(&mut self, span: Span, message: impl Into<String>, advice: impl Into<String>) {
        self.problems.push(Problem::new(self.file, span, message, advice));
    }
}

/// The known word that was probably meant, as a question to put behind an error; empty if none is near.
pub(super) fn did_you_mean<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> String {
    let lower = word.to_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(&lower, &known.to_lowercase());
    let nearest = known.into_iter().map(|candidate| (distance(candidate), candidate)).min();
    match nearest {
        Some((distance, candidate)) if distance <= word.chars().count().div_ceil(3) => {
            format!("did you mean `{candidate}`? ")
        }
        _ => String::new(),
    }
}

/// `a`, `b` and `c`, for advice.
pub(super) fn listed<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_offered_and_far_ones_are_not() {
        assert_eq!(did_you_mean("lable", ["label", "key"]), "did you mean `label`? ");
        assert_eq!(did_you_mean("colour", ["label", "key"]), "");
    }

    #[test]
    fn a_problem_names_file_line_and_advice() {
        let file = SourceFile::new("a.yaml", "one: 1\ntwo: 2\n");
        let span = Span { line: 2, column: 1, offset: 7, length: 3 };
        let diagnostics = Diagnostics::new(vec![Problem::new(&file, span, "no `two`", "write `three`")]);
        assert_eq!(diagnostics.to_string(), "a.yaml:2:1: no `two`; write `three`");
        let shown = diagnostics.render(80, false);
        assert!(shown.contains("a.yaml:2:1") && shown.contains("two: 2") && shown.contains("help: write"));
    }
}
