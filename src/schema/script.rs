//! A migration script: its text in one form whatever editor wrote it, its statements, and what its head asks for.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::split::{Piece, head, split};
use crate::error::{Cause, Error, Result};

/// One `.cypher` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Name of the file, for messages.
    pub file: String,
    /// Text without byte-order mark, with `\n` at the end of every line.
    pub text: String,
    /// Its statements.
    pub statements: Vec<Piece>,
    /// What has to hold before it may run (`// requires …`).
    pub requirements: Vec<Requirement>,
    /// What it removes, to be counted beforehand (`// removes …`).
    pub removals: Vec<Removal>,
}

/// A line `// requires …` at the head of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// `// requires edition community`
    Edition(String),
    /// `// requires neo4j >= 5.26`
    AtLeast(Vec<u64>),
    /// `// requires query RETURN …`: a query that returns true.
    Query(String),
}

/// A line `// removes <what>: <query>` at the head of a down script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// In people's words.
    pub what: String,
    /// Counts it.
    pub query: String,
}

impl Script {
    /// Reads a script from the text of `file`.
    pub fn parse(file: impl Into<String>, text: &str) -> Result<Self> {
        let file = file.into();
        let text = normalise(text);
        let statements = split(&text).map_err(|error| error.during(format!("read {file}")))?;
        let (mut requirements, mut removals) = (Vec::new(), Vec::new());
        for (number, comment) in head(&text) {
            let line = comment.trim_start_matches('/').trim();
            let place = || format!("{file}:{number}");
            // However it is spelled: a precondition that is taken for a remark is one that nobody looks at.
            let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            match word.trim_end_matches(':').to_lowercase().as_str() {
                "requires" => {
                    requirements.push(requirement(rest.trim()).ok_or_else(|| unreadable(place(), REQUIRES))?);
                }
                "removes" => removals.push(removal(rest).ok_or_else(|| unreadable(place(), REMOVES))?),
                _ => {}
            }
        }
        Ok(Self { file, text, statements, requirements, removals })
    }

    /// SHA-256 of the text in lower-case hex. Line ends and byte-order mark don't matter.
    pub fn checksum(&self) -> String {
        checksum(&self.text)
    }
}

const REQUIRES: &str =
    "write `// requires edition community`, `// requires neo4j >= 5.26` or `// requires query …`";
const REMOVES: &str = "write `// removes <what>: <query that counts it>`";

fn unreadable(place: String, what_to_do: &str) -> Error {
    Error::new(Cause::Definition, format!("{place}: a line that is not understood")).what_to_do(what_to_do)
}

/// SHA-256 of a text that is normalised already.
pub(super) fn checksum(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn normalise(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let mut text = text.trim_end_matches('\n').to_owned();
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn requirement(text: &str) -> Option<Requirement> {
    let (subject, rest) = text.split_once(char::is_whitespace)?;
    let rest = rest.trim();
    match subject.to_lowercase().as_str() {
        "edition" if matches!(rest.to_lowercase().as_str(), "community" | "enterprise") => {
            Some(Requirement::Edition(rest.to_lowercase()))
        }
        "neo4j" => {
            let numbers =
                rest.strip_prefix(">=")?.trim().split('.').map(str::parse).collect::<Result<Vec<u64>, _>>();
            numbers.ok().filter(|numbers| numbers.len() <= 3).map(Requirement::AtLeast)
        }
        "query" => Some(Requirement::Query(rest.to_owned())),
        _ => None,
    }
}

fn removal(text: &str) -> Option<Removal> {
    let (what, query) = text.split_once(':')?;
    Some(Removal { what: what.trim().to_owned(), query: query.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_and_mark_make_no_other_script() {
        let unix = Script::parse("a", "A;\n// b\nC;\n").unwrap();
        for other in ["\u{feff}A;\r\n// b\r\nC;\r\n", "A;\r// b\rC;", "A;\n// b\nC;", "A;\n// b\nC;\n\n"] {
            let other = Script::parse("a", other).unwrap();
            assert_eq!(other, unix);
            assert_eq!(other.checksum(), unix.checksum());
        }
        assert_ne!(Script::parse("a", "A;\n// b\nD;\n").unwrap().checksum(), unix.checksum());
        assert_eq!(Script::parse("a", "").unwrap().checksum(), checksum(""));
    }

    #[test]
    fn the_head_says_what_is_required_and_removed() {
        let text = "// a word\n\n// requires edition community\n// Requires:  neo4j >= 5.26\n\
                    //requires\tquery RETURN true\n// REMOVES nodes: MATCH (n) RETURN count(n)\nA;\n// requires nonsense";
        let script = Script::parse("a", text).unwrap();
        assert_eq!(
            script.requirements,
            [
                Requirement::Edition("community".into()),
                Requirement::AtLeast(vec![5, 26]),
                Requirement::Query("RETURN true".into())
            ]
        );
        assert_eq!(script.removals[0].what, "nodes");
        assert_eq!(script.removals[0].query, "MATCH (n) RETURN count(n)");
    }

    #[test]
    fn block_comments_are_part_of_the_head() {
        let text = "/* c\n// requires luck\n */\n// requires edition enterprise\n/* d */ // requires neo4j >= 5\n\
                    CREATE (:Z); // requires luck\n// requires luck";
        let script = Script::parse("a", text).unwrap();
        let expected = [Requirement::Edition("enterprise".into()), Requirement::AtLeast(vec![5])];
        assert_eq!(script.requirements, expected);
        let error = Script::parse("f", "/* c\n */\n// requires luck\nA;").unwrap_err();
        assert!(error.to_string().starts_with("f:3: "), "{error}");
    }

    #[test]
    fn a_head_that_is_not_understood_is_refused_with_its_line() {
        for line in
            ["requires edition home", "requires neo4j 5", "requires neo4j >= x", "requires luck", "removes x"]
        {
            let error = Script::parse("f.cypher", &format!("// x\n// {line}\nA;")).unwrap_err();
            assert!(error.to_string().starts_with("f.cypher:2: "), "{error}");
        }
        let error = Script::parse("f.cypher", "A;\n'").unwrap_err();
        assert_eq!(error.chain(), ["read f.cypher", "line 2: a quote is opened and never closed"]);
    }
}
