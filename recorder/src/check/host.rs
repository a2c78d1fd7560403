//! The machine and the kernel.

use super::{Finding, Verdict};
use crate::source::Context;
use rustix::process::geteuid;
use rustix::system::uname;
use std::fs::File;
use std::thread::available_parallelism;

/// The finding without which nothing can be recorded.
pub const CLOCK: &str = "clock";

/// Which host, and as whom.
pub fn title() -> String {
    let name = uname();
    let user = if geteuid().is_root() { "root" } else { "an ordinary user" };
    format!("What nodemon can record on {}, as {user}", name.nodename().to_string_lossy())
}

/// What is there to know before any source.
pub fn findings(context: &Context) -> Vec<Finding> {
    vec![user(), kernel(), cpus(context), clock(context), btf(context)]
}

fn finding(subject: &str, verdict: Verdict, what: String) -> Finding {
    Finding { subject: subject.to_owned(), verdict, what, notes: Vec::new() }
}

fn user() -> Finding {
    if geteuid().is_root() {
        return finding("user", Verdict::Yes, "root".to_owned());
    }
    Finding {
        notes: vec![
            "what root would add stands with each source below; sudo nodemon-recorder check shows \
             what would be left then"
                .to_owned(),
        ],
        ..finding("user", Verdict::Partly, format!("uid {}", geteuid().as_raw()))
    }
}

fn kernel() -> Finding {
    let name = uname();
    let words = [name.sysname(), name.release(), name.machine()].map(|word| word.to_string_lossy());
    finding("kernel", Verdict::Yes, words.join(" "))
}

fn cpus(context: &Context) -> Finding {
    let online = std::fs::read_to_string(context.sys.join("devices/system/cpu/online"));
    let online = online.map(|text| format!("{} online", text.trim())).unwrap_or_default();
    let usable = available_parallelism().map_or(0, usize::from);
    finding("CPUs", Verdict::Yes, format!("{usable} usable, {online}"))
}

/// A clock that is read without a system call costs nanoseconds; others cost microseconds, twice a
/// sample.
fn clock(context: &Context) -> Finding {
    if let Err(other) = crate::time_namespace::check() {
        return finding(CLOCK, Verdict::No, other.to_string());
    }
    let path = "devices/system/clocksource/clocksource0/current_clocksource";
    match std::fs::read_to_string(context.sys.join(path)) {
        Ok(text) if matches!(text.trim(), "hpet" | "acpi_pm" | "jiffies" | "pit") => Finding {
            notes: vec![
                "this clock is slow to read, so sampling costs more than it should; see \
                 available_clocksource beside it, and the boot parameter clocksource="
                    .to_owned(),
            ],
            ..finding(CLOCK, Verdict::Partly, text.trim().to_owned())
        },
        Ok(text) => finding(CLOCK, Verdict::Yes, text.trim().to_owned()),
        Err(_) => finding(CLOCK, Verdict::Yes, "of a kind that sysfs does not tell".to_owned()),
    }
}

fn btf(context: &Context) -> Finding {
    let path = context.sys.join("kernel/btf/vmlinux");
    match File::open(&path) {
        Ok(_) => finding("BTF", Verdict::Yes, path.display().to_string()),
        Err(error) => Finding {
            notes: vec![
                "sources from procfs and sysfs do without it; eBPF programs need it: a kernel with \
                 CONFIG_DEBUG_INFO_BTF=y"
                    .to_owned(),
            ],
            ..finding("BTF", Verdict::No, format!("{}: {error}", path.display()))
        },
    }
}
