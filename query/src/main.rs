//! `nodemon-query`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    nodemon_query::dispatch::main()
}
