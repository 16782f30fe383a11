//! A migration as users run it: first, again, and after changes in the source.

mod derived;
mod dry_run;
mod scan;

use crate::support::{FEW, Letter, Regraft, Sample, Stack, counts};

#[test]
fn everything_arrives_or_is_a_dead_letter_for_its_reason() {
    let stack = Stack::any();
    let sample = Sample::fill(&stack, 2, &["--dirty", "--embeddings", "--dense", "300"]);
    let regraft = Regraft::new(&stack);

    let report = regraft.migrate();
    assert_eq!(counts(&report), sample.counts());
    Letter::assert_counted(&regraft.topics().dead_letters(), &sample.counts(), "after the first run");

    let (digest, mut ends) = (stack.target.digest(), regraft.topics().ends());
    assert_eq!(counts(&regraft.migrate()), sample.counts(), "of a second run");
    let again = regraft.run(&["migrate-data", "--output", "human"]);
    again.expect(0);
    assert!(again.out.contains("Nothing was left to do; nothing was written"), "{}", again.out);
    stack.target.digest().assert_same(&digest, "after runs with nothing to do");
    let mut after = regraft.topics().ends();
    // Runs are listed in the one and marked in the other.
    for topic in ["checkpoints", "undo"] {
        ends.remove(topic);
        after.remove(topic);
    }
    assert_eq!(after, ends, "ends of the topics");
}

/// Neo4j leaves a property alone where the new value equals the old one, and −0.0 equals 0.0.
#[test]
fn a_zero_has_the_sign_that_it_has_in_the_source() {
    let stack = Stack::any();
    stack.source.run(
        "CREATE (:PotentialConnection {id: 'p', description: 'd', strength: 0.0}), \
         (a:Entity {id: 'a', name: 'n', type: 'person'})-[:CO_OCCURS_WITH {weight: -0.0}]->(a)",
    );
    let regraft = Regraft::new(&stack).of_types("PotentialConnection,Entity,CO_OCCURS_WITH");
    let signs = || {
        let signs = "MATCH (n:PotentialConnection) MATCH ()-[x:CO_OCCURS_WITH]->() \
                     RETURN toString(n.strength) + ' ' + toString(x.weight)";
        stack.target.rows::<String>(signs)
    };
    regraft.migrate();
    assert_eq!(signs(), ["0.0 -0.0"]);
    for (strength, weight) in [("-0.0", "0.0"), ("0.0", "-0.0")] {
        stack.source.run(&format!(
            "MATCH (n:PotentialConnection) MATCH ()-[x:CO_OCCURS_WITH]->() SET n.strength = null, x.weight = null \
             SET n.strength = {strength}, x.weight = {weight}"
        ));
        regraft.run(&["migrate-data", "--new-pass"]).expect(0);
        assert_eq!(signs(), [format!("{strength} {weight}")]);
        regraft.run(&["verify"]).expect(0);
    }
}

/// A record that the target refuses has its batch halved until it is found.
#[test]
fn of_two_passes_in_one_batch_the_later_one_stays() {
    let stack = Stack::any();
    // An index takes no key of nine thousand bytes.
    stack.source.run(
        "UNWIND [reduce(s = '', i IN range(1, 9000) | s + 'x')] + [i IN range(1, 60) | 's' + i] AS id \
         CREATE (:Speaker {id: id, name: 'First'})",
    );
    let regraft = Regraft::new(&stack).of_types("speaker");
    regraft.run(&["extract"]).expect(0);
    stack.source.run("MATCH (n:Speaker) SET n.name = 'Second'");
    regraft.run(&["extract", "--new-pass"]).expect(0);
    regraft.run(&["transform", "--until-drained"]).expect(0);
    let report = regraft.migrate();
    assert_eq!(report["pipelines"]["speaker"]["dead_letters"]["target_rejected"], 1, "{report}");
    assert_eq!(stack.target.number("MATCH (n:Speaker {name: 'Second'}) RETURN count(n)"), 60);
}

