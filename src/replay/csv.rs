//! Offsets as CSV, in the form of Kafka's own `kafka-consumer-groups --export`: lines `group,topic,partition,offset`,
//! or `topic,partition,offset` where it was asked for one group. No header; text may be quoted. Pure.

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Group; the line may do without.
    pub group: Option<String>,
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// Reads a file.
///
/// Errors: the number of the line and what is wrong with it.
pub fn parse(text: &str) -> Result<Vec<Line>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = lines.map(|(number, line)| {
        let wrong = |what: &str| format!("line {}: {what}: {line:?}", number + 1);
        let fields = fields(line).ok_or_else(|| wrong("a quote is not closed"))?;
        let (group, [topic, partition, offset]) = match fields.as_slice() {
            [topic, partition, offset] => (None, [topic, partition, offset]),
            [group, topic, partition, offset] => (Some(group.clone()), [topic, partition, offset]),
            _ => return Err(wrong("expected group,topic,partition,offset or topic,partition,offset")),
        };
        let partition = partition.parse().ok().filter(|partition| *partition >= 0);
        let offset = offset.parse().ok().filter(|offset| *offset >= 0);
        Ok(Line {
            group,
            topic: topic.clone(),
            partition: partition.ok_or_else(|| wrong("the partition is no number"))?,
            offset: offset.ok_or_else(|| wrong("the offset is no number"))?,
        })
    });
    read.collect()
}

/// The fields of a line; nothing where a quote is not closed.
fn fields(line: &str) -> Option<Vec<String>> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.trim_end_matches('\r').chars().peekable();
    while let Some(char) = chars.next() {
        let field = fields.last_mut()?;
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => {
                field.push('"');
                chars.next();
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => fields.push(String::new()),
            _ => field.push(char),
        }
    }
    (!quoted).then_some(fields)
}

/// Writes lines as Kafka's tool reads them.
pub fn format(lines: &[Line]) -> String {
    let write = |line: &Line| {
        let group = line.group.as_deref().map_or(String::new(), |group| format!("{},", quoted(group)));
        format!("{group}{},{},{}\n", quoted(&line.topic), line.partition, line.offset)
    };
    lines.iter().map(write).collect()
}

/// A name of a topic or group, quoted where it has to be; Kafka's names never do.
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\r', '\n']) || text.starts_with(' ') || text.ends_with(' ') {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_forms_of_kafkas_tool_are_read() {
        let text = "\"regraft.load.episode\",\"regraft.model.episode\",0,17\r\nregraft.raw.episode,3,0\n\n";
        let expected = [
            Line {
                group: Some("regraft.load.episode".into()),
                topic: "regraft.model.episode".into(),
                partition: 0,
                offset: 17,
            },
            Line { group: None, topic: "regraft.raw.episode".into(), partition: 3, offset: 0 },
        ];
        assert_eq!(parse(text).unwrap(), expected);
        assert_eq!(
            format(&expected),
            "regraft.load.episode,regraft.model.episode,0,17\nregraft.raw.episode,3,0\n"
        );
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (text, part) in [
            ("a,0,1\nb,0", "line 2"),
            ("a,x,1", "the partition"),
            ("a,0,-1", "the offset"),
            ("g,a,0,1,2", "expected"),
            ("\"a,0,1", "quote"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            lines in prop::collection::vec((prop::option::of("[a-z,\" .]{1,8}"), "[a-zA-Z0-9._,\"-]{1,30}", 0i32..50, 0i64..), 0..8)
        ) {
            let lines: Vec<Line> = lines
                .into_iter()
                .map(|(group, topic, partition, offset)| Line { group, topic, partition, offset })
                .collect();
            prop_assert_eq!(parse(&format(&lines)).unwrap(), lines);
        }

        #[test]
        fn nothing_in_a_file_panics(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
