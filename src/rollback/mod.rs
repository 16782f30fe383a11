//! Rolling the target back to an instant, by the undo journal.
//!
//! For every entity that was changed since, the first before-image after the instant says what it was. What Regraft
//! has written since then is brought back to that; what it has not written belongs to others and stays: their
//! properties and labels, their relationships, and whatever they are tied to.
//!
//! The journal is read as often as there are steps: relationships that are to go, nodes, relationships that are to
//! come back (`step`). Nothing that is held grows with it (`seen`). The plan is the same work without the writing.
//! Every step finds by itself what is left to do, so that an interrupted rollback is finished by doing it again; and it
//! journals what it writes, so that it can be rolled back itself.

mod apply;
mod decide;
mod kinds;
mod nodes;
mod reader;
mod relationships;
mod report;
mod seen;
mod steps;
mod survey;
mod write;

pub use decide::KeepReason;
pub use kinds::Kind;
pub use reader::{Range, Step};
pub use report::{Cannot, Looked, Observer, Sample, TypeReport};
pub use steps::{Authority, Rollback, Settings};
pub use survey::{GapSeen, KindSeen, MarkSeen, Survey};
