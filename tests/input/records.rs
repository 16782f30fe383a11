//! Bytes on the topics that are no records of ours.

use crate::support::{Regraft, Sample, Stack, counts};

#[test]
fn what_nobody_can_read_is_a_dead_letter_and_the_rest_goes_on() {
    const TYPES: &str = "podcast,episode,has_episode";
    let stack = Stack::any();
    Sample::clean(&stack, 1);
    // A count: three are more than all of one podcast.
    let regraft =
        Regraft::new(&stack).of_types(TYPES).with("kafka.partitions", 4).with("load.max_dead_letters", 10);
    regraft.run(&["extract"]).expect(0);
    let topics = regraft.topics();
    topics.write("raw.podcast", 0, b"no record");
    topics.write("raw.podcast", 1, b"");
    regraft.run(&["transform", "--until-drained"]).expect(0);
    topics.write("model.podcast", 2, b"no model record");
    topics.write("model.has_episode", 3, &[0xC3, 0x01, 0, 1, 2]);

    let report = regraft.migrate();
    counts(&report);
    assert_eq!(report["pipelines"]["podcast"]["loaded"], 1);
    assert_eq!(report["pipelines"]["podcast"]["dead_letters"]["undecodable"], 3);
    assert_eq!(report["pipelines"]["has_episode"]["dead_letters"]["undecodable"], 1);
    let letters = topics.dead_letters();
    let mut bytes: Vec<&[u8]> = letters.iter().map(|letter| letter.bytes.as_slice()).collect();
    bytes.sort_unstable();
    assert_eq!(bytes, [b"".as_slice(), b"no model record", b"no record", &[0xC3, 0x01, 0, 1, 2]]);
    assert!(letters.iter().all(|letter| letter.text("reason") == "undecodable"));
    let disturbed = stack.target.digest_but_times();

    stack.target.empty();
    Regraft::new(&stack).of_types(TYPES).migrate();
    disturbed.assert_same(&stack.target.digest_but_times(), "with foreign bytes on the topics");
}
