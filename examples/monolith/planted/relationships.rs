//! Relationships that are wrong themselves, or parallel to others, also together with an end that is wrong.

use regraft::record::Reason;

use crate::defects::{self, Defect, OVER_THE_LIMIT};
use crate::graph::{Carries, End, Fragment, Node, Outcome, Relationship};
use crate::kinds::{NodeKind, RELATIONSHIPS, RelationshipKind};
use crate::plan::Plan;
use crate::relationships::tie_to_parent;

/// One or more relationships between the same two nodes.
struct Case {
    name: &'static str,
    end: Far,
    /// What each carries, and what becomes of it. Of equal ones it is open which one goes on.
    each: &'static [(Extra, Outcome)],
}

/// The node at the end.
#[derive(Clone, Copy)]
enum Far {
    Healthy,
    /// A dead letter that can be found by its key.
    Dead,
    Keyless,
}

/// A property that no relationship should have, beside its own.
#[derive(Clone, Copy)]
enum Extra {
    Nothing,
    Integer(i64),
    Float(f64),
}

use Extra::{Float, Integer, Nothing};
use Far::{Dead, Healthy, Keyless};
use Outcome::{Loaded, Merged};
const UNKNOWN: Outcome = Outcome::DeadLetter(Reason::UnknownProperty);
const DUPLICATE: Outcome = Outcome::DeadLetter(Reason::DuplicateKey);
const NO_KEY: Outcome = Outcome::DeadLetter(Reason::MissingKey);
const NO_END: Outcome = Outcome::DeadLetter(Reason::EndpointMissing);

/// What can be wrong with any relationship.
const CASES: &[Case] = &[
    case("property", Healthy, &[(Integer(1), UNKNOWN)]),
    case("two-equal", Healthy, &[(Nothing, Loaded), (Nothing, Merged)]),
    case("three-equal", Healthy, &[(Nothing, Loaded), (Nothing, Merged), (Nothing, Merged)]),
    case("two-equal-properties", Healthy, &[(Integer(1), UNKNOWN), (Integer(1), Merged)]),
    case("one-with-property", Healthy, &[(Nothing, DUPLICATE), (Integer(1), DUPLICATE)]),
    // Equal as stored is more than equal as compared.
    case("integer-and-float", Healthy, &[(Integer(1), DUPLICATE), (Float(1.0), DUPLICATE)]),
    case("zero-and-minus-zero", Healthy, &[(Float(0.0), DUPLICATE), (Float(-0.0), DUPLICATE)]),
    case("two-that-are-no-number", Healthy, &[(Float(f64::NAN), UNKNOWN), (Float(f64::NAN), Merged)]),
    case(
        "two-equal-one-different",
        Healthy,
        &[(Nothing, DUPLICATE), (Nothing, DUPLICATE), (Integer(1), DUPLICATE)],
    ),
    case("two-equal-to-dead-letter", Dead, &[(Nothing, NO_END), (Nothing, Merged)]),
    case("property-to-dead-letter", Dead, &[(Integer(1), UNKNOWN)]),
    case("different-to-dead-letter", Dead, &[(Nothing, DUPLICATE), (Integer(1), DUPLICATE)]),
    // Without both keys there are no parallel relationships, only relationships without a key.
    case("two-equal-to-no-key", Keyless, &[(Nothing, NO_KEY), (Nothing, NO_KEY)]),
    case("different-to-no-key", Keyless, &[(Nothing, NO_KEY), (Integer(1), NO_KEY)]),
];

/// What can be wrong with what starts and ends at the same node.
const OF_ITSELF: &[Case] = &[
    case("itself", Healthy, &[(Nothing, Loaded)]),
    case("itself-twice", Healthy, &[(Nothing, Loaded), (Nothing, Merged)]),
    case("itself-differently", Healthy, &[(Nothing, DUPLICATE), (Integer(1), DUPLICATE)]),
    case("itself-dead-letter", Dead, &[(Nothing, NO_END), (Nothing, Merged)]),
    case("itself-without-key", Keyless, &[(Nothing, NO_KEY), (Nothing, NO_KEY)]),
];

const fn case(name: &'static str, end: Far, each: &'static [(Extra, Outcome)]) -> Case {
    Case { name, end, each }
}

