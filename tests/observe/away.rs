//! A service that is gone while a worker has nothing to do: nothing needs it, and people hear of it all the same.

use super::{free_port, get, runtime};
use crate::support::{Regraft, Running, Stack, eventually};

#[test]
fn an_idle_worker_says_that_kafka_is_gone_and_ends_without_it() {
    let stack = Stack::own();
    stack.source.run("CREATE (:Speaker {id: 's', name: 'Ada'})");
    let port = free_port();
    let regraft = Regraft::new(&stack).of_types("speaker");
    regraft.migrate();
    let regraft = regraft.with("metrics.listen", format!("127.0.0.1:{port}"));
    let is_ready = || {
        let page = runtime().block_on(get(&format!("http://127.0.0.1:{port}/readyz")));
        page.map(|(status, text)| (status == 200, text)).unwrap_or_default()
    };

    let mut idle = regraft.spawn(&["load"]);
    eventually("the loader is at work", || regraft.topics().sharing("load", "speaker") == 1);
    eventually("it is ready", || is_ready().0);
    without_kafka(&stack, &mut idle);
    assert_eq!(is_ready(), (false, "Kafka does not answer\n".to_owned()));
    stack.control(&["start", "kafka"]);
    idle.until_it_says("all services answer again");
    eventually("it is ready again", || is_ready().0);

    without_kafka(&stack, &mut idle);
    idle.terminate();
    let ended = idle.wait();
    stack.control(&["start", "kafka"]);
    // There is no report to be had.
    ended.expect_saying(3, &["the run's end could not be recorded"]);
}

/// Stops Kafka, and waits until the worker says so.
fn without_kafka(stack: &Stack, idle: &mut Running) {
    let sentence = "Kafka does not answer";
    let before = idle.said().matches(sentence).count();
    stack.control(&["stop", "kafka"]);
    eventually(sentence, || {
        assert!(idle.is_running(), "{}", idle.said());
        idle.said().matches(sentence).count() > before
    });
}
