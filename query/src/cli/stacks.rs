//! `stacks`.

use super::SpanArgs;
use super::span::TIMES;
use crate::filter::{FILTERS, Filter};
use crate::time::TimeSpec;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Arguments of `stacks`.
#[derive(Args, Debug)]
#[command(after_long_help = format!("{EXAMPLES}\n\n{TIMES}\n\n{FILTERS}\n\n{PROFILES}\n\n{}", super::EXIT_CODES))]
pub struct StacksArgs {
    /// The span of time.
    #[command(flatten)]
    pub span: SpanArgs,
    /// A table with a column of stacks [default: stack_cpu]
    #[arg(long, short, value_name = "TABLE")]
    pub table: Option<String>,
    /// Rows to take: command=nginx, 'stack~mutex'; may be given more than once
    #[arg(long = "where", short = 'w', value_name = "FILTER")]
    pub filters: Vec<Filter>,
    /// A profile for each value of these columns, separated by commas
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub by: Vec<String>,
    /// Start of another span that this one is compared with (-f top only). One of the two may have no
    /// stacks
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub base_from: Option<TimeSpec>,
    /// End of that span [default: it is as long as the other]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, requires = "base_from")]
    pub base_to: Option<TimeSpec>,
    /// The most functions, and groups, that -f top shows
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub limit: usize,
    /// How the profile is written down [default: by the name of the -o file, else top]
    #[arg(long, short, value_name = "FORMAT")]
    pub format: Option<StacksFormat>,
    /// Write to this file instead of standard output. It appears under this name when it is whole
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// How a profile is written down.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum StacksFormat {
    /// The functions with most of it
    Top,
    /// What called what, from the outermost call on
    Tree,
    /// A line for each stack: its calls, `;` between them, and the weight (*.folded)
    Folded,
    /// A line of JSON for each stack (*.json, *.jsonl)
    Json,
    /// For `pprof` and what reads its files (*.pb.gz, *.pprof)
    Pprof,
    /// A page to look at, and to search and zoom in (*.html)
    Flamegraph,
}

const EXAMPLES: &str = "\
Examples:
  nodemon-query stacks --from -5m
  nodemon-query stacks --from '2026-11-20 03:12' --to +10s --by command
  nodemon-query stacks --from -10s -w 'stack~sys' -f tree
  nodemon-query stacks --from -10s -o cpu.html
  nodemon-query stacks --from -10s --by command -o cpu.pb.gz
  nodemon-query stacks --from -10s -f folded > cpu.folded
  nodemon-query stacks --from end-2s --base-from start";

const PROFILES: &str = "\
Profiles:
  The table needs a column of stacks. A row counts for as much as its column weight_ns, weight_bytes
  or weight says; without such a column a sample counts for the time between two, and an event for
  1. Rows without a stack are [no stack]; [truncated] stands for what was not read of a stack,
  [skipped] for one that there was no time to read, [no answer] for what a process or the server of
  its files did not let be read. A wait counts as a whole where it ends.
  self is what a function did itself, total what it did and called; a function that calls itself
  counts once in total. 100 % is the whole profile; in top with --by, that of the group.
  --by makes the values of the columns the outermost frames, or a heading each in top, labels in
  pprof, and \"group\" in json.
  tree leaves out what is below 1 %, flamegraph what is below 0.1 %, and both say so.
  Weights in folded and json are in the unit of the column: ns of CPU time for stack_cpu. folded is
  read by flamegraph.pl, inferno and speedscope.
  With --base-from, self and total are shown in both spans, in % of each, and by how many points
  they changed, most first.
  A profile keeps a million places apart, each a call and all of its callers. What is more, or more
  than 1024 calls deep, is [more], and a note says how much that is.";
