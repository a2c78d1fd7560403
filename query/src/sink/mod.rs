//! Writes rows down: one module a format.

pub mod csv;
mod cursor;
pub mod jsonl;
mod spelled;
mod stamp;
pub mod table;
#[cfg(test)]
mod tests;
