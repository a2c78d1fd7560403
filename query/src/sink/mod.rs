//! Writes rows down: one module a format.

pub mod csv;
mod cursor;
pub mod jsonl;
mod spelled;
mod stamp;
pub mod table;
#[cfg(test)]
mod tests;

use jiff::tz::TimeZone;

/// How a table looks.
#[derive(Clone, Debug)]
pub struct Look {
    /// What stands above it, where it is one of several.
    pub title: Option<String>,
    /// The zone of its times.
    pub zone: TimeZone,
    /// Whether it is coloured.
    pub color: bool,
    /// Lines of the terminal, after which the heading comes again.
    pub height: Option<usize>,
    /// Characters in a line of the terminal, where columns that do not fit may be left out.
    pub width: Option<usize>,
    /// Whether integers are shown digit by digit, in the unit of the schema.
    pub exact: bool,
    /// Whether rows of instances are left out that have nothing but rates of zero.
    pub hides_idle: bool,
}
