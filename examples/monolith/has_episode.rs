//! HAS_EPISODE, from podcasts to episodes.

use regraft::record::Reason;

use crate::defects::{Defect, OVER_THE_LIMIT, odd, wrong};
use crate::graph::{End, Fragment, Fragments, Outcome, Relationship};
use crate::kinds::{Kind, Reads};
use crate::plan::{Plan, Random};
use crate::{episode, podcast, prose};

pub const TYPE: &str = "HAS_EPISODE";
const PIPELINE: &str = "has_episode";

pub const KIND: Kind = Kind {
    pipeline: PIPELINE,
    reads: Reads::Relationships { kind: TYPE, start: podcast::LABEL, end: episode::LABEL },
    schema: &[],
    healthy,
    defects: |plan| {
        let parallel = CASES
            .iter()
            .flat_map(move |case| (0..plan.copies()).map(move |copy| case_planted(plan, case, copy)));
        Box::new(parallel.chain((0..plan.few_copies()).map(|copy| over_the_limit(plan, copy))))
    },
};

/// One or more relationships from a healthy podcast to the same episode.
struct Case {
    /// The episode, which may be wrong itself.
    end: Defect,
    /// What each carries, and what becomes of it. Of equal ones it is open which one goes on.
    each: &'static [(Carries, Outcome)],
}

/// The property of a relationship that should have none.
#[derive(Clone, Copy)]
enum Carries {
    Nothing,
    Integer(i64),
    Float(f64),
}

use Carries::{Float, Integer, Nothing};
use Outcome::{Loaded, Merged};
const UNKNOWN: Outcome = Outcome::DeadLetter(Reason::UnknownProperty);
const DUPLICATE: Outcome = Outcome::DeadLetter(Reason::DuplicateKey);
const NO_KEY: Outcome = Outcome::DeadLetter(Reason::MissingKey);
const NO_END: Outcome = Outcome::DeadLetter(Reason::EndpointMissing);

/// What can be wrong with the relationship itself, also together with an end that is wrong.
const CASES: &[Case] = &[
    Case { end: fine("property"), each: &[(Integer(1), UNKNOWN)] },
    Case { end: fine("two-equal"), each: &[(Nothing, Loaded), (Nothing, Merged)] },
    Case { end: fine("three-equal"), each: &[(Nothing, Loaded), (Nothing, Merged), (Nothing, Merged)] },
    Case { end: fine("two-equal-properties"), each: &[(Integer(1), UNKNOWN), (Integer(1), Merged)] },
    Case { end: fine("one-with-property"), each: &[(Nothing, DUPLICATE), (Integer(1), DUPLICATE)] },
    Case { end: fine("integer-and-float"), each: &[(Integer(1), DUPLICATE), (Float(1.0), DUPLICATE)] },
    Case {
        end: fine("two-equal-one-different"),
        each: &[(Nothing, DUPLICATE), (Nothing, DUPLICATE), (Integer(1), DUPLICATE)],
    },
    Case { end: dead("two-equal-to-dead-letter"), each: &[(Nothing, NO_END), (Nothing, Merged)] },
    Case { end: dead("property-to-dead-letter"), each: &[(Integer(1), UNKNOWN)] },
    Case { end: dead("different-to-dead-letter"), each: &[(Nothing, DUPLICATE), (Integer(1), DUPLICATE)] },
    // Without both keys there are no parallel relationships, only relationships without a key.
    Case { end: keyless("two-equal-to-no-key"), each: &[(Nothing, NO_KEY), (Nothing, NO_KEY)] },
    Case { end: keyless("different-to-no-key"), each: &[(Nothing, NO_KEY), (Integer(1), NO_KEY)] },
];

const fn fine(name: &'static str) -> Defect {
    odd(name, |_, _| {})
}

const fn dead(name: &'static str) -> Defect {
    wrong(name, Reason::MissingField, |node, _| node.remove("title"))
}

const fn keyless(name: &'static str) -> Defect {
    wrong(name, Reason::MissingKey, |node, _| node.remove("id"))
}

/// Every episode's, and a second one from the next podcast where the episode is shared.
fn healthy(plan: &Plan) -> Fragments<'_> {
    Box::new((0..plan.podcasts).flat_map(move |podcast| {
        (0..episode::count(plan, podcast)).flat_map(move |number| {
            let end = End::Keyed(episode::LABEL, episode::key(plan, podcast, number));
            parents(plan, podcast, number).into_iter().map(move |parent| {
                let start = End::Keyed(podcast::LABEL, podcast::key(plan, parent));
                let relationship = Relationship::new(TYPE, &start, &end).expecting(PIPELINE, Loaded);
                Fragment::of_relationship(relationship)
            })
        })
    }))
}

/// The podcasts of an episode. One episode of a hundred is shared by two, and so are those of podcast 3, whose
/// key comes before or after its neighbour's depending on who sorts.
fn parents(plan: &Plan, podcast: u64, number: u64) -> Vec<u64> {
    let next = (podcast + 1) % plan.podcasts;
    let shared = podcast % 1000 == 3 || plan.random("shared", podcast * 1001 + number).chance(1);
    if shared && next != podcast { vec![podcast, next] } else { vec![podcast] }
}

/// Ties an episode to a podcast; what becomes of it follows from its ends.
pub fn tie(fragment: &mut Fragment, start: &End, end: &End) {
    let outcome = fragment.consequence(start, end);
    fragment.relationships.push(Relationship::new(TYPE, start, end).expecting(PIPELINE, outcome));
}

fn case_planted(plan: &Plan, case: &Case, copy: u64) -> Fragment {
    let mut fragment = Fragment::default();
    let start = podcast::host(plan, case.end.name, copy);
    let end = fragment.add(episode::planted(plan, &case.end, copy));
    for (carries, outcome) in case.each {
        let bare = Relationship::new(TYPE, &start, &end).expecting(PIPELINE, *outcome);
        fragment.relationships.push(match *carries {
            Nothing => bare,
            Integer(value) => bare.with("position", value),
            Float(value) => bare.with("position", value),
        });
    }
    fragment
}

fn over_the_limit(plan: &Plan, copy: u64) -> Fragment {
    let mut fragment = Fragment::default();
    let end = fragment.add(episode::planted(plan, &fine("tied-by-megabytes"), copy));
    let start = podcast::host(plan, "tied-by-megabytes", copy);
    let text = prose::of_bytes(&mut Random::new(copy), OVER_THE_LIMIT);
    let outcome = Outcome::DeadLetter(Reason::TooLarge);
    fragment
        .relationships
        .push(Relationship::new(TYPE, &start, &end).with("transcript", text).expecting(PIPELINE, outcome));
    fragment
}
