//! Every way to say where to, as plans on a real topic; files that go round; what retention has removed.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;

use super::exported;
use crate::support::{Regraft, Stack};

const PARTITION: i32 = 0;

fn migrated(stack: &Stack) -> Regraft {
    stack.source.run("UNWIND range(1, 200) AS i CREATE (:Topic {id: 't' + i, name: 'T' + i})");
    let regraft = Regraft::new(stack);
    regraft.run(&["migrate-data", "--types", "topic"]).expect(0);
    regraft
}

/// The plan's step for one partition of loading.
fn step(regraft: &Regraft, to: &[&str]) -> (Value, Value) {
    let topic = format!("{}.model.topic:{PARTITION}", regraft.prefix());
    let ended = regraft.run(&[&["replay", "--types", "topic", "--topic", &topic], to].concat());
    ended.expect(0);
    let report = ended.report();
    assert_eq!(report["executed"], false);
    assert_eq!(report["steps"].as_array().unwrap().len(), 1, "{report}");
    (report["steps"][0].clone(), report["to"].clone())
}

#[test]
fn every_option_of_kafkas_tool_leads_where_it_leads_there() {
    let stack = Stack::any();
    let regraft = migrated(&stack);
    let (there, _) = step(&regraft, &["--to-current"]);
    let (current, end) = (there["current"].as_i64().unwrap(), there["end"].as_i64().unwrap());
    assert!(current == end && end > 20, "{there}");
    for (to, new, warns) in [
        (&["--to-earliest"][..], 0, false),
        (&["--to-latest"], end, false),
        (&["--to-checkpoint"], end, false),
        (&["--to-offset", "7"], 7, false),
        (&["--to-offset", "1000000"], end, true),
        (&["--shift-by", "-3"], end - 3, false),
        (&["--shift-by", "-1000000"], 0, true),
        (&["--to-datetime", "2000-01-31 12:00:00"], 0, false),
        (&["--to-datetime", "2099-01-31T12:00:00.500+02:00"], end, true),
        (&["--by-duration", "P1D"], 0, false),
        (&["--by-duration", "1s"], end, true),
    ] {
        if to[0] == "--by-duration" && to[1] == "1s" {
            // What was written longer ago than that.
            std::thread::sleep(std::time::Duration::from_millis(1_100));
        }
        let (found, told) = step(&regraft, to);
        assert_eq!(found["new"], new, "{to:?}: {found}");
        assert_eq!(found["at_most_records"], end - new, "{to:?}: {found}");
        assert_eq!(found["warning"].is_string(), warns, "{to:?}: {found}");
        if to[1..] == ["2099-01-31T12:00:00.500+02:00"] {
            assert!(told.as_str().unwrap().contains("2099-01-31T10:00:00.5"), "{told}");
        }
    }
}

#[test]
fn an_exported_file_goes_round_and_a_replay_is_a_run() {
    let stack = Stack::any();
    let regraft = migrated(&stack);
    let (before, digest) = (exported(&regraft), stack.target.digest());
    let file = |name: &str, text: &str| {
        let path = regraft.folder().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let now = regraft.run(&["replay", "--types", "topic", "--export"]);
    now.expect(0);
    let now = file("now.csv", &now.out);
    let unchanged = regraft.run(&["replay", "--types", "topic", "--from-file", &now, "--execute"]);
    unchanged.expect(0);
    assert_eq!(unchanged.report()["executed"], false, "nothing to move");
    let start = regraft.run(&["replay", "--types", "topic", "--to-earliest", "--export"]);
    start.expect(0);
    let start = file("start.csv", &start.out);
    let moved = regraft.run(&["replay", "--types", "topic", "--from-file", &start, "--execute"]);
    moved.expect(0);
    let of_topic = |(topic, _): &(String, i32)| topic.ends_with(".topic");
    assert!(exported(&regraft).iter().filter(|(at, _)| of_topic(at)).all(|(_, offset)| *offset == 0));
    regraft.run(&["migrate-data", "--types", "topic"]).expect(0);
    stack.target.digest().assert_same(&digest, "after it was replayed from a file");
    let after = exported(&regraft);
    assert!(before.iter().filter(|(at, _)| of_topic(at)).all(|(at, offset)| after[at] >= *offset));
    let runs = regraft.run(&["runs", "list"]).report();
    let replays = runs["runs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|run| run["command"].as_str().unwrap().contains("replay"));
    assert_eq!(replays.count(), 1, "{runs}");
}

#[test]
fn what_retention_has_removed_is_an_error_unless_it_is_allowed() {
    let stack = Stack::any();
    let regraft = migrated(&stack);
    let topic = format!("{}.model.topic", regraft.prefix());
    remove_before(stack.brokers(), &topic, 10);
    let earliest = ["replay", "--types", "topic", "--stage", "load", "--to-earliest", "--execute"];
    let refused = regraft.run(&earliest);
    refused.expect_saying(1, &["retention has removed", &topic, "offsets 0 to 9", "--allow-gap"]);
    let digest = stack.target.digest();
    regraft.run(&[&earliest[..], &["--allow-gap", "--then-run"]].concat()).expect(0);
    stack.target.digest().assert_same(&digest, "after what was left was loaded again");
}

fn remove_before(brokers: &str, topic: &str, offset: i64) {
    let client: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, PARTITION, Offset::Offset(offset)).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(client.delete_records(&list, &AdminOptions::new())).unwrap();
}
