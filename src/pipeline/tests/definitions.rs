//! What `check` takes, and what it says of the rest.

use proptest::prelude::*;

use super::{FILM, FILM_YAML, compile, film};
use crate::pipeline::{Pipelines, Source};

const PERSON: &str = r#"{"type": "record", "name": "Person", "fields": [{"name": "id", "type": "string"}]}"#;
const EMPTY: &str = r#"{"type": "record", "name": "Edge", "fields": []}"#;

fn world(edges: &[(&str, &str)]) -> Result<Pipelines, String> {
    let mut files = vec![
        ("film.avsc", FILM),
        ("film.yaml", FILM_YAML),
        ("person.avsc", PERSON),
        ("person.yaml", "source: {label: Person, key: id}"),
        ("edge.avsc", EMPTY),
    ];
    files.extend(edges);
    compile(&files).map_err(|diagnostics| diagnostics.to_string())
}

#[test]
fn a_relationship_takes_the_keys_of_its_ends_from_their_pipelines() {
    let acted = "source: {type: ACTED_IN, start: Person, end: Film}\ncontract: edge";
    let pipelines = world(&[("acted_in.yaml", acted)]).unwrap();
    let names: Vec<_> = pipelines.all().iter().map(|pipeline| pipeline.name()).collect();
    assert_eq!(names, ["film", "person", "acted_in"], "nodes before relationships");
    let Source::Relationship { start, end, .. } = pipelines.get("acted_in").unwrap().source() else {
        panic!("no relationship")
    };
    assert_eq!((start.label.as_ref(), start.key.as_ref()), ("Person", "id"));
    assert_eq!((end.label.as_ref(), end.key.as_ref()), ("Film", "id"));
    assert!(pipelines.declared_labels().contains("Person"));
}

