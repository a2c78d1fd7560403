//! Every kernel there is, one after the other: `make test-kernels`.

use crate::happenings::happen;
use crate::machine::Feed;
use crate::recording::record;

const KERNELS: [&str; 5] = ["5.10", "6.1", "6.12", "6.18", "7.2"];

/// What a kernel can never do; what else is missing shows when it is tried.
fn lacks(release: &str, feed: Feed) -> Option<&'static str> {
    let is_too_old = feed == Feed::Ebpf && release == "5.10";
    is_too_old.then_some("this kernel has no bpf_timer, which came with 5.15")
}

#[test]
fn every_kernel_feeds_a_recording() {
    let Ok(wanted) = std::env::var("NODEMON_KERNELS") else {
        println!("skipped: it takes a quarter of an hour; `make test-kernels` runs it");
        return;
    };
    let mut lines = Vec::new();
    let mut failed = false;
    for release in KERNELS.iter().filter(|name| wanted.split(' ').any(|w| w == **name)) {
        for feed in [Feed::Module, Feed::Ebpf] {
            if let Some(why) = lacks(release, feed) {
                lines.push(format!("{release} {feed:?} skipped: {why}"));
                continue;
            }
            // One that fails must not keep the others from being tried.
            let ended = std::panic::catch_unwind(|| record(release, feed));
            let line = match ended {
                Ok(Ok(told)) => format!("passed: {}", told.join("; ")),
                Ok(Err(why)) => format!("skipped: {why}"),
                Err(_) => {
                    failed = true;
                    "FAILED, see above".to_owned()
                }
            };
            lines.push(format!("{release} {feed:?} {line}"));
        }
    }
    for release in KERNELS.iter().filter(|name| wanted.split(' ').any(|w| w == **name)) {
        let line = match std::panic::catch_unwind(|| happen(release)) {
            Ok(Ok(missing)) => format!("passed; not there: {}", missing.join("; ")),
            Ok(Err(why)) => format!("skipped: {why}"),
            Err(_) => {
                failed = true;
                "FAILED, see above".to_owned()
            }
        };
        lines.push(format!("{release} programs in the kernel {line}"));
    }
    for line in &lines {
        println!("kernel-line {line}");
    }
    assert!(!failed, "not on every kernel:\n{}", lines.join("\n"));
}
