//! From words to columns.

mod select;
mod synonym;
mod unit;

pub use select::{find, select};
pub use unit::{Quantity, label, parse_quantity};
