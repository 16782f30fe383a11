//! Dead letters as people and programs look at them, and as stages and replays take them into account.

mod earlier;
mod filter;
mod history;
mod listing;
mod original;
mod reader;
mod view;

pub use earlier::{Before, Earlier, Stood};
pub use filter::{Filter, Position};
pub use history::{History, Place};
pub use listing::{Group, Listing};
pub use original::readable;
pub use reader::{Found, Originals, Reader};
pub use view::{Entity, LetterState, View, subject};
