//! Programs that a test makes and runs.

use nodemon_skip::skip;
use std::path::Path;
use std::process::{Child, Command};

/// A process that is killed when this is dropped.
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Compiles some C into `program`; `None` says that there is no compiler.
pub fn compile_c(code: &str, program: &Path, options: &[&str]) -> Option<()> {
    let source = program.with_extension("c");
    std::fs::write(&source, code).expect("the source can be written");
    match Command::new("cc").args(options).arg("-o").arg(program).arg(&source).status() {
        Ok(status) => assert!(status.success(), "the program can be compiled"),
        Err(why) => {
            skip!("there is no compiler for C: {why}");
            return None;
        }
    }
    Some(())
}
