//! From words to columns.

mod nearest;
mod select;
mod synonym;
mod unit;

pub use nearest::nearest;
pub use select::{find, select};
pub use unit::{Quantity, label, parse_quantity};