pub fn fragments(plan: &Plan) -> impl Iterator<Item = Fragment> {
    RELATIONSHIPS.iter().copied().filter(|kind| kind.is_stored()).flat_map(move |kind| {
        let copies = move || 0..plan.copies();
        let cases =
            CASES.iter().flat_map(move |case| copies().map(move |copy| parallel(plan, kind, case, copy)));
        let of_itself = OF_ITSELF
            .iter()
            .filter(|_| kind.start.label == kind.end.label)
            .flat_map(move |case| copies().map(move |copy| of_itself(plan, kind, case, copy)));
        let defects = kind.defects.iter().flat_map(move |defect| {
            defect.copies(plan).map(move |copy| with_defect(plan, kind, defect, copy))
        });
        let heavy = (0..plan.few_copies()).map(move |copy| over_the_limit(plan, kind, copy));
        cases.chain(of_itself).chain(defects).chain(heavy)
    })
}

/// From a healthy node to one that is planted for it.
fn parallel(plan: &Plan, kind: &RelationshipKind, case: &Case, copy: u64) -> Fragment {
    let purpose = format!("{}-{}", kind.pipeline, case.name);
    let mut fragment = Fragment::default();
    let end = add_end(&mut fragment, plan, kind, case.end, &purpose, copy);
    let start = kind.start.host(plan, &purpose, copy);
    add_each(&mut fragment, plan, kind, (&start, &end), case, (&purpose, copy));
    fragment
}

fn of_itself(plan: &Plan, kind: &RelationshipKind, case: &Case, copy: u64) -> Fragment {
    let purpose = format!("{}-{}", kind.pipeline, case.name);
    let mut fragment = Fragment::default();
    let node = add_end(&mut fragment, plan, kind, case.end, &purpose, copy);
    add_each(&mut fragment, plan, kind, (&node, &node), case, (&purpose, copy));
    fragment
}

fn with_defect(plan: &Plan, kind: &RelationshipKind, defect: &Defect<Relationship>, copy: u64) -> Fragment {
    let purpose = format!("{}-{}", kind.pipeline, defect.name);
    one_relationship(plan, kind, &purpose, copy, defect.outcome, |relationship| {
        (defect.change)(relationship, copy);
    })
}

fn over_the_limit(plan: &Plan, kind: &RelationshipKind, copy: u64) -> Fragment {
    let purpose = format!("{}-by-megabytes", kind.pipeline);
    let outcome = Outcome::DeadLetter(Reason::TooLarge);
    one_relationship(plan, kind, &purpose, copy, outcome, |relationship| {
        relationship.set("transcript", defects::long(copy, OVER_THE_LIMIT));
    })
}

fn one_relationship(
    plan: &Plan,
    kind: &RelationshipKind,
    purpose: &str,
    copy: u64,
    outcome: Outcome,
    change: impl FnOnce(&mut Relationship),
) -> Fragment {
    let mut fragment = Fragment::default();
    let end = add_end(&mut fragment, plan, kind, Healthy, purpose, copy);
    let start = kind.start.host(plan, purpose, copy);
    let properties = (kind.properties)(&mut plan.random(purpose, copy));
    let mut relationship = kind.between(&start, &end, properties).expecting(kind.pipeline, outcome);
    change(&mut relationship);
    fragment.relationships.push(relationship);
    fragment
}

/// A node at the end, tied to its parent, unless what is planted is what makes it a child.
fn add_end(
    fragment: &mut Fragment,
    plan: &Plan,
    kind: &RelationshipKind,
    end: Far,
    purpose: &str,
    copy: u64,
) -> End {
    let end = fragment.add(node(plan, kind.end, end, purpose, copy));
    if !kind.is_parental {
        tie_to_parent(fragment, plan, kind.end, &end, purpose, copy);
    }
    end
}

fn node(plan: &Plan, kind: &NodeKind, far: Far, purpose: &str, copy: u64) -> Node {
    let mut node = kind.planted(plan, purpose, copy);
    let outcome = match far {
        Healthy => Loaded,
        Dead => {
            node.remove(kind.required);
            Outcome::DeadLetter(Reason::MissingField)
        }
        Keyless => {
            node.remove("id");
            NO_KEY
        }
    };
    node.expecting(kind.pipeline, outcome)
}

fn add_each(
    fragment: &mut Fragment,
    plan: &Plan,
    kind: &RelationshipKind,
    (start, end): (&End, &End),
    case: &Case,
    (purpose, copy): (&str, u64),
) {
    for (extra, outcome) in case.each {
        let properties = (kind.properties)(&mut plan.random(purpose, copy));
        let bare = kind.between(start, end, properties).expecting(kind.pipeline, *outcome);
        fragment.relationships.push(match *extra {
            Nothing => bare,
            Integer(value) => bare.with("position", value),
            Float(value) => bare.with("position", value),
        });
    }
}
