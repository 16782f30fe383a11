//! Rolling back: to after a load, to before the first, killed on the way, with others' data about, and back again.

mod again;
mod foreign;
mod going;
mod journal;
mod passes;
mod schema;

use serde_json::Value;

use crate::support::{Digest, FEW, Regraft, Stack};

/// The newest run of a command, as `runs list` has it.
fn newest(regraft: &Regraft, command: &str) -> Value {
    let ended = regraft.run(&["runs", "list"]);
    ended.expect(0);
    let runs = ended.report()["runs"].as_array().unwrap().clone();
    let of_command = |run: &Value| run["command"].as_str().unwrap().contains(command);
    runs.into_iter().find(of_command).unwrap_or_else(|| panic!("no run of {command}"))
}

fn started_at(regraft: &Regraft, command: &str) -> String {
    newest(regraft, command)["started_at"].as_str().unwrap().to_owned()
}

fn ended_at(regraft: &Regraft, command: &str) -> String {
    newest(regraft, command)["ended_at"].as_str().unwrap().to_owned()
}

fn plan(regraft: &Regraft, date: &str) -> Value {
    let ended = regraft.run(&["rollback", "--target-date", date]);
    ended.expect(0);
    ended.report()
}

#[track_caller]
fn roll_back(regraft: &Regraft, date: &str) -> Value {
    let ended = regraft.run(&["rollback", "--target-date", date, "--execute"]);
    ended.expect(0);
    let report = ended.report();
    assert_eq!(report["result"], "rolled_back", "{report}");
    report
}

/// Restore, delete, recreate and unchanged of all pipelines together.
fn sums(report: &Value) -> [u64; 4] {
    let pipelines = report["pipelines"].as_object().unwrap();
    ["restore", "delete", "recreate", "unchanged"]
        .map(|key| pipelines.values().map(|of| of[key].as_u64().unwrap()).sum())
}

/// Whether a rollback is half done.
fn is_held(stack: &Stack, regraft: &Regraft) -> bool {
    let hold = format!("MATCH (h:_RegraftHold {{id: '{}'}}) RETURN count(h)", regraft.prefix());
    stack.target.number(&hold) > 0
}

/// Lets the claims go of what was killed.
fn leave_claims(stack: &Stack) {
    // They run out by themselves after twenty seconds.
    stack.target.run("MATCH (c:_RegraftLock) WHERE c.id <> 'turn' DELETE c");
}

/// A source, loaded; then changed, loaded again, and what the source has no more removed from the target.
struct TwoLoads {
    regraft: Regraft,
    /// When the first load was through.
    date: String,
    first: Digest,
    second: Digest,
}

impl TwoLoads {
    fn of(stack: &Stack, podcasts: u32) -> Self {
        fill(stack, podcasts);
        let regraft = Regraft::new(stack).of_types(FEW).in_small_steps();
        regraft.migrate();
        let date = ended_at(&regraft, "migrate-data");
        let first = stack.target.digest();
        change(&stack.source);
        regraft.run(&["migrate-data", "--new-pass"]).expect(0);
        let mended = regraft.run(&["verify", "--repair", "--delete-extra"]);
        mended.expect(0);
        let repair = &mended.report()["repair"];
        // With what ties them, and the relationships that lead elsewhere now.
        assert_eq!(
            (&repair["deleted_nodes"], &repair["deleted_relationships"]),
            (&20.into(), &25.into()),
            "{repair}"
        );
        let second = stack.target.digest();
        assert!(first != second);
        Self { regraft, date, first, second }
    }
}

/// Fills the source with podcasts of twenty episodes each: three types are enough to go back and forth, and quick.
pub fn fill(stack: &Stack, podcasts: u32) {
    stack.source.run(&format!(
        "UNWIND range(1, {podcasts}) AS i \
         CREATE (p:Podcast {{id: 'podcast-' + right('00' + i, CASE WHEN i < 1000 THEN 3 ELSE 6 END), title: 'Podcast ' + i, description: 'One', \
           rss_url: 'https://example.org/' + i, website: 'https://example.org', hosts: ['Ada', 'Grace']}}) \
         WITH p UNWIND range(1, 20) AS j \
         CREATE (p)-[:HAS_EPISODE]->(:Episode {{id: p.id + '-' + right('0' + j, 2), title: 'Episode ' + j, \
           description: 'One', published_date: '2024-02-29', episode_number: j}})"
    ));
}

/// Something of everything: changed, added, removed.
fn change(source: &crate::support::Graph) {
    for change in [
        "MATCH (n:Podcast) WITH n ORDER BY n.id LIMIT 5 SET n.title = 'Renamed ' + n.id REMOVE n.website, n.hosts",
        "MATCH (n:Episode) WITH n ORDER BY n.id SKIP 10 LIMIT 40 SET n.description = 'another', n.episode_number = 7",
        "MATCH (p:Podcast) WITH p ORDER BY p.id LIMIT 3 UNWIND range(1, 4) AS i \
         CREATE (p)-[:HAS_EPISODE]->(:Episode {id: p.id + '-new-' + i, title: 'New', description: '', \
           published_date: '2024-02-29'})",
        "CREATE (p:Podcast {id: 'podcast-new', title: 'New', description: '', rss_url: 'https://example.org'}) \
         CREATE (p)-[:HAS_EPISODE]->(:Episode {id: 'new', title: 'New', description: '', published_date: '2024-02-29'})",
        // Gone from the source: `verify --delete-extra` removes it from the target too.
        "MATCH (n:Episode) WHERE n.title <> 'New' WITH n ORDER BY n.id DESC LIMIT 20 DETACH DELETE n",
        "MATCH (p:Podcast)-[r:HAS_EPISODE]->(n:Episode) WITH p, n, r ORDER BY n.id SKIP 60 LIMIT 5 \
         MATCH (q:Podcast) WHERE q.id <> p.id WITH r, n, min(q.id) AS other \
         MATCH (q:Podcast {id: other}) CREATE (q)-[:HAS_EPISODE]->(n) DELETE r",
    ] {
        source.run(change);
    }
}
