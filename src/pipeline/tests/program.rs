//! Programs: what `check` says of them, and what they make of records.

use proptest::prelude::*;
use uuid::Uuid;

use super::compile;
use crate::pipeline::{Outcome, Rejection, Scratch};
use crate::record::{Finding, RawEntity, RawRecord, Reason, Value, Zone};

const BOOK: &str = r#"{"type": "record", "name": "Book", "fields": [
    {"name": "id", "type": "string"},
    {"name": "title", "type": "string"},
    {"name": "words", "type": "long"},
    {"name": "price", "type": ["null", "double"], "default": null},
    {"name": "printed", "type": ["null", {"type": "int", "logicalType": "date"}], "default": null},
    {"name": "read", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}], "default": null},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["prose", "verse"]}, "default": "prose"},
    {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []}
]}"#;

/// The file with a program behind its first seven lines.
fn book(program: &str) -> String {
    let program: String = program.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "source: {{label: Book, key: id}}\nmapping:\n  {{title: name, price: [price, cost], printed: printed,\n   \
         read: read, kind: kind, tags: tags}}\ndeclares: [note]\n\
         # The program:\ntransform: |\n{program}rules:\n  short: {{at_most: {{words: 9}}, message: too long}}\n"
    )
}

fn run(
    program: &str,
    properties: &[(&'static str, Value<'static>)],
) -> Result<Vec<Value<'static>>, Rejection> {
    let text = book(program);
    let pipelines =
        compile(&[("book.avsc", BOOK), ("book.yaml", &text)]).unwrap_or_else(|said| panic!("{said}"));
    let mut all = vec![("id".into(), Value::text("b")), ("name".into(), Value::text("The Sea"))];
    all.retain(|(name, _)| properties.iter().all(|(other, _)| name != other));
    all.extend(properties.iter().map(|(name, value)| ((*name).into(), value.clone())));
    let entity = RawEntity::Node {
        key: Value::text("b"),
        labels: vec!["Book".into()],
        properties: all,
        lookups: vec![],
    };
    let (element_id, finding) = ("4:x:1".into(), Finding::None);
    let raw = RawRecord { lineage: Uuid::nil(), pass: 1, read_at_micros: 0, element_id, finding, entity };
    match pipelines.all()[0].transform(raw, &mut Scratch::default()) {
        Outcome::Record(record) => Ok(record.row.into_iter().map(Value::into_owned).collect()),
        Outcome::Rejected(rejection) => Err(rejection),
        Outcome::Merged => panic!("merged"),
    }
}

fn refused(program: &str) -> String {
    let text = book(program);
    compile(&[("book.avsc", BOOK), ("book.yaml", &text)]).map(|_| program.to_owned()).unwrap_err().to_string()
}

#[test]
fn only_what_it_assigns_is_written_back() {
    let row = run(".words = word_count(.title)", &[("tags", Value::List(vec![Value::text("x")]))]).unwrap();
    let expected = [
        Value::text("b"),
        Value::text("The Sea"),
        Value::Integer(2),
        Value::Null,
        Value::Null,
        Value::Null,
        Value::text("prose"),
        Value::List(vec![Value::text("x")]),
    ];
    assert_eq!(row, expected);
}

#[test]
fn it_sees_the_converted_properties_and_the_sources() {
    let words = |program: &str, properties: &[(&'static str, Value<'static>)]| {
        run(&format!(".words = 1\n{program}"), properties).unwrap()
    };
    let row = words("if .price == 2.5 { .title = string!(%raw.cost) }", &[("cost", Value::text("2.5"))]);
    assert_eq!((&row[1], &row[3]), (&Value::text("2.5"), &Value::Float(2.5)));
    let row = words(".title = to_string(.kind) + string!(%raw.note)", &[("note", Value::text("!"))]);
    assert_eq!(row[1], Value::text("prose!"));
    let row = words("if %raw.note == null && .price == null { .title = \"none\" }", &[]);
    assert_eq!(row[1], Value::text("none"));
    // Dates are text, instants timestamps; both ways.
    let row = words(
        "if .printed == \"2024-02-29\" { .printed = \"2024-03-01\" }",
        &[("printed", Value::Date(19_782))],
    );
    assert_eq!(row[4], Value::Date(19_783));
    let at = |seconds| Value::DateTime { seconds, nanos: 0, zone: Zone::Offset(0) };
    let row =
        words("if .read == t'1970-01-01T00:00:05Z' { .read = t'1970-01-01T00:01:05Z' }", &[("read", at(5))]);
    assert_eq!(row[5], at(65));
    let note = Value::Duration { months: 0, days: 0, seconds: 90, nanos: 0 };
    let row = words(".title = string!(%raw.note)", &[("note", note)]);
    assert_eq!(row[1], Value::text("PT90S"), "as dead letters show it");
    let row = words(
        ".tags[0] = \"first\"\n.tags = push(.tags, \"last\")",
        &[("tags", Value::List(vec![Value::text("x")]))],
    );
    assert_eq!(row[7], Value::List(vec![Value::text("first"), Value::text("last")]));
}

