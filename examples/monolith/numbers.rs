//! Numbers in the shapes in which a monolith has them: as integers, as floats, as text.

use crate::graph::Value;
use crate::plan::{Plan, Random};

/// A small number in the shapes in which int takes it.
pub fn counted(random: &mut Random, number: u64) -> Value {
    match random.below(8) {
        0 => (number as f64).into(),
        1 => number.to_string().into(),
        2 => format!("{number:03}").into(),
        _ => (number as i64).into(),
    }
}

/// A score from 0 to 1 in the shapes in which float takes it.
pub fn score(random: &mut Random) -> Value {
    let millionths = random.below(1_000_001);
    match random.below(12) {
        0 => (millionths as i64 % 2).into(),
        1 => format!("0.{:06}", millionths % 1_000_000).into(),
        2 => format!(".{:03}", millionths % 1000).into(),
        3 => format!("{millionths}e-6").into(),
        _ => (millionths as f64 / 1e6).into(),
    }
}

/// A sentiment from -1 to 1.
pub fn sentiment(random: &mut Random) -> Value {
    let millionths = random.below(2_000_001) as f64 - 1e6;
    match random.below(12) {
        0 => (random.below(3) as i64 - 1).into(),
        1 => format!("{}", millionths / 1e6).into(),
        2 => format!("{millionths}E-6").into(),
        _ => (millionths / 1e6).into(),
    }
}

pub fn sentiments(random: &mut Random) -> Vec<f64> {
    (0..random.below(12)).map(|_| (random.below(2_000_001) as f64 - 1e6) / 1e6).collect()
}

/// So many milliseconds in the shapes in which float takes seconds.
pub fn seconds(random: &mut Random, milliseconds: u64) -> Value {
    let seconds = milliseconds as f64 / 1000.0;
    match random.below(10) {
        0 => format!("{seconds:.3}").into(),
        1 if milliseconds.is_multiple_of(1000) => ((milliseconds / 1000) as i64).into(),
        _ => seconds.into(),
    }
}

/// True or false in the shapes in which bool takes it.
pub fn flag(random: &mut Random) -> Value {
    match random.below(12) {
        0 => random.pick(&["true", "True", "FALSE", "false"]).into(),
        draw => (draw % 3 == 1).into(),
    }
}

/// An embedding, where the plan has any.
pub fn embedding(plan: &Plan, random: &mut Random) -> Option<Vec<f64>> {
    plan.embeddings.then(|| floats(random, 384))
}

/// So many floats from -1 to 1.
pub fn floats(random: &mut Random, count: u64) -> Vec<f64> {
    (0..count).map(|_| (random.next() >> 11) as f64 / (1_u64 << 52) as f64 - 1.0).collect()
}
