//! Tests that cannot run on this machine.
//!
//! The harness of Rust knows passed, failed and ignored, and what is ignored is known when it is
//! built. A test that finds out when it runs says so here: the reason is printed, and written into
//! the file that the environment variable `NODEMON_SKIPPED` names, which `make test` counts and
//! shows at its end.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write;
use std::panic::Location;

/// Names the file to which a line is added for each test that was skipped.
pub const VARIABLE: &str = "NODEMON_SKIPPED";

/// Says that the test around it is skipped, and why. Takes what `format!` takes.
#[macro_export]
macro_rules! skip {
    ($($why:tt)*) => { $crate::skipped(::core::format_args!($($why)*)) };
}

/// What [`skip!`] does.
///
/// # Panics
/// When the file cannot be written: a skipped test that nobody hears of would count as passed.
#[track_caller]
pub fn skipped(why: impl Display) {
    println!("skipped: {why}");
    let Some(path) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) else { return };
    let line = line(std::thread::current().name(), Location::caller(), &why);
    // One write of few bytes to the end of a file: tests run side by side, in many processes.
    let file = OpenOptions::new().create(true).append(true).open(&path);
    if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
        panic!("{}: a skipped test cannot be noted down: {error}", path.display());
    }
}

/// The test by its name, which is that of its thread, or by its place where it has the first thread
/// of its process or one of its own.
fn line(thread: Option<&str>, place: &Location<'_>, why: &dyn Display) -> String {
    let why = why.to_string().replace('\n', " ");
    match thread.filter(|name| *name != "main") {
        Some(name) => format!("{name}: {why}\n"),
        None => format!("{}:{}: {why}\n", place.file(), place.line()),
    }
}

#[cfg(test)]
mod tests {
    use super::line;
    use std::panic::Location;

    #[test]
    fn a_skipped_test_is_one_line_with_its_name_and_the_reason() {
        let here = Location::caller();
        let said = line(Some("tests::of_root"), here, &"no root,\nno loop");
        assert_eq!(said, "tests::of_root: no root, no loop\n");
        let place = format!("{}:{}: why\n", here.file(), here.line());
        assert_eq!(line(Some("main"), here, &"why"), place, "one thread for all tests");
        assert_eq!(line(None, here, &"why"), place);
    }
}
