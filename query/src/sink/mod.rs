//! Writes rows down: one module a format.

pub mod csv;
mod cursor;
mod formatted;
pub mod histogram;
pub mod jsonl;
mod stamp;
pub mod table;
#[cfg(test)]
mod tests;
