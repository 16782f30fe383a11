//! Every row is read once, whatever its key: nothing is skipped at the end of a page, whoever sorts.

use serde_json::json;

use crate::support::{Regraft, Stack, counts};

#[test]
fn of_pages_that_an_index_serves() {
    let stack = Stack::any();
    stack.source.without_schema();
    stack.source.run("CREATE INDEX podcast_id FOR (n:Podcast) ON (n.id)");
    stack.source.run("CREATE INDEX episode_id FOR (n:Episode) ON (n.id)");
    stack.source.run("CALL db.awaitIndexes(60)");
    odd_keys_are_all_accounted_for(&stack);
}

#[test]
fn of_a_scan_that_the_server_sorts() {
    let stack = Stack::any();
    stack.source.without_schema();
    odd_keys_are_all_accounted_for(&stack);
}

/// Keys that are shared by more nodes than a page has, absent, or of another type.
fn odd_keys_are_all_accounted_for(stack: &Stack) {
    stack.source.run(
        "UNWIND ['u0', 'u1', 'u2', 'u3', 'u4', 'u5', 'u6', 'd1', 'd1', 'd3', 'd3', 'd3', 'd3', 'd3', \
         null, null, null, null, 1, 1.5, true, ['x'], ' '] AS key \
         CREATE (:Podcast {id: key, title: 'T', description: 'D', rss_url: 'R'})",
    );
    stack.source.run(
        "MATCH (p:Podcast {id: 'u0'}) UNWIND range(0, 9) AS i \
         CREATE (p)-[:HAS_EPISODE]->(:Episode {id: 'e' + i, title: 'T', description: 'D', published_date: '2024-02-29'})",
    );
    // Parallel ones, equal and different, and some whose start has no key.
    stack.source.run(
        "MATCH (p:Podcast {id: 'u0'}), (equal:Episode {id: 'e3'}), (different:Episode {id: 'e5'}) \
         UNWIND range(1, 3) AS i CREATE (p)-[:HAS_EPISODE]->(equal) \
         WITH DISTINCT p, different CREATE (p)-[:HAS_EPISODE {position: 1}]->(different)",
    );
    stack.source.run(
        "MATCH (p:Podcast) WHERE p.id IS NULL MATCH (e:Episode {id: 'e0'}) CREATE (p)-[:HAS_EPISODE]->(e)",
    );

    let regraft = Regraft::new(stack).with("source.page_size", 3);
    let expected = json!({
        "podcast": {"read": 23, "loaded": 7, "merged": 0, "dead_letters": {"duplicate_key": 7, "missing_key": 9}},
        "episode": {"read": 10, "loaded": 10, "merged": 0, "dead_letters": {}},
        "has_episode": {"read": 18, "loaded": 9, "merged": 3, "dead_letters": {"duplicate_key": 2, "missing_key": 4}},
    });
    let ended = regraft.run(&["migrate-data", "--types", "podcast,episode,has_episode"]);
    ended.expect(0);
    let found = counts(&ended.report());
    for (pipeline, counted) in expected.as_object().unwrap() {
        for (what, count) in counted.as_object().unwrap() {
            assert_eq!(&found[pipeline][what], count, "{pipeline} {what}");
        }
    }
}
