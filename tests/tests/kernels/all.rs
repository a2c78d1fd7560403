//! Every kernel there is, one after the other: `make test-kernels`.

use crate::happenings::happen;
use crate::machine::Feed;
use crate::recording::record;

/// Of kernels for which there are no headers, or no bpf_timer yet (before 5.15), one way is left.
const KERNELS: [(&str, &[Feed]); 5] = [
    ("5.10", &[Feed::Module]),
    ("6.1", &[Feed::Module, Feed::Ebpf]),
    ("6.12", &[Feed::Module, Feed::Ebpf]),
    ("6.18", &[Feed::Module, Feed::Ebpf]),
    ("7.2", &[Feed::Module, Feed::Ebpf]),
];

#[test]
fn every_kernel_feeds_a_recording() {
    let Ok(wanted) = std::env::var("NODEMON_KERNELS") else {
        println!("skipped: it takes a quarter of an hour; `make test-kernels` runs it");
        return;
    };
    let mut lines = Vec::new();
    let mut failed = false;
    for (release, feeds) in KERNELS.iter().filter(|(name, _)| wanted.split(' ').any(|w| w == *name))
    {
        for feed in *feeds {
            // One that fails must not keep the others from being tried.
            let ended = std::panic::catch_unwind(|| record(release, *feed));
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
    for (release, _) in KERNELS.iter().filter(|(name, _)| wanted.split(' ').any(|w| w == *name)) {
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
