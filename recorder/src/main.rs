//! `nodemon-recorder`: records what happens on a node.

use clap::Parser;
use nodemon_recorder::cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    nodemon_recorder::command::perform(&Cli::parse())
}
