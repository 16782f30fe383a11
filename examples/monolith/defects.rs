//! What can be wrong with a node, declared: a name, what becomes of it, and the change that makes it so.

use regraft::record::Reason;

use crate::graph::{Fragment, Fragments, Node, Outcome, Value};
use crate::plan::Plan;

/// Clearly over Regraft's default record limit of 1,000,000 bytes.
pub const OVER_THE_LIMIT: usize = 1_500_000;
/// Clearly under it.
pub const UNDER_THE_LIMIT: usize = 900_000;

/// One way of being wrong, or of being odd and still right.
pub struct Defect {
    /// Stands in the key of what is planted, so that a dead letter says what it was planted for.
    pub name: &'static str,
    pub outcome: Outcome,
    /// Makes it so; the number of the copy lets keys differ.
    pub change: fn(&mut Node, u64),
    heavy: bool,
}

/// A node that becomes a dead letter.
pub const fn wrong(name: &'static str, reason: Reason, change: fn(&mut Node, u64)) -> Defect {
    Defect { name, outcome: Outcome::DeadLetter(reason), change, heavy: false }
}

/// A node that is loaded, though careless code would refuse it.
pub const fn odd(name: &'static str, change: fn(&mut Node, u64)) -> Defect {
    Defect { name, outcome: Outcome::Loaded, change, heavy: false }
}

impl Defect {
    /// Planted a few times only, whatever the size of the graph.
    pub const fn heavy(mut self) -> Self {
        self.heavy = true;
        self
    }

    fn copies(&self, plan: &Plan) -> u64 {
        if self.heavy { plan.few_copies() } else { plan.copies() }
    }
}

/// Every copy of every defect of a type; `scenario` builds one with all that it drags along.
pub fn planted<'p>(
    plan: &'p Plan,
    defects: &'static [Defect],
    scenario: fn(&Plan, &Defect, u64) -> Fragment,
) -> Fragments<'p> {
    Box::new(
        defects
            .iter()
            .flat_map(move |defect| (0..defect.copies(plan)).map(move |copy| scenario(plan, defect, copy))),
    )
}

/// Every copy of every scenario that is more than one wrong node.
pub fn scenarios<'p>(plan: &'p Plan, scenarios: &'static [fn(&Plan, u64) -> Fragment]) -> Fragments<'p> {
    Box::new(
        scenarios.iter().flat_map(move |scenario| (0..plan.copies()).map(move |copy| scenario(plan, copy))),
    )
}

/// A blank key. No two are equal, since the uniqueness constraint also holds for them.
pub fn blank(copy: u64) -> String {
    // White space in the sense of Unicode, not only of ASCII.
    const DIGITS: [char; 4] = [' ', '\t', '\u{a0}', '\u{2003}'];
    let mut blank = String::new();
    let mut rest = copy;
    while rest > 0 {
        blank.push(DIGITS[(rest % 4) as usize]);
        rest /= 4;
    }
    blank
}

/// A list of floats one of which is none.
pub fn floats_with(odd_one: f64) -> Value {
    vec![0.5, odd_one, -0.25].into()
}
