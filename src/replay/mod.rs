//! Having records go through a stage once more: from moved offsets, or dead letters put back.
//!
//! What is to be done is decided first, purely, and shown (`position`, `scope`, `plan`); then it is done (`execute`,
//! `letters`). Each executed replay has an epoch, under which the outcomes stand that it leads to.

pub mod csv;
mod execute;
mod letters;
mod look;
mod plan;
mod position;
mod scope;
#[cfg(test)]
mod simulation;
pub mod when;

pub use execute::{Executor, join};
pub use letters::{PutBack, PuttingBack, ReadAgain, put_back, resolve};
pub use look::Sight;
pub use plan::{Plan, Step, Wanted};
pub use position::{Gap, Known, Target, To};
pub use scope::{Scope, Slot, Slots, TopicScope, offsets};
