//! HAS_SENTIMENT, from entities to episodes.

use regraft::record::Reason::{MissingField, RuleViolated, TypeMismatch, UnknownProperty};

use crate::defects::{Defect, odd, wrong};
use crate::graph::{Carries, Properties, Relationship};
use crate::kinds::{Drawn, RelationshipKind};
use crate::nodes::entity::{self, ENTITY};
use crate::nodes::episode::{self, EPISODE};
use crate::numbers;
use crate::plan::Random;

pub static HAS_SENTIMENT: RelationshipKind = RelationshipKind {
    pipeline: "has_sentiment",
    relationship_type: "HAS_SENTIMENT",
    start: &ENTITY,
    end: &EPISODE,
    is_parental: false,
    drawn: Drawn::OfEnd(|plan, ordinal, random| {
        let wanted = random.below(4);
        entity::some(plan, episode::podcast(ordinal), random, wanted)
    }),
    properties,
    defects: DEFECTS,
};

const DEFECTS: &[Defect<Relationship>] = &[
    wrong("no-score", MissingField, |r, _| r.remove("score")),
    wrong("score-in-words", TypeMismatch, |r, _| r.set("score", "positive")),
    wrong("score-not-a-number", TypeMismatch, |r, _| r.set("score", f64::NAN)),
    wrong("polarity-a-number", TypeMismatch, |r, _| r.set("polarity", 1)),
    wrong("polarity-a-list", TypeMismatch, |r, _| r.set("polarity", vec!["positive"])),
    wrong("polarity-bad-and-no-score", TypeMismatch, |r, _| {
        r.remove("score");
        r.set("polarity", true);
    }),
    wrong("unknown-property-and-score-bad", UnknownProperty, |r, _| {
        r.set("model", "v2");
        r.set("score", "?");
    }),
    wrong("score-over-1", RuleViolated, |r, _| r.set("score", 1.25)),
    wrong("score-under-minus-1", RuleViolated, |r, _| r.set("score", -2)),
    wrong("score-digits-over-1", RuleViolated, |r, _| r.set("score", "1e1")),
    odd("score-1", |r, _| r.set("score", 1)),
    odd("score-minus-1", |r, _| r.set("score", "-1.0")),
    odd("score-minus-zero", |r, _| r.set("score", -0.0)),
    odd("polarity-absent", |r, _| r.remove("polarity")),
    odd("polarity-blank", |r, _| r.set("polarity", " ")),
];

fn properties(random: &mut Random) -> Properties {
    let polarity = random.maybe(70, |random| random.pick(&["positive", "negative", "neutral", "中立"]));
    vec![("score", numbers::sentiment(random)), ("polarity", polarity.into())]
}
