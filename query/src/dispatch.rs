//! From arguments to exit code.

use crate::cli::{Cli, Command, GlobalArgs};
use crate::context::{Context, color, tell};
use crate::error::{Outcome, QueryError};
use crate::{export, info, man_pages, portrait, range, replay, stacks, tables, verify};
use clap::Parser;
use nodemon_formats::memory::give_large_pieces_back;
use std::io::IsTerminal;
use std::process::ExitCode;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    give_large_pieces_back();
    let cli = Cli::parse();
    match run(&cli.global, cli.command) {
        Ok(outcome) => outcome.exit_code(),
        Err(error) => {
            report(&error, &cli.global);
            error.exit_code()
        }
    }
}

fn run(global: &GlobalArgs, command: Command) -> Result<Outcome, QueryError> {
    match command {
        Command::Info(args) => info::run(&Context::open(global)?, &args),
        Command::Tables(args) => tables::run(&Context::open(global)?, &args),
        Command::Range(args) => range::run(&Context::open(global)?, &args),
        Command::Replay(args) => replay::run(&Context::open(global)?, &args),
        Command::Stacks(args) => stacks::run(&Context::open(global)?, &args),
        Command::Portrait(args) => portrait::run(&Context::open(global)?, &args),
        Command::Export(args) => export::run(&Context::open(global)?, &args),
        Command::Verify(args) => verify::run(&Context::open(global)?, &args),
        Command::Completions(args) => man_pages::completions(args.shell),
        Command::Man(args) => man_pages::manual(args.pages.as_deref()),
    }
}

/// Says what went wrong and what to do. A reader that went away is not told anything.
fn report(error: &QueryError, global: &GlobalArgs) {
    if matches!(error, QueryError::ClosedPipe) {
        return;
    }
    let colored = color(global.color, std::io::stderr().is_terminal());
    tell("error:", "\x1b[1;31m", colored, &error.to_string());
    if let Some(step) = error.next_step() {
        tell("help:", "\x1b[1m", colored, &step);
    }
}
