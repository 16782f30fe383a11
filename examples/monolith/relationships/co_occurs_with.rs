//! CO_OCCURS_WITH, from entities to entities, to themselves as well.

use regraft::record::Reason::{MissingField, TypeMismatch, UnknownProperty};

use crate::defects::{Defect, odd, wrong};
use crate::graph::{Carries, Properties, Relationship};
use crate::kinds::{Drawn, RelationshipKind};
use crate::nodes::entity::{self, ENTITY};
use crate::plan::Random;

pub static CO_OCCURS_WITH: RelationshipKind = RelationshipKind {
    pipeline: "co_occurs_with",
    relationship_type: "CO_OCCURS_WITH",
    start: &ENTITY,
    end: &ENTITY,
    is_parental: false,
    drawn: Drawn::OfStart(|plan, ordinal, random| {
        let wanted = random.below(4);
        let mut ends = entity::some(plan, entity::podcast(ordinal), random, wanted);
        if random.chance(1) && !ends.contains(&ordinal) {
            ends.push(ordinal);
        }
        ends
    }),
    properties,
    defects: DEFECTS,
};

const DEFECTS: &[Defect<Relationship>] = &[
    wrong("no-weight", MissingField, |r, _| r.remove("weight")),
    wrong("weight-in-words", TypeMismatch, |r, _| r.set("weight", "heavy")),
    wrong("weight-not-a-number", TypeMismatch, |r, _| r.set("weight", f64::NAN)),
    wrong("weight-infinite", TypeMismatch, |r, _| r.set("weight", f64::INFINITY)),
    wrong("weight-a-list", TypeMismatch, |r, _| r.set("weight", vec![0.5])),
    wrong("weight-a-boolean", TypeMismatch, |r, _| r.set("weight", true)),
    wrong("weight-of-another-case", UnknownProperty, |r, _| r.set("Weight", 0.5)),
    wrong("unknown-property-and-no-weight", UnknownProperty, |r, _| {
        r.remove("weight");
        r.set("count", 5);
    }),
    odd("weight-digits", |r, _| r.set("weight", "+1.5E-3")),
    odd("weight-integer", |r, _| r.set("weight", 12)),
    odd("weight-negative", |r, _| r.set("weight", -3.5)),
    odd("weight-minus-zero", |r, _| r.set("weight", -0.0)),
];

fn properties(random: &mut Random) -> Properties {
    let hundredths = random.below(10_000);
    let weight = match random.below(10) {
        0 => ((hundredths / 100) as i64).into(),
        1 => format!("{}.{:02}", hundredths / 100, hundredths % 100).into(),
        _ => (hundredths as f64 / 100.0).into(),
    };
    vec![("weight", weight)]
}
