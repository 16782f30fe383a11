//! Services that are not there, don't answer, refuse, or are not ready.

use std::net::TcpListener;
use std::time::Duration;

use regraft::neo4j::Statement;

use crate::support::{Regraft, Stack};

/// Ten seconds are promised; a loaded machine gets some more.
const PROMISED: Duration = Duration::from_secs(15);

#[test]
fn a_service_that_is_not_there_is_named_within_ten_seconds() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (key, value) in places(&nobody.to_string()) {
        says_soon(Regraft::new(Stack::shared()).with(key, value), 3, &[&nobody.to_string(), "what to do: "]);
    }
}

#[test]
fn a_service_that_does_not_answer_is_named_within_ten_seconds() {
    // The connection stands, and nobody ever reads from it.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    for (key, value) in places(&address) {
        says_soon(Regraft::new(Stack::shared()).with(key, value), 3, &[&address, "what to do: "]);
    }
}

#[test]
fn a_user_who_is_refused_is_told_so() {
    for server in ["source", "target"] {
        // Not the real user with a wrong password: Neo4j would lock that one for a while.
        let regraft = Regraft::new(Stack::shared()).with(&format!("{server}.user"), "nobody");
        says_soon(regraft, 2, &[server, "check user and password"]);
    }
}

/// The broker has no such listener: to it, whoever comes with a password is nobody.
#[test]
fn whom_kafka_refuses_is_told_so() {
    let regraft = Regraft::new(Stack::shared())
        .with("kafka.client.security.protocol", "sasl_plaintext")
        .with("kafka.client.sasl.mechanism", "PLAIN")
        .with("kafka.client.sasl.username", "nobody")
        .with("kafka.client.sasl.password", "nothing");
    // A transformer needs Kafka alone.
    let ended = regraft.run(&["transform", "--until-drained"]);
    ended.expect_saying(2, &["Kafka", "check user and password"]);
    assert!(ended.took < PROMISED, "{} said so after {:?}", ended.what, ended.took);
}

fn places(address: &str) -> [(&'static str, String); 3] {
    let bolt = format!("bolt://{address}");
    [("source.uri", bolt.clone()), ("target.uri", bolt), ("kafka.brokers", address.to_owned())]
}

#[track_caller]
fn says_soon(regraft: Regraft, code: i32, parts: &[&str]) {
    let ended = regraft.run(&["migrate-data"]);
    ended.expect_saying(code, parts);
    assert!(ended.took < PROMISED, "{} said so after {:?}", ended.what, ended.took);
}

#[test]
fn a_target_without_the_keys_constraint_is_refused() {
    let stack = Stack::first();
    stack.source.run("CREATE (:Podcast {id: 'a', title: 'T', description: 'D', rss_url: 'R'})");
    stack.target.without_schema();
    let regraft = Regraft::new(&stack).of_types("podcast,topic");
    let refused = regraft.run(&["migrate-data"]);
    refused.expect_saying(2, &["Podcast.id", "Topic.id", "run `regraft migrate-schema`"]);
    assert_eq!(stack.target.number("MATCH (n:Podcast) RETURN count(n)"), 0);
    stack.target.with_keys();
    assert_eq!(regraft.migrate()["pipelines"]["podcast"]["loaded"], 1);
}

#[tokio::test]
async fn nothing_can_be_written_through_the_source() {
    let source = crate::neo4j::source().await;
    for text in
        ["CREATE (n:WrittenThroughTheSource) RETURN [1] AS row", "CREATE INDEX written FOR (n:X) ON (n.x)"]
    {
        let error = source.rows(Statement::new(text)).await.expect_err(text);
        assert_eq!(error.policy().exit_code, 2, "{error:?}");
    }
    let rows = source
        .rows(Statement::new("MATCH (n:WrittenThroughTheSource) RETURN [count(n)] AS row"))
        .await
        .unwrap();
    assert_eq!(rows[0][0].as_i64(), Some(0));
}
