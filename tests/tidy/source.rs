//! The source files as the rules look at them: code without comments and text, and the text in it; tests left out.

use std::fs;
use std::path::{Path, PathBuf};

/// A file under `src`, tests left out.
pub struct Source {
    /// Its path from the project's root, with `/`.
    pub path: String,
    /// The folder or file directly under `src` that it belongs to.
    pub module: String,
    /// Lines of it, tests included.
    pub lines: usize,
    /// What the compiler sees, with every text literal emptied.
    pub code: String,
    /// The text literals.
    pub texts: Vec<String>,
}

/// The project's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under `src` that is not for tests alone.
pub fn sources() -> Vec<Source> {
    let files: Vec<(String, String)> = files_under(&root().join("src"), "rs")
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    let for_tests: Vec<String> = files.iter().flat_map(|(name, text)| test_modules(name, text)).collect();
    let is_for_tests = |name: &str| for_tests.iter().any(|module| name.starts_with(module.as_str()));
    files.iter().filter(|(name, _)| !is_for_tests(name)).map(|(name, text)| read(name, text)).collect()
}

/// Files with an extension, in order.
pub fn files_under(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let of = |path: PathBuf| match path.is_dir() {
        true => files_under(&path, extension),
        false if path.extension().is_some_and(|found| found == extension) => vec![path],
        false => Vec::new(),
    };
    paths.into_iter().flat_map(of).collect()
}

fn read(name: &str, text: &str) -> Source {
    let (code, texts) = split(without_test_module(text));
    let module = name.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default();
    Source { path: name.to_owned(), module: module.to_owned(), lines: text.lines().count(), code, texts }
}

/// `#[cfg(test)]` before an inline module ends the file, as far as the rules go.
fn without_test_module(text: &str) -> &str {
    let mut rest = 0;
    while let Some(found) = text[rest..].find("#[cfg(test)]\n") {
        let at = rest + found;
        let next = text[at..].lines().nth(1).unwrap_or_default();
        if next.ends_with('{') {
            return &text[..at];
        }
        rest = at + 1;
    }
    text
}

/// Beginnings of the paths of modules that a file declares for tests alone.
fn test_modules(name: &str, text: &str) -> Vec<String> {
    let stem = name.trim_end_matches(".rs");
    let folder = stem.strip_suffix("/mod").or_else(|| stem.strip_suffix("/lib")).unwrap_or(stem);
    let lines: Vec<&str> = text.lines().collect();
    let declared = lines.windows(2).filter(|pair| pair[0].trim() == "#[cfg(test)]").filter_map(|pair| {
        let name = pair[1].trim().strip_suffix(';')?.rsplit(' ').next()?;
        Some([format!("{folder}/{name}.rs"), format!("{folder}/{name}/")])
    });
    declared.flatten().collect()
}

/// Code with its comments and texts taken out, and the texts.
fn split(text: &str) -> (String, Vec<String>) {
    let (mut code, mut texts) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let hashes = rest.strip_prefix('r').map_or(0, |raw| raw.len() - raw.trim_start_matches('#').len());
        let raw = rest.starts_with("r\"") || hashes > 0 && rest[1 + hashes..].starts_with('"');
        if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if raw {
            let (begin, end) = (hashes + 2, format!("\"{}", "#".repeat(hashes)));
            let length = rest[begin..].find(&end).unwrap();
            texts.push(rest[begin..begin + length].to_owned());
            code.push_str("\"\"");
            rest = &rest[begin + length + end.len()..];
        } else if first == '"' {
            let length = end_of_text(&rest[1..]);
            texts.push(rest[1..=length].to_owned());
            code.push_str("\"\"");
            rest = &rest[length + 2..];
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            rest = &rest[rest[1..].find('\'').unwrap() + 2..];
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    (code, texts)
}

fn end_of_text(text: &str) -> usize {
    let mut escaped = false;
    for (at, char) in text.char_indices() {
        match char {
            '"' if !escaped => return at,
            _ => escaped = char == '\\' && !escaped,
        }
    }
    panic!("a text that does not end: {text:.80}");
}

/// Whether `word` stands in the text, not as a part of a longer word.
pub fn has_word(text: &str, word: &str) -> bool {
    let part = |char: char| char.is_alphanumeric() || char == '_';
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        !before.ends_with(part) && !after.starts_with(part)
    })
}

#[test]
fn comments_and_texts_are_told_from_code() {
    let text = "let a = \"x // \\\" y\"; // rdkafka\nlet b = r#\"q\"z\"#; let c = '\"'; let d = 1;";
    let (code, texts) = split(text);
    assert_eq!(texts, ["x // \\\" y", "q\"z"]);
    assert!(code.contains("let d = 1;") && !code.contains("rdkafka"), "{code}");
    assert!(has_word("a.Film b", "Film") && !has_word("Films", "Film"));
}
