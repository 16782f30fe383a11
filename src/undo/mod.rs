//! The undo journal: what entities of the target were, on Kafka before Regraft's change of them is committed.
//!
//! Whoever writes to the target does it in a [`Journaled`] transaction: lock and read (`images`), write, note what was
//! there, commit. The commit waits until the brokers have every note, so that what is in the graph is in the journal
//! too. A crash between leaves notes of which the write was never committed; they are true all the same.
//!
//! The topic is keyed by entity and has the partitions of the model topics, the brokers' time and no end of retention.
//! For an entity, the first note after an instant says what it was at that instant.

mod images;
mod journal;
mod notes;

pub use images::{NodeImage, NodeReader, RelationshipImages, RelationshipReader};
pub use journal::{Journaled, Noting, UndoJournal};
