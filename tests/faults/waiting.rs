//! Relationships that are loaded apart from their ends: they wait, and only what is not there at the end is missing.

use crate::support::{FEW, Regraft, Sample, Stack, counts, migrated};

const RELATIONSHIPS: &[&str] =
    &["load", "--types", "has_episode,has_topic,contains_topic", "--until-drained", "-v"];
const ENDS: &[&str] = &["load", "--types", "podcast,episode,topic", "--until-drained"];

/// All is on the topics of model records, nothing in the target. True dead letters are among it.
fn ready_to_load(stack: &Stack) -> Regraft {
    stack.target.empty();
    let regraft = Regraft::new(stack).in_small_steps().of_types(FEW);
    regraft.run(&["extract"]).expect(0);
    regraft.run(&["transform", "--until-drained"]).expect(0);
    regraft
}

#[test]
fn before_their_ends_they_wait() {
    let stack = Stack::any();
    let (sample, regraft) = (Sample::dirty(&stack, 1), ready_to_load(&stack));
    let mut relationships = regraft.spawn(RELATIONSHIPS);
    relationships.until_it_says("relationships wait for");
    assert_eq!(
        stack.target.number(&format!("MATCH (n) WHERE {} RETURN count(n)", migrated("n"))),
        0,
        "no skeleton nodes"
    );
    regraft.run(ENDS).expect(0);
    relationships.wait().expect(0);
    assert_eq!(counts(&regraft.migrate()), sample.counts_of(FEW));
}

#[test]
fn during_and_after_their_ends_they_find_them() {
    let stack = Stack::any();
    let sample = Sample::dirty(&stack, 1);
    let regraft = ready_to_load(&stack);
    let both = (regraft.spawn(RELATIONSHIPS), regraft.spawn(ENDS));
    both.1.wait().expect(0);
    both.0.wait().expect(0);
    assert_eq!(counts(&regraft.migrate()), sample.counts_of(FEW), "during");

    let regraft = ready_to_load(&stack);
    regraft.run(ENDS).expect(0);
    regraft.run(RELATIONSHIPS).expect(0);
    assert_eq!(counts(&regraft.migrate()), sample.counts_of(FEW), "after");
}

#[test]
fn alone_they_say_what_they_wait_for_and_give_up() {
    let stack = Stack::any();
    let sample = Sample::dirty(&stack, 1);
    let regraft = Regraft::new(&stack).of_types(FEW).with("load.fence_timeout_seconds", 3);
    let alone = regraft.run(&["migrate-data", "--types", "HAS_EPISODE"]);
    let said = [
        "`has_episode` waits, where an end is not in the target, for what this run does not move: episode and podcast",
        "nothing moved in the extraction of `episode`, which was never started",
    ];
    alone.expect_saying(3, &said);
    assert!(regraft.topics().dead_letters().iter().all(|letter| letter.text("reason") != "endpoint_missing"));
    // Nothing is lost by it.
    assert_eq!(counts(&regraft.migrate()), sample.counts_of(FEW));
}

#[test]
fn a_transaction_that_a_killed_worker_left_open_hides_no_dead_letter() {
    let stack = Stack::any();
    Sample::dirty(&stack, 1);
    let regraft = Regraft::new(&stack);
    let migrate = |options: &[&str]| {
        let ended = regraft.run(&[&["migrate-data", "--types", "podcast"], options].concat());
        ended.expect(0);
        ended.report()
    };
    migrate(&[]);
    regraft.topics().leave_a_transaction_open("dead-letters");
    let counted = counts(&migrate(&["--new-pass"]));
    let counted = counted["podcast"]["dead_letters"].as_object().unwrap().values();
    let counted: u64 = counted.map(|number| number.as_u64().unwrap()).sum();

    let listed = regraft.run(&["dead-letters", "list", "--types", "podcast", "--state", "open"]);
    listed.expect(0);
    assert_eq!(listed.report().as_array().unwrap().len() as u64, counted);
}

#[test]
fn a_consequence_is_known_for_one_also_behind_an_open_transaction() {
    let stack = Stack::any();
    stack.source.run(
        "CREATE (:Podcast {id: 'p', title: 'P', description: 'd', rss_url: 'r'})-[:HAS_EPISODE]->(:Episode {id: 'e'})",
    );
    let regraft = Regraft::new(&stack).of_types("podcast,episode,has_episode");
    regraft.run(&["extract"]).expect(0);
    regraft.topics().leave_a_transaction_open("dead-letters");
    regraft.run(&["transform", "--until-drained"]).expect(0);
    regraft.run(&["load", "--until-drained"]).expect(0);
    let letters = regraft.topics().dead_letters();
    let missed = letters.iter().find(|letter| letter.text("reason") == "endpoint_missing").unwrap();
    assert_eq!(missed.known["charged"], false, "{}", missed.text("message"));
}
