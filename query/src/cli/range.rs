//! `range`.

use super::{Format, SpanArgs};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `range`.
#[derive(Args, Debug)]
pub struct RangeArgs {
    /// The span of time.
    #[command(flatten)]
    pub span: SpanArgs,
    /// How rows are written down [default: by the name of the -o file, else table]
    #[arg(long, short, value_name = "FORMAT", hide_possible_values = false)]
    pub format: Option<Format>,
    /// Write to this file instead of standard output. It appears under this name when it is whole
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
