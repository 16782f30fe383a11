//! Dead letters as people and programs look at them.

mod filter;
mod listing;
mod view;

pub use filter::{Filter, Position};
pub use listing::Listing;
pub use view::{Entity, LetterState, View, subject};
