//! `nodemon-query`; everything is in the library.

use nodemon_formats::memory::OrEnd;
use std::process::ExitCode;

#[global_allocator]
static MEMORY: OrEnd = OrEnd {
    sentence: "error: no more memory can be had\nhelp: raise its limit (ulimit -v, or that of the \
               control group), or ask for less: a shorter span, fewer columns\n",
};

fn main() -> ExitCode {
    nodemon_query::dispatch::main()
}