#[test]
fn what_it_assigns_is_checked_against_the_contract() {
    let rejection = |program: &str, note: Value<'static>| run(program, &[("note", note)]).unwrap_err();
    let mismatch = rejection(".words = 1\n.price = %raw.note", Value::text("dear"));
    assert_eq!((mismatch.reason, mismatch.property.as_deref()), (Reason::TypeMismatch, Some("price")));
    assert_eq!(mismatch.message.as_ref(), "`price` can't become float, it is no number: \"dear\"");
    let mismatch = rejection(".words = 1\n.kind = %raw.note", Value::text("Prose"));
    assert_eq!((mismatch.reason, mismatch.property.as_deref()), (Reason::TypeMismatch, Some("kind")));
    let empty = rejection(".words = 1\n.title = %raw.note", Value::Null);
    assert_eq!((empty.reason, empty.property.as_deref()), (Reason::MissingField, Some("title")));
    let broken = rejection(".words = 10", Value::Null);
    assert_eq!((broken.reason, broken.property.as_deref()), (Reason::RuleViolated, Some("words")));
    let row = run(".words = 1\n.kind = %raw.note\n.price = \"1e2\"", &[]).unwrap();
    assert_eq!((&row[6], &row[3]), (&Value::text("prose"), &Value::Float(100.0)), "null takes the default");
}

#[test]
fn an_abort_is_a_dead_letter_with_its_message() {
    let reason = |program: &str| {
        let rejection = run(program, &[("note", Value::Integer(1))]).unwrap_err();
        (rejection.reason, rejection.message.to_string())
    };
    let (why, said) = reason(".words = 1\nif %raw.note == 1 { abort \"no note is \" + .title }");
    assert_eq!((why, said.as_str()), (Reason::TransformFailed, "no note is The Sea"));
    let (why, said) = reason(".words = 1\nabort");
    assert_eq!((why, said.as_str()), (Reason::TransformFailed, "aborted"));
    let (why, said) = reason(".words = 1\n.title = string!(%raw.note)");
    assert_eq!(why, Reason::TransformFailed);
    assert!(said.contains("string") && said.contains("integer"), "{said}");
    // A rule that is broken too comes after it, a value that can't be converted before.
    let (why, _) = reason(".words = 10\nabort");
    assert_eq!(why, Reason::TransformFailed);
    let before = run(".words = 1\nabort", &[("price", Value::text("dear"))]).unwrap_err();
    assert_eq!(before.reason, Reason::TypeMismatch);
}

#[test]
fn an_assigned_property_comes_from_no_namesake_unless_it_is_mapped() {
    let known = run(".words = 1", &[("words", Value::Integer(7))]).unwrap_err();
    assert_eq!((known.reason, known.property.as_deref()), (Reason::UnknownProperty, Some("words")));
}

#[test]
fn paths_that_lead_nowhere_are_errors_with_line_and_column() {
    let cases = [
        (
            ".words = 1\n.titel = \"x\"",
            "book.yaml:9:3: the contract `book` has no property `titel`; did you mean `title`?",
        ),
        (".words = word_count(.name)", "book.yaml:8:23: the contract `book` has no property `name`"),
        (
            ".words = 1\nif true {\n  .title = string!(%raw.nme)\n}",
            "10:22: the pipeline knows no property `nme` of the source; did you mean `name`?",
        ),
        (
            ".words = 1\n.title = string!(%raw.words)",
            "knows no property `words` of the source; map it, or list it under `declares:`",
        ),
        (".words = length(.)", "8:19: a program takes and gives properties one by one"),
        (". = {}", "properties one by one"),
        (".words = 1\n%raw.name = \"x\"", "9:3: the source's record can't be changed"),
        (".words = 1\n.title = string!(%name)", "behind `%` there are the source's properties"),
        (".words = 1\n.id = \"x\"", "9:3: the key `id` can't be assigned"),
        (".words = 1\n.title.main = \"x\"", "`title` is string, which has no such part"),
        (".words = 1\nif exists(.title) { abort }", "9:6: call to undefined function"),
        (".words = 1\n.read = now()", "9:11: call to undefined function"),
    ];
    for (program, expected) in cases {
        let said = refused(program);
        assert!(said.contains(expected), "{program}\n{said}");
        assert_eq!(said.lines().count(), 1, "{program}\n{said}");
    }
}

