//! `nodemon-recorder`: records what happens on a node.

use clap::Parser;
use nodemon_formats::memory::OrEnd;
use nodemon_recorder::cli::Cli;
use std::process::ExitCode;

#[global_allocator]
static MEMORY: OrEnd = OrEnd {
    sentence: "nodemon-recorder: no more memory can be had, and what was committed is kept; raise \
               its limit (ulimit -v, or that of the control group), or record fewer sources\n",
};

fn main() -> ExitCode {
    nodemon_recorder::command::perform(&Cli::parse())
}
