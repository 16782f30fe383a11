//! Checkpoints that were lost or contradict each other: what goes on by itself, and what is refused with a way out that
//! works.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;

use super::exported;
use crate::support::{FEW, Regraft, Sample, Stack, counts};

#[test]
fn without_consumer_groups_it_goes_on_from_the_checkpoints() {
    let stack = Stack::any();
    let sample = Sample::dirty(&stack, 1);
    let regraft = Regraft::new(&stack).of_types(FEW);
    assert_eq!(counts(&regraft.migrate()), sample.counts_of(FEW));
    let (digest, before, ends) = (stack.target.digest(), exported(&regraft), regraft.topics().ends());
    delete_groups(&stack, &regraft, &["transform", "load"], &["podcast", "episode", "has_episode"]);
    let report = regraft.migrate();
    assert_eq!(counts(&report), sample.counts_of(FEW));
    assert_eq!(exported(&regraft), before);
    let model = |ends: &std::collections::BTreeMap<String, Vec<i64>>| ends["model.episode"].clone();
    assert_eq!(model(&regraft.topics().ends()), model(&ends), "nothing is transformed again");
    stack.target.digest().assert_same(&digest, "without groups");
    regraft.run(&["migrate-data", "--new-pass", "--types", "podcast,episode,has_episode"]).expect(0);
    assert_eq!(counts(&regraft.migrate()), sample.counts_of(FEW), "after a pass that began without groups");
}

#[test]
fn an_emptied_target_is_refused_and_the_way_out_works() {
    let stack = Stack::any();
    let sample = Sample::dirty(&stack, 1);
    let regraft = Regraft::new(&stack).of_types(FEW);
    assert_eq!(counts(&regraft.migrate()), sample.counts_of(FEW));
    let digest = stack.target.digest();
    // With what Regraft keeps there.
    stack.target.wipe("TRUE");
    let refused = regraft.run(&["migrate-data"]);
    refused.expect(2);
    // As it is wrapped for people.
    let said = refused.err.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "has committed offset",
        "but the target has",
        "regraft replay --stage load",
        "--to-checkpoint --execute",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(stack.target.number("MATCH (n:Episode) RETURN count(n)"), 0, "nothing is written");
    regraft.run(&["replay", "--stage", "load", "--to-checkpoint", "--execute"]).expect(0);
    let report = regraft.migrate();
    stack.target.digest().assert_same(&digest, "after the emptied target was loaded again");
    assert_eq!(counts(&report), sample.counts_of(FEW));
}

fn delete_groups(stack: &Stack, regraft: &Regraft, stages: &[&str], pipelines: &[&str]) {
    let client: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", stack.brokers()).create().unwrap();
    let names = stages.iter().flat_map(|stage| {
        pipelines.iter().map(move |pipeline| format!("{}.{stage}.{pipeline}", regraft.prefix()))
    });
    let names: Vec<String> = names.collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let done = runtime.block_on(client.delete_groups(&names, &AdminOptions::new())).unwrap();
    assert!(done.iter().all(Result::is_ok), "{done:?}");
}
