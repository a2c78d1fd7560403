//! What can be typed.

mod export;
mod portrait;
mod range;
mod replay;
mod span;
mod stacks;

pub use export::ExportArgs;
pub use portrait::{PortraitArgs, PortraitFormat};
pub use range::RangeArgs;
pub use replay::{ReplayArgs, ReplayFormat};
pub use span::SpanArgs;
pub use stacks::{StacksArgs, StacksFormat};

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Ask a recording what happened on this node.
#[derive(Parser, Debug)]
#[command(name = "nodemon-query", version, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"), max_term_width = 100)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The variable that names the recording; empty it counts as not set.
pub const DIR_VARIABLE: &str = "NODEMON_DIR";

/// The heading of what every command takes.
const EVERY: &str = "Options of every command";

/// What every command takes, before or after its name.
#[derive(Args, Debug, Clone)]
pub struct GlobalArgs {
    /// The recording: a directory that nodemon-recorder wrote, or a copy of one. Without it
    /// /var/lib/nodemon, or ~/.local/state/nodemon for a user who has one there
    #[arg(
        long,
        short = 'd',
        global = true,
        env = DIR_VARIABLE,
        value_name = "DIR",
        // It may be empty, which `PathBuf` may not.
        value_parser = OsStringValueParser::new().map(PathBuf::from),
        help_heading = EVERY
    )]
    pub dir: Option<PathBuf>,
    /// Show and read times in UTC instead of the local time zone
    #[arg(long, global = true, action = ArgAction::SetTrue, help_heading = EVERY)]
    pub utc: bool,
    /// Colours: on a terminal (unless NO_COLOR is set), always, or never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true,
        help_heading = EVERY
    )]
    pub color: Color,
}

/// When to use colours.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// What was recorded: host, span, segments, boots, sizes, gaps, problems
    Info(InfoArgs),
    /// The tables; with a name, the columns of that table
    Tables(TablesArgs),
    /// Rows of a table over a span of time
    Range(RangeArgs),
    /// Walk through a span of time as it happened, one screen a tick
    Replay(ReplayArgs),
    /// The profile of a span of time: where stacks were, and for how much
    Stacks(StacksArgs),
    /// One page of the life of a process
    Portrait(PortraitArgs),
    /// Write whole tables to files, one file each
    Export(ExportArgs),
    /// Read everything, check every checksum, list every gap
    Verify(VerifyArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the manual page, or write the pages of all commands into a directory
    Man(ManArgs),
}

/// Arguments of `info`.
#[derive(Args, Debug)]
#[command(after_long_help = format!("{INFO_EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct InfoArgs {
    /// List every segment and every gap
    #[arg(long, short)]
    pub all: bool,
}

/// Arguments of `tables`.
#[derive(Args, Debug)]
#[command(after_long_help = format!("{TABLES_EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct TablesArgs {
    /// Show the columns of this table
    pub table: Option<String>,
}

/// Arguments of `verify`.
#[derive(Args, Debug)]
#[command(after_long_help = format!("{VERIFY_EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct VerifyArgs {
    /// Say nothing when all is well
    #[arg(long, short)]
    pub quiet: bool,
}

/// Arguments of `completions`.
#[derive(Args, Debug)]
#[command(after_long_help = format!("{COMPLETIONS_EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Args, Debug)]
#[command(after_long_help = format!("{MAN_EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct ManArgs {
    /// Write nodemon-query.1 and one page for each command into this directory
    // Not `dir`, which would take the place of --dir and be taken from NODEMON_DIR.
    #[arg(value_name = "DIR")]
    pub pages: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  nodemon-query info
  nodemon-query tables cpu
  nodemon-query range --from -5m -t cpu --step 1s
  nodemon-query replay --from '2026-11-20 03:12' --to +1m
  nodemon-query export --from -1h -o incident/";

const INFO_EXAMPLES: &str = "\
Examples:
  nodemon-query info
  nodemon-query info --all";

const TABLES_EXAMPLES: &str = "\
Examples:
  nodemon-query tables
  nodemon-query tables disk";

const VERIFY_EXAMPLES: &str = "\
Examples:
  nodemon-query verify
  nodemon-query verify --quiet && echo 'no damage'";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  nodemon-query completions bash > nodemon-query.bash
  nodemon-query completions zsh > _nodemon-query";

const MAN_EXAMPLES: &str = "\
Examples:
  nodemon-query man > nodemon-query.1
  nodemon-query man man1";

/// What the process's exit code says; part of every `--help`.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  answered
  1  something went wrong; standard error says what, and what to do
  2  invalid arguments
  3  there is no data in the range; standard error says what span exists
  4  damage was found; what could be read was used, standard error names the rest
  130  interrupted; no half-written file was left behind

Environment:
  NODEMON_DIR  the recording, where --dir is not given
  NO_COLOR     when set, no colours unless --color=always
  TZ           the time zone in which times are read and shown";
