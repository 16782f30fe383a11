//! The relationship types that carry nothing.

use crate::graph::Properties;
use crate::kinds::{Drawn, NodeKind, RelationshipKind};
use crate::nodes::entity::{self, ENTITY};
use crate::nodes::episode::{self, EPISODE};
use crate::nodes::insight::{self, INSIGHT};
use crate::nodes::podcast::PODCAST;
use crate::nodes::potential_connection::POTENTIAL_CONNECTION;
use crate::nodes::quote::{self, QUOTE};
use crate::nodes::segment::{self, SEGMENT};
use crate::nodes::speaker::{self, SPEAKER};
use crate::nodes::topic::{self, TOPIC};
use crate::plan::Random;

const fn plain(
    (pipeline, relationship_type): (&'static str, &'static str),
    (start, end): (&'static NodeKind, &'static NodeKind),
    drawn: Drawn,
) -> RelationshipKind {
    let properties = nothing;
    RelationshipKind {
        pipeline,
        relationship_type,
        start,
        end,
        is_parental: false,
        drawn,
        properties,
        defects: &[],
    }
}

/// The same without which its end is orphaned.
const fn parental(
    names: (&'static str, &'static str),
    ends: (&'static NodeKind, &'static NodeKind),
    drawn: Drawn,
) -> RelationshipKind {
    let mut kind = plain(names, ends, drawn);
    kind.is_parental = true;
    kind
}

fn nothing(_: &mut Random) -> Properties {
    Vec::new()
}

/// Every episode has one. One of a hundred has a second one from the next podcast, and so have those of podcast 3, whose
/// key comes before or after its neighbour's depending on who sorts.
pub static HAS_EPISODE: RelationshipKind = parental(
    ("has_episode", "HAS_EPISODE"),
    (&PODCAST, &EPISODE),
    Drawn::OfEnd(|plan, ordinal, random| {
        let podcast = episode::podcast(ordinal);
        let next = (podcast + 1) % plan.podcasts;
        let shared = (podcast % 1000 == 3 || random.chance(1)) && next != podcast;
        if shared { vec![podcast, next] } else { vec![podcast] }
    }),
);

pub static COVERS_TOPIC: RelationshipKind = plain(
    ("covers_topic", "COVERS_TOPIC"),
    (&PODCAST, &TOPIC),
    Drawn::OfStart(|plan, podcast, random| topic::some(plan, podcast, random, 5)),
);

/// Every segment has one, and one of a hundred a second one from any other episode.
pub static HAS_SEGMENT: RelationshipKind = parental(
    ("has_segment", "HAS_SEGMENT"),
    (&EPISODE, &SEGMENT),
    Drawn::OfEnd(|plan, ordinal, random| {
        let (own, other) = (segment::episode(ordinal), random.maybe(1, |random| (EPISODE.any)(plan, random)));
        [Some(own), other.filter(|other| *other != own)].into_iter().flatten().collect()
    }),
);

pub static HAS_TOPIC: RelationshipKind = plain(
    ("has_topic", "HAS_TOPIC"),
    (&EPISODE, &TOPIC),
    Drawn::OfStart(|plan, ordinal, random| {
        let wanted = random.below(5);
        topic::some(plan, episode::podcast(ordinal), random, wanted)
    }),
);

pub static MENTIONED_IN: RelationshipKind = plain(
    ("mentioned_in", "MENTIONED_IN"),
    (&ENTITY, &EPISODE),
    Drawn::OfEnd(|plan, ordinal, random| {
        let wanted = random.below(7);
        entity::some(plan, episode::podcast(ordinal), random, wanted)
    }),
);

pub static RELATED_TO: RelationshipKind = plain(
    ("related_to", "RELATED_TO"),
    (&ENTITY, &INSIGHT),
    Drawn::OfEnd(|plan, ordinal, random| {
        let wanted = 1 + random.below(2);
        entity::some(plan, episode::podcast(insight::episode(ordinal)), random, wanted)
    }),
);

pub static CONTRIBUTES_TO: RelationshipKind = plain(
    ("contributes_to", "CONTRIBUTES_TO"),
    (&ENTITY, &INSIGHT),
    Drawn::OfEnd(|plan, ordinal, random| {
        let wanted = random.below(3);
        entity::some(plan, episode::podcast(insight::episode(ordinal)), random, wanted)
    }),
);

pub static SPEAKS_IN: RelationshipKind = plain(
    ("speaks_in", "SPEAKS_IN"),
    (&SPEAKER, &EPISODE),
    Drawn::OfEnd(|plan, ordinal, random| speaker::some_of_podcast(plan, episode::podcast(ordinal), random)),
);

pub static SPEAKS: RelationshipKind = plain(
    ("speaks", "SPEAKS"),
    (&SPEAKER, &SEGMENT),
    Drawn::OfEnd(|plan, ordinal, random| {
        let podcast = episode::podcast(segment::episode(ordinal));
        random.maybe(90, |random| speaker::one_of_podcast(plan, podcast, random)).into_iter().collect()
    }),
);

pub static QUOTE_EXTRACTED_FROM: RelationshipKind = plain(
    ("quote_extracted_from", "EXTRACTED_FROM"),
    (&QUOTE, &SEGMENT),
    Drawn::OfStart(|plan, ordinal, random| {
        vec![segment::one_of_episode(plan, quote::episode(ordinal), random)]
    }),
);

pub static INSIGHT_EXTRACTED_FROM: RelationshipKind = plain(
    ("insight_extracted_from", "EXTRACTED_FROM"),
    (&INSIGHT, &EPISODE),
    Drawn::OfStart(|_, ordinal, _| vec![insight::episode(ordinal)]),
);

/// Nine of ten quotes have one, and a few a second one.
pub static QUOTED_IN: RelationshipKind = plain(
    ("quoted_in", "QUOTED_IN"),
    (&QUOTE, &EPISODE),
    Drawn::OfStart(|plan, ordinal, random| {
        let own = random.chance(90).then(|| quote::episode(ordinal));
        let other = random.maybe(2, |random| (EPISODE.any)(plan, random)).filter(|other| Some(*other) != own);
        own.into_iter().chain(other).collect()
    }),
);

/// Some of these are also in the lists of their start, from which others are derived; some start and end at the same topic.
pub static CONTAINS_TOPIC: RelationshipKind = plain(
    ("contains_topic", "CONTAINS_TOPIC"),
    (&TOPIC, &TOPIC),
    Drawn::OfStart(|plan, ordinal, random| {
        let listed = topic::relatives(plan, ordinal).1.into_iter().take(1);
        let mut ends = topic::some(plan, topic::podcast(ordinal), random, 1);
        ends.extend(random.chance(3).then_some(ordinal));
        ends.extend(listed);
        ends.sort_unstable();
        ends.dedup();
        ends
    }),
);

pub static BELONGS_TO_TOPIC: RelationshipKind = plain(
    ("belongs_to_topic", "BELONGS_TO_TOPIC"),
    (&SEGMENT, &TOPIC),
    Drawn::OfStart(|plan, ordinal, random| {
        let wanted = random.below(3);
        topic::some(plan, episode::podcast(segment::episode(ordinal)), random, wanted)
    }),
);

/// New in the target: derived of the lists of its start.
pub static CONNECTS: RelationshipKind =
    plain(("connects", "CONNECTS"), (&POTENTIAL_CONNECTION, &ENTITY), Drawn::Derived);
