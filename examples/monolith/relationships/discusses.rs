//! DISCUSSES, from speakers to entities.

use regraft::record::Reason::{MissingField, TypeMismatch, UnknownProperty};

use crate::defects::{Defect, odd, wrong};
use crate::graph::{Carries, Properties, Relationship};
use crate::kinds::{Drawn, RelationshipKind};
use crate::nodes::entity::{self, ENTITY};
use crate::nodes::speaker::{self, SPEAKER};
use crate::numbers;
use crate::plan::Random;

pub static DISCUSSES: RelationshipKind = RelationshipKind {
    pipeline: "discusses",
    relationship_type: "DISCUSSES",
    start: &SPEAKER,
    end: &ENTITY,
    is_parental: false,
    drawn: Drawn::OfStart(|plan, ordinal, random| {
        let wanted = random.below(6);
        entity::some(plan, speaker::podcast(ordinal), random, wanted)
    }),
    properties,
    defects: DEFECTS,
};

const DEFECTS: &[Defect<Relationship>] = &[
    wrong("no-count", MissingField, |r, _| r.remove("count")),
    wrong("count-half", TypeMismatch, |r, _| r.set("count", 2.5)),
    wrong("count-in-words", TypeMismatch, |r, _| r.set("count", "twice")),
    wrong("count-with-exponent", TypeMismatch, |r, _| r.set("count", "1e1")),
    wrong("count-beyond-64-bits", TypeMismatch, |r, _| r.set("count", "-9223372036854775809")),
    wrong("count-a-boolean", TypeMismatch, |r, _| r.set("count", false)),
    wrong("unknown-property-and-count-bad", UnknownProperty, |r, _| {
        r.set("weight", 0.5);
        r.set("count", "");
    }),
    odd("count-digits", |r, _| r.set("count", "+012")),
    odd("count-smallest", |r, _| r.set("count", "-9223372036854775808")),
    odd("count-float", |r, _| r.set("count", -4.0)),
    odd("count-zero", |r, _| r.set("count", 0)),
];

fn properties(random: &mut Random) -> Properties {
    let count = 1 + random.below(40);
    vec![("count", numbers::counted(random, count))]
}
