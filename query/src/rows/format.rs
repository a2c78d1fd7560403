//! What a format is: how the rows of an answer are written down.

use super::{Header, Sink};
use crate::error::QueryError;
use crate::output::Output;
use jiff::tz::TimeZone;
use std::fmt;
use std::sync::Arc;

/// A format: one `const` in the file of its sink, and one line in [`FORMATS`](crate::format::FORMATS).
pub struct Format {
    /// What is typed behind `-f`.
    pub name: &'static str,
    /// What it is, for the help.
    pub about: &'static str,
    /// The ends of file names that suggest it; the first is the one that `export` gives.
    pub extensions: &'static [&'static str],
    /// Whether a terminal would be spoilt by it.
    pub is_binary: bool,
    /// Whether several tables can stand in one output.
    pub holds_tables: bool,
    /// Whether people read it: then counters are shown as rates.
    pub is_for_people: bool,
    /// A sink of `range`.
    pub sink: MakeSink,
    /// A sink of `export`, which has the gaps in a file of their own; `None` where it has none.
    pub export: Option<MakeExportSink>,
}

/// Makes the sink that writes rows with these columns to an output.
pub type MakeSink = fn(Output, &Arc<Header>, SinkOptions) -> Result<Box<dyn Sink>, QueryError>;

/// The same for `export`.
pub type MakeExportSink = fn(Output, &Arc<Header>) -> Result<Box<dyn Sink>, QueryError>;

/// What a sink of `range` is told of where its rows stand.
#[derive(Clone, Debug)]
pub struct SinkOptions {
    /// How a table looks there.
    pub look: Look,
    /// Whether it is one of several tables in one output.
    pub is_one_of_several: bool,
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

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
