//! Dead letters as people and programs look at them.

mod filter;
mod listing;
mod original;
mod reader;
mod view;

pub use filter::{Filter, Position};
pub use listing::Listing;
pub use original::readable;
pub use reader::{Found, Originals, Reader};
pub use view::{Entity, LetterState, View, subject};