/// What is known of a dead letter has to fit on its topic, however long the keys are that it names.
#[test]
fn a_key_of_half_a_megabyte_is_a_dead_letter_like_others() {
    let stack = Stack::any();
    stack.source.run(
        "UNWIND ['x', '\"'] AS letter WITH letter, reduce(s = letter, i IN range(1, 18) | s + s) AS long \
         CREATE (:PotentialConnection {id: letter, description: 'd', strength: 0.5, entities: [long]}) \
         CREATE (:Speaker {id: long, name: 'Ada'})-[:DISCUSSES {count: 1}]->(:Entity {id: letter, name: 'E', type: 'person'})",
    );
    let regraft = Regraft::new(&stack).of_types("potential_connection,connects,speaker,entity,discusses");
    let report = regraft.migrate();
    assert_eq!(report["pipelines"]["connects"]["emitted"]["dead_letters"]["endpoint_missing"], 2, "{report}");
    assert_eq!(report["pipelines"]["discusses"]["dead_letters"]["endpoint_missing"], 2, "{report}");
    let letters = regraft.topics().dead_letters();
    let of_speakers = letters.iter().filter(|letter| letter.text("pipeline") == "discusses");
    assert!(
        of_speakers.clone().all(|letter| letter.known["charged"] == false),
        "their ends are dead letters"
    );
    regraft.run(&["verify"]).expect(0);
    let again = regraft.run(&["dead-letters", "replay", "--types", "connects", "--execute", "--then-run"]);
    again.expect(0);
    let then = &again.report()["then"]["pipelines"]["connects"]["emitted"]["dead_letters"];
    assert_eq!(
        (&again.report()["put_back"], &then["endpoint_missing"]),
        (&2.into(), &2.into()),
        "{}",
        again.out
    );
}

/// Others may have doubled what is there; that hides nothing that is missing.
#[test]
fn parallels_in_the_target_hide_no_missing_end() {
    let stack = Stack::any();
    let sample = Sample::dirty(&stack, 1);
    const TYPES: &str = "podcast,episode,has_episode";
    Regraft::new(&stack).of_types(TYPES).migrate();
    stack.target.run("MATCH (a:Podcast)-[:HAS_EPISODE]->(b:Episode) CREATE (a)-[:HAS_EPISODE]->(b)");
    for undo in [false, true] {
        let regraft = Regraft::new(&stack).of_types(TYPES).with("load.undo", undo);
        assert_eq!(counts(&regraft.migrate()), sample.counts_of(TYPES), "undo journal: {undo}");
    }
}

#[test]
fn a_new_pass_brings_the_target_to_the_sources_state() {
    let stack = Stack::any();
    Sample::clean(&stack, 1);
    let regraft = Regraft::new(&stack).of_types(FEW);
    regraft.migrate();
    let before = stack.target.digest();

    stack.source.run(
        "MATCH (n:Podcast) WITH n ORDER BY n.id LIMIT 1 SET n.title = 'Renamed' REMOVE n.website, n.hosts",
    );
    stack.source.run(
        "MATCH (n:Podcast) WITH n ORDER BY n.id LIMIT 1 \
         CREATE (n)-[:HAS_EPISODE]->(:Episode {id: 'new', title: 'New', description: '', published_date: '2024-02-29'})",
    );
    let nothing = regraft.run(&["migrate-data"]);
    nothing.expect(0);
    stack.target.digest().assert_same(&before, "without --new-pass");

    let ended = regraft.run(&["migrate-data", "--new-pass"]);
    ended.expect(0);
    let report = ended.report();
    assert_eq!(report["pipelines"]["episode"]["pass"], 2);
    let after = stack.target.digest_but_times();

    // The same as a migration that never saw the earlier state.
    stack.target.empty();
    let fresh = Regraft::new(&stack).of_types(FEW);
    assert_eq!(counts(&report), counts(&fresh.migrate()));
    after.assert_same(&stack.target.digest_but_times(), "after the new pass");
    let renamed = "MATCH (n:Podcast {title: 'Renamed'})-[:HAS_EPISODE]->(:Episode {id: 'new'}) \
                   WHERE n.website IS NULL AND n.hosts = [] RETURN count(*)";
    assert_eq!(stack.target.number(renamed), 1);
}

#[test]
fn an_extraction_that_takes_long_while_others_wait_begins_one_pass_only() {
    let stack = Stack::any();
    Sample::clean(&stack, 1);
    let regraft = Regraft::new(&stack).with("run.pipelines_at_once", 1).with("source.rows_per_second", 20);
    let ended = regraft.run(&["migrate-data", "--new-pass", "--types", "podcast,episode,segment"]);
    ended.expect(0);
    for (name, pipeline) in ended.report()["pipelines"].as_object().unwrap() {
        assert_eq!(pipeline["pass"], 1, "{name}");
    }
}
