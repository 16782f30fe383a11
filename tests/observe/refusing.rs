//! A topic of dead letters that takes none: it is counted, said, and nothing is lost once it takes them again.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

use super::{TYPES, free_port, get, of_types, runtime};
use crate::support::{Regraft, Sample, Stack, counts, eventually};

#[test]
fn a_topic_that_takes_no_dead_letter_is_counted_and_said() {
    let stack = Stack::any();
    let sample = Sample::dirty(&stack, 1);
    let port = free_port();
    let regraft = Regraft::new(&stack).with("metrics.listen", format!("127.0.0.1:{port}"));
    let runtime = runtime();
    let topic = format!("{}.dead-letters", regraft.prefix());
    // Makes the topics.
    regraft.run(&["extract", "--types", TYPES]).expect(0);
    runtime.block_on(set_largest_message(stack.brokers(), &topic, "1"));
    let mut running = regraft.spawn(&["migrate-data", "--types", TYPES]);
    let refused = r#"regraft_dead_letter_write_failures_total{stage="transform"} "#;
    eventually("a refusal is counted", || {
        assert!(running.is_running(), "it was to be tried again:\n{}", running.said());
        let page = runtime.block_on(get(&format!("http://127.0.0.1:{port}/metrics")));
        let page = page.map(|(_, text)| text).unwrap_or_default();
        page.lines().find_map(|line| line.strip_prefix(refused)).is_some_and(|count| count != "0")
    });
    running.until_it_says(&format!("write to topic {topic}"));
    runtime.block_on(set_largest_message(stack.brokers(), &topic, "10000000"));
    let ended = running.wait();
    ended.expect(0);
    assert_eq!(counts(&ended.report()), of_types(&sample));
}

async fn set_largest_message(brokers: &str, topic: &str, bytes: &str) {
    let client: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("max.message.bytes", bytes);
    let done = client.alter_configs([&change], &AdminOptions::new()).await.unwrap();
    assert!(done.iter().all(Result::is_ok), "{done:?}");
}
