//! What a client remembers of topics may be behind, for minutes.

use regraft::kafka::Watermarks;

use crate::support::{Regraft, Stack};

#[test]
fn partitions_that_a_client_does_not_know_yet_are_looked_for() {
    let stack = Stack::any();
    let regraft = Regraft::new(&stack);
    let topics = regraft.topics();
    let kafka = stack.kafka(regraft.prefix(), 1);
    let watermarks = Watermarks::new(&kafka).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let name = topics.make("raw.late", 1);
    let ends = |partitions: i32| runtime.block_on(watermarks.ends(vec![(name.clone(), partitions)]));
    assert_eq!(ends(1).unwrap()[0].len(), 1);
    topics.make("raw.late", 3);
    assert_eq!(ends(3).unwrap()[0].len(), 3, "it has them since, and the client has asked before");
    let missing = ends(4).unwrap_err().chain().join(": ");
    assert!(missing.contains("it has no partition 3"), "{missing}");
}
