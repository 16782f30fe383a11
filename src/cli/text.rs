//! Text from data, made fit for a terminal.

use console::measure_text_width;

/// What a message from data may take up.
const LONGEST: usize = 400;

/// Text from the source or a service without anything that a terminal would obey, and not too long.
pub fn clean(text: &str) -> String {
    let mut clean = clean_whole(text);
    if let Some((end, _)) = clean.char_indices().nth(LONGEST) {
        clean.truncate(end);
        clean.push('…');
    }
    clean
}

/// The same in full length: for what has to be seen as it is.
pub fn clean_whole(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' | '\t' => clean.push(' '),
            char if char.is_control() || is_direction(char) => clean.extend(char.escape_default()),
            char => clean.push(char),
        }
    }
    clean
}

/// Characters that turn the direction of the text around them.
fn is_direction(char: char) -> bool {
    matches!(char, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// `text` on as many lines as it takes, each `indent` columns in; on one line where no width is known.
pub fn wrapped(text: &str, indent: usize, width: Option<usize>) -> String {
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(indent).max(20));
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if measure_text_width(line) + 1 + measure_text_width(word) <= room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    let margin = " ".repeat(indent);
    lines.iter().map(|line| format!("{margin}{line}")).collect::<Vec<_>>().join("\n")
}

/// The same, with words that are wider than the room cut: for statements.
pub fn folded(text: &str, indent: usize, width: Option<usize>) -> String {
    let Some(columns) = width else { return wrapped(text, indent, width) };
    let room = columns.saturating_sub(indent).max(20);
    let fold = |word: &str| {
        let mut parts = vec![String::new()];
        for char in word.chars() {
            let mut buffer = [0; 4];
            let full = parts.last().is_some_and(|part| {
                measure_text_width(part) + measure_text_width(char.encode_utf8(&mut buffer)) > room
            });
            if full {
                parts.push(String::new());
            }
            if let Some(part) = parts.last_mut() {
                part.push(char);
            }
        }
        parts.join(" ")
    };
    let words: Vec<String> = text.split(' ').map(fold).collect();
    wrapped(&words.join(" "), indent, width)
}

/// Cut to `width` columns, with an ellipsis where something is missing.
pub fn cut(text: &str, width: usize) -> String {
    console::truncate_str(text, width, "…").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_from_data() {
        assert_eq!(clean("a\u{1b}[2Jb\nc\u{202e}"), "a\\u{1b}[2Jb c\\u{202e}");
        assert_eq!(clean(&"x".repeat(1_000)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn long_text_wraps_at_words() {
        let text = "decide which one is right and change the others";
        assert_eq!(wrapped(text, 2, Some(24)), "  decide which one is\n  right and change the\n  others");
        assert_eq!(wrapped(text, 4, None), format!("    {text}"));
        assert_eq!(
            folded("a bcdefghijklmnopqrstuvwxyz", 2, Some(22)),
            "  a\n  bcdefghijklmnopqrstu\n  vwxyz"
        );
        assert_eq!(folded(text, 4, None), format!("    {text}"));
        assert_eq!(cut("Bücherwürmer", 6), "Büche…");
    }
}
