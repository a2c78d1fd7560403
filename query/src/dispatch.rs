//! From arguments to exit code.

use crate::cli::{Cli, Command, GlobalArgs};
use crate::context::{Context, color};
use crate::error::{Outcome, QueryError};
use crate::{export, replay};
use clap::Parser;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli.global, cli.command) {
        Ok(outcome) => outcome.exit_code(),
        Err(error) => {
            tell(&error, &cli.global);
            error.exit_code()
        }
    }
}

fn run(global: &GlobalArgs, command: Command) -> Result<Outcome, QueryError> {
    match command {
        Command::Replay(args) => replay::run(&Context::open(global)?, &args),
        Command::Export(args) => export::run(&Context::open(global)?, &args),
        _ => Err(QueryError::Usage("this command is not built yet".into())),
    }
}

/// Says what went wrong and what to do. A reader that went away is not told anything.
fn tell(error: &QueryError, global: &GlobalArgs) {
    if matches!(error, QueryError::ClosedPipe) {
        return;
    }
    let stderr = std::io::stderr();
    let (red, bold, plain) = match color(global.color, stderr.is_terminal()) {
        true => ("\x1b[1;31m", "\x1b[1m", "\x1b[0m"),
        false => ("", "", ""),
    };
    let mut text = format!("{red}error:{plain} {error}\n");
    if let Some(step) = error.next_step() {
        text.push_str(&format!("{bold}help:{plain} {step}\n"));
    }
    // Standard error may be closed as well; then there is nobody left to tell.
    let _ = stderr.lock().write_all(text.as_bytes());
}
