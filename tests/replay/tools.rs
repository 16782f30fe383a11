//! What others read: kcat and Kafka's own tools, dead letters' headers and exported offsets.

use std::process::Command;

use super::exported;
use crate::support::{Regraft, Stack, installed, project};

/// What the headers of the one dead letter say to whoever knows those of Kafka Connect.
fn expected(regraft: &Regraft) -> Vec<(&'static str, String)> {
    vec![
        ("topic", format!("{}.raw.topic", regraft.prefix())),
        ("connector.name", "topic".to_owned()),
        ("stage", "TRANSFORM".to_owned()),
        ("exception.class.name", "rule_violated".to_owned()),
        ("exception.message", "name_is_not_blank".to_owned()),
    ]
}

/// One record loaded and one rejected.
fn migrated(stack: &Stack) -> Regraft {
    stack.source.run("CREATE (:Topic {id: 't0', name: ' '}), (:Topic {id: 't1', name: 'One'})");
    let regraft = Regraft::new(stack);
    regraft.run(&["migrate-data", "--types", "topic"]).expect(0);
    regraft
}

/// What a tool of Kafka's prints; nothing, said aloud, where its jars are not here.
fn kafkas(tool: &str, brokers: &str, options: &[&str]) -> Option<String> {
    let mut command = Command::new(project().join("dev/kafka-tool"));
    let output = command.args([tool, "--bootstrap-server", brokers]).args(options).output().unwrap();
    if output.status.code() == Some(69) {
        eprintln!("\n==== SKIPPED: the services run in Docker, and Kafka's jars are not here ====\n");
        return None;
    }
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool} {}: {said}", options.join(" "));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn kcat_and_kafkas_consumer_read_the_headers_of_dead_letters() {
    let stack = Stack::any();
    let regraft = migrated(&stack);
    let topic = format!("{}.dead-letters", regraft.prefix());
    if let Some(kcat) = installed("kcat", "kcat") {
        let options =
            ["-C", "-e", "-q", "-o", "beginning", "-f", "%h\n", "-b", stack.brokers(), "-t", &topic];
        let output = Command::new(kcat).args(options).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said.lines().count(), 1, "{said} {}", String::from_utf8_lossy(&output.stderr));
        for (name, value) in expected(&regraft) {
            assert!(said.contains(&format!("__connect.errors.{name}={value}")), "{name}: {said}");
        }
    }
    let options = ["--topic", &topic, "--from-beginning", "--max-messages", "1", "--timeout-ms", "60000"];
    let headers = ["print.headers=true", "print.value=false"].map(|what| ["--formatter-property", what]);
    if let Some(said) =
        kafkas("console-consumer", stack.brokers(), &[&options[..], headers.as_flattened()].concat())
    {
        for (name, value) in expected(&regraft) {
            assert!(said.contains(&format!("__connect.errors.{name}:{value}")), "{name}: {said}");
        }
    }
}

#[test]
fn exported_offsets_go_to_kafkas_tool_and_back() {
    let stack = Stack::any();
    let regraft = migrated(&stack);
    let file = regraft.folder().join("offsets.csv");
    let file = file.to_str().unwrap();
    let of_topic = || exported(&regraft).into_iter().filter(|((topic, _), _)| topic.ends_with(".topic"));
    let before: Vec<_> = of_topic().collect();
    let start = regraft.run(&["replay", "--types", "topic", "--to-earliest", "--export"]);
    start.expect(0);
    std::fs::write(file, start.out).unwrap();
    let groups = ["transform", "load"].map(|stage| format!("{}.{stage}.topic", regraft.prefix()));
    let reset = ["--group", &groups[0], "--group", &groups[1], "--reset-offsets"];
    let moves = [&reset[..], &["--from-file", file, "--execute"]].concat();
    if kafkas("consumer-groups", stack.brokers(), &moves).is_none() {
        return;
    }
    assert!(of_topic().all(|(_, offset)| offset == 0), "{:?}", exported(&regraft));
    let exports = [&reset[..], &["--all-topics", "--to-latest", "--export", "--dry-run"]].concat();
    let said = kafkas("consumer-groups", stack.brokers(), &exports).unwrap();
    std::fs::write(file, said).unwrap();
    let plan = regraft.run(&["replay", "--types", "topic", "--from-file", file]);
    plan.expect(0);
    let plan = plan.report();
    let steps = plan["steps"].as_array().unwrap().iter();
    let mut planned: Vec<_> = steps
        .map(|step| {
            let partition = i32::try_from(step["partition"].as_i64().unwrap()).unwrap();
            ((step["topic"].as_str().unwrap().to_owned(), partition), step["new"].as_i64().unwrap())
        })
        .collect();
    planned.sort();
    assert_eq!(planned, before, "{plan}");
    // Behind its checkpoints, a stage goes on from where Kafka's tool has put it.
    regraft.run(&["migrate-data", "--types", "topic"]).expect(0);
    assert_eq!(stack.target.number("MATCH (n:Topic) RETURN count(n)"), 1);
}
