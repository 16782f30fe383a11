//! Cutting a script into statements at `;`, by the rules by which Neo4j itself reads one.
//!
//! Nothing else of Cypher is known here. What Neo4j does first is decode `\uXXXX`, everywhere, also where that
//! makes a quote, a `;` or a line end; `\\` is a pair in which no such escape starts. Then strings (`'`, `"`, a
//! backslash escapes), names in backticks, `//` and `/* */` hide a `;`.

use crate::error::{Cause, Error, Result};

/// A statement of a script, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Without the `;`, comments included.
    pub text: String,
    /// Line that its first word stands on, from 1.
    pub line: usize,
}

/// Cuts `text`, whose line ends are `\n`, into its statements. What holds nothing but comments is none.
pub fn split(text: &str) -> Result<Vec<Piece>> {
    let mut scanner = Scanner { text, state: State::Code, pieces: Vec::new(), start: 0, word: None };
    for character in Decoded::new(text) {
        scanner.take(&character);
    }
    scanner.finish()
}

/// A statement as it is run, to be read: without comments, and with the line ends in strings and names written as
/// the escapes that mean the same.
pub fn readable(statement: &str) -> String {
    let (mut shown, mut slash, mut state) = (String::with_capacity(statement.len()), 0, State::Code);
    let mut parts = false;
    for character in Decoded::new(statement) {
        let before = state;
        state = before.after(&character);
        match (before.is_comment(), state.is_comment()) {
            (false, true) => shown.truncate(shown[..slash].trim_end_matches(' ').len()),
            (true, true) => {}
            (true, false) if before == State::LineComment => shown.push('\n'),
            // As a space does, where there is none.
            (true, false) => parts = true,
            (false, false) => {
                if std::mem::take(&mut parts) && !character.is.is_whitespace() {
                    shown.push(' ');
                }
                if state == State::Slash {
                    slash = shown.len();
                }
                match (before, &statement[character.from..character.to]) {
                    (State::Quoted('`', _), "\n") => shown.push_str("\\u000A"),
                    (State::Quoted(..), "\n") => shown.push_str("\\n"),
                    (_, as_written) => shown.push_str(as_written),
                }
            }
        }
    }
    shown
}

/// A statement as it is run, on one line.
pub fn in_a_line(statement: &str) -> String {
    let shown = readable(statement);
    let lines = shown.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

/// The `//` comments before the first statement, with their lines.
pub(super) fn head(text: &str) -> Vec<(usize, &str)> {
    let (mut comments, mut from, mut state) = (Vec::new(), None, State::Code);
    for character in Decoded::new(text) {
        let before = state;
        state = before.after(&character);
        match (before, state) {
            (State::Slash, State::LineComment) => from = Some(character.to),
            (State::LineComment, State::Code) => {
                comments.extend(from.take().map(|from| (line_of(text, from), &text[from..character.from])));
            }
            (State::Code, State::Slash) => {}
            (before, after) if before.is_comment() || after.is_comment() => {}
            (State::Code, State::Code) if character.is.is_whitespace() || character.is == ';' => {}
            // The first word.
            _ => break,
        }
    }
    comments.extend(from.map(|from| (line_of(text, from), &text[from..])));
    comments
}

/// The line of the byte `at`, from 1.
fn line_of(text: &str, at: usize) -> usize {
    1 + text[..at].bytes().filter(|&byte| byte == b'\n').count()
}

/// What surrounds a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Code,
    /// One `/` was seen: perhaps the start of a comment.
    Slash,
    /// After the quote at the byte.
    Quoted(char, usize),
    /// After a backslash in a string.
    Escaped(char, usize),
    LineComment,
    BlockComment(usize),
    /// After a `*` in a comment.
    Star(usize),
}

struct Scanner<'a> {
    text: &'a str,
    state: State,
    pieces: Vec<Piece>,
    /// Where the current statement starts.
    start: usize,
    /// Where its first character that is no comment stands.
    word: Option<usize>,
}