#[test]
fn a_program_that_can_not_fit_is_refused() {
    let cases = [
        (".words = ", "book.yaml:8:"),
        (".words = 1 +\n)", "book.yaml:"),
        (".words = parse_int(.title)", "8:"),
        (".words = true", "8:3: the program makes `words` boolean, the contract says int"),
        (".words = 1\n.tags = \"x\"", "9:3: the program makes `tags` string, the contract says list<string>"),
        ("if .price == 1.0 { .words = 1 }", "8:22: the program does not always give `words` a value"),
        ("\"x\"\n.words = 1", "8:3: "),
    ];
    for (program, expected) in cases {
        let said = refused(program);
        assert!(said.contains(expected), "{program}\n{said}");
    }
    let never = book(".price = 1.0");
    let said = compile(&[("book.avsc", BOOK), ("book.yaml", &never)]).unwrap();
    assert!(said.all()[0].knows("words"), "what the program leaves alone comes from its namesake");
}

#[test]
fn a_program_may_stand_behind_its_key() {
    let text = "source: {label: Book, key: id}\ntransform: .words = strlen(.titel)\n";
    let said = compile(&[("book.avsc", BOOK), ("book.yaml", text)]).unwrap_err().to_string();
    assert!(said.starts_with("book.yaml:2:28: the contract `book` has no property `titel`"), "{said}");
    let crlf = book(".words = 1\n.titel = 1").replace('\n', "\r\n");
    let said = compile(&[("book.avsc", BOOK), ("book.yaml", &crlf)]).unwrap_err().to_string();
    assert!(said.starts_with("book.yaml:9:3: "), "{said}");
}

#[test]
fn functions_give_what_the_contract_of_the_graph_says() {
    let words = |text: &'static str| {
        run(".words = word_count(.title)", &[("name", Value::text(text))]).unwrap()[2].clone()
    };
    for (text, expected) in
        [("", 0), (" \t\r\n\u{a0}\u{2028}\u{3000}", 0), ("a", 1), ("a\u{85}b\u{200b}c  d", 3)]
    {
        assert_eq!(words(text), Value::Integer(expected), "{text:?}");
    }
    let digest = run(".words = 1\n.title = sha256(.title)", &[("name", Value::text("Zoë"))]).unwrap();
    assert_eq!(digest[1], Value::text("c6a12698582fc1104ea24107a2d7268145ff06ef859707729d01fd060897f067"));
    let lower =
        run(".words = 1\n.title = downcase(.title)", &[("name", Value::text("ÀΣ LOCATİON ΟΔΟΣ"))]).unwrap();
    assert_eq!(lower[1], Value::text("àς locati\u{307}on οδος"));
}

const PROGRAM: &str = r#"parts = split(.title, r'\\s+', limit: 2)
.title = to_string(parts[0])
if is_null(.price) { .price = 1.5 } else if .price == 2 { abort "dear: " + .title }
.words, err = parse_int(string!(%raw.note)) # how many
.tags = map_values(.tags) -> |tag| { upcase(tag) }
.kind = { "a": [.title, t'2024-02-29T12:00:00Z'] }.a[0] ?? "prose"
"#;

proptest! {
    // Each compiles a program, which is slow without optimisation.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A program with a piece cut out or put elsewhere is compiled or refused, with a place that is in the file.
    #[test]
    fn no_program_makes_check_panic(from: prop::sample::Index, length in 0usize..20, to: prop::sample::Index) {
        let mut changed = PROGRAM.to_owned();
        let start = from.index(PROGRAM.len());
        let piece: String = changed.drain(start..(start + length).min(PROGRAM.len())).collect();
        changed.insert_str(to.index(changed.len()), &piece);
        let text = book(&changed);
        if let Err(diagnostics) = compile(&[("book.avsc", BOOK), ("book.yaml", &text)]) {
            prop_assert!(!diagnostics.problems().is_empty());
            for problem in diagnostics.problems() {
                prop_assert!((1..=text.lines().count()).contains(&problem.span().line), "{problem}\n{text}");
                prop_assert!(!problem.advice().is_empty());
            }
            prop_assert!(!diagnostics.render(80, false).is_empty());
        }
    }

    /// Whatever text comes in, a program gives the same each time, and the contract can write what it gives.
    #[test]
    fn programs_take_any_text(title in "\\PC{0,40}", note in "[0-9a-z: ]{0,6}") {
        let properties: [(&'static str, Value<'static>); 2] = [("name", Value::text(title)), ("note", Value::text(note))];
        let program = "parts = split(.title, \": \", limit: 2)\n.title = parts[0]\n.tags = [to_string(parts[1])]\n\
                       .words = word_count(to_string(.title))\nif %raw.note == \"a\" { abort }";
        let (first, again) = (run(program, &properties), run(program, &properties));
        prop_assert_eq!(format!("{first:?}"), format!("{again:?}"));
        if let Ok(row) = first {
            let (Value::String(head), Value::List(rest)) = (&row[1], &row[7]) else { panic!("{row:?}") };
            let Value::String(rest) = &rest[0] else { panic!("{rest:?}") };
            let Value::String(whole) = &properties[0].1 else { panic!("text") };
            let joined = if whole.contains(": ") { format!("{head}: {rest}") } else { head.to_string() };
            prop_assert_eq!(&joined, whole);
            prop_assert!(!head.contains(": "));
        }
    }
}
