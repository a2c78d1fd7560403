//! `portrait`.

use super::SpanArgs;
use super::span::TIMES;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Arguments of `portrait`.
#[derive(Args, Debug)]
#[command(after_long_help = format!("{EXAMPLES}\n\n{PORTRAITS}\n\n{TIMES}\n\n{}", super::EXIT_CODES))]
pub struct PortraitArgs {
    /// The process: its number, or the name of its program. Where several are meant, @TIME behind it
    /// takes the one that lived then
    #[arg(value_name = "PID|NAME")]
    pub process: String,
    /// The span of time.
    #[command(flatten)]
    pub span: SpanArgs,
    /// A page for people or an object of JSON for programs [default: by the name of the -o file,
    /// else text]
    #[arg(long, short, value_name = "FORMAT")]
    pub format: Option<PortraitFormat>,
    /// Write to this file instead of standard output. It appears under this name when it is whole
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// How a portrait is written down.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortraitFormat {
    /// A page
    Text,
    /// One object of JSON, numbers in base units (*.json)
    Json,
}

const EXAMPLES: &str = "\
Examples:
  nodemon-query portrait kthreadd
  nodemon-query portrait 2 --from -5m
  nodemon-query portrait 2@03:12:07
  nodemon-query portrait kthreadd -o kthreadd.json";

const PORTRAITS: &str = "\
Portraits:
  A name is that of a program as the kernel has it (comm, 15 bytes) or as its command line begins.
  Where it is the name of several processes, or a number was given out twice, they are listed, and
  PID@TIME names one, as does --from; but one that has 95 % of the CPU time of all is taken.
  Counters are by how much they grew in the span, as `range --rate --step --agg sum` has them;
  functions and waits are those of `stacks -w pid=PID`. Tables that the recording lacks are named.";
