//! Every kernel there is, one after the other: `make test-kernels`.

use crate::happenings::happen;
use crate::machine::Feed;
use crate::recording::record;
use nodemon_skip::skip;

const KERNELS: [&str; 5] = ["5.10", "6.1", "6.12", "6.18", "7.2"];

/// What a kernel can never do; what else is missing shows when it is tried.
fn lacks(release: &str, feed: Feed) -> Option<&'static str> {
    let is_too_old = feed == Feed::Ebpf && release == "5.10";
    is_too_old.then_some("this kernel has no bpf_timer, which came with 5.15")
}

/// The kernels that are wanted.
fn wanted() -> Vec<&'static str> {
    let Ok(wanted) = std::env::var("NODEMON_KERNELS") else {
        skip!("it takes a quarter of an hour; `make test-kernels` runs it");
        return Vec::new();
    };
    KERNELS.into_iter().filter(|name| wanted.split(' ').any(|w| w == *name)).collect()
}

/// A line for each of what is tried. One that fails does not keep the others from being tried.
#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    failed: bool,
}

impl Lines {
    fn attempt(
        &mut self,
        what: &str,
        work: impl FnOnce() -> Result<String, String> + std::panic::UnwindSafe,
    ) {
        let line = match std::panic::catch_unwind(work) {
            Ok(Ok(told)) => format!("passed: {told}"),
            Ok(Err(why)) => format!("skipped: {why}"),
            Err(_) => {
                self.failed = true;
                "FAILED, see above".to_owned()
            }
        };
        self.lines.push(format!("{what} {line}"));
    }

    fn end(self) {
        for line in &self.lines {
            println!("kernel-line {line}");
        }
        assert!(!self.failed, "not on every kernel:\n{}", self.lines.join("\n"));
    }
}

#[test]
fn every_kernel_feeds_a_recording() {
    let mut lines = Lines::default();
    for release in wanted() {
        for feed in [Feed::Module, Feed::Ebpf] {
            lines.attempt(&format!("{release} {feed:?}"), || match lacks(release, feed) {
                Some(why) => Err(why.to_owned()),
                None => record(release, feed).map(|told| told.join("; ")),
            });
        }
    }
    lines.end();
}

#[test]
fn every_kernel_notices_what_happens() {
    let mut lines = Lines::default();
    for release in wanted() {
        lines.attempt(&format!("{release} programs in the kernel"), || {
            happen(release).map(|missing| format!("not there: {}", missing.join("; ")))
        });
    }
    lines.end();
}
