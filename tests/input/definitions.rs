//! Configuration, pipelines and contracts that are wrong, or change while records are on their way.

use crate::support::{Regraft, Sample, Stack, counts};

#[test]
fn an_unknown_key_is_named_with_its_file_and_the_one_that_was_meant() {
    let regraft = Regraft::new(Stack::shared()).with("load.batchsize", 5);
    let ended = regraft.run(&["migrate-data"]);
    ended.expect_saying(2, &["regraft.toml", "load.batchsize", "load.batch_size"]);
}

#[test]
fn a_pipeline_without_its_contract_is_named() {
    let regraft = Regraft::new(Stack::shared()).with_own_definitions();
    std::fs::remove_file(regraft.folder().join("schemas/contracts/podcast.avsc")).unwrap();
    regraft.run(&["migrate-data"]).expect_saying(2, &["podcast.avsc", "podcast.yaml"]);
}

#[test]
fn a_conversion_that_there_is_not_is_named_with_its_line() {
    let regraft = Regraft::new(Stack::shared()).with_own_definitions();
    regraft.edit("pipelines/episode.yaml", "convert: duration", "convert: durations");
    regraft.run(&["migrate-data"]).expect_saying(2, &["episode.yaml:", "durations", "duration"]);
}

#[test]
fn a_validator_that_cannot_be_read_is_named_by_check() {
    let stack = Stack::any();
    let regraft = Regraft::new(&stack);
    let folder = regraft.folder().join("validators");
    std::fs::create_dir(&folder).unwrap();
    let regraft = regraft.with("paths.validators", folder.display());
    let whole = "name: a\nseverity: error\nmessage: m\nwhen: pre\nquery: MATCH (n) RETURN n\n";
    std::fs::write(folder.join("x.yaml"), whole.replace("error", "oops")).unwrap();
    regraft.run(&["check"]).expect_saying(2, &["x.yaml", "severity"]);
    // Only the server can say what is wrong with a query.
    std::fs::write(folder.join("x.yaml"), whole).unwrap();
    regraft.run(&["check"]).expect(0);
    stack.source.run("CREATE (:Odd)");
    regraft.run(&["validate-pre"]).expect_saying(2, &["run the validator `a`", "such as n.id"]);
}

#[test]
fn a_contract_that_old_records_do_not_fit_stops_loading_and_loses_nothing() {
    const TYPES: &str = "podcast,episode,has_episode";
    let stack = Stack::any();
    let sample = Sample::clean(&stack, 1);
    let regraft = Regraft::new(&stack).with_own_definitions().of_types(TYPES);
    regraft.run(&["extract"]).expect(0);
    regraft.run(&["transform", "--until-drained"]).expect(0);

    // Its examples would have to change with it.
    let pipeline = regraft.folder().join("pipelines/podcast.yaml");
    let text = std::fs::read_to_string(&pipeline).unwrap();
    std::fs::write(&pipeline, text.split("\ntests:").next().unwrap()).unwrap();
    let (was, is) = (r#"{"name": "rss_url", "type": "string"}"#, r#"{"name": "rss_url", "type": "long"}"#);
    regraft.edit("schemas/contracts/podcast.avsc", was, is);
    let refused = regraft.run(&["load", "--until-drained"]);
    refused.expect_saying(2, &["podcast", "rss_url", "what to do: "]);
    assert_eq!(stack.target.number("MATCH (n:Podcast) RETURN count(n)"), 0);
    assert_eq!(regraft.topics().dead_letters().len(), 0);

    regraft.edit("schemas/contracts/podcast.avsc", is, was);
    assert_eq!(counts(&regraft.migrate()), sample.counts_of(TYPES));
}

#[test]
fn a_pipeline_that_reads_something_else_by_now_is_refused_though_its_pass_is_through() {
    let stack = Stack::any();
    stack.source.run("CREATE (:Speaker {id: 's', name: 'Ada'})");
    let regraft = Regraft::new(&stack).with_own_definitions().of_types("speaker");
    regraft.migrate();
    let pipeline = regraft.folder().join("pipelines/speaker.yaml");
    let text = std::fs::read_to_string(&pipeline).unwrap();
    // Its examples would have to change with it.
    let text = text.split("\ntests:").next().unwrap().replace("key: id", "key: name");
    std::fs::write(&pipeline, text).unwrap();
    regraft.run(&["migrate-data"]).expect_saying(2, &["speaker", "what to do: "]);
}