impl State {
    /// What surrounds the characters after this one.
    fn after(self, character: &Character) -> Self {
        let (is, at) = (character.is, character.from);
        match self {
            State::Slash if is == '/' => State::LineComment,
            State::Slash if is == '*' => State::BlockComment(at),
            State::Code | State::Slash => match is {
                '/' => State::Slash,
                '\'' | '"' | '`' => State::Quoted(is, at),
                _ => State::Code,
            },
            // Only strings have escapes; in a name a backslash is a backslash.
            State::Quoted(quote, from) if is == '\\' && quote != '`' => State::Escaped(quote, from),
            // A doubled backtick closes and opens again, which comes to the same.
            State::Quoted(quote, _) if is == quote => State::Code,
            State::Escaped(quote, from) => State::Quoted(quote, from),
            State::LineComment if is == '\n' || is == '\r' => State::Code,
            State::BlockComment(from) | State::Star(from) if is == '*' => State::Star(from),
            State::Star(_) if is == '/' => State::Code,
            State::Star(from) => State::BlockComment(from),
            unchanged => unchanged,
        }
    }

    fn is_comment(self) -> bool {
        matches!(self, State::LineComment | State::BlockComment(_) | State::Star(_))
    }
}

impl Scanner<'_> {
    fn take(&mut self, character: &Character) {
        let before = self.state;
        self.state = before.after(character);
        if !matches!(before, State::Code | State::Slash) || self.state.is_comment() {
            return;
        }
        if before == State::Slash {
            // It was a division.
            self.word.get_or_insert(character.from.saturating_sub(1));
        }
        match character.is {
            '/' => {}
            ';' => self.cut(character.from, character.to),
            space if space.is_whitespace() => {}
            _ => {
                self.word.get_or_insert(character.from);
            }
        }
    }

    fn cut(&mut self, end: usize, next: usize) {
        if let Some(word) = self.word.take() {
            let text = self.text[self.start..end].trim().to_owned();
            self.pieces.push(Piece { text, line: line_of(self.text, word) });
        }
        self.start = next;
    }

    fn finish(mut self) -> Result<Vec<Piece>> {
        let open = match self.state {
            State::Quoted(_, from) | State::Escaped(_, from) => Some(("a quote", from)),
            State::BlockComment(from) | State::Star(from) => Some(("a comment", from)),
            State::Slash => {
                self.word.get_or_insert(self.text.len().saturating_sub(1));
                None
            }
            State::Code | State::LineComment => None,
        };
        if let Some((what, from)) = open {
            let line = line_of(self.text, from);
            return Err(Error::new(
                Cause::Definition,
                format!("line {line}: {what} is opened and never closed"),
            )
            .what_to_do("close it"));
        }
        self.cut(self.text.len(), self.text.len());
        Ok(self.pieces)
    }
}

/// A character as Neo4j sees it, and the bytes of the text that it stands for.
struct Character {
    is: char,
    from: usize,
    to: usize,
}

/// The text with `\uXXXX` decoded.
struct Decoded<'a> {
    text: &'a str,
    at: usize,
    /// The second backslash of a pair, which starts no escape.
    paired: bool,
}