#[test]
fn types_are_selected_by_name_label_and_relationship_type() {
    let acted = "source: {type: WORKED_ON, start: Person, end: Film}\ncontract: edge";
    let knows = "source: {type: WORKED_ON, start: Person, end: Person}\ncontract: edge";
    let pipelines = world(&[("acted_in.yaml", acted), ("worked_with.yaml", knows)]).unwrap();
    let select = |wanted: &[&str]| {
        let chosen = pipelines.select(wanted).unwrap();
        chosen.iter().map(|pipeline| pipeline.name().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(select(&[]), ["film", "person", "acted_in", "worked_with"]);
    assert_eq!(select(&["worked_with", "Film"]), ["film", "worked_with"]);
    assert_eq!(select(&["WORKED_ON"]), ["acted_in", "worked_with"]);
    let error = pipelines.select(&["Actor"]).unwrap_err();
    assert_eq!(error.policy().exit_code, 2);
    assert!(error.advice().contains("film, person, acted_in"), "{}", error.advice());
}

#[test]
fn what_one_file_says_of_another_is_checked() {
    let missing = "source: {type: ACTED_IN, start: Persn, end: Film}\ncontract: edge";
    let said = world(&[("acted_in.yaml", missing)]).unwrap_err();
    assert!(said.starts_with("acted_in.yaml:1:33: no pipeline declares the label `Persn`"), "{said}");
    assert!(said.contains("did you mean `Person`?"), "{said}");

    let acted = "source: {type: ACTED_IN, start: Person, end: Film}\ncontract: edge";
    let said = world(&[("a.yaml", acted), ("b.yaml", acted)]).unwrap_err();
    assert!(said.contains("b.yaml:1:16: the pipeline `a` moves the same relationships"), "{said}");

    let twice = "source: {label: Film, key: id}\ncontract: person";
    let said = world(&[("movie.yaml", twice)]).unwrap_err();
    assert!(said.contains("declares the label `Film` too"), "{said}");

    let said = world(&[("acted.in.yaml", acted)]).unwrap_err();
    assert!(said.contains("can't be named `acted.in`"), "{said}");
}

#[test]
fn a_broken_file_does_not_make_others_look_broken() {
    let acted = "source: {type: ACTED_IN, start: Actor, end: Film}\ncontract: edge";
    let said = world(&[("actor.yaml", "source: {label: [}"), ("acted_in.yaml", acted)]).unwrap_err();
    assert!(said.lines().all(|line| line.starts_with("actor.yaml")), "{said}");
    let said =
        world(&[("broken.avsc", "{"), ("actor.yaml", "source: {label: Actor, key: id}\ncontract: broken")])
            .unwrap_err();
    assert!(said.lines().all(|line| line.starts_with("broken.avsc")), "{said}");
}

#[test]
fn every_error_of_every_file_is_reported_in_order() {
    let broken =
        "sorce: {}\nrules:\n  r: {not_blank: titel, message: m}\ntransform: .a = 1\ncontract: film\n";
    let said =
        compile(&[("film.avsc", FILM), ("a.yaml", broken), ("b.yaml", "source: 1")]).unwrap_err().to_string();
    let places: Vec<_> = said.lines().map(|line| line.split(": ").next().unwrap_or_default()).collect();
    assert_eq!(
        places,
        ["a.yaml:1:1", "a.yaml:1:1", "a.yaml:3:18", "a.yaml:4:12", "b.yaml:1:1", "b.yaml:1:9"],
        "{said}"
    );
}

#[test]
fn each_mistake_in_a_file_has_its_place_and_its_advice() {
    let cases = [
        ("unknown_properties: ignore", "15:21: there is no such policy; write `reject`, `keep` or `drop`"),
        ("transform: 1", "15:12: the program is text, this is an integer"),
        ("derive: {}", "`derive` is a list, this is a map"),
        ("contract: flim", "there is no contract `flim`; did you mean `film`?"),
        ("uknown_properties: keep", "unknown key `uknown_properties`; did you mean `unknown_properties`?"),
        ("tests: [{name: n, given: {}, expect: {reason: gone}}]", "there is no reason `gone`"),
        ("tests: [{name: n, given: {lookups: {stdio_id: x}}, expect: merged}]", "did you mean `studio_id`?"),
        ("tests: [{name: n, given: {finding: lost}, expect: merged}]", "extraction finds no such thing"),
        ("tests: [{name: n, given: {}, expect: {record: {score: high}}}]", "this is no float"),
        ("tests: [{name: n, given: {}, expect: {record: {scor: 1}}}]", "did you mean `score`?"),
        ("tests: [{name: n, given: {}, expect: {}}]", "a record has one outcome"),
        ("tests: [{name: n, given: {properties: {a: {b: 1}}}, expect: merged}]", "no maps in a property"),
    ];
    for (line, expected) in cases {
        let said = film(line).unwrap_err().to_string();
        assert!(said.contains(expected), "{line}\n{said}");
        assert_eq!(said.lines().count(), 1, "{line}\n{said}");
    }
}

#[test]
fn each_mistake_in_a_mapping_has_its_place_and_its_advice() {
    let cases = [
        ("  titel: name", "the contract `film` has no property `titel`; did you mean `title`?"),
        ("  id: {from: key}", "the key `id` can't be mapped"),
        ("  tags: {form: tag}", "unknown key `form`; did you mean `from`?"),
        ("  tags: [a, a]", "`a` is there twice"),
        ("  tags: {lookup: tag}", "there is no lookup `tag`"),
        ("  tags: {from: a, lookup: first}", "comes from the record or from a lookup"),
        ("  tags: {default: [1]}", "this is no list<string>; write a list whose every element is string"),
        ("  tags: {lowercase: true}", "`lowercase` is for an enum, `tags` is list<string>"),
        ("  tags: {convert: duration}", "a duration becomes an int, `tags` is list<string>"),
        ("  tags: {convert: seconds}", "there is no conversion `seconds`"),
        ("  tags: {from: 1}", "a source property is text, this is an integer"),
    ];
    for (line, expected) in cases {
        let text = FILM_YAML.replace("declares:", &format!("{line}\ndeclares:"));
        let said = compile(&[("film.avsc", FILM), ("film.yaml", &text)]).unwrap_err().to_string();
        assert!(said.contains(expected), "{line}\n{said}");
        assert!(said.starts_with("film.yaml:12:"), "{line}\n{said}");
    }
}

#[test]
fn a_required_property_that_nothing_gives_a_value_is_refused() {
    let cases = [
        ("title: [title, name]", "title: []", "nothing gives the required property `title` a value"),
        (", orphaned: no studio made it", "", "`studio_id` comes from a lookup that may find nothing"),
        ("sequel_of: {lookup: first}", "sequel_of: first", "nothing takes the lookup `first`"),
        ("otherwise: other", "otherwise: odd", "this is no one of feature, short, other"),
        ("declares: [budget]", "declares: [name]", "`name` is mapped already"),
        ("key: id", "key: uid", "the contract `film` has no property `uid`, which is the key"),
        ("key: id", "key: minutes", "the key `minutes` is no required string"),
        ("studio_id: {cypher", "studio-id: {cypher", "a lookup can't be named `studio-id`"),
        ("label: Film", "label: _RegraftFilm", "part of Regraft's own bookkeeping"),
    ];
    for (from, to, expected) in cases {
        let text = FILM_YAML.replacen(from, to, 1);
        let said = compile(&[("film.avsc", FILM), ("film.yaml", &text)]).unwrap_err().to_string();
        assert!(said.contains(expected), "{to}\n{said}");
    }
    let loud = FILM.replace("\"feature\"", "\"Feature\"");
    let text = FILM_YAML.replace("default: feature", "default: short");
    let said = compile(&[("film.avsc", &loud), ("film.yaml", &text)]).unwrap_err().to_string();
    assert!(said.contains("the symbol `Feature` is not lower-case"), "{said}");
    let added = FILM.replace("\"minutes\"", "\"migrated_at\"");
    let text = FILM_YAML.replace("  minutes: {from: duration, convert: duration}\n", "");
    let said = compile(&[("film.avsc", &added), ("film.yaml", &text)]).unwrap_err().to_string();
    assert!(said.contains("has `migrated_at`, which loading adds to every node"), "{said}");
}

#[test]
fn the_digest_sees_what_decides_and_nothing_else() {
    let digest = |text: &str, contract: &str| {
        let pipelines = compile(&[("film.avsc", contract), ("film.yaml", text)]).unwrap();
        pipelines.get("film").unwrap().digest()
    };
    let first = digest(FILM_YAML, FILM);
    assert_eq!(first.len(), 64);
    let test = "tests: [{name: n, given: {finding: too_large}, expect: {reason: too_large}}]";
    assert_eq!(first, digest(&format!("# A comment.\n{FILM_YAML}{test}"), FILM), "comments and tests");
    assert_eq!(
        first,
        digest(FILM_YAML, &FILM.replace("\"name\": \"Film\",", "\"name\": \"Film\", \"doc\": \"x\","))
    );
    for (from, to) in [
        ("[title, name]", "[name, title]"),
        ("convert: duration", "default: 1"),
        ("otherwise: other", "otherwise: short"),
        ("made it", "shot it"),
        ("f.id", "f.uid"),
        ("[budget]", "[cost]"),
        ("not_blank: title", "min_length: {title: 1}"),
        ("declares:", "transform: .tags = []\ndeclares:"),
    ] {
        assert_ne!(first, digest(&FILM_YAML.replacen(from, to, 1), FILM), "{to}");
    }
    assert_ne!(first, digest(&format!("{FILM_YAML}unknown_properties: keep"), FILM));
    assert_ne!(first, digest(FILM_YAML, &FILM.replace("0.5", "0.25")));
}

proptest! {
    /// A file with a piece cut out or put elsewhere is compiled or refused, with a place that is in the file.
    #[test]
    fn no_file_makes_check_panic(from: prop::sample::Index, length in 0usize..30, to: prop::sample::Index) {
        for (name, other, text) in [("film.yaml", ("film.avsc", FILM), FILM_YAML), ("film.avsc", ("film.yaml", FILM_YAML), FILM)] {
            let mut changed = text.to_owned();
            let start = from.index(text.len());
            let piece: String = changed.drain(start..(start + length).min(text.len())).collect();
            changed.insert_str(to.index(changed.len()), &piece);
            if let Err(diagnostics) = compile(&[(name, &changed), other]) {
                prop_assert!(!diagnostics.problems().is_empty());
                prop_assert!(!diagnostics.render(80, false).is_empty());
                for problem in diagnostics.problems() {
                    prop_assert!(problem.span().line <= changed.lines().count().max(other.1.lines().count()) + 1);
                    prop_assert!(!problem.advice().is_empty());
                }
            }
        }
    }
}

#[test]
fn a_folder_that_is_not_there_is_one_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let said = crate::pipeline::load(&folder.path().join("gone"), folder.path()).unwrap_err().to_string();
    assert!(said.contains("gone: can't be read"), "{said}");
    let said = crate::pipeline::load(folder.path(), folder.path()).unwrap_err().to_string();
    assert!(said.contains("there are no pipelines"), "{said}");
    std::fs::write(folder.path().join("film.yml"), FILM_YAML).unwrap();
    std::fs::write(folder.path().join("bad.yaml"), [0xff, 0xfe]).unwrap();
    let diagnostics = crate::pipeline::load(folder.path(), folder.path()).unwrap_err();
    let said = diagnostics.to_string();
    assert!(said.contains("rename it to `.yaml`") && said.contains("bad.yaml: can't be read"), "{said}");
    let error = crate::error::Error::from(diagnostics);
    assert_eq!((error.policy().exit_code, error.chain().len()), (2, 2));
}
