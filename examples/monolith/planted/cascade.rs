//! What follows from one wrong node over several types: whoever looks for it as a parent, whatever is tied to it.

use regraft::record::Reason::{MissingField, MissingKey, Orphaned};

use super::Scenario;
use super::nodes::add_child;
use crate::graph::{Carries, End, Fragment, Node, Outcome, Relationship};
use crate::kinds::{NodeKind, RelationshipKind};
use crate::nodes::episode::EPISODE;
use crate::nodes::insight::INSIGHT;
use crate::nodes::podcast::PODCAST;
use crate::nodes::quote::QUOTE;
use crate::nodes::segment::SEGMENT;
use crate::nodes::speaker::SPEAKER;
use crate::plan::Plan;
use crate::relationships::{
    HAS_EPISODE, HAS_SEGMENT, INSIGHT_EXTRACTED_FROM, QUOTE_EXTRACTED_FROM, SPEAKS, SPEAKS_IN, tie,
    tie_around, tie_to_parent,
};

pub const SCENARIOS: &[Scenario] = &[
    podcast_without_key,
    podcast_that_is_dead,
    episode_without_key,
    episode_of_two_wrong_podcasts,
    episode_of_a_network,
    segment_of_a_podcast,
    segment_of_an_episode_of_another_type,
];

/// Its episode is orphaned; the episode's segment is not, since orphaned looks at the source alone.
fn podcast_without_key(plan: &Plan, copy: u64) -> Fragment {
    let mut podcast = PODCAST.planted(plan, "cascade-without-key", copy);
    podcast.remove("id");
    let podcast = podcast.expecting(PODCAST.pipeline, Outcome::DeadLetter(MissingKey));
    descendants(plan, copy, "cascade-without-key", podcast)
}

/// Nothing but what is tied to it suffers.
fn podcast_that_is_dead(plan: &Plan, copy: u64) -> Fragment {
    let mut podcast = PODCAST.planted(plan, "cascade-dead", copy);
    podcast.remove("description");
    let podcast = podcast.expecting(PODCAST.pipeline, Outcome::DeadLetter(MissingField));
    descendants(plan, copy, "cascade-dead", podcast)
}

/// A podcast with an episode of its own, which has a segment of its own.
fn descendants(plan: &Plan, copy: u64, purpose: &str, podcast: Node) -> Fragment {
    let mut fragment = Fragment::default();
    let podcast = fragment.add(podcast);
    let episode = add_child(&mut fragment, plan, &EPISODE, &podcast, purpose, copy);
    tie(&mut fragment, &HAS_EPISODE, &podcast, &episode, &mut plan.random(purpose, copy));
    surround_episode(&mut fragment, plan, &episode, purpose, copy);
    fragment
}

/// Its segment is orphaned, and what was taken from there has lost its end.
fn episode_without_key(plan: &Plan, copy: u64) -> Fragment {
    let purpose = "cascade-episode-without-key";
    let mut episode = EPISODE.planted(plan, purpose, copy);
    episode.remove("id");
    let mut fragment = Fragment::default();
    let episode = fragment.add(episode.expecting(EPISODE.pipeline, Outcome::DeadLetter(MissingKey)));
    tie_to_parent(&mut fragment, plan, &EPISODE, &episode, purpose, copy);
    surround_episode(&mut fragment, plan, &episode, purpose, copy);
    fragment
}

/// A segment, a quote, an insight and a speaker of an episode: healthy but for what the episode makes of them.
fn surround_episode(fragment: &mut Fragment, plan: &Plan, episode: &End, purpose: &str, copy: u64) {
    let random = &mut plan.random(purpose, copy);
    let segment = add_child(fragment, plan, &SEGMENT, episode, purpose, copy);
    tie(fragment, &HAS_SEGMENT, episode, &segment, random);
    let mut add = |kind: &NodeKind, tied_by: &RelationshipKind, end: &End| {
        let node = kind.planted(plan, purpose, copy).expecting(kind.pipeline, Outcome::Loaded);
        let node = fragment.add(node);
        tie(fragment, tied_by, &node, end, random);
        node
    };
    add(&QUOTE, &QUOTE_EXTRACTED_FROM, &segment);
    add(&INSIGHT, &INSIGHT_EXTRACTED_FROM, episode);
    let speaker = add(&SPEAKER, &SPEAKS_IN, episode);
    tie(fragment, &SPEAKS, &speaker, &segment, random);
    tie_around(fragment, plan, &EPISODE, episode, (purpose, copy), |_| true);
}

/// One of its podcasts has no key, the other one is a dead letter: that one is its podcast.
fn episode_of_two_wrong_podcasts(plan: &Plan, copy: u64) -> Fragment {
    let purpose = "two-wrong-podcasts";
    let mut fragment = Fragment::default();
    let mut keyless = PODCAST.planted(plan, "keyless-of-two", copy);
    keyless.set("id", copy as i64 - 1_000_000);
    let mut dead = PODCAST.planted(plan, "dead-of-two", copy);
    dead.remove("description");
    let keyless = fragment.add(keyless.expecting(PODCAST.pipeline, Outcome::DeadLetter(MissingKey)));
    let dead = fragment.add(dead.expecting(PODCAST.pipeline, Outcome::DeadLetter(MissingField)));
    let episode = EPISODE.planted(plan, purpose, copy).expecting(EPISODE.pipeline, Outcome::Loaded);
    let episode = fragment.add(episode);
    for podcast in [keyless, dead] {
        tie(&mut fragment, &HAS_EPISODE, &podcast, &episode, &mut plan.random(purpose, copy));
    }
    fragment
}

/// Its only HAS_EPISODE comes from something that is no podcast and that no pipeline reads.
fn episode_of_a_network(plan: &Plan, copy: u64) -> Fragment {
    let mut fragment = Fragment::default();
    let network = fragment.add(Node::new("Network").with("id", plan.planted_key("net", "network", copy)));
    let episode = EPISODE.planted(plan, "of-a-network", copy);
    let episode = fragment.add(episode.expecting(EPISODE.pipeline, Outcome::DeadLetter(Orphaned)));
    fragment.relationships.push(Relationship::new("HAS_EPISODE", &network, &episode));
    fragment
}

/// HAS_SEGMENT between other types than the declared ones is not read, and no parent.
fn segment_of_a_podcast(plan: &Plan, copy: u64) -> Fragment {
    orphan_tied_by(plan, copy, "of-a-podcast", &PODCAST, "HAS_SEGMENT")
}

/// Neither is another type between the right ones.
fn segment_of_an_episode_of_another_type(plan: &Plan, copy: u64) -> Fragment {
    orphan_tied_by(plan, copy, "of-another-type", &EPISODE, "HAS_PART")
}

fn orphan_tied_by(
    plan: &Plan,
    copy: u64,
    purpose: &str,
    start: &NodeKind,
    relationship_type: &'static str,
) -> Fragment {
    let mut fragment = Fragment::default();
    let segment = SEGMENT.planted(plan, purpose, copy);
    let segment = fragment.add(segment.expecting(SEGMENT.pipeline, Outcome::DeadLetter(Orphaned)));
    let start = start.host(plan, purpose, copy);
    fragment.relationships.push(Relationship::new(relationship_type, &start, &segment));
    fragment
}