impl<'a> Decoded<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, paired: false }
    }

    fn escape(&self, rest: &str) -> Option<char> {
        let digits = rest.strip_prefix("\\u")?.get(..4)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        // Half of a surrogate pair: some character that is not special here.
        Some(char::from_u32(u32::from_str_radix(digits, 16).ok()?).unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}

impl Iterator for Decoded<'_> {
    type Item = Character;

    fn next(&mut self) -> Option<Character> {
        let rest = &self.text[self.at..];
        let first = rest.chars().next()?;
        let from = self.at;
        let escape = if self.paired { None } else { self.escape(rest) };
        self.paired = !self.paired && rest.starts_with("\\\\");
        let (is, bytes) = escape.map_or((first, first.len_utf8()), |is| (is, "\\uXXXX".len()));
        self.at += bytes;
        Some(Character { is, from, to: self.at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<String> {
        split(script).unwrap().into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn statements_end_at_semicolons_that_nothing_hides() {
        assert_eq!(texts("A;B;"), ["A", "B"]);
        assert_eq!(texts("A;\n\nB"), ["A", "B"]);
        assert_eq!(texts("A ';' \";\" `;` B; C"), ["A ';' \";\" `;` B", "C"]);
        assert_eq!(texts("A // ; x\n B; /* ; */ C"), ["A // ; x\n B", "/* ; */ C"]);
        assert_eq!(texts("A /* ** / ; **/ B"), ["A /* ** / ; **/ B"]);
        assert_eq!(texts("A 'it\\'s; ' B; C"), ["A 'it\\'s; ' B", "C"]);
        assert_eq!(texts("A '\\\\'; B"), ["A '\\\\'", "B"]);
        assert_eq!(texts("A `\\`; B"), ["A `\\`", "B"]);
        assert_eq!(texts("A `a``;b`; B"), ["A `a``;b`", "B"]);
        assert_eq!(texts("A 6/2; B 6/'x;'; C/"), ["A 6/2", "B 6/'x;'", "C/"]);
        assert_eq!(texts("A 'line\n; end'; B"), ["A 'line\n; end'", "B"]);
    }

    #[test]
    fn escapes_are_decoded_first_as_neo4j_does() {
        assert_eq!(texts("A 'x\\u0027; B"), ["A 'x\\u0027", "B"]);
        assert_eq!(texts("A \\u0027;\\u0027; B"), ["A \\u0027;\\u0027", "B"]);
        assert_eq!(texts("A 'x\\\\u0027; ' B"), ["A 'x\\\\u0027; ' B"]);
        assert_eq!(texts("A 'x\\\\\\u0027; B"), ["A 'x\\\\\\u0027", "B"]);
        assert_eq!(texts("A // x \\u000A ; B"), ["A // x \\u000A", "B"]);
        assert_eq!(texts("A \\u003B B"), ["A", "B"]);
        assert_eq!(texts("A \\u00zz ; 🎧; \\"), ["A \\u00zz", "🎧", "\\"]);
    }

    #[test]
    fn comments_alone_are_no_statement() {
        assert!(texts("// only\n;; /* this */ ; \n\t").is_empty());
        assert!(texts("").is_empty());
    }

    #[test]
    fn lines_are_those_of_the_first_word() {
        let lines = |script: &str| split(script).unwrap().iter().map(|piece| piece.line).collect::<Vec<_>>();
        assert_eq!(lines("// head\n\nA;\n// two\n/* three\n */ B\n;C"), [3, 6, 7]);
    }

    #[test]
    fn what_is_left_open_is_named_with_its_line() {
        for (script, line) in [("A;\n 'x; B;", 2), ("\n\n/* x", 3), ("`a``b", 1), ("'\\", 1)] {
            let error = split(script).unwrap_err();
            assert!(error.to_string().starts_with(&format!("line {line}: ")), "{error}");
            assert_eq!(error.cause(), Cause::Definition);
        }
    }

    #[test]
    fn a_statement_on_one_line_is_the_statement() {
        assert_eq!(in_a_line("// why\nMATCH (n)\n  // of all\n  DELETE n"), "MATCH (n) DELETE n");
        assert_eq!(in_a_line("MATCH (n) // all\nDELETE n"), "MATCH (n) DELETE n");
        assert_eq!(in_a_line("SET n.a = 'x\n// y\n'"), "SET n.a = 'x\\n// y\\n'");
        assert_eq!(in_a_line("A /* one\n// two\n*/ B/* three */C"), "A B C");
        assert_eq!(in_a_line("SET n.`a\nb` = 'http://x' / 2"), "SET n.`a\\u000Ab` = 'http://x' / 2");
    }
}
