//! Others' data: what they have put on nodes and tied to them stays, before and after.

use super::{TwoLoads, fill, roll_back, started_at};
use crate::support::{FEW, Stack};

#[test]
fn what_others_have_put_there_stays() {
    let stack = Stack::any();
    let TwoLoads { regraft, date, first, .. } = TwoLoads::of(&stack, 12);
    let target = &stack.target;
    let some = "MATCH (n:Episode) WHERE n.title <> 'New' WITH n ORDER BY n.id LIMIT 3";
    for change in [
        // On what was there at the date: a property, a label, a relationship, a tie to something else.
        &format!("{some} SET n.reviewed = datetime('2025-10-26T02:30:00+01:00[Europe/Berlin]'), n:Curated"),
        &format!("{some} MERGE (r:Reviewer {{id: 'r'}}) CREATE (r)-[:READ {{at: date('2026-01-01')}}]->(n)"),
        // On what came after it.
        "MATCH (n:Episode {id: 'new'}) MERGE (r:Reviewer {id: 'r'}) CREATE (r)-[:READ]->(n)",
        "MATCH (n:Podcast {id: 'podcast-new'}) SET n.rating = 5",
    ] {
        target.run(change);
    }
    let ended = regraft.run(&["rollback", "--target-date", &date, "--execute", "--output", "human"]);
    ended.expect(0);
    for part in ["1 kept, since others have tied relationships", "1 kept, since others have put properties"] {
        assert!(ended.out.contains(part), "{part}:\n{}", ended.out);
    }
    assert!(
        ended.out.contains("Episode \"new\"") && ended.out.contains("Podcast \"podcast-new\""),
        "{}",
        ended.out
    );

    let kept = "MATCH (n:Episode {reviewed: datetime('2025-10-26T02:30:00+01:00[Europe/Berlin]')}) \
                WHERE n:Curated AND (:Reviewer)-[:READ {at: date('2026-01-01')}]->(n) RETURN count(n)";
    assert_eq!(target.number(kept), 3);
    assert_eq!(target.number("MATCH (:Reviewer)-[:READ]->(n:Episode {id: 'new'}) RETURN count(n)"), 1);
    assert_eq!(target.number("MATCH (n:Podcast {id: 'podcast-new', rating: 5}) RETURN count(n)"), 1);
    // Their relationship to each other is Regraft's, and gone.
    assert_eq!(target.number("MATCH (:Podcast {id: 'podcast-new'})-[r]->() RETURN count(r)"), 0);

    // Without what others have, it is as it was.
    target.run("MATCH (r:Reviewer) DETACH DELETE r");
    target.run("MATCH (n:Curated) REMOVE n:Curated, n.reviewed");
    target.run("MATCH (n) WHERE n.id IN ['new', 'podcast-new'] AND (n:Episode OR n:Podcast) DELETE n");
    target.digest().assert_same(&first, "beside what others have");
}

#[test]
fn what_regraft_has_deleted_comes_back_whole() {
    let stack = Stack::any();
    let TwoLoads { regraft, date, .. } = TwoLoads::of(&stack, 6);
    // Rolled back, the new ones are deleted; rolled back again, they come back with what others had on them: nothing,
    // or they would have been kept. So one gets everything that Neo4j stores after it came back.
    roll_back(&regraft, &date);
    let began = started_at(&regraft, "rollback");
    roll_back(&regraft, &began);
    let everything = "MATCH (n:Episode {id: 'new'}) SET n += {bytes_like: [1, 2], point: point({longitude: 1.5, latitude: -2.5}), \
         gap: duration('P1M2DT3.5S'), at: time('12:30:00+01:00'), local: localdatetime('2025-01-01T00:00:00.5'), \
         zoned: datetime('2025-10-26T02:30:00+01:00[Europe/Berlin]'), nan: 0.0 / 0.0, minus: -0.0, empty: []}, n:Extra";
    stack.target.run(everything);
    let digest = stack.target.digest();
    // Others delete it; the journal knows it as it was when the rollback was rolled back, which is before that: with
    // nothing of theirs. What they had is theirs to bring back.
    let (second, again) = (started_at(&regraft, "rollback"), "MATCH (n:Episode {id: 'new'}) DETACH DELETE n");
    stack.target.run(again);
    roll_back(&regraft, &second);
    assert!(stack.target.digest() != digest);
    assert_eq!(
        stack.target.number("MATCH (n:Episode {id: 'new'}) RETURN count(n)"),
        0,
        "it was not there then"
    );
}

/// One that is there already when it is first loaded, with every type that Neo4j stores: its image is exact.
#[test]
fn an_image_is_exact_for_every_type() {
    let stack = Stack::any();
    fill(&stack, 2);
    let key = stack.source.rows::<String>("MATCH (n:Podcast) RETURN n.id ORDER BY n.id LIMIT 1").remove(0);
    stack.target.run(&format!(
        "CREATE (n:Podcast:Extra {{id: '{key}'}}) SET n += {{numbers: [1, 2], point: point({{longitude: 1.5, latitude: -2.5}}), \
         gap: duration('P1M2DT3.5S'), at: time('12:30:00+01:00'), local: localdatetime('2025-01-01T00:00:00.5'), \
         zoned: datetime('2025-10-26T02:30:00+01:00[Europe/Berlin]'), zones: [datetime('2025-10-26T02:30:00+02:00[Europe/Berlin]')], \
         nan: 0.0 / 0.0, minus: -0.0, empty: [], title: 'Before', hosts: ['x']}}"
    ));
    let before = stack.target.digest();
    let regraft = crate::support::Regraft::new(&stack).of_types(FEW);
    regraft.migrate();
    // Others take it away: it comes back from the journal alone.
    stack.target.run(&format!("MATCH (n:Podcast {{id: '{key}'}}) DETACH DELETE n"));
    let done = roll_back(&regraft, &started_at(&regraft, "migrate-data"));
    assert_eq!(done["pipelines"]["podcast"]["recreate"], 1, "{done}");
    stack.target.digest().assert_same(&before, "after it came back from the journal");
}
